//! The common case, fast: words of letters that stay, one space apart.
//!
//! Invariant: decides as `word` would; what it is not sure of it leaves untouched.

use super::chars::{
    ANY_LOWER, ANY_UPPER, COLON, DOT, HEX_LOWER, LETTER, NAME, SPACE, STOP, below, class,
    classes_of, others,
};
use super::lexicon::Key;
use super::random;
use super::scan::{Expect, NO_KEY, Names, Scan};
use super::words::{self, Role, Sense};

/// In each byte, the bit that is set in small letters and not in capitals.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// How a word of letters is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// `user`
    Small,
    /// `Closed`, `ReadOnly`
    Type,
    /// `userName`
    Camel,
    /// `EOF`
    Capitals,
}

/// A word of letters.
#[derive(Clone, Copy)]
struct Letters {
    key: Key,
    len: usize,
    case: Case,
    /// The byte behind it.
    next: u8,
}

impl Scan<'_, '_> {
    /// Takes the word here, which begins with a letter, if it is made of letters and nothing
    /// before, in or after it could make it a value. Tells whether it did.
    ///
    /// Three words of four have a space behind them and stand where nothing is due: they cost
    /// about 80 instructions, and whatever is rarer is done elsewhere.
    #[inline]
    pub(super) fn plain(&mut self) -> bool {
        let at = self.at;
        let Some(word) = self.letters(at) else { return self.longest_word() };
        let Letters { key, len, case, next } = word;
        let small = case == Case::Small;
        let common = next == b' '
            && self.expect == Expect::Text
            && self.names != Names::Due
            && (small || self.names != Names::Variant && !self.opens_braces(at, len));
        if !common {
            return self.other_word(key, len, case, next);
        }
        let sense = words::sense(key);
        if sense == Sense::NOTHING {
            // The words that are known are not strange.
            let tells = len >= random::FEWEST && case != Case::Capitals;
            let whom = self.names == Names::Pointed && small && self.is_whom(at.wrapping_add(len));
            if whom || tells && self.is_strange(key, len) {
                return false;
            }
            let variant = self.names == Names::Strange && small;
            self.names = if variant { Names::Variant } else { Names::Nothing };
            if words::speaks_of_failure(key) {
                self.failing = true;
            }
        } else {
            const RARE: u16 = Sense::LITERAL | Sense::STATEMENT | Sense::DAY_OR_MONTH | Sense::UNIT;
            if sense.is(RARE) {
                return self.other_word(key, len, case, next);
            }
            self.note(key, sense, self.names, small);
        }
        let end = at.wrapping_add(len);
        if at == self.joint {
            self.span.1 = end;
            self.key = (at, end);
            self.at = end.wrapping_add(1);
            self.joint = self.at;
        } else {
            self.keep_word(at, end, next);
        }
        true
    }

    /// As [`plain`](Self::plain), whatever the word's case and place.
    #[inline(never)]
    fn other_word(&mut self, key: Key, len: usize, case: Case, next: u8) -> bool {
        let at = self.at;
        let end = at.wrapping_add(len);
        if class(next) & (SPACE | STOP | DOT | COLON) == 0 || !self.stays(case, next, end) {
            return false;
        }
        let sense = words::sense(key);
        if sense == Sense::NOTHING {
            let tells = len >= random::FEWEST && case != Case::Capitals;
            if tells && self.is_strange(key, len) {
                return false;
            }
        } else if sense.is(Sense::LITERAL | Sense::STATEMENT | Sense::DAY_OR_MONTH)
            || (sense.is(Sense::UNIT) && at != self.joint && self.after_hash())
        {
            return false;
        }
        self.expect = Expect::Text;
        self.note(key, sense, self.names, case == Case::Small);
        self.keep_word(at, end, next);
        if matches!(next, b'.' | b':') {
            self.mark(end, len, key, next);
        }
        true
    }

    /// Whether a brace follows the space behind the word at `at`.
    #[inline]
    fn opens_braces(&self, at: usize, len: usize) -> bool {
        self.byte(at.wrapping_add(len).wrapping_add(1)) == b'{'
    }

    /// Keeps a word and, if it is one, the space behind it.
    #[inline]
    fn keep_word(&mut self, at: usize, end: usize, next: u8) {
        self.keep_span(at, end);
        self.key = (at, end);
        self.at = end;
        if next == b' ' {
            self.gap = true;
            self.at = end.wrapping_add(1);
            self.joint = if self.has_span() { self.at } else { usize::MAX };
        }
    }

