//! The callsites, some time after the rules have changed.
//!
//! A callsite that was registering itself on another thread at that moment may have its answer from
//! the rules before, and be in no list yet when all in the list asked anew: for good, if the answer
//! was no. So they ask once more. Invariant: what others' layers do then holds up no delivery.

use std::{thread, time::Duration};

use super::Worker;
use crate::{callsites, contain::contained, reentry};

/// Longer than any callsite takes to register itself.
const AGAIN: Duration = Duration::from_secs(1);
const THREAD_NAME: &str = "spike-callsites";

impl Worker {
    /// The rules have changed.
    pub(super) fn ask_again(&mut self) {
        self.asks_at = Some(self.parts.clock.now().saturating_add(AGAIN));
    }

    /// Has them ask, if it is time; when it will be.
    pub(super) fn ask_callsites(&mut self, now: Duration) -> Option<Duration> {
        if self.asks_at.take_if(|at| now >= *at).is_some() {
            // Deliberately not joined: nobody waits for what it does.
            let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(|| {
                reentry::mark_own_thread();
                contained(callsites::ask_anew);
            });
            if thread.is_err() {
                self.ask_again();
            }
        }
        self.asks_at
    }
}
