//! What the keys of titles begin with.
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
pub(crate) enum Seed {
    /// Another one in each process: messages carry strangers' text.
    Random(RandomState),
    /// Always the same, so that a log always gets the same forecast.
    #[cfg(feature = "cli")]
    Fixed,
}

impl Pipeline {
    pub(crate) fn new(
        clock: Clock,
        queue: Option<Sender>,
        counters: Arc<Counters>,
        settings: Settings,
    ) -> Self {
        let seed = Seed::Random(RandomState::new());
        Self::seeded(seed, (clock, queue, counters), settings)
    }
}

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        match self {
            Self::Random(state) => state.build_hasher(),
            #[cfg(feature = "cli")]
            Self::Fixed => DefaultHasher::new(),
        }
    }
}
