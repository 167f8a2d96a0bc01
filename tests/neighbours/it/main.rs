//! Ours beside other layers: each gets what it wants, and no less for the other.

mod console;
mod errors;
mod filters;
mod opentelemetry;
mod rig;
mod sentry;
