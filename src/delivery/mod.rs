//! The worker's wing: everything that runs on our own thread, and the only async code.
//!
//! Imports nothing of `capture`.

pub(crate) mod body;
pub(crate) mod endpoint;
pub(crate) mod flush;
mod lines;
pub(crate) mod outbox;
pub(crate) mod outcome;
pub(crate) mod supervisor;
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the worker does not write it yet")
)]
pub(crate) mod spool;
pub(crate) mod transport;
pub(crate) mod worker;
