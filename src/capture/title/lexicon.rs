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
}

/// The `len` lowest bytes of `number`; all eight are as good as any.
#[inline]
pub(super) const fn first(number: u64, len: usize) -> u64 {
    if len >= 8 { number } else { number & 1_u64.wrapping_shl(bits(len)).wrapping_sub(1) }
}

/// How many bits so many bytes have, of which there are eight at most.
#[inline]
const fn bits(bytes: usize) -> u32 {
    (bytes as u32).wrapping_mul(8)
}

/// A text's bytes, eight at a time.
#[derive(Clone, Copy)]
pub(super) struct Eights<'a> {
    pub(super) bytes: &'a [u8],
    /// The last eight bytes, the last the highest; zeros before a shorter text.
    last: u64,
}

/// What is read behind the end of a text: a word ends there as it does before a space.
const SPACES: u64 = 0x2020_2020_2020_2020;

impl<'a> Eights<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let last = match bytes.last_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => number(bytes).wrapping_shl(64_u32.wrapping_sub(bits(bytes.len()))),
        };
        Self { bytes, last }
    }

    /// The eight bytes at `at`, the first the lowest, spaces behind the end.
    #[inline]
    pub(super) fn at(self, at: usize) -> u64 {
        match self.bytes.get(at..).map(<[u8]>::first_chunk::<8>) {
            Some(Some(eight)) => u64::from_le_bytes(*eight),
            _ => self.at_the_end(at),
        }
    }

    /// As `at`, where fewer than eight are left.
    #[cold]
    fn at_the_end(self, at: usize) -> u64 {
        match self.bytes.get(at..) {
            Some(rest) if !rest.is_empty() => {
                let bits = bits(rest.len());
                self.last.wrapping_shr(64_u32.wrapping_sub(bits)) | SPACES.wrapping_shl(bits)
            }
            _ => SPACES,
        }
    }
}

/// The at most eight bytes of `text` as a number, the first the lowest.
#[inline]
pub(super) const fn number(text: &[u8]) -> u64 {
    if let Some(eight) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    // Two halves that may overlap, where they hold the same.
    if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64);
        return head | tail.wrapping_shl(bits(text.len()).wrapping_sub(32));
    }
    match *text {
        [a, b, c] => a as u64 | (b as u64) << 8 | (c as u64) << 16,
        [a, b] => a as u64 | (b as u64) << 8,
        [a] => a as u64,
        _ => 0,
    }
}

/// Words of at most eight bytes, of which most are, in `S` slots, longer ones in `L`. Most words
/// are in none, and that must be found out fast: two thirds of the slots are free, so that mostly
/// the first look tells; and keys lie apart from what they mean, eight to a line of the cache.
pub(super) struct Lexicon<T, const S: usize, const L: usize> {
    short: [u64; S],
    long: [(u64, u64); L],
    short_means: [T; S],
    long_means: [T; L],
    none: T,
    sound: bool,
}

impl<T: Copy, const S: usize, const L: usize> Lexicon<T, S, L> {
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "runs when it is compiled"
    )]
    pub(super) const fn new(words: &[(&str, T)], none: T) -> Self {
        let mut new = Self {
            short: [0; S],
            long: [(0, 0); L],
            short_means: [none; S],
            long_means: [none; L],
            none,
            sound: S.is_power_of_two() && L.is_power_of_two(),
        };
        let (mut shorts, mut longs) = (0, 0);
        let mut list = words;
        while let [(word, sense), rest @ ..] = list {
            let key = Key::of(word.as_bytes());
            if key.high == 0 {
                let mut at = slot::<S>(key.low);
                while new.short[at] != 0 {
                    new.sound &= new.short[at] != key.low;
                    at = (at + 1) % S;
                }
                (new.short[at], new.short_means[at]) = (key.low, *sense);
                new.sound &= key.low != 0;
                shorts += 1;
            } else {
                let mut at = slot::<L>(key.low ^ key.high);
                while new.long[at].0 != 0 {
                    new.sound &= new.long[at].0 != key.low || new.long[at].1 != key.high;
                    at = (at + 1) % L;
                }
                (new.long[at], new.long_means[at]) = ((key.low, key.high), *sense);
                longs += 1;
            }
            list = rest;
        }
        new.sound &= shorts * 3 <= S && longs * 3 <= L;
        new
    }

    /// 1, the length of an array that is expected where a table is declared, if no word is there
    /// twice, empty or too long, and the table is not too full.
    pub(super) const fn is_sound(&self) -> usize {
        self.sound as usize
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> T {
        if key.high != 0 {
            return self.get_long(key);
        }
        let mut at = slot::<S>(key.low);
        // Ends at the latest in front of a free slot.
        while let Some(&known) = self.short.get(at) {
            if known == key.low {
                return self.short_means.get(at).copied().unwrap_or(self.none);
            }
            if known == 0 {
                break;
            }
            at = at.wrapping_add(1) & S.wrapping_sub(1);
        }
        self.none
    }

    #[inline]
    fn get_long(&self, key: Key) -> T {
        let mut at = slot::<L>(key.low ^ key.high);
        while let Some(&(low, high)) = self.long.get(at) {
            if low == key.low && high == key.high {
                return self.long_means.get(at).copied().unwrap_or(self.none);
            }
            if low == 0 {
                break;
            }
            at = at.wrapping_add(1) & L.wrapping_sub(1);
        }
        self.none
    }
}

/// Where the search for a key begins: its highest bits are the best mixed.
#[inline]
const fn slot<const N: usize>(key: u64) -> usize {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    key.wrapping_mul(FACTOR).wrapping_shr(64_u32.wrapping_sub(N.trailing_zeros())) as usize
}
