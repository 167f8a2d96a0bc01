//! Bytes of a text, and looking around in them without a step outside.
//!
//! Invariant: what is beyond the text reads as 0, which is part of nothing.

/// A text as bytes. Every byte that is looked for is ASCII, so that what is found begins and ends
/// between two characters.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// Nothing was cut off behind it.
    pub(super) whole: bool,
}

impl<'a> Text<'a> {
    #[inline]
    pub(super) fn at(self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    /// The byte before.
    #[inline]
    pub(super) fn before(self, at: usize) -> u8 {
        at.checked_sub(1).map_or(0, |at| self.at(at))
    }

    pub(super) fn len(self) -> usize {
        self.bytes.len()
    }

    pub(super) fn slice(self, from: usize, to: usize) -> &'a [u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    pub(super) fn starts(self, at: usize, word: &[u8]) -> bool {
        self.slice(at, at.saturating_add(word.len())) == word
    }

    /// Whether `word`, in whatever case, ends at `at`.
    pub(super) fn ended(self, at: usize, word: &[u8]) -> bool {
        let start = at.checked_sub(word.len());
        start.is_some_and(|start| self.slice(start, at).eq_ignore_ascii_case(word))
    }

    /// Where what `holds` from `at` on ends.
    #[inline]
    pub(super) fn run(self, at: usize, holds: impl Fn(u8) -> bool) -> usize {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at.saturating_add(rest.iter().take_while(|&&byte| holds(byte)).count())
    }

    /// As [`run`](Text::run), of at most so many bytes.
    #[inline]
    pub(super) fn run_within(self, at: usize, most: usize, holds: impl Fn(u8) -> bool) -> usize {
        let end = at.saturating_add(most).min(self.len());
        let rest = self.slice(at, end);
        at.saturating_add(rest.iter().take_while(|&&byte| holds(byte)).count())
    }

    /// Where what `holds` up to `at` begins, not before `floor`.
    #[inline]
    pub(super) fn back(self, at: usize, floor: usize, holds: impl Fn(u8) -> bool) -> usize {
        let before = self.slice(floor, at);
        at.saturating_sub(before.iter().rev().take_while(|&&byte| holds(byte)).count())
    }

    /// Where `word` stands at or behind `at`.
    pub(super) fn find(self, at: usize, word: &[u8]) -> Option<usize> {
        let rest = self.bytes.get(at..)?;
        let found = rest.windows(word.len()).position(|window| window == word)?;
        Some(at.saturating_add(found))
    }
}

/// What keys are made of.
#[inline]
pub(super) fn is_key(byte: u8) -> bool {
    weight(byte) & KEY != 0
}

/// Digits, and what stands between groups of them.
#[inline]
pub(super) fn is_grouped(byte: u8) -> bool {
    weight(byte) & CARD != 0
}

/// What one byte adds to the weight of its block, in a byte of that for each: what a key is made
/// of; what a card's number is made of; signs beside which something may stand.
pub(super) const KEY: u32 = 1;
pub(super) const CARD: u32 = 1 << 8;
pub(super) const SIGN: u32 = 1 << 16;

const WEIGHTS: [u32; 256] = {
    let mut table = [0; 256];
    let mut left: &mut [u32] = &mut table;
    let mut byte = 0_u8;
    while let [entry, rest @ ..] = left {
        *entry = match byte {
            b'0'..=b'9' => KEY + CARD,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'.' => KEY,
            b'-' => KEY + CARD + SIGN,
            b' ' => CARD,
            b':' | b'=' | b'/' | b'>' | b'%' => SIGN,
            _ => 0,
        };
        byte = byte.wrapping_add(1);
        left = rest;
    }
    table
};

/// What a byte weighs.
#[inline]
pub(super) fn weight(byte: u8) -> u32 {
    WEIGHTS.get(usize::from(byte)).copied().unwrap_or(0)
}

/// What base64 of both alphabets, and so a credential in a header, is made of.
pub(super) fn is_base64(byte: u8) -> bool {
    is_key(byte) || matches!(byte, b'+' | b'/' | b'=' | b'~')
}

/// What ends a word in any text.
pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Whether it holds a digit, or a capital letter behind a small one: no word does.
pub(super) fn is_mixed(bytes: &[u8]) -> bool {
    let mut before = 0_u8;
    bytes.iter().any(|&byte| {
        let mixed = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
        before = byte;
        mixed || byte.is_ascii_digit()
    })
}
