//! An event as its own thread has left it.
//!
//! Invariant: its texts were not looked through for secrets, and there is no way from here into a
//! body but through [`Redact`].

use std::{fmt, mem, time::Duration};

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
    pub(crate) trail: Option<Box<Trail>>,
    pub(crate) trace: Option<Box<Trace>>,
    /// The number of its rule's runbook.
    pub(crate) runbook: Option<usize>,
}

/// The trace that it is a part of, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    /// Whoever collects traces has it.
    pub(crate) is_sampled: bool,
}

/// What was recorded before it, oldest first.
#[derive(Clone, Default)]
pub(crate) struct Trail {
    pub(crate) steps: Vec<Step>,
    /// The fields of each.
    pub(crate) bytes: Vec<u8>,
    /// Something could not be recorded.
    pub(crate) missed: bool,
}

/// An event that was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// How long before.
    pub(crate) at: Duration,
    pub(crate) meta: &'static Metadata<'static>,
    /// Bytes of its fields.
    pub(crate) length: u16,
    /// Some of it was left out.
    pub(crate) cut: bool,
    /// Secrets that were replaced already.
    pub(crate) redacted: u32,
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

impl Trail {
    /// What it holds, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len().saturating_add(self.steps.len().saturating_mul(size_of::<Step>()))
    }
}

impl fmt::Debug for Trail {
    /// How much there is: its texts may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trail({} in {} bytes)", self.steps.len(), self.bytes.len())
    }
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
