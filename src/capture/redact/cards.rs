//! Card numbers: 13 to 19 digits that an issuer may have given, with the right check digit, in one
//! or grouped as on a card.
//!
//! Invariant: looks at each group of digits a bounded number of times.

use std::ops::Range;

use super::text::{Text, is_grouped};

/// Digits of a card number.
const LEAST: usize = 13;
const MOST: usize = 19;

/// How numbers are grouped on cards.
const GROUPINGS: [&[usize]; 6] =
    [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 4, 4, 1], &[4, 6, 5], &[4, 6, 4], &[8, 8]];

/// The first of them among the digits around `at`, not before `floor`. `Err`: where those end.
/// What is before `done` is a secret of another kind, and no part of a number.
pub(super) fn find(
    text: Text<'_>,
    at: usize,
    floor: usize,
    done: usize,
) -> Result<Range<usize>, usize> {
    let digit = |byte: u8| byte.is_ascii_digit();
    let end = text.run(at, is_grouped);
    let mut start = text.back(at, floor, is_grouped);
    if end.saturating_sub(start) < LEAST {
        return Err(end);
    }
    while start < end {
        start = text.run(start, |byte| is_grouped(byte) && !digit(byte));
        let after = text.run(start, digit);
        if let Some(found) = number(text, start, after, done) {
            return Ok(found);
        }
        start = after.max(start.saturating_add(1));
    }
    Err(end)
}

/// The number whose first group is from `start` to `after`.
fn number(text: Text<'_>, start: usize, after: usize, done: usize) -> Option<Range<usize>> {
    let before_at = |at: usize| if at > done { text.before(at) } else { 0 };
    let before = before_at(start);
    let decimal = before == b'.' && before_at(start.saturating_sub(1)).is_ascii_digit();
    if before.is_ascii_alphanumeric() || before == b'_' || decimal {
        return None;
    }
    let length = after.saturating_sub(start);
    // No issuer's number begins with another digit: years end here, and most of what counts time.
    if !matches!(text.at(start), b'2'..=b'6')
        || (text.at(start) == b'2' && text.at(start.saturating_add(1)) == b'0')
    {
        return None;
    }
    if (LEAST..=MOST).contains(&length) {
        return check(text, start, after);
    }
    let separator = text.at(after);
    if !matches!(length, 4 | 8) || !matches!(separator, b' ' | b'-') {
        return None;
    }
    let (mut lengths, mut at) = ([0_usize; 5], start);
    for length in &mut lengths {
        let end = text.run_within(at, MOST, |byte| byte.is_ascii_digit());
        *length = end.saturating_sub(at);
        at = end.saturating_add(1);
        if text.at(end) != separator {
            break;
        }
    }
    let grouped = GROUPINGS.iter().filter(|grouping| lengths.starts_with(grouping));
    let mut ends = grouped.map(|grouping| {
        let digits = grouping.iter().sum::<usize>();
        start.saturating_add(digits).saturating_add(grouping.len().saturating_sub(1))
    });
    ends.find_map(|end| check(text, start, end))
}

/// The number, if it may be a card's.
fn check(text: Text<'_>, start: usize, end: usize) -> Option<Range<usize>> {
    let after = text.at(end);
    let decimal = after == b'.' && text.at(end.saturating_add(1)).is_ascii_digit();
    if after.is_ascii_alphanumeric() || after == b'_' || decimal {
        return None;
    }
    let mut digits = [0; MOST];
    let mut count = 0_usize;
    let all = text.slice(start, end).iter().filter(|byte| byte.is_ascii_digit());
    for (digit, slot) in all.zip(&mut digits) {
        *slot = digit.wrapping_sub(b'0');
        count = count.saturating_add(1);
    }
    let digits = digits.get(..count)?;
    let first = digits
        .iter()
        .take(4)
        .fold(0, |sum: u32, &digit| sum.wrapping_mul(10).wrapping_add(u32::from(digit)));
    (issued(first, count) && luhn(digits)).then_some(start..end)
}

/// Whether some issuer gives numbers with these first four digits and of this length.
fn issued(first: u32, length: usize) -> bool {
    match first {
        4000..=4999 => matches!(length, 13 | 16 | 19),
        5100..=5599 | 2221..=2720 => length == 16,
        3400..=3499 | 3700..=3799 => length == 15,
        3000..=3059 | 3095 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length),
        3528..=3589 | 6011 | 6440..=6599 | 6200..=6299 => (16..=19).contains(&length),
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => (13..=19).contains(&length),
        _ => false,
    }
}

/// The check of the last digit: of every second from the end the double counts.
fn luhn(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().fold(0, |sum: u32, (at, &digit)| {
        let double = digit.wrapping_mul(2);
        let counted = match at & 1 {
            0 => digit,
            _ if double > 9 => double.wrapping_sub(9),
            _ => double,
        };
        sum.wrapping_add(u32::from(counted))
    });
    sum % 10 == 0
}
