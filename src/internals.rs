//! What benches and a fuzzer need and no program can reach: only there with
//! `--cfg spike_internals`.
//!
//! Invariant: [`Titler`] does what the title of an event costs in the pipeline, and nothing else.

use std::hash::{BuildHasher, RandomState};

use crate::capture::title::{Parts, Spare, write};

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
