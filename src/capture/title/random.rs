//! Letters that no word has: ids without a digit.
//!
//! Invariant: pure data and a count; the same in every process and release.

use super::chars::{ANY_LOWER, HEX_LOWER, LETTER};

/// For each letter from `a`, those that hardly ever follow it: the pairs that fewer than 40 of
/// 73,000 English words have (Debian's package `wamerican`, counted in November 2026). Of random
/// words of seven letters two thirds have two such pairs or more, of words in a dictionary one in
/// 2,000, of type names in Rust code one in 70.
#[rustfmt::skip]
const STRANGERS: [&str; 26] = [
    "", "cfghkmnpqvwxz", "bdfgjmnpvwxz", "kqxz", "", "bcdghjkmnpqvwxz", "bcdfjkpqvwxz",
    "cdghjkpqvxz", "hjwy", "bcdfghjklmnpqrstvwxyz", "cdfgjkpqtvxz", "jqwxz", "dghjkqrtvwxz", "x",
    "j", "bcdfgjknqvwxz", "abcdefghijklmnopqrstvwxyz", "jqxz", "jvxz", "djkqvx", "hjquwy",
    "bcdfghjklmnpqrstvwxyz", "cfgjmpqtuvwxyz", "bdfgjklmnqrsvwxyz", "fhjkqvxyz",
    "bcdfghjkmnpqrstuvwx",
];

/// The same, a bit a letter.
const PAIRS: [u32; 32] = {
    let mut pairs = [0; 32];
    let (mut table, mut left) = (STRANGERS.as_slice(), pairs.as_mut_slice());
    while let ([followers, others @ ..], [entry, rest @ ..]) = (table, left) {
        let mut bytes = followers.as_bytes();
        while let [byte, more @ ..] = bytes {
            *entry |= 1 << (*byte & 31);
            bytes = more;
        }
        (table, left) = (others, rest);
    }
    pairs
};

/// Fewer letters than these are too few to tell.
pub(super) const FEWEST: usize = 6;

/// Whether letters that stand together in `word` hardly ever do in words, twice or more. Where a
/// capital follows a small letter, a word may begin.
pub(super) fn is_strange(word: &[u8]) -> bool {
    let mut strangers = 0_u32;
    let mut strange = 0;
    let mut before = 0;
    for &b in word {
        let begins = before & !b & 0x20;
        // A letter's lowest five bits are its place in the alphabet, whatever its case.
        let pair = strangers.wrapping_shr(u32::from(b & 31)) & 1;
        strange += if begins != 0 { 0 } else { pair };
        strangers = PAIRS.get(usize::from(b.wrapping_sub(1) & 31)).copied().unwrap_or(0);
        before = b;
    }
    strange > 1
}

/// Whether `word`, of the classes in `mask`, is random: strange letters, or eight or more small
/// ones that are all `a` to `f`.
pub(super) fn looks_random(word: &str, mask: u32) -> bool {
    if word.len() < FEWEST || mask & !LETTER != 0 || mask & ANY_LOWER == 0 {
        return false;
    }
    (word.len() >= 8 && mask == HEX_LOWER) || is_strange(word.as_bytes())
}
