//! Who waits for a flush, for what, and when it is complete.
//!
//! Pure: what the channels, the counters and the outbox say are arguments. Invariants: of what had
//! a slot when a flush began, everything is settled, or told as pending, when it is answered; what
//! came later is not waited for, nor is a slot that the asker itself holds.

use std::time::Duration;

use crate::queue::{Asker, FlushReport};

/// What is on its way, and what has become of the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Slots that are taken: by what can be received, and by what is still being built.
    pub(crate) slots: usize,
    /// Since the worker began.
    pub(crate) delivered: u64,
    pub(crate) lost: u64,
}

/// All who wait; `R` is how one of them is answered.
#[derive(Debug)]
pub(crate) struct Flushes<R> {
    /// Ops taken over so far.
    received: usize,
    waiting: Vec<Flush<R>>,
}

#[derive(Debug)]
struct Flush<R> {
    /// The newest op it waits for.
    mark: u64,
    /// How many ops will have been received when all is there that was on its way.
    awaits: usize,
    asker: Asker<R>,
    delivered: u64,
    lost: u64,
}

impl<R> Flushes<R> {
    pub(crate) fn new() -> Self {
        Self { received: 0, waiting: Vec::new() }
    }

    /// One op was received, and is in the outbox.
    pub(crate) fn receive(&mut self) {
        self.received = self.received.saturating_add(1);
    }

    /// Somebody waits for all up to the op `mark`.
    pub(crate) fn begin(&mut self, mark: u64, asker: Asker<R>, seen: Seen) {
        let others = seen.slots.saturating_sub(asker.holds);
        let awaits = self.received.saturating_add(others);
        let Seen { delivered, lost, .. } = seen;
        self.waiting.push(Flush { mark, awaits, asker, delivered, lost });
    }

    /// When the next of them stops waiting.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.waiting.iter().map(|flush| flush.asker.deadline).min()
    }

    /// Those that are complete, or out of time, or all when the worker ends; each is to be told
    /// its report. `held_since` counts what the outbox holds up to an op.
    pub(crate) fn answers(
        &mut self,
        now: Duration,
        ends: bool,
        seen: Seen,
        held_since: impl Fn(u64) -> usize,
    ) -> Vec<(R, FlushReport)> {
        let received = self.received;
        // What was on its way, and has been given up, is missed by nobody.
        let held = |flush: &Flush<R>| {
            let others = seen.slots.saturating_sub(flush.asker.holds);
            let missing = flush.awaits.saturating_sub(received).min(others);
            held_since(flush.mark).saturating_add(missing)
        };
        let is_answered =
            |flush: &mut Flush<R>| ends || held(flush) == 0 || flush.asker.deadline <= now;
        let answered: Vec<_> = self.waiting.extract_if(.., is_answered).collect();
        let report = |flush: Flush<R>| {
            let report = FlushReport {
                delivered: seen.delivered.saturating_sub(flush.delivered),
                lost: seen.lost.saturating_sub(flush.lost),
                pending: u64::try_from(held(&flush)).unwrap_or(u64::MAX),
                worker_gone: false,
            };
            (flush.asker.reply, report)
        };
        answered.into_iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests;
