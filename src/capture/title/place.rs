//! Places where a value is due: what the words around one say of it.
//!
//! Invariant: looks, never writes, but for [`Scan::statement`], which consumes what it finds.

use super::chars::{
    ANY_LOWER, ANY_UPPER, COLON, DIGIT, DOT, HYPHEN, LETTER, SIGN, SPACE, UNDERSCORE, class,
    classes,
};
use super::explain::Rule;
use super::lexicon::Key;
use super::scan::{LOOK, Scan};
use super::words::{self, Role, Sense};
use super::{debug, token};

impl Scan<'_, '_> {
    /// An SQL statement is data up to the next colon or semicolon.
    #[inline(never)]
    pub(super) fn statement(&mut self, mask: u32) -> bool {
        if mask & !ANY_UPPER != 0 {
            return false;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let near = rest.as_bytes().get(..LOOK).unwrap_or(rest.as_bytes());
        let clause = near.windows(5).any(|w| matches!(w, b"FROM " | b"INTO " | b" SET "));
        if clause {
            self.skip(rest.find([':', ';']).unwrap_or(rest.len()));
            self.push_hash(Rule::Statement);
        }
        clause
    }

    /// Whether `core` is the name in `for user alice`: the clause, or at least its noun, ends.
    #[inline(never)]
    pub(super) fn is_named(&self, core: &str, tail: &str, mask: u32) -> bool {
        if mask & !(LETTER | UNDERSCORE | HYPHEN | DOT) != 0
            || words::is_function(words::sense_of(core))
        {
            return false;
        }
        if !tail.is_empty() || self.stands_alone(tail) {
            return true;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let next = rest.split_ascii_whitespace().next().unwrap_or_default();
        next.starts_with('[') || points(next)
    }

    /// Whether `core` is the value in `code: Full for request 5`: a name, and the text goes on.
    /// `Failed to …` and `Waiting for …` begin a sentence.
    #[inline(never)]
    pub(super) fn is_labelled(&self, core: &str, mask: u32) -> bool {
        let verb = || core.ends_with("ing") || core.ends_with("ed");
        if !token::is_compound(mask) && (!debug::is_type_name(core) || verb()) {
            return false;
        }
        let rest = self.text.get(self.at..).unwrap_or_default();
        let next = rest.split_ascii_whitespace().next().unwrap_or_default();
        matches!(next, "for" | "from" | "in" | "on" | "with" | "at" | "of" | "by")
    }

    /// Whether what follows the word that ends here is ` from ` and an address: the word is who it
    /// is about, `failed password for root from 10.0.0.7`.
    pub(super) fn is_whom(&self, end: usize) -> bool {
        const FROM: &[u8] = b" from ";
        let rest = self.eights.bytes.get(end..).unwrap_or_default();
        rest.strip_prefix(FROM).and_then(<[u8]>::first).is_some_and(u8::is_ascii_digit)
    }

    /// Where the index ends that follows the word that ends here: `(0)`.
    pub(super) fn index_end(&self, end: usize) -> Option<usize> {
        let rest = self.eights.bytes.get(end..).unwrap_or_default().strip_prefix(b"(")?;
        let digits = rest.iter().take_while(|&&b| class(b) == DIGIT).count();
        let closed = digits > 0 && rest.get(digits) == Some(&b')');
        closed.then(|| end.saturating_add(digits).saturating_add(2))
    }

    /// Whether a compound is all there is between a comma and the end: `skipped, search.orders`.
    pub(super) fn is_clause(&mut self, tail: &str, mask: u32) -> bool {
        token::is_compound(mask)
            && mask & !(ANY_LOWER | UNDERSCORE | DOT | HYPHEN) == 0
            && self.written().ends_with([',', ';'])
            && self.eights.bytes.iter().skip(self.at).all(|&b| b == b'.' || class(b) & SPACE != 0)
            && !tail.contains(':')
    }

    /// Whether nothing but this word belongs to the key before it.
    pub(super) fn stands_alone(&self, tail: &str) -> bool {
        let mut at = self.at;
        while self.class_at(at) & SPACE != 0 && at < self.eights.bytes.len() {
            at = at.saturating_add(1);
        }
        let end = at >= self.eights.bytes.len();
        if tail.contains(':') {
            return end;
        }
        let stop = b".,;()]}-|".contains(&self.byte(at));
        end || stop || !tail.is_empty()
    }

    /// `Jun` and `Fri` before a number or one another.
    #[inline(never)]
    pub(super) fn is_date_word(&self) -> bool {
        let rest = self.eights.bytes.get(self.at..).unwrap_or_default();
        let next = rest.iter().take(4).find(|&&b| b != b' ' && b != b',');
        let next_word = next.is_some_and(|&b| class(b) & (DIGIT | SIGN) != 0);
        next_word || rest.get(1..4).is_some_and(is_day_or_month)
    }
}

/// Whether a word by itself can say why something failed: `InvalidSignature`, `Poisoned`,
/// `declined`, `unusable`, `ENOSPC`. Nobody names a thing so; a noun alone (`orders`) is a name.
pub(super) fn is_reason(core: &str, mask: u32) -> bool {
    let capitals = core.bytes().filter(|&b| class(b) & ANY_UPPER != 0).count();
    let participle = ["ed", "able", "ible"].iter().any(|end| core.ends_with(end));
    (capitals > 1 && debug::is_type_name(core))
        || (mask & !LETTER == 0 && participle && core.len() > 4)
        || (mask & !(ANY_UPPER | UNDERSCORE) == 0 && core.len() > 3)
}

fn is_day_or_month(word: &[u8]) -> bool {
    words::sense(Key::of(word)).is(Sense::DAY_OR_MONTH)
}

fn points(word: &str) -> bool {
    words::sense_of(word).has(Role::Points)
}

/// `localhost:8080`, `db:5432`: a name and a port.
pub(super) fn is_name_and_port(core: &str, mask: u32) -> bool {
    mask & !(LETTER | DIGIT | COLON | HYPHEN) == 0
        && core.split_once(':').is_some_and(|(name, port)| {
            name.len() > 1
                && (2..=5).contains(&port.len())
                && port.bytes().all(|b| class(b) == DIGIT)
                && classes(name) & DIGIT == 0
        })
}
