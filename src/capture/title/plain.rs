//! The common case, fast: words of letters that stay, one space apart.
//!
//! Invariant: decides as `word` would; what it is not sure of it leaves untouched. Keeps its state
//! in locals, and nothing is written before the run ends.

use super::chars::{ANY_LOWER, NAME, SPACE, STOP, class, leading};
use super::lexicon::{Key, first};
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

/// What a word finds: see [`Scan`].
#[derive(Clone, Copy)]
struct State {
    expect: Expect,
    names: Names,
    failing: bool,
}

impl State {
    /// Whether a small word followed by a space stays, whatever it is.
    #[inline]
    fn is_free(self) -> bool {
        match self.expect {
            Expect::Text => self.names != Names::Due,
            Expect::Kind => true,
            Expect::Value | Expect::Glued => false,
        }
    }
}

impl Scan<'_, '_> {
    /// Takes the words from here on for as long as they are letters and nothing before, in or
    /// after one could make it a value. Tells whether there was any.
    pub(super) fn plain(&mut self) -> bool {
        let start = self.at;
        let (mut at, mut last, mut last_key) = (start, NO_KEY, Key::default());
        let mut state =
            State { expect: self.expect, names: self.names, failing: self.failing };
        let mut next = b' ';
        while let Some(word) = self.letters(at) {
            let end = at.wrapping_add(word.len);
            let small = word.case == Case::Small;
            let common = small && word.next == b' ' && state.is_free();
            if !common && !self.stays(word, end, state) {
                break;
            }
            let sense = words::sense(word.key);
            if sense == Sense::NOTHING {
                // The words that are known are not strange.
                if word.len >= random::FEWEST && self.is_random(at, word) {
                    break;
                }
            } else if sense.is(Sense::LITERAL | Sense::STATEMENT | Sense::DAY_OR_MONTH)
                || (at == start && sense.is(Sense::UNIT) && self.after_hash())
            {
                break;
            }
            state.expect = Expect::Text;
            if !common && is_key(word) {
                state.names = Names::Nothing;
            } else {
                state.failing |= words::speaks_of_failure(word.key);
                state.names = named_after(sense.role, state.names, state.failing, small);
            }
            (last, last_key, next) = ((at, end), word.key, word.next);
            at = end.wrapping_add(1);
            if next != b' ' {
                break;
            }
        }
        if last == NO_KEY {
            return false;
        }
        self.keep_span(start, last.1);
        (self.expect, self.names, self.failing) = (state.expect, state.names, state.failing);
        self.gap = next == b' ';
        self.at = if self.gap { last.1.wrapping_add(1) } else { last.1 };
        self.key = last;
        if matches!(next, b'.' | b':') {
            self.mark(last, last_key, next);
        }
        true
    }

    /// The letters at `at`; `None` if there are none, or if all are small ones from `a` to `f` and
    /// there are many.
    #[inline]
    fn letters(&self, at: usize) -> Option<Letters> {
        let here = self.eights.at(at);
        let len = leading::<b'a', b'z'>(here | SMALL);
        if len >= 8 {
            return self.long_letters(at, here);
        }
        let low = first(here, len);
        let capitals = first(SMALL, len) ^ (low & SMALL);
        let case = match capitals {
            0 if len == 0 => return None,
            0 => Case::Small,
            _ => case_of(low, capitals == first(SMALL, len)),
        };
        let next = here.wrapping_shr(len as u32 * 8) as u8;
        Some(Letters { key: Key { low, high: 0 }, len, case, next })
    }

    /// As `letters`, for eight and more, the first eight being `low`.
    #[inline]
    fn long_letters(&self, at: usize, low: u64) -> Option<Letters> {
        let here = self.eights.at(at.wrapping_add(8));
        let more = leading::<b'a', b'z'>(here | SMALL);
        if more >= 8 {
            return self.longest_letters(at, low);
        }
        let high = first(here, more);
        let (low_capitals, high_capitals) =
            (SMALL & !low, first(SMALL, more) ^ (high & SMALL));
        let case = if low_capitals | high_capitals != 0 {
            case_of(low, low_capitals == SMALL && high_capitals == first(SMALL, more))
        } else if leading::<b'a', b'f'>(low) == 8 && leading::<b'a', b'f'>(high) == more {
            return None;
        } else {
            Case::Small
        };
        let next = here.wrapping_shr(more as u32 * 8) as u8;
        Some(Letters { key: Key { low, high }, len: more.wrapping_add(8), case, next })
    }

