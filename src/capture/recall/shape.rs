//! A message but for its numbers: what two of one kind have in common.
//!
//! Invariant: two messages of one shape have one title, and both of them a secret or neither; so
//! only a number counts that nothing is glued to and no other stands beside, and that is too short
//! for a secret: no rule looks at a digit of it by itself.

/// The longest message that has one, in bytes.
pub(super) const LONGEST: usize = 192;
/// Bytes that are looked at together.
const BLOCK: usize = 8;
/// The fewest digits of a card's number.
const CARD: usize = 13;

/// A message with a `0` for each digit of a number that stands alone.
#[derive(Debug)]
pub(super) struct Shape {
    /// Behind `length` there is a block of 0; what is behind that means nothing.
    bytes: [u8; LONGEST + BLOCK],
    length: usize,
}

impl Shape {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; LONGEST + BLOCK], length: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The same in blocks, of which the last may be filled with 0.
    pub(super) fn blocks(&self) -> &[[u8; BLOCK]] {
        let blocks = self.length.div_ceil(BLOCK);
        self.bytes.as_chunks().0.get(..blocks).unwrap_or_default()
    }

    /// Becomes the shape of `message`, if that is not too long.
    pub(super) fn set(&mut self, message: &str) -> bool {
        let length = message.len();
        let Some(bytes) = self.bytes.get_mut(..length).filter(|_| length <= LONGEST) else {
            return false;
        };
        bytes.copy_from_slice(message.as_bytes());
        self.length = length;
        if let Some(behind) = self.bytes.get_mut(length..length.wrapping_add(BLOCK)) {
            behind.fill(0);
        }
        let mut at = self.next(0, digits);
        while at < length {
            let end = self.next(at, |block| !digits(block) & HIGH).min(length);
            let bytes = self.bytes.get_mut(..length).unwrap_or_default();
            if stands_alone(bytes, at, end)
                && let Some(number) = bytes.get_mut(at..end)
            {
                number.fill(b'0');
            }
            at = self.next(end, digits);
        }
        true
    }

    /// Where the next byte is that `find` marks, from `at` on; past the end if there is none.
    #[inline]
    fn next(&self, at: usize, find: impl Fn(u64) -> u64) -> usize {
        let mut at = at;
        while at < self.length {
            let block = self.bytes.get(at..).and_then(|rest| rest.first_chunk::<BLOCK>());
            let found = block.map_or(0, |block| find(u64::from_le_bytes(*block)));
            if found != 0 {
                return at.wrapping_add(found.trailing_zeros() as usize / 8);
            }
            at = at.wrapping_add(BLOCK);
        }
        at
    }

    /// Becomes what another is.
    pub(super) fn copy(&mut self, other: &Self) {
        let (Some(to), from) = (self.bytes.get_mut(..other.length), other.bytes()) else { return };
        to.copy_from_slice(from);
        self.length = other.length;
    }
}

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * EACH;

/// The highest bit of each of eight bytes that is a digit.
#[inline]
fn digits(block: u64) -> u64 {
    let low = block & !HIGH;
    let reached = low.wrapping_add(EACH.wrapping_mul(0x80 - 0x30));
    let passed = low.wrapping_add(EACH.wrapping_mul(0x7f - 0x39));
    reached & !passed & !block & HIGH
}

/// Whether the digits from `start` to `end` are a number by themselves: nothing that could belong
/// to it is glued to it, and no other digit is near, as in the groups of a card's number.
fn stands_alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let at = |at: usize| bytes.get(at).copied().unwrap_or(b' ');
    let before = |back: usize| start.checked_sub(back).map_or(b' ', at);
    let begins = matches!(before(1), b' ' | b'=' | b'(' | b'[');
    // More digits may be those of a card, or of a pair of name and password, and are redacted then.
    let few = end.wrapping_sub(start) < CARD;
    let (next, then) = (at(end), at(end.wrapping_add(1)));
    let ends = match next {
        b' ' => true,
        b',' | b':' | b';' | b'.' | b')' | b']' => then == b' ',
        _ => false,
    };
    few && begins && ends && !before(2).is_ascii_digit() && !then.is_ascii_digit()
}

#[cfg(test)]
mod tests;
