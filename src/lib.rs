#![doc = include_str!("guide/links.md")]
#![doc = include_str!("../README.md")]
// The pictures are in the repository, and not beside the documentation.
#![doc = "<style>img[src^='docs/'] { display: none }</style>"]
#![forbid(unsafe_code)]
#![cfg_attr(test, expect(clippy::arithmetic_side_effects, reason = "a test may overflow"))]

mod at_exit;
mod backoff;
mod builder;
mod callsites;
mod capture;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod clock;
mod contain;
mod delivery;
mod env;
mod error;
mod fields;
mod guard;
pub mod guide;
mod health;
mod incident;
#[cfg(any(test, spike_internals))]
#[doc(hidden)]
pub mod internals;
mod link;
mod lock;
mod panic;
mod problem;
#[cfg(test)]
#[cfg(not(spike_loom))]
#[expect(clippy::print_stdout, reason = "a proof tells what it has looked at")]
mod proofs;
mod queue;
mod reentry;
mod rule;
mod serialized;
mod stats;
mod sync;
mod webhook;
mod witness;

#[cfg(feature = "sandbox")]
pub mod sandbox;
#[cfg(feature = "testing")]
pub mod testing;

pub use builder::{Builder, builder, from_env, init};
pub use capture::title;
pub use env::Mode;
pub use error::Error;
pub use guard::{Guard, Handle, Muted, exit};
pub use health::{EndpointHealth, EndpointState, Health, WorkerState};
pub use incident::{Incident, ParseWordError, Priority, Severity};
pub use problem::{Problem, ProblemKind};
pub use queue::FlushReport;
pub use rule::Rule;
pub use stats::{Ignored, Lost, Refused, Stats, Suppressed};