    /// As `letters`, for 16 and more.
    fn longest_letters(&self, at: usize, low: u64) -> Option<Letters> {
        let rest = self.bytes.get(at..)?;
        let len = rest.iter().take_while(|&&b| class(b | 0x20) & ANY_LOWER != 0).count();
        let word = rest.get(..len)?;
        let capitals = word.iter().filter(|b| b.is_ascii_uppercase()).count();
        let case = match capitals {
            0 if word.iter().all(|&b| b <= b'f') => return None,
            0 => Case::Small,
            _ => case_of(low, capitals == len),
        };
        let key = Key::at(self.eights, at, len);
        Some(Letters { key, len, case, next: self.byte(at.wrapping_add(len)) })
    }

    /// Whether nothing around a word could make it a value.
    fn stays(&self, word: Letters, end: usize, state: State) -> bool {
        let Letters { case, next, .. } = word;
        let then = self.byte(end.wrapping_add(1));
        let (follows, ended) =
            (class(next), matches!(next, b'.' | b':') && class(then) & SPACE != 0);
        match (state.expect, state.names) {
            (Expect::Text, Names::Due) | (Expect::Glued, _) => false,
            // A value would stand alone, or be a name before `for`, `from`, `in`, `on` and such.
            (Expect::Value, _) => {
                let labelled = !state.failing
                    && matches!(then, b'f' | b'i' | b'o' | b'w' | b'a' | b'b');
                next == b' ' && class(then) & NAME != 0 && !(case == Case::Type && labelled)
            }
            _ if case == Case::Type => {
                // Not a variant, nor the name of a structure.
                let opens = matches!(next, b'(' | b'{') || (next == b' ' && then == b'{');
                state.names != Names::Variant
                    && (ended || follows & (SPACE | STOP) != 0)
                    && !opens
            }
            _ => ended || follows & (SPACE | STOP) != 0,
        }
    }

    fn is_random(&self, at: usize, word: Letters) -> bool {
        match word.case {
            Case::Capitals => false,
            _ if word.key.low != 0 => random::is_strange_key(word.key),
            _ => {
                let end = at.wrapping_add(word.len);
                random::is_strange(self.bytes.get(at..end).unwrap_or_default())
            }
        }
    }

    /// Notes what a word that stays says about the next.
    pub(super) fn note(&mut self, key: Key, sense: Sense, names: Names, small: bool) {
        self.failing |= words::speaks_of_failure(key);
        self.names = named_after(sense.role, names, self.failing, small);
    }

    /// The full stop or colon behind the word just kept.
    fn mark(&mut self, (start, end): (usize, usize), key: Key, mark: u8) {
        self.at = end.wrapping_add(1);
        self.key = NO_KEY;
        self.names = Names::Nothing;
        self.keep_byte(end);
        if mark == b':' {
            self.expect_after(key, end.wrapping_sub(start));
        }
    }
}

/// How a word is written that begins with the letters in `low` and has capitals, or only those.
fn case_of(low: u64, only: bool) -> Case {
    match low as u8 {
        _ if only => Case::Capitals,
        b'A'..=b'Z' => Case::Type,
        _ => Case::Camel,
    }
}

/// Whether a word is nothing but the name of the value that follows. (One of small letters or of
/// capitals counts as a word of its sentence, too.)
fn is_key(word: Letters) -> bool {
    word.next == b'=' && matches!(word.case, Case::Type | Case::Camel)
}

/// How far the words have come towards a name, after one with this role.
#[inline]
fn named_after(role: Role, before: Names, failing: bool, small: bool) -> Names {
    match role {
        Role::None if before != Names::Strange => Names::Nothing,
        Role::Bears if matches!(before, Names::Pointed | Names::Strange) => Names::Due,
        Role::Bears => Names::Borne,
        Role::Equates if !failing => Names::Variant,
        Role::Strange => Names::Strange,
        Role::Points => Names::Pointed,
        _ if before == Names::Strange && small => Names::Variant,
        _ => Names::Nothing,
    }
}
