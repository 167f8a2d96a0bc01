//! The guide: its chapters, which are files in `docs`, too. [The front page](crate#the-guide) says
//! which of them is for what.

// A link is a label, whose definition at the end of the file leads on in the repository. What is in
// `links.md` leads on within these pages instead, since the first definition of a label counts.

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
