//! The worker's wing: everything that runs on our own thread, and the only async code.
//!
//! Imports nothing of `capture`.

mod adopter;
pub(crate) mod body;
pub(crate) mod dry;
pub(crate) mod endpoint;
pub(crate) mod flush;
pub(crate) mod kept;
mod lines;
pub(crate) mod lookup;
pub(crate) mod outbox;
pub(crate) mod outcome;
pub(crate) mod printer;
pub(crate) mod spool;
pub(crate) mod supervisor;
pub(crate) mod tls;
pub(crate) mod transport;
pub(crate) mod worker;
