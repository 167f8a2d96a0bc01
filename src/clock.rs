//! Time: the one place that reads a clock.
//!
//! Everything else gets `now` as an argument, a [`Duration`] since the pipeline started, which
//! never steps; wall-clock time is for people only and decides nothing.

use std::time::{Duration, Instant, SystemTime};

/// Reads the monotonic clock as time since the pipeline started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Time since the pipeline started.
    pub(crate) fn now(self) -> Duration {
        self.start.elapsed()
    }

    /// The same moment as an instant that `tokio` can sleep until.
    pub(crate) fn instant(self, at: Duration) -> tokio::time::Instant {
        let far = Duration::from_secs(365 * 86_400);
        let at = self.start.checked_add(at.min(far)).unwrap_or(self.start);
        tokio::time::Instant::from_std(at)
    }

    /// Wall-clock time, for the body only.
    pub(crate) fn wall() -> SystemTime {
        SystemTime::now()
    }
}

/// A whole number of milliseconds, as the gate's atomics hold time.
pub(crate) fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
