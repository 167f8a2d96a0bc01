//! The log's clock: the times of lines, made into one that never runs backwards.
//!
//! Pure. Invariant: what it tells never decreases, whatever the lines say.

use std::time::Duration;

use super::time::{DAY, SECOND};

/// Lines of several threads may stand in another order than their times by this much.
const SWAPPED: i64 = 60 * SECOND;

/// No log is longer; a clock holds about three times as much.
const LONGEST: i64 = 200 * 365 * DAY;

/// Microseconds everywhere: since 1970, or since the first line.
#[derive(Debug, Default)]
pub(super) struct LogTime {
    /// What is to be added to a time of the log; `None` before the first.
    offset: Option<i64>,
    /// The newest time, as the log has it.
    newest: i64,
    now: i64,
    /// The first and the last time, wherever they stand.
    pub(super) span: Option<(i64, i64)>,
    /// Lines that are older than one before them.
    pub(super) swapped: u64,
    /// Times that the clock was set back by more than that.
    pub(super) set_back: u64,
    /// Lines without a time, taken to be as old as the one before.
    pub(super) untimed: u64,
}

impl LogTime {
    /// The time that a line has, since the first one.
    pub(super) fn at(&mut self, time: Option<i64>) -> Duration {
        let Some(time) = time else {
            self.untimed = self.untimed.saturating_add(1);
            return self.now();
        };
        self.see(time);
        let Some(offset) = self.offset else {
            (self.offset, self.newest) = (Some(time.saturating_neg()), time);
            return self.now();
        };
        let behind = self.newest.saturating_sub(time);
        if behind > SWAPPED {
            self.set_back = self.set_back.saturating_add(1);
            self.offset = Some(self.now.saturating_sub(time));
            self.newest = time;
        } else if behind > 0 {
            self.swapped = self.swapped.saturating_add(1);
        } else {
            self.newest = time;
            self.now = self.now.max(time.saturating_add(offset)).min(LONGEST);
        }
        self.now()
    }

    /// Notes a time of a line that does not count otherwise.
    pub(super) fn see(&mut self, time: i64) {
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
    }

    fn now(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.now).unwrap_or(0))
    }

    /// What the log's own clock shows then.
    pub(super) fn wall(&self, at: Duration) -> i64 {
        let at = i64::try_from(at.as_micros()).unwrap_or(i64::MAX);
        at.saturating_sub(self.offset.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LogTime, SECOND};

    #[test]
    fn time_goes_on_whatever_the_lines_say() {
        let mut clock = LogTime::default();
        let mut at = |seconds: i64| clock.at(Some(1_000_000 * SECOND + seconds * SECOND)).as_secs();
        assert_eq!([at(0), at(10), at(8), at(12)], [0, 10, 10, 12], "a swapped line");
        assert_eq!([at(-3_600), at(-3_590), at(-3_600)], [12, 22, 22], "it was set back");
        assert_eq!((clock.swapped, clock.set_back, clock.untimed), (2, 1, 0));
        assert_eq!(clock.at(None), Duration::from_secs(22));
        assert_eq!(clock.untimed, 1);
        assert_eq!(clock.wall(Duration::from_secs(22)), (1_000_000 - 3_590) * SECOND);
        assert_eq!(clock.span, Some(((1_000_000 - 3_600) * SECOND, 1_000_012 * SECOND)));
    }
}
