//! Letters that no word has: ids without a digit.
//!
//! Invariant: pure data and a count; the same in every process and release.

use super::chars::{ANY_LOWER, HEX_LOWER, LETTER};
use super::lexicon::{Key, LONGEST, number};

/// For each letter from `a`, those that hardly ever follow it: the pairs that fewer than 40 of
/// 73,000 English words have (Debian's package `wamerican`, counted in November 2026). Of random
/// words of seven letters two thirds have two such pairs or more, of words in a dictionary one in
/// 1,500, of type names in Rust code one in 70.
#[rustfmt::skip]
pub(super) const STRANGERS: [&str; 26] = [
    "", "cfghkmnpqvwxz", "bdfgjmnpvwxz", "kqxz", "", "bcdghjkmnpqvwxz", "bcdfjkpqvwxz",
    "cdghjkpqvxz", "hjwy", "bcdfghjklmnpqrstvwxyz", "cdfgjkpqtvxz", "jqwxz", "dghjkqrtvwxz", "x",
    "j", "bcdfgjknqvwxz", "abcdefghijklmnopqrstvwxyz", "jqxz", "jvxz", "djkqvx", "hjquwy",
    "bcdfghjklmnpqrstvwxyz", "cfgjmpqtuvwxyz", "bdfgjklmnqrsvwxyz", "fhjkqvxyz",
    "bcdfghjkmnpqrstuvwx",
];

/// The same: 1 for a letter and, above its five bits, one that hardly ever follows it.
static PAIRS: [u8; 1024] = pairs();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "runs when it is compiled"
)]
const fn pairs() -> [u8; 1024] {
    let mut pairs = [0; 1024];
    let mut letter = 1;
    while letter <= STRANGERS.len() {
        let mut followers = STRANGERS[letter - 1].as_bytes();
        while let [follower, more @ ..] = followers {
            pairs[letter | ((*follower & 31) as usize) << 5] = 1;
            followers = more;
        }
        letter += 1;
    }
    pairs
}

/// Fewer letters than these are too few to tell.
pub(super) const FEWEST: usize = 6;

/// Whether letters that stand together in `word` hardly ever do in words, twice or more. Where a
/// capital follows a small letter, a word may begin.
pub(super) fn is_strange(word: &[u8]) -> bool {
    if word.len() <= LONGEST {
        return is_strange_key(Key::of(word));
    }
    let mut strange = 0_u32;
    let mut begin = 0_usize;
    // Each eight letters begin with the last of those before, so that no pair is missed.
    while let Some(rest) = word.get(begin..).filter(|rest| rest.len() > 1) {
        strange = strange.wrapping_add(strangers(number(rest)));
        begin = begin.wrapping_add(7);
    }
    strange > 1
}

/// The same of a word of at most [`LONGEST`] letters.
#[inline]
pub(super) fn is_strange_key(key: Key) -> bool {
    let strange = strangers(key.low);
    if key.high == 0 {
        return strange > 1;
    }
    // Those from the eighth to the 15th, and the last two.
    let strange = strange.wrapping_add(strangers(key.low >> 56 | key.high << 8));
    let last = if key.high >> 56 == 0 { 0 } else { strangers(key.high >> 48) };
    strange.wrapping_add(last) > 1
}

/// How many of the up to eight letters in `letters` are followed by one that hardly ever does.
#[inline]
fn strangers(letters: u64) -> u32 {
    const FIVE: u64 = 0x1f1f_1f1f_1f1f_1f1f;
    const SMALL: u64 = 0x2020_2020_2020_2020;
    const EVEN: u64 = 0x001f_001f_001f_001f;
    // A letter's lowest five bits are its place in the alphabet, whatever its case. What begins a
    // word follows none, so that its five bits are zero, and nothing is known of zero.
    let begins = letters << 8 & !letters & SMALL;
    let second = letters & FIVE & !begins.wrapping_sub(begins >> 5);
    let even = letters & EVEN | second >> 3 & EVEN << 5;
    let odd = letters >> 8 & EVEN | second >> 11 & EVEN << 5;
    let add = |sum: u32, pairs: u64| {
        let strange = PAIRS.get(pairs as usize & 1023).copied().unwrap_or(0);
        sum.wrapping_add(u32::from(strange))
    };
    // Look-ups without a branch, half of what going from letter to letter takes.
    let strange = [even, odd, even >> 16, odd >> 16].into_iter().fold(0, add);
    if letters >> 40 == 0 {
        return strange;
    }
    [even >> 32, odd >> 32, even >> 48].into_iter().fold(strange, add)
}

/// Whether `word`, of the classes in `mask`, is random: strange letters, or eight or more small
/// ones that are all `a` to `f`.
pub(super) fn looks_random(word: &[u8], mask: u32) -> bool {
    if word.len() < FEWEST || mask & !LETTER != 0 || mask & ANY_LOWER == 0 {
        return false;
    }
    (word.len() >= 8 && mask == HEX_LOWER) || is_strange(word)
}
