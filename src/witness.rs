//! Who watches what is asked for and does not go out, and who tells why something pages: for a dry
//! run and for users' tests, not for a program that pages.
//!
//! Invariant: with nobody who watches, an event costs a look at an `Option` more, and nothing else.

use std::{
    fmt::Debug,
    panic::{RefUnwindSafe, UnwindSafe},
};

use tracing::{Level, Metadata};

use crate::stats::Count;

/// Watches what becomes of what is asked for, on the program's threads.
pub(crate) trait Witness: Send + Sync + UnwindSafe + RefUnwindSafe + Debug {
    /// A trigger of this title ended here, and not on its way to the worker. Tells whether the
    /// worker is to look.
    fn stopped(&self, title: &str, why: Count) -> bool;
    /// The same of a resolve.
    fn resolve_stopped(&self, title: &str, why: Count);
    /// A title was taken for another one, since its call site has opened too many.
    fn folded(&self, title: &str, into: &str);
}

/// Knows the rules.
pub(crate) trait Explain: Send + Sync + Debug {
    /// Why an event of this level and target pages, in words. A `log` record has no call site.
    fn why(&self, level: Level, target: &str, callsite: Option<&Metadata<'_>>) -> String;
}

/// How often something was, behind its name: nothing for once.
pub(crate) fn times(count: u64) -> String {
    if count > 1 { format!(", {count} times") } else { String::new() }
}

/// What a person is told of a trigger that was stopped, by reason.
pub(crate) fn reason(why: Count) -> &'static str {
    match why {
        Count::SuppressedRepeat => "a repeat of an open incident, told with the next repeat",
        Count::SuppressedStorm => "beyond the budget for new titles, told with the storm incident",
        Count::SuppressedMute => "muted",
        Count::SuppressedThreshold => "not as often yet as its rule's after() wants",
        Count::SuppressedSameCause => "the same failure as another title that has paged",
        Count::RefusedFull => "the queue is full",
        Count::RefusedClosed => "the guard is gone",
        Count::RefusedForked => "this is a forked child",
        _ => "not taken",
    }
}
