//! Time: the one place that reads a clock.
//!
//! Everything else gets `now` as an argument, a [`Duration`] since the pipeline started, which
//! never steps; wall-clock time is for people only and decides nothing.

use std::time::{Duration, Instant, SystemTime};

#[cfg(any(feature = "cli", feature = "testing"))]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The date on a clock that stands, before it is moved: 2026-01-01T00:00:00Z.
#[cfg(any(feature = "cli", feature = "testing"))]
const BEGAN: Duration = Duration::from_secs(1_767_225_600);

/// Reads the monotonic clock as time since the pipeline started.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Of a user's test or of a log: the time in nanoseconds, which stands until it is moved.
    #[cfg(any(feature = "cli", feature = "testing"))]
    moved: Option<Arc<AtomicU64>>,
    /// Of a proof that can't wait: it runs so many times as fast as the system's.
    #[cfg(test)]
    speed: u32,
}

#[cfg(test)]
thread_local! {
    /// The speed of clocks that this thread starts.
    pub(crate) static SPEED: std::cell::Cell<u32> = const { std::cell::Cell::new(1) };
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            start: Instant::now(),
            #[cfg(any(feature = "cli", feature = "testing"))]
            moved: None,
            #[cfg(test)]
            speed: SPEED.get(),
        }
    }

    /// A clock that stands at zero until [`advance`](Clock::advance) moves it, and all its clones.
    #[cfg(any(feature = "cli", feature = "testing"))]
    pub(crate) fn standing() -> Self {
        Self { moved: Some(Arc::default()), ..Self::start() }
    }

    /// Moves a standing clock.
    #[cfg(any(feature = "cli", feature = "testing"))]
    pub(crate) fn advance(&self, by: Duration) {
        if let Some(moved) = &self.moved {
            let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            moved.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Time since the pipeline started.
    pub(crate) fn now(&self) -> Duration {
        #[cfg(any(feature = "cli", feature = "testing"))]
        if let Some(moved) = &self.moved {
            return Duration::from_nanos(moved.load(Ordering::Relaxed));
        }
        let passed = self.start.elapsed();
        #[cfg(test)]
        let passed = passed * self.speed;
        passed
    }

    /// What `time` of this clock takes on the system's: the same, but for a proof's, and nothing
    /// on a clock that stands.
    pub(crate) fn takes(&self, time: Duration) -> Duration {
        #[cfg(any(feature = "cli", feature = "testing"))]
        if self.moved.is_some() {
            return Duration::ZERO;
        }
        #[cfg(test)]
        let time = time / self.speed;
        time
    }

    /// The same moment as an instant that `tokio` can sleep until.
    pub(crate) fn instant(&self, at: Duration) -> tokio::time::Instant {
        let far = Duration::from_secs(365 * 86_400);
        let at = self.start.checked_add(self.takes(at.min(far))).unwrap_or(self.start);
        tokio::time::Instant::from_std(at)
    }

    /// Wall-clock time, for the body only: on a clock that stands, how far it was moved.
    pub(crate) fn date(&self) -> SystemTime {
        #[cfg(any(feature = "cli", feature = "testing"))]
        if self.moved.is_some() {
            let since = BEGAN.saturating_add(self.now());
            return SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
        }
        Self::wall()
    }

    /// Wall-clock time of the system.
    pub(crate) fn wall() -> SystemTime {
        SystemTime::now()
    }
}

/// A whole number of milliseconds, as the gate's atomics hold time.
pub(crate) fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
