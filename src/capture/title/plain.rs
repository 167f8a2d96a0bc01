//! The common case, fast: words of letters that stay, one space apart.
//!
//! Invariant: decides as `word` would; what it is not sure of it leaves untouched. Keeps its state
//! in locals, and nothing is written before the run ends.

use super::chars::{ANY_LOWER, NAME, SPACE, STOP, class, small_letters};
use super::lexicon::{Key, first};
use super::random;
use super::scan::{Expect, NO_KEY, Names, Scan};
use super::words::{self, Role, Sense};

/// In each byte, the bit that is set in small letters and not in capitals.
const SMALL: u64 = 0x2020_2020_2020_2020;

/// How a word of letters is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Small,
    /// A capital and small letters.
    Capital,
    Capitals,
}

/// A word of letters.
struct Letters {
    key: Key,
    len: usize,
    case: Case,
}

impl Scan<'_, '_> {
    /// Takes the words from here on for as long as they are letters and nothing before, in or
    /// after one could make it a value. Tells whether there was any.
    pub(super) fn plain(&mut self) -> bool {
        let start = self.at;
        let (mut at, mut last) = (start, NO_KEY);
        let (mut expect, mut names, mut failing) = (self.expect, self.names, self.failing);
        let mut mark = 0;
        while let Some(Letters { key, len, case }) = self.letters(at) {
            let end = at.wrapping_add(len);
            let (next, then) = (self.byte(end), self.byte(end.wrapping_add(1)));
            let follows = class(next);
            let ended = matches!(next, b'.' | b':') && class(then) & SPACE != 0;
            let small = case == Case::Small;
            let stays = match (expect, names) {
                (Expect::Text, Names::Due) | (Expect::Glued, _) => false,
                // A value would stand alone.
                (Expect::Value, _) => small && next == b' ' && class(then) & NAME != 0,
                _ => match case {
                    Case::Small | Case::Capitals => follows & (SPACE | STOP) != 0 || ended,
                    // Not a variant, nor the name of a structure.
                    Case::Capital => {
                        names != Names::Variant
                            && len >= 4
                            && (ended || next == b' ' && then != b'{')
                    }
                },
            };
            let sense = words::sense(key);
            if !stays
                || sense.is(Sense::LITERAL | Sense::STATEMENT)
                || (at == start && sense.is(Sense::UNIT) && self.after_hash())
            {
                break;
            }
            failing |= words::speaks_of_failure(key);
            names = named_after(sense.role, names, failing, small);
            expect = Expect::Text;
            last = (at, end);
            at = end;
            if next != b' ' {
                mark = if ended { next } else { 0 };
                break;
            }
            at = end.wrapping_add(1);
        }
        if last == NO_KEY {
            return false;
        }
        self.keep_span(start, last.1);
        (self.at, self.expect, self.names, self.failing) = (at, expect, names, failing);
        self.key = last;
        self.gap = at > last.1;
        if mark != 0 {
            self.mark(last.0, last.1, mark);
        }
        true
    }

    /// The letters at `at`; `None` if there are none, if small ones and capitals are mixed, or if
    /// all are `a` to `f` and there are many.
    #[inline]
    fn letters(&self, at: usize) -> Option<Letters> {
        let here = self.eights.at(at);
        let len = small_letters(here | SMALL);
        if len >= 8 {
            return self.long_letters(at, here);
        }
        let capitals = first(!here & SMALL, len);
        let case = match capitals {
            0 if len == 0 => return None,
            0 => Case::Small,
            0x20 if len > 1 => Case::Capital,
            _ if capitals == first(SMALL, len) => Case::Capitals,
            _ => return None,
        };
        if len >= random::FEWEST && self.is_random(at, len, case) {
            return None;
        }
        Some(Letters { key: Key { low: first(here, len), high: 0 }, len, case })
    }

    /// As `letters`, for eight and more, the first eight being `low`.
    fn long_letters(&self, at: usize, low: u64) -> Option<Letters> {
        let rest = self.bytes.get(at..)?;
        let high = self.eights.at(at.wrapping_add(8));
        let more = small_letters(high | SMALL);
        let (key, len) = if more < 8 {
            (Key { low, high: first(high, more) }, more.wrapping_add(8))
        } else {
            let len = rest.iter().take_while(|&&b| class(b | 0x20) & ANY_LOWER != 0).count();
            // Nothing is known of such a long word.
            (Key::default(), len)
        };
        let word = rest.get(..len)?;
        let capitals = |part: &[u8]| part.iter().filter(|b| b.is_ascii_uppercase()).count();
        let case = match (capitals(word), word.first()) {
            (0, _) if word.iter().all(|&b| b <= b'f') => return None,
            (0, _) => Case::Small,
            (1, Some(b'A'..=b'Z')) => Case::Capital,
            (all, _) if all == len => Case::Capitals,
            _ => return None,
        };
        if self.is_random(at, len, case) {
            return None;
        }
        Some(Letters { key, len, case })
    }

    fn is_random(&self, at: usize, len: usize, case: Case) -> bool {
        let word = self.bytes.get(at..at.wrapping_add(len)).unwrap_or_default();
        case != Case::Capitals && random::is_strange(word)
    }

    /// Notes what a word that stays says about the next.
    pub(super) fn note(&mut self, key: Key, sense: Sense, names: Names, small: bool) {
        self.failing |= words::speaks_of_failure(key);
        self.names = named_after(sense.role, names, self.failing, small);
    }

    /// The full stop or colon behind the word just kept.
    fn mark(&mut self, start: usize, end: usize, mark: u8) {
        self.at = end.wrapping_add(1);
        self.key = NO_KEY;
        self.names = Names::Nothing;
        self.keep_byte(end);
        if mark == b':' {
            let core = self.text.get(start..end).unwrap_or_default();
            self.expect_after(core);
        }
    }
}

/// How far the words have come towards a name, after one with this role.
#[inline]
fn named_after(role: Role, before: Names, failing: bool, small: bool) -> Names {
    match role {
        Role::Bears if matches!(before, Names::Pointed | Names::Strange) => Names::Due,
        Role::Bears => Names::Borne,
        Role::Equates if !failing => Names::Variant,
        Role::Strange => Names::Strange,
        Role::Points => Names::Pointed,
        _ if before == Names::Strange && small => Names::Variant,
        _ => Names::Nothing,
    }
}
