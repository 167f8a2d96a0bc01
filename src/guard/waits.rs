//! How long the panic hook may wait: 2 s in any minute, over all threads.
//!
//! Pure: time is an argument. Invariant: what counts is the time in which anybody waits, so those
//! who wait at the same time wait for the price of one.

use std::time::Duration;

/// The most in [`PERIOD`].
pub(crate) const MOST: Duration = Duration::from_secs(2);
const PERIOD: Duration = Duration::from_secs(60);

/// Who waits, and how long was waited.
#[derive(Debug)]
pub(crate) struct Waits {
    waiting: u32,
    /// When the first of those began.
    since: Duration,
    /// What was waited before.
    spent: Duration,
    /// When that ended.
    ended: Duration,
}

impl Waits {
    pub(crate) const fn new() -> Self {
        let never = Duration::ZERO;
        Self { waiting: 0, since: never, spent: never, ended: never }
    }

    /// How long somebody may wait who begins now, until [`end`](Waits::end); `None`: not at all.
    pub(crate) fn begin(&mut self, now: Duration) -> Option<Duration> {
        if self.waiting == 0 {
            // No minute has both a part of what was before such a pause and of what comes after.
            if now.saturating_sub(self.ended) >= PERIOD {
                self.spent = Duration::ZERO;
            }
            self.since = now;
        }
        let spent = self.spent.saturating_add(now.saturating_sub(self.since));
        let left = MOST.checked_sub(spent).filter(|left| !left.is_zero())?;
        self.waiting = self.waiting.saturating_add(1);
        Some(left)
    }

    /// Somebody has waited until now.
    pub(crate) fn end(&mut self, now: Duration) {
        self.waiting = self.waiting.saturating_sub(1);
        if self.waiting == 0 {
            self.spent = self.spent.saturating_add(now.saturating_sub(self.since));
            self.ended = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Waits;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn f059_those_who_wait_together_wait_for_two_seconds_a_minute() {
        let mut waits = Waits::new();
        assert_eq!(waits.begin(ms(0)), Some(ms(2_000)));
        assert_eq!(waits.begin(ms(500)), Some(ms(1_500)), "until the same end");
        waits.end(ms(800));
        waits.end(ms(1_200));
        assert_eq!(waits.begin(ms(10_000)), Some(ms(800)));
        waits.end(ms(10_800));
        assert_eq!(waits.begin(ms(10_900)), None);
        assert_eq!(waits.begin(ms(70_799)), None, "a minute has not passed");
        assert_eq!(waits.begin(ms(70_800)), Some(ms(2_000)));
    }
}
