//! What hashes begin with: the keys of titles, of failures and of call sites.
//!
//! Invariant: in a program that pages, nobody outside can know it.

use std::{
    hash::{BuildHasher, DefaultHasher, RandomState},
    sync::Arc,
};

use super::{Pipeline, Settings};
use crate::{clock::Clock, queue::Sender, stats::Counters};

/// Makes hashers that agree with each other.
#[derive(Debug)]
pub(crate) struct Seed {
    /// `None`: the hashers are the same in each process.
    state: Option<RandomState>,
    number: u64,
}

impl Seed {
    /// Another one in each process: messages carry strangers' text.
    fn random() -> Self {
        let state = RandomState::new();
        Self { number: state.hash_one(0), state: Some(state) }
    }

    /// Always the same, so that a log always gets the same forecast.
    #[cfg(feature = "cli")]
    pub(crate) fn fixed() -> Self {
        Self { state: None, number: 0 }
    }

    /// For cheaper hashes, of what decides about less than a title does.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }
}

impl Pipeline {
    pub(crate) fn new(
        clock: Clock,
        queue: Option<Sender>,
        counters: Arc<Counters>,
        settings: Settings,
    ) -> Self {
        Self::seeded(Seed::random(), (clock, queue, counters), settings)
    }
}

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        self.state.as_ref().map_or_else(DefaultHasher::new, RandomState::build_hasher)
    }
}
