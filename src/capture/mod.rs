//! The caller's wing: synchronous, on the program's own threads, from an event to a queued op.
//!
//! Does no I/O, waits for nothing, and imports nothing of `delivery`.

pub(crate) mod cause;
pub(crate) mod content;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod fold;
pub(crate) mod gate;
pub(crate) mod in_force;
pub(crate) mod known;
pub(crate) mod layer;
pub(crate) mod literals;
pub(crate) mod mute;
pub(crate) mod pipeline;
pub(crate) mod pool;
pub(crate) mod recall;
pub(crate) mod redact;
pub(crate) mod report;
pub(crate) mod routes;
pub(crate) mod scratch;
pub(crate) mod source;
pub(crate) mod span;
pub(crate) mod targets;
pub(crate) mod threshold;
pub mod title;
#[cfg(feature = "opentelemetry")]
pub(crate) mod trace;
pub(crate) mod trail;
pub(crate) mod why;
