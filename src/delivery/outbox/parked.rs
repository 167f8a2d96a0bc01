//! Resolves that are held back, since their titles flap.
//!
//! Invariant: none goes out that the gate has not let out, and none is dropped that it still
//! reckons with.

use std::time::Duration;

use crate::{delivery::outbox::Outbox, incident::Held, stats::Count};

impl Outbox {
    /// Lets those go out whose time has come, or that a flush waits for, if the gate says so; tells
    /// when to ask again.
    pub(super) fn release_parked(&mut self, now: Duration) -> Option<Duration> {
        let (paused, hurried) = (self.endpoint.paused_until(), self.hurried);
        let mut wake: Option<Duration> = None;
        let mut out = Vec::new();
        for (key, title) in &mut self.titles {
            let Some(parked) = &mut title.parked else { continue };
            if parked.not_before().max(paused) <= now {
                let is_awaited = parked.hurried || parked.op.seq <= hurried;
                match parked.ask(now, is_awaited) {
                    Held::Off => {
                        // The title stays open.
                        parked.settle(Count::SuppressedCancelled);
                        title.parked = None;
                        continue;
                    }
                    Held::Out(_) => {
                        out.push(*key);
                        continue;
                    }
                    Held::Until(_) => {}
                }
            }
            let at = parked.not_before().max(paused);
            wake = wake.into_iter().chain([at]).min();
        }
        for key in out {
            let parked = self.titles.get_mut(&key).and_then(|title| title.parked.take());
            if let Some(parked) = parked {
                self.place(parked.op, now);
            }
        }
        wake
    }
}
