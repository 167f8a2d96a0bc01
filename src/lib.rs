#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![cfg_attr(test, expect(clippy::arithmetic_side_effects, reason = "a test may overflow"))]

mod backoff;
mod builder;
mod capture;
mod clock;
mod delivery;
mod env;
mod error;
mod fields;
mod guard;
mod incident;
mod lock;
mod queue;
mod reentry;
mod stats;
mod webhook;

#[cfg(feature = "sandbox")]
pub mod sandbox;

pub use builder::{Builder, builder, from_env, init};
pub use capture::title;
pub use env::Mode;
pub use error::Error;
pub use guard::{Guard, Handle, exit};
pub use incident::{Incident, ParseWordError, Priority, Severity};
pub use queue::FlushReport;
pub use stats::{Ignored, Lost, Refused, Stats, Suppressed};

/// What the benches measure and no program can reach.
#[cfg(spike_internals)]
#[doc(hidden)]
pub mod internals {
    use std::hash::{BuildHasher, RandomState};

    use crate::capture::title::{Parts, Spare, write};

    /// Makes titles into a buffer that is reused.
    #[derive(Debug, Default)]
    pub struct Titler {
        title: String,
        spare: Spare,
        hasher: RandomState,
    }

    impl Titler {
        /// The key of the title that an error with this message from this target gets.
        pub fn key(&mut self, message: &str, target: &str) -> u64 {
            let fields = |_: &mut dyn FnMut(&str)| {};
            let parts =
                Parts { message, error: "", target, span: None, fields: &fields, level: "ERROR" };
            write(&parts, &mut self.title, &mut self.spare);
            self.hasher.hash_one(self.title.as_str())
        }
    }
}
