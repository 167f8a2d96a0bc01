//! What the pipeline is asked: to page, or to resolve, and what is known of who asks.

use std::{fmt, ptr};

use tracing::Metadata;
use twox_hash::XxHash3_64;

use crate::{
    capture::title::Folding,
    incident::{Priority, Severity},
    rule::Threshold,
};

/// What an incident is called, how grave it is, and where it goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Head<'a> {
    pub(crate) title: &'a str,
    /// The title's, as [`Pipeline::key`](super::Pipeline::key) tells it, if it is known.
    pub(crate) key: Option<u64>,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) endpoint: usize,
    /// How often it has to occur to page.
    pub(crate) threshold: Option<Threshold>,
    /// It is meant to page, by `spike = true` or by `Handle::trigger`: a budget of its own pays,
    /// and it is nobody's follower.
    pub(crate) meant: bool,
    /// It tells of a panic.
    pub(crate) panic: bool,
}

/// What asks to page.
pub(crate) struct Asked<'a> {
    pub(crate) head: Head<'a>,
    /// Without an origin, the title is never folded.
    pub(crate) origin: Option<Origin<'a>>,
    pub(crate) failure: Failed<'a>,
    pub(crate) tells: Tells<'a>,
}

/// Hashes what has failed, its error and its root span, with this seed; `None` when there is no
/// such thing.
pub(crate) type Failed<'a> = &'a dyn Fn(u64) -> Option<u64>;

/// Shows the message and the error, one by one, until one of them is what is looked for; tells
/// whether any was.
pub(crate) type Tells<'a> = &'a dyn Fn(&dyn Fn(&str) -> bool) -> bool;

/// Where a resolve goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goes {
    To(usize),
    /// To each endpoint where this process has opened the title, else to this one.
    WhereOpen {
        or: usize,
    },
}

/// Where the events of a title come from, for the fold.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) folding: Folding<'a>,
}

/// Spreads what differs in few bits: the golden ratio's, as in Fibonacci hashing.
pub(super) const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// One place in the source that makes events.
#[derive(Debug)]
pub(crate) enum Site<'a> {
    Callsite(&'static Metadata<'static>),
    /// All `log` records of a level share a callsite, so theirs is where they say they are from;
    /// not their target, which a program may make up for each.
    Record {
        file: &'a str,
        line: u32,
    },
}

impl Site<'_> {
    pub(crate) fn hash(&self, seed: u64) -> u64 {
        match *self {
            Self::Callsite(meta) => {
                // Of two addresses, never the same.
                let mixed = (ptr::from_ref(meta).addr() as u64 ^ seed).wrapping_mul(ODD);
                mixed ^ mixed >> 32
            }
            Self::Record { file, line } => {
                XxHash3_64::oneshot_with_seed(seed ^ u64::from(line), file.as_bytes())
            }
        }
    }
}

impl<'a> Asked<'a> {
    /// What a person asks for by hand.
    pub(crate) fn by_hand(head: Head<'a>) -> Self {
        let head = Head { meant: true, ..head };
        Self { head, origin: None, failure: &|_| None, tells: &|_| false }
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { head, origin, .. } = self;
        f.debug_struct("Asked").field("head", head).field("origin", origin).finish_non_exhaustive()
    }
}
