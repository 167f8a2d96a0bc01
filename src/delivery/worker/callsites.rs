//! The callsites, some time after the rules have changed.
//!
//! A callsite that was registering itself on another thread at that moment may have its answer from
//! the rules before, and be in no list yet when all in the list were asked anew: for good, if the
//! answer was no. So they are asked once more.

use std::time::Duration;

use tracing::callsite::rebuild_interest_cache;

use super::Worker;
use crate::contain::contained;

/// Longer than any callsite takes to register itself.
const AGAIN: Duration = Duration::from_secs(1);

impl Worker {
    /// The rules have changed.
    pub(super) fn ask_again(&mut self) {
        self.asks_at = Some(self.parts.clock.now().saturating_add(AGAIN));
    }

    /// Asks them, if it is time; when it will be.
    pub(super) fn ask_callsites(&mut self, now: Duration) -> Option<Duration> {
        if self.asks_at.take_if(|at| now >= *at).is_some() {
            // The other layers' code runs, too.
            contained(rebuild_interest_cache);
        }
        self.asks_at
    }
}
