//! How much may go out over all titles: openings by a budget, repeats by a window.
//!
//! Pure: time is an argument, in milliseconds. Invariants: no lock, no allocation; however many
//! threads ask, no more is given than one would get.

use std::{
    array,
    sync::atomic::{AtomicU64, Ordering},
};

use super::Openings;

/// Repeats of all titles together within [`REPEAT_WINDOW`], at most.
pub(super) const REPEATS: usize = 30;
pub(super) const REPEAT_WINDOW: u64 = 60_000;

/// A burst, then a steady rate (GCRA in one atomic).
#[derive(Debug)]
pub(super) struct Budget {
    /// When the budget will be whole again.
    whole_at: AtomicU64,
    /// One is earned in this time.
    interval: u64,
    /// How far `whole_at` may lie ahead for another one.
    tolerance: u64,
}

impl Budget {
    pub(super) fn new(openings: Openings) -> Self {
        let Openings { burst, per_minute } = openings;
        let interval = 60_000_u64.checked_div(u64::from(per_minute)).unwrap_or(60_000).max(1);
        let tolerance = interval.saturating_mul(u64::from(burst.saturating_sub(1)));
        Self { whole_at: AtomicU64::new(0), interval, tolerance }
    }

    pub(super) fn take(&self, now: u64) -> bool {
        let next = |whole_at: u64| {
            let whole_at = whole_at.max(now);
            let is_left = whole_at.saturating_sub(now) <= self.tolerance;
            is_left.then(|| whole_at.saturating_add(self.interval))
        };
        self.whole_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Whether nothing is left, so that asking is in vain.
    pub(super) fn is_spent(&self, now: u64) -> bool {
        self.whole_at.load(Ordering::Relaxed).saturating_sub(now) > self.tolerance
    }
}

/// The last [`REPEATS`] times that something went out.
#[derive(Debug)]
pub(super) struct Window {
    /// In a ring; 0 is never, else the time and 1.
    times: [AtomicU64; REPEATS],
    next: AtomicU64,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { times: array::from_fn(|_| AtomicU64::new(0)), next: AtomicU64::new(0) }
    }

    /// Takes one, or tells from when on there is one.
    pub(super) fn take(&self, now: u64) -> Result<(), u64> {
        loop {
            let next = self.next.load(Ordering::Acquire);
            let place = next.checked_rem(REPEATS as u64).and_then(|n| usize::try_from(n).ok());
            let Some(oldest) = place.and_then(|place| self.times.get(place)) else {
                return Ok(());
            };
            let free_at = match oldest.load(Ordering::Acquire) {
                0 => 0,
                at => at.saturating_add(REPEAT_WINDOW),
            };
            if now < free_at {
                return Err(free_at);
            }
            let after = next.wrapping_add(1);
            let taken =
                self.next.compare_exchange(next, after, Ordering::AcqRel, Ordering::Relaxed);
            if taken.is_ok() {
                oldest.store(now.saturating_add(1), Ordering::Release);
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
impl Window {
    pub(super) fn clear(&self) {
        self.times.iter().for_each(|time| time.store(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, Openings, REPEAT_WINDOW, REPEATS, Window};

    #[test]
    fn a_budget_gives_its_burst_and_then_its_rate() {
        let budget = Budget::new(Openings { burst: 10, per_minute: 2 });
        let given: Vec<u64> = (0..600_000).step_by(100).filter(|ms| budget.take(*ms)).collect();
        assert_eq!(given.iter().filter(|ms| **ms < 1_000).count(), 10);
        assert_eq!(given.len(), 10 + 19, "then one each 30 s: {given:?}");
        assert!(budget.is_spent(599_999) && !budget.is_spent(600_000) && budget.take(600_000));
        // A quiet hour fills it to the burst and no further.
        let hour = 4_200_000;
        assert_eq!((0..100).filter(|ms| budget.take(hour + ms)).count(), 10);
        let least = Budget::new(Openings { burst: 1, per_minute: 60 });
        assert!(least.take(0) && !least.take(999) && least.take(1_000));
    }

    #[test]
    fn no_window_of_a_minute_has_more_than_its_share() {
        let window = Window::new();
        let mut given = Vec::new();
        for ms in (0..1_000_000).step_by(37) {
            match window.take(ms) {
                Ok(()) => given.push(ms),
                Err(free_at) => assert!(free_at > ms && free_at <= ms + REPEAT_WINDOW + 1),
            }
        }
        assert!(given.windows(REPEATS + 1).all(|w| w[REPEATS] - w[0] > REPEAT_WINDOW));
        assert!(given.len() >= 16 * REPEATS, "{}", given.len());
    }
}
