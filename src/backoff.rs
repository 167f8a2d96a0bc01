//! How long to wait before the next attempt: full jitter, as a pure function.
//!
//! Reads no clock and draws no random number; entropy is an argument.

use std::time::Duration;

/// No retry comes sooner than this.
pub(crate) const FLOOR: Duration = Duration::from_millis(100);
/// The upper bound of the first delay; it doubles with each failure.
pub(crate) const BASE: Duration = Duration::from_millis(500);
/// No delay of ours is longer than this.
pub(crate) const CAP: Duration = Duration::from_secs(60);

/// The delay after `failures` failures in a row (1 or more): uniform in
/// `[FLOOR, min(CAP, BASE · 2^(failures - 1))]`.
pub(crate) fn delay(failures: u32, entropy: u64) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let upper = BASE.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(CAP);
    FLOOR.saturating_add(fraction(upper.saturating_sub(FLOOR), entropy))
}

/// A uniform share of `span`.
fn fraction(span: Duration, entropy: u64) -> Duration {
    let micros = u128::from(u64::try_from(span.as_micros()).unwrap_or(u64::MAX));
    let share = micros.saturating_mul(u128::from(entropy)) >> 64;
    Duration::from_micros(u64::try_from(share).unwrap_or(u64::MAX))
}

/// Scrambles a counter into entropy (the finalizer of SplitMix64).
pub(crate) fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{BASE, CAP, FLOOR, delay, scramble};
    use std::time::Duration;

    #[test]
    fn a_delay_lies_between_the_floor_and_a_bound_that_doubles_up_to_the_cap() {
        for failures in 1..100 {
            let doubled = BASE.saturating_mul(1 << (failures - 1).min(10));
            let upper = doubled.min(CAP);
            assert_eq!(delay(failures, 0), FLOOR);
            let longest = delay(failures, u64::MAX);
            assert!(longest <= upper && longest + Duration::from_millis(1) >= upper);
        }
    }

    #[test]
    fn jitter_spreads_over_the_whole_range() {
        let delays = (0..1000).map(|seed| delay(8, scramble(seed)));
        let below = delays.filter(|d| *d < Duration::from_secs(30)).count();
        assert!((400..600).contains(&below), "{below} of 1000 in the lower half");
    }
}
