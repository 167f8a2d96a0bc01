//! The one pass over a text: eight bytes at a time, and a closer look where those may belong to a
//! secret.
//!
//! Invariants: what it finds comes in ascending order and does not overlap; it never goes back
//! behind what it has found; the time it takes grows with the text and no faster.

use std::ops::Range;

use super::{
    cards, keys,
    names::Names,
    text::{CARD, KEY, SIGN, Text, is_grouped, is_quote, weight},
    urls, values,
};

/// Bytes that are weighed together.
const BLOCK: usize = 8;
/// Added to a block's weight, it sets the bits in [`CLOSER`] of a block that asks for a closer
/// look: one of eight key bytes, one of seven digits, one with a sign.
const LEAST: u32 = (0x80 - 8) * KEY + (0x80 - 7) * CARD + (0x80 - 1) * SIGN;
const KEYS: u32 = 0x80 * KEY;
const CARDS: u32 = 0x80 * CARD;
const SIGNS: u32 = 0x80 * SIGN;
const CLOSER: u32 = KEYS | CARDS | SIGNS;

/// A pass over one text.
pub(super) struct Scan<'a> {
    names: &'a Names,
    /// The block to look at next.
    block: usize,
    /// Up to where all has been found.
    done: usize,
    /// Up to where keys, and cards, have been looked for.
    keys: usize,
    cards: usize,
}

impl<'a> Scan<'a> {
    pub(super) fn new(names: &'a Names) -> Self {
        Self { names, block: 0, done: 0, keys: 0, cards: 0 }
    }

    /// The next secret in `text`, which is the same in each call.
    #[inline]
    pub(super) fn next(&mut self, text: Text<'_>) -> Option<Range<usize>> {
        while let Some((at, weight)) = next_block(text.bytes, self.block) {
            self.block = at;
            if let Some(found) = self.look(text, at, weight) {
                self.done = found.end;
                // There may be more in the block in which this one ends.
                self.block = at.max(found.end & !(BLOCK - 1));
                return Some(found);
            }
            self.block = at.saturating_add(BLOCK);
        }
        None
    }

    fn look(&mut self, text: Text<'_>, at: usize, found: u32) -> Option<Range<usize>> {
        let end = at.saturating_add(BLOCK);
        if found & KEYS != 0 && at.max(self.done) >= self.keys {
            match keys::find(text, at.max(self.done), self.done) {
                Ok(found) if found.start < end => return Some(found),
                // Not before what stands between here and there.
                Ok(found) => self.keys = found.start,
                Err(end) => self.keys = end,
            }
        }
        if found & SIGNS != 0 {
            let from = at.max(self.done);
            for (offset, &byte) in text.slice(from, end.min(text.len())).iter().enumerate() {
                if weight(byte) & SIGN != 0
                    && let Some(found) = self.sign(text, byte, from.saturating_add(offset))
                {
                    return Some(found);
                }
            }
        }
        if found & CARDS != 0 { self.card(text, at, end) } else { None }
    }

    /// A card's number that has digits in the block.
    fn card(&mut self, text: Text<'_>, at: usize, end: usize) -> Option<Range<usize>> {
        loop {
            let from = at.max(self.done).max(self.cards);
            // What ended here was looked at in the block before.
            let from = text.run_within(from, end.saturating_sub(from), |byte| !is_grouped(byte));
            if from >= end.min(text.len()) {
                return None;
            }
            match cards::find(text, from, self.done.max(self.cards), self.done) {
                Ok(found) => {
                    self.cards = found.end;
                    return Some(found);
                }
                Err(end) => self.cards = end.max(from.saturating_add(1)),
            }
        }
    }

    /// What stands beside a sign.
    #[inline]
    fn sign(&self, text: Text<'_>, sign: u8, at: usize) -> Option<Range<usize>> {
        let next = text.at(at.saturating_add(1));
        match sign {
            b':' => {
                let path = next == b':' || text.before(at) == b':';
                if next == b'/' && text.at(at.saturating_add(2)) == b'/' {
                    urls::user_info(text, at)
                } else if path || next == b'=' {
                    None
                } else {
                    values::assigned(text, self.names, at, 1, self.done)
                }
            }
            b'=' => {
                let compares = |byte| matches!(byte, b'=' | b'!' | b'<' | b'>' | b'~');
                if next == b'=' || compares(text.before(at)) {
                    return None;
                }
                let name = at.saturating_sub(usize::from(text.before(at) == b':'));
                let width = at.saturating_sub(name).saturating_add(1);
                let width = width.saturating_add(usize::from(next == b'>'));
                values::assigned(text, self.names, name, width, self.done)
            }
            b'/' if urls::may_host(text.before(at)) => urls::webhook(text, at),
            b'-' if next == b'-' => self.dashes(text, at),
            b'>' => values::element(text, self.names, at),
            b'%' if next == b'3' && matches!(text.at(at.saturating_add(2)), b'D' | b'd') => {
                values::assigned(text, self.names, at, 3, self.done)
            }
            _ => None,
        }
    }

    /// A private key, or an argument of a command.
    fn dashes(&self, text: Text<'_>, at: usize) -> Option<Range<usize>> {
        if text.starts(at, b"-----BEGIN ") {
            return private_key(text, at);
        }
        let before = text.before(at);
        if before <= b' ' || is_quote(before) || before == b'(' {
            let found = values::flag(text, self.names, at)?;
            // Its name may hold a key, behind which the pass would go on.
            Some(keys::find(text, at, at).unwrap_or(found))
        } else {
            None
        }
    }
}

/// The next block from `at` on that asks for a closer look, and its weight.
#[inline]
fn next_block(bytes: &[u8], at: usize) -> Option<(usize, u32)> {
    let left = bytes.get(at..)?;
    let (blocks, rest) = left.as_chunks::<BLOCK>();
    let mut at = at;
    for block in blocks {
        let weight = weigh(block);
        if weight & CLOSER != 0 {
            return Some((at, weight));
        }
        at = at.wrapping_add(BLOCK);
    }
    let weight = weigh(rest);
    (weight & CLOSER != 0).then_some((at, weight))
}

#[inline]
fn weigh(bytes: &[u8]) -> u32 {
    bytes.iter().fold(LEAST, |sum, &byte| sum.wrapping_add(weight(byte)))
}

/// A private key as PEM, from its first line to its last, or to where the text ends.
fn private_key(text: Text<'_>, at: usize) -> Option<Range<usize>> {
    let label = at.saturating_add(11);
    let end = text.run_within(label, 48, |byte| {
        byte.is_ascii_uppercase() || matches!(byte, b' ' | b'0'..=b'9')
    });
    let private = text.slice(label, end).windows(11).any(|window| window == b"PRIVATE KEY");
    if !private || !text.starts(end, b"-----") {
        return None;
    }
    let Some(last) = text.find(end, b"-----END ") else { return Some(at..text.len()) };
    let end = text.run_within(last.saturating_add(9), 48, |byte| byte != b'-' && byte.is_ascii());
    Some(at..text.run_within(end, 5, |byte| byte == b'-'))
}
