//! Short words and what is known of each, found with one multiplication.
//!
//! Invariant: built at compile time, from lists in `words` and `token`; a table that is too full
//! or holds a word twice does not compile. Knows words of at most [`LONGEST`] bytes.

/// The longest word that can be known, in bytes.
pub(super) const LONGEST: usize = 16;

/// A word of at most [`LONGEST`] bytes as two numbers, its first byte the lowest, zeros behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) low: u64,
    pub(super) high: u64,
}

impl Key {
    /// The key of `word`; of one that is too long, the key of nothing.
    #[inline]
    pub(super) const fn of(word: &[u8]) -> Self {
        if word.len() > LONGEST {
            return Self { low: 0, high: 0 };
        }
        match word.split_at_checked(8) {
            None => Self { low: number(word), high: 0 },
            Some((low, high)) => Self { low: number(low), high: number(high) },
        }
    }

    /// The key of the `len` bytes of `text` at `from`.
    #[inline]
    pub(super) fn at(text: Eights<'_>, from: usize, len: usize) -> Self {
        match len {
            0..8 => Self { low: first(text.at(from), len), high: 0 },
            8..=LONGEST => {
                let high = text.at(from.wrapping_add(8));
                Self { low: text.at(from), high: first(high, len.wrapping_sub(8)) }
            }
            _ => Self::default(),
        }
    }

    /// The key of the same word in small letters, if it is made of letters.
    pub(super) const fn small(self) -> Self {
        const SMALL: u64 = 0x2020_2020_2020_2020;
        // Bytes that are zero stay zero.
        const fn fold(n: u64) -> u64 {
            n | (SMALL & ((n & 0x4040_4040_4040_4040) >> 1))
        }
        Self { low: fold(self.low), high: fold(self.high) }
    }

    const fn slot<const N: usize>(self) -> usize {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.low ^ self.high.rotate_left(23)).wrapping_mul(FACTOR);
        // The highest bits are the best mixed; `N` is a power of two.
        (mixed >> 40) as usize & N.wrapping_sub(1)
    }
}

/// The `len` lowest bytes of `number`; all eight are as good as any.
#[inline]
pub(super) const fn first(number: u64, len: usize) -> u64 {
    if len >= 8 { number } else { number & 1_u64.wrapping_shl(len as u32 * 8).wrapping_sub(1) }
}

/// A text's bytes, eight at a time.
#[derive(Clone, Copy)]
pub(super) struct Eights<'a> {
    bytes: &'a [u8],
    /// The last eight bytes, the last the highest; zeros before a shorter text.
    last: u64,
}

impl<'a> Eights<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let last = match bytes.last_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => number(bytes).wrapping_shl(64_u32.wrapping_sub(bytes.len() as u32 * 8)),
        };
        Self { bytes, last }
    }

    /// The eight bytes at `at`, the first the lowest, zeros behind the end.
    #[inline]
    pub(super) fn at(self, at: usize) -> u64 {
        let rest = self.bytes.get(at..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None if rest.is_empty() => 0,
            None => self.last.wrapping_shr(64_u32.wrapping_sub(rest.len() as u32 * 8)),
        }
    }
}

/// The at most eight bytes of `text` as a number, the first the lowest.
const fn number(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    let mut number = 0_u64;
    let mut rest = text;
    while let [head @ .., last] = rest {
        number = number << 8 | *last as u64;
        rest = head;
    }
    number
}

/// `N` slots, of which at most half are taken: most words are in none, and that must be found
/// out fast.
pub(super) struct Lexicon<T, const N: usize> {
    slots: [(Key, T); N],
    none: T,
}

impl<T: Copy, const N: usize> Lexicon<T, N> {
    pub(super) const fn new(words: &[(&str, T)], none: T) -> Self {
        assert!(N.is_power_of_two() && words.len() * 2 <= N, "a table of this size is too full");
        let mut slots = [(Key { low: 0, high: 0 }, none); N];
        let mut list = words;
        while let [(word, sense), rest @ ..] = list {
            let key = Key::of(word.as_bytes());
            assert!(key.low != 0, "a word is empty or too long");
            let mut at = key.slot::<N>();
            while slots[at].0.low != 0 {
                assert!(
                    slots[at].0.low != key.low || slots[at].0.high != key.high,
                    "a word is there twice"
                );
                at = (at + 1) % N;
            }
            slots[at] = (key, *sense);
            list = rest;
        }
        Self { slots, none }
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> T {
        let mut at = key.slot::<N>();
        // Ends at the latest in front of a free slot.
        while let Some((known, sense)) = self.slots.get(at) {
            if *known == key {
                return *sense;
            }
            if known.low == 0 {
                break;
            }
            at = at.wrapping_add(1) & N.wrapping_sub(1);
        }
        self.none
    }
}
