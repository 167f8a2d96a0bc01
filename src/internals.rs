//! What benches and a fuzzer need and no program can reach: only there with
//! `--cfg spike_internals`.
//!
//! Invariant: what is measured does what an event costs in the pipeline, part by part, and nothing
//! else.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use crate::{
    capture::{
        gate::{self, Admission, Ask, Openings},
        title::{Parts, Spare, write},
    },
    sync::AtomicU64,
};

pub mod parsers;

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
        let parts = Parts { message, error: "", target, span: None, fields: &fields };
        write(&parts, &mut self.title, &mut self.spare);
        self.hasher.hash_one(self.title.as_str())
    }
}

/// Decides which occurrences of a title go out.
#[derive(Debug)]
pub struct Gate(gate::Gate);

impl Gate {
    /// One with this budget, and the default settings else.
    #[must_use]
    pub fn new(burst: u32, per_minute: u32) -> Self {
        Self(gate::Gate::new(gate::Settings {
            repeat_every: Duration::from_secs(300),
            resolve_after: None,
            budget: Openings { burst, per_minute },
            storm: ("error storm in bench".to_owned(), 1),
            seq: Arc::new(AtomicU64::new(1)),
        }))
    }

    /// Whether an occurrence of the title of this key goes out.
    pub fn admits(&self, key: u64, now: Duration) -> bool {
        let ask = Ask { key, rank: 0, meant: false, before: None };
        !self.0.counts_repeat(ask, now) && matches!(self.0.admit(ask, now), Admission::Send(_))
    }
}
