//! Ours beside other layers: each gets what it wants, and no less for the other.

#[path = "../../it/child.rs"]
#[expect(dead_code, reason = "the tests of the package need more of it")]
mod child;
mod console;
mod errors;
mod filters;
mod opentelemetry;
mod rig;
mod sentry;
mod traces;
