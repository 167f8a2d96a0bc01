//! Times as logs write them, as microseconds since 1970, and back.
//!
//! Invariant: what is no time is `None`, and nothing here reads a clock.

/// Microseconds of a second, and of a day.
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const DAY: i64 = 86_400 * SECOND;

/// Reads `2026-11-28T16:38:10.123456Z`, or with an offset such as `+01:00`, at the beginning of
/// `text`; a space may stand in the place of the `T`. Returns what follows, too.
pub(super) fn read(text: &str) -> Option<(i64, &str)> {
    let (year, rest) = number(text, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 2)?;
    let rest = rest.strip_prefix('T').or_else(|| rest.strip_prefix(' '))?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = number(rest.strip_prefix(':')?, 2)?;
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    // A leap second is the 60th.
    if !valid || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (micros, rest) = fraction(rest);
    let (offset, rest) = offset(rest)?;
    let minutes = hour.checked_mul(60)?.checked_add(minute)?.checked_sub(offset)?;
    let seconds = minutes.checked_mul(60)?.checked_add(second)?;
    let days = days(year, month, day).checked_mul(DAY)?;
    let within = seconds.checked_mul(SECOND)?.checked_add(micros)?;
    Some((days.checked_add(within)?, rest))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<(i64, &str)> {
    let (head, rest) = text.split_at_checked(digits)?;
    let digit = |number: i64, byte: u8| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte.wrapping_sub(b'0')))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    Some((head.bytes().try_fold(0, digit)?, rest))
}

/// A fraction of a second, if there is one.
fn fraction(text: &str) -> (i64, &str) {
    let Some(rest) = text.strip_prefix('.').or_else(|| text.strip_prefix(',')) else {
        return (0, text);
    };
    let end = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let padded = digits.bytes().chain(std::iter::repeat(b'0')).take(6);
    let value = |micros: i64, byte: u8| {
        micros.wrapping_mul(10).wrapping_add(i64::from(byte.wrapping_sub(b'0')))
    };
    (padded.fold(0, value), rest)
}

/// Minutes east of Greenwich.
fn offset(text: &str) -> Option<(i64, &str)> {
    if let Some(rest) = text.strip_prefix('Z') {
        return Some((0, rest));
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            // A local time that does not say where.
            None => return Some((0, text)),
        },
    };
    let (hours, rest) = number(rest, 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    Some((hours.checked_mul(60)?.checked_add(minutes)?.checked_mul(sign)?, rest))
}

/// Days since 1970 of a date of the Gregorian calendar; years begin in March, so that the leap day
/// is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year.wrapping_sub(1) } else { year };
    let shifted = month.wrapping_add(9) % 12;
    let of_year = (153_i64.wrapping_mul(shifted).wrapping_add(2) / 5).wrapping_add(day);
    let leap = (year.div_euclid(4)).wrapping_sub(year.div_euclid(100));
    let leap = leap.wrapping_add(year.div_euclid(400));
    365_i64.wrapping_mul(year).wrapping_add(leap).wrapping_add(of_year).wrapping_sub(719_469)
}

/// A moment for people, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
}

impl Date {
    /// Of microseconds since 1970, in UTC.
    pub(super) fn of(micros: i64) -> Self {
        let days = micros.div_euclid(DAY);
        let minutes = micros.rem_euclid(DAY) / (60 * SECOND);
        let mut year = days.div_euclid(366).wrapping_add(1970);
        while self::days(year.wrapping_add(1), 1, 1) <= days {
            year = year.wrapping_add(1);
        }
        let begins = |month| self::days(year, month, 1);
        let month = (1..=12).rev().find(|month| begins(*month) <= days).unwrap_or(1);
        let day = days.wrapping_sub(begins(month)).wrapping_add(1);
        Self { year, month, day, hour: minutes / 60, minute: minutes % 60 }
    }

    /// `2026-11-28`.
    pub(super) fn day(self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    /// `16:38`.
    pub(super) fn clock(self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }
}

/// `Mon` to `Sun`, of microseconds since 1970.
pub(super) fn weekday(micros: i64) -> &'static str {
    match micros.div_euclid(DAY).wrapping_add(3).rem_euclid(7) {
        0 => "Mon",
        1 => "Tue",
        2 => "Wed",
        3 => "Thu",
        4 => "Fri",
        5 => "Sat",
        _ => "Sun",
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, Date, SECOND, days, read, weekday};

    #[test]
    fn times_are_read_as_logs_write_them() {
        for (text, expected, rest) in [
            ("1970-01-01T00:00:00Z", 0, ""),
            ("1970-01-02T00:00:01.5Z ERROR", DAY + SECOND * 3 / 2, " ERROR"),
            ("1970-01-01T01:00:00.000001+01:00 x", 1, " x"),
            ("1970-01-01 00:00:00,25-0100", 3_600 * SECOND + SECOND / 4, ""),
            ("2024-02-29T12:00:00.123456789Z", 1_709_208_000 * SECOND + 123_456, ""),
        ] {
            assert_eq!(read(text), Some((expected, rest)), "{text}");
        }
        for text in ["", "2026-13-01T00:00:00Z", "2026-01-01", "ERROR x", "2026-01-01T25:00:00Z"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_what_was_read() {
        for (text, day) in [("2024-02-29", "Thu"), ("2000-01-01", "Sat"), ("1969-12-31", "Wed")] {
            let (at, _) = read(&format!("{text}T23:59:00Z")).unwrap();
            assert_eq!((Date::of(at).day().as_str(), weekday(at)), (text, day));
            assert_eq!(Date::of(at).clock(), "23:59");
        }
        assert_eq!(days(2026, 11, 28) - days(2025, 11, 28), 365);
    }
}
