//! How much may go out over all titles: openings by a budget, repeats by a window.
//!
//! Pure: time is an argument, in milliseconds. Invariants: no allocation, no lock for an opening;
//! however many threads ask, no more is given than one would get.

#[cfg(all(test, spike_loom))]
use crate::sync::tests::{Bug, is_seeded};
use crate::sync::{AtomicU64, Mutex, Ordering, lock};

use super::Openings;

/// Repeats of all titles together within [`REPEAT_WINDOW`], at most.
pub(super) const REPEATS: usize = if cfg!(spike_loom) { 2 } else { 30 };
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

/// The last [`REPEATS`] times that something went out. Under a lock, since only what goes out takes
/// it: a free place and its time are one.
#[derive(Debug)]
pub(super) struct Window {
    times: Mutex<Times>,
}

#[derive(Debug)]
struct Times {
    /// In a ring, the oldest at `next`.
    ring: [Option<u64>; REPEATS],
    next: usize,
}

impl Window {
    pub(super) fn new() -> Self {
        Self { times: Mutex::new(Times { ring: [None; REPEATS], next: 0 }) }
    }

    /// Takes one, or tells from when on there is one.
    pub(super) fn take(&self, now: u64) -> Result<(), u64> {
        let mut times = lock(&self.times);
        let free_at = times.free_at();
        if now < free_at {
            return Err(free_at);
        }
        #[cfg(all(test, spike_loom))]
        if is_seeded(Bug::Torn) {
            drop(times);
            times = lock(&self.times);
        }
        times.put(now);
        Ok(())
    }
}

impl Times {
    fn free_at(&self) -> u64 {
        let oldest = self.ring.get(self.next).copied().flatten();
        oldest.map_or(0, |at| at.saturating_add(REPEAT_WINDOW).saturating_add(1))
    }

    fn put(&mut self, now: u64) {
        if let Some(oldest) = self.ring.get_mut(self.next) {
            *oldest = Some(now);
        }
        self.next = self.next.wrapping_add(1) % REPEATS;
    }
}

#[cfg(test)]
impl Window {
    pub(super) fn clear(&self) {
        *lock(&self.times) = Times { ring: [None; REPEATS], next: 0 };
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