    /// The letters at `at`; `None` if there are more than 15, or if all are small ones from `a` to
    /// `f` and there are many.
    #[inline]
    fn letters(&self, at: usize) -> Option<Letters> {
        let low = self.eights.at(at);
        let other = others::<b'a', b'z'>(low | SMALL);
        if other != 0 {
            let mask = below(other);
            let key = Key { low: low & mask, high: 0 };
            let bits = other.trailing_zeros();
            let next = low.wrapping_shr(bits & 56) as u8;
            let case = case_of(key, SMALL & mask & !low);
            return Some(Letters { key, len: bits as usize / 8, case, next });
        }
        let high = self.eights.at(at.wrapping_add(8));
        let other = others::<b'a', b'z'>(high | SMALL);
        if other == 0 {
            return None;
        }
        let mask = below(other);
        let key = Key { low, high: high & mask };
        let bits = other.trailing_zeros();
        let next = high.wrapping_shr(bits & 56) as u8;
        let case = case_of(key, SMALL & !low | SMALL & mask & !high);
        // Those behind the first eight are looked at only if those are no word.
        let hex = others::<b'a', b'f'>(low) == 0 && below(others::<b'a', b'f'>(high)) == mask;
        let len = (bits as usize / 8).wrapping_add(8);
        (!hex).then_some(Letters { key, len, case, next })
    }

    /// As [`plain`](Self::plain), for words of 16 letters and more.
    #[cold]
    fn longest_word(&mut self) -> bool {
        let rest = self.eights.bytes.get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|&&b| class(b) & LETTER != 0).count();
        let word = rest.get(..len).unwrap_or_default();
        let mask = classes_of(word);
        let case = match word.first() {
            _ if len < 16 || mask == HEX_LOWER => return false,
            _ if mask & ANY_UPPER == 0 => Case::Small,
            _ if mask & ANY_LOWER == 0 => Case::Capitals,
            Some(b'A'..=b'Z') => Case::Type,
            _ => Case::Camel,
        };
        let next = self.byte(self.at.wrapping_add(len));
        self.other_word(Key::at(self.eights, self.at, len), len, case, next)
    }

    /// Whether nothing around a word could make it a value.
    fn stays(&self, case: Case, next: u8, end: usize) -> bool {
        let then = self.byte(end.wrapping_add(1));
        let spaced = class(then) & SPACE != 0;
        let ends = class(next) & (SPACE | STOP) != 0 || (matches!(next, b'.' | b':') && spaced);
        match (self.expect, self.names) {
            (Expect::Text, Names::Due) | (Expect::Glued, _) => false,
            // A value would stand alone, or be a name before `for`, `from`, `in`, `on` and such.
            (Expect::Value, _) => {
                let labelled =
                    !self.failing && matches!(then, b'f' | b'i' | b'o' | b'w' | b'a' | b'b');
                next == b' ' && class(then) & NAME != 0 && !(case == Case::Type && labelled)
            }
            _ if case == Case::Type => {
                // Not a variant, nor the name of a structure.
                let opens = matches!(next, b'(' | b'{') || (next == b' ' && then == b'{');
                ends && !opens && self.names != Names::Variant
            }
            // `for root from 10.0.0.7`, `to LOCAL(0)`: looked at more closely.
            (_, Names::Pointed) if matches!(then, b'f' | b'0'..=b'9') => {
                ends && !self.is_whom(end) && self.index_end(end).is_none()
            }
            _ => ends,
        }
    }

    /// Whether the letters of a word here hardly ever stand together.
    #[inline]
    fn is_strange(&self, key: Key, len: usize) -> bool {
        if key.low != 0 {
            return random::is_strange_key(key);
        }
        let end = self.at.wrapping_add(len);
        random::is_strange(self.eights.bytes.get(self.at..end).unwrap_or_default())
    }

    /// Notes what a word that stays says about the next.
    pub(super) fn note(&mut self, key: Key, sense: Sense, names: Names, small: bool) {
        if words::speaks_of_failure(key) {
            self.failing = true;
        }
        self.names = named_after(sense, names, self.failing, small);
    }

    /// The full stop or colon behind the word just kept.
    fn mark(&mut self, end: usize, len: usize, key: Key, mark: u8) {
        self.at = end.wrapping_add(1);
        self.key = NO_KEY;
        self.names = Names::Nothing;
        self.keep_byte(end);
        if mark == b':' {
            self.expect_after(key, len);
        }
    }
}

/// How a word is written, in which `capitals` marks the capitals.
#[inline]
fn case_of(key: Key, capitals: u64) -> Case {
    if capitals == 0 {
        Case::Small
    } else if (key.low | key.high) & SMALL == 0 {
        Case::Capitals
    } else if key.low & 0x20 == 0 {
        Case::Type
    } else {
        Case::Camel
    }
}

/// How far the words have come towards a name, after one with this sense.
#[inline]
fn named_after(sense: Sense, before: Names, failing: bool, small: bool) -> Names {
    if sense.has(Role::Points) {
        Names::Pointed
    } else if sense.has(Role::Bears) {
        let due = matches!(before, Names::Pointed | Names::Strange);
        if due { Names::Due } else { Names::Borne }
    } else if sense.has(Role::Strange) {
        Names::Strange
    } else if (sense.has(Role::Equates) && !failing) || (before == Names::Strange && small) {
        Names::Variant
    } else {
        Names::Nothing
    }
}
