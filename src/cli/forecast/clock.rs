//! The log's clock: the times of lines, made into one that never runs backwards.
//!
//! Pure. Invariant: what it tells never decreases, whatever the lines say.

use std::time::Duration;

use super::time::{DAY, SECOND};

/// Lines of several threads may stand in another order than their times by this much.
const SWAPPED: i64 = 60 * SECOND;

/// A time so far ahead is believed when the next one is as far.
const FAR: i64 = 2 * 365 * DAY;

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
    /// A time far ahead, not yet believed.
    far: Option<i64>,
    /// Times far ahead that no other line has borne out.
    pub(super) outliers: u64,
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
        let Some(offset) = self.offset else {
            self.widen(time);
            (self.offset, self.newest) = (Some(time.saturating_neg()), time);
            return self.now();
        };
        if self.is_outlier(time, offset) {
            return self.now();
        }
        self.widen(time);
        let behind = self.newest.saturating_sub(time);
        if behind > SWAPPED {
            self.set_back = self.set_back.saturating_add(1);
            self.offset = Some(self.now.saturating_sub(time));
            self.newest = time;
        } else if behind > 0 {
            self.swapped = self.swapped.saturating_add(1);
        } else {
            self.newest = time;
            self.now = self.now.max(time.saturating_add(offset));
        }
        self.now()
    }

    /// Whether a time is not believed: it is beyond any log, or far ahead for the first time.
    fn is_outlier(&mut self, time: i64, offset: i64) -> bool {
        let is_beyond = time.saturating_add(offset) > LONGEST;
        let is_far = time.saturating_sub(self.newest) > FAR;
        let far = self.far.take();
        let is_borne_out = far.is_some_and(|far| far.saturating_sub(time) <= SWAPPED);
        if !is_beyond && (!is_far || is_borne_out) {
            self.outliers = self.outliers.saturating_sub(u64::from(is_far));
            return false;
        }
        self.outliers = self.outliers.saturating_add(1);
        self.far = Some(time).filter(|_| !is_beyond);
        true
    }

    /// Notes a time of a line that does not count otherwise.
    pub(super) fn see(&mut self, time: i64) {
        let is_far = |(_, last): (i64, i64)| time.saturating_sub(last) > FAR;
        if !self.span.is_some_and(is_far) {
            self.widen(time);
        }
    }

    fn widen(&mut self, time: i64) {
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

    #[test]
    fn one_time_of_the_far_future_changes_nothing() {
        let mut clock = LogTime::default();
        let mut at = |seconds: i64| clock.at(Some(seconds * SECOND)).as_secs();
        let (far, beyond) = (100 * 365 * 86_400, 7_000 * 365 * 86_400);
        assert_eq!([at(0), at(far), at(10)], [0, 0, 10], "nobody bears it out");
        assert_eq!([at(beyond), at(beyond + 1), at(20)], [10, 10, 20], "no log is so long");
        assert_eq!([at(far), at(far + 5)], [20, far as u64 + 5], "it went on there");
        assert_eq!((clock.outliers, clock.set_back), (3, 0));
        assert_eq!(clock.span, Some((0, (far + 5) * SECOND)));
    }
}
