//! Time: the one place that reads a clock.
//!
//! Everything else gets `now` as an argument, a [`Duration`] since the pipeline started, which
//! never steps; wall-clock time is for people only and decides nothing.

use std::time::{Duration, Instant, SystemTime};

#[cfg(feature = "cli")]
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads the monotonic clock as time since the pipeline started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Who tells the time in the system's place.
    #[cfg(feature = "cli")]
    hand: Option<&'static Hand>,
    /// Of a proof that can't wait: it runs so many times as fast as the system's.
    #[cfg(test)]
    speed: u32,
}

/// The time of a clock that somebody sets: that of a log, say.
#[cfg(feature = "cli")]
#[derive(Debug, Default)]
pub(crate) struct Hand(AtomicU64);

#[cfg(feature = "cli")]
impl Hand {
    /// To the microsecond.
    pub(crate) fn set(&self, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.0.store(micros, Ordering::Relaxed);
    }
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
            #[cfg(feature = "cli")]
            hand: None,
            #[cfg(test)]
            speed: SPEED.get(),
        }
    }

    /// A clock that shows what its hand does.
    #[cfg(feature = "cli")]
    pub(crate) fn of(hand: &'static Hand) -> Self {
        Self { hand: Some(hand), ..Self::start() }
    }

    /// Time since the pipeline started.
    pub(crate) fn now(self) -> Duration {
        #[cfg(feature = "cli")]
        if let Some(Hand(micros)) = self.hand {
            return Duration::from_micros(micros.load(Ordering::Relaxed));
        }
        let passed = self.start.elapsed();
        #[cfg(test)]
        let passed = passed * self.speed;
        passed
    }

    /// What `time` of this clock takes on the system's: the same, but for a proof's.
    pub(crate) fn takes(self, time: Duration) -> Duration {
        #[cfg(test)]
        let time = time / self.speed;
        time
    }

    /// The same moment as an instant that `tokio` can sleep until.
    pub(crate) fn instant(self, at: Duration) -> tokio::time::Instant {
        let far = Duration::from_secs(365 * 86_400);
        let at = self.start.checked_add(self.takes(at.min(far))).unwrap_or(self.start);
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
