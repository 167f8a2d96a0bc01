//! An event as its own thread has left it.
//!
//! Invariant: its texts were not looked through for secrets, and there is no way from here into a
//! body but through [`Redact`].

use std::{fmt, mem};

use tracing::{Level, Metadata};

use super::{Captured, Detail, Op};
use crate::fields::{Fields, Value};

/// An event as it was captured. All texts are in `fields`, as long as it takes to recognise what
/// is cut.
#[derive(Clone, Debug)]
pub(crate) struct Raw {
    pub(crate) level: Level,
    pub(crate) place: Place,
    pub(crate) message: Value,
    pub(crate) thread: Value,
    pub(crate) error: Option<RawError>,
    /// The event's fields, then each span's, leaf first.
    pub(crate) fields: Fields,
    /// There were more spans than are in `fields`.
    pub(crate) spans_cut: bool,
    /// What was mistyped, for `body.notes`; has no secret.
    pub(crate) notes: Fields,
}

/// The event's error, and the field that it was in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawError {
    pub(crate) name: &'static str,
    /// Its own text.
    pub(crate) own: Value,
    /// The same with its sources.
    pub(crate) whole: Value,
    /// The path of the spans that it was made in.
    pub(crate) span: Option<Value>,
}

/// Where an event comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Callsite(&'static Metadata<'static>),
    /// What a `log` record says.
    Record {
        target: Value,
        file: Option<Value>,
        line: Option<u32>,
    },
}

/// What takes secrets out of events, as the worker sees it.
pub(crate) trait Redact: Send + Sync + fmt::Debug {
    fn redact(&self, raw: Raw) -> Captured;
}

impl Op {
    /// Takes the secrets out of it.
    pub(crate) fn redact(&mut self, redact: &dyn Redact) {
        self.detail = match mem::replace(&mut self.detail, Detail::Quiet) {
            Detail::Raw(raw) => Detail::Event(redact.redact(raw)),
            clean => clean,
        };
    }
}
