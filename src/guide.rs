//! The guide, chapter by chapter. It begins on the [front page](crate).
//!
//! | chapter | what is in it |
//! |---|---|
//! | [`paging`] | which events page, whom, and what they see; how to mute |
//! | [`titles`] | what a title is made of, and how to change that |
//! | [`storms`] | how often it pages, and how an incident is resolved |
//! | [`delivery`] | what happens when Spike is down, or the process dies |
//! | [`settings`] | every setting, its variable, default, and why |
//! | [`trouble`] | it does not page: why? It pages too much: what now? |
//! | [`safety`] | what leaves the process, and what never does |
//! | [`cost`] | what an event, a start and a build cost, measured |
//! | [`survival`] | what was proved, and the commands that prove it |
//! | [`tools`] | how to try, check, foresee and test it |
//! | [`moving`] | coming from Sentry, Alertmanager, or a curl in a script |
//! | [`comparison`] | the nearest crates, as facts |
//! | [`design`] | the house, and the walk of one event |
//!
//! Each is a file in `docs`, with links that lead on in the repository. Invariant: a link that is
//! in `links.md`, too, leads on within these pages instead, since the first definition counts.

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/paging.md")]
pub mod paging {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/titles.md")]
pub mod titles {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/storms.md")]
pub mod storms {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/delivery.md")]
pub mod delivery {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/settings.md")]
pub mod settings {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/trouble.md")]
pub mod trouble {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/safety.md")]
pub mod safety {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/cost.md")]
pub mod cost {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/survival.md")]
pub mod survival {}

#[cfg_attr(feature = "sandbox", doc = "[sandbox]: crate::sandbox")]
#[cfg_attr(feature = "testing", doc = "[testing]: crate::testing")]
#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/tools.md")]
// The pictures are in the repository, and not beside the documentation.
#[doc = "<style>.docblock img { display: none }</style>"]
pub mod tools {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/moving.md")]
pub mod moving {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/comparison.md")]
pub mod comparison {}

#[doc = include_str!("guide/links.md")]
#[doc = include_str!("../docs/design.md")]
pub mod design {}
