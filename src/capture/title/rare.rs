//! Words with a syntax of their own: URLs, paths, numbers with marks, values behind their name, and
//! what nobody sees.
//!
//! Invariant: consumes the word it is called for, and what belongs to it.

use super::chars::{
    APOSTROPHE, AT, COLON, CONTROL, DIGIT, DOT, HIGH, HYPHEN, LETTER, NAME, SIGN, SLASH, SPACE,
    class, classes,
};
use super::explain::Rule;
use super::scan::{LOOK, NO_KEY, Scan};
use super::words::{self, Sense};
use super::{clean, token};

impl Scan<'_, '_> {
    /// Takes the word from `start` to here if it is a number, a URL, a path from here or home or
    /// the rest of a value; gives up at what nobody sees. Notes what may read differently.
    #[inline(never)]
    pub(super) fn rare_word(&mut self, start: usize, first: u32, mask: u32) -> bool {
        let word = self.text.get(start..self.at).unwrap_or_default();
        if mask & (CONTROL | HIGH) != 0 && clean::has_hidden(word) {
            self.hidden = true;
            self.at = self.text.len();
            return true;
        }
        if first & DIGIT != 0 && mask & (LETTER | HIGH | SIGN | APOSTROPHE) == 0 {
            self.number_and_tail(start, self.at, mask);
            return true;
        }
        if mask & SLASH != 0 && mask & COLON != 0 && has_scheme(word)
            || matches!(word, "urn:" | "arn:")
        {
            self.url(start);
            return true;
        }
        if first & DOT != 0 && !self.gap && self.after_hash() && mask & (NAME | HIGH) != 0 {
            // `report(1).csv`: the rest of the value.
            self.tail(None, word.trim_start_matches(|c| !matches!(c, ':' | '!' | '?')));
            return true;
        }
        self.odd |= mask & AT != 0 || mask & (COLON | SLASH) == COLON | SLASH;
        let path = word.starts_with("./") || word.starts_with("~/");
        if path {
            self.at = start;
            self.path();
        }
        path
    }

    /// A word that begins with a digit and has no letters: `5-6`, `17:03:12.`
    #[inline(never)]
    pub(super) fn number_and_tail(&mut self, start: usize, end: usize, mask: u32) {
        let word = self.eights.bytes.get(start..end).unwrap_or_default();
        let is_tail = |b: &&u8| matches!(b, b'.' | b':' | b'-' | b'@');
        let tail = word.iter().rev().take_while(is_tail).count();
        self.odd |= mask & AT != 0 || mask & (COLON | SLASH) == COLON | SLASH;
        self.push_hash(Rule::Joined);
        self.tail(None, self.text.get(end.wrapping_sub(tail)..end).unwrap_or_default());
    }

    /// A URL ends at white space, a quote, or a bracket that closes.
    #[inline(never)]
    fn url(&mut self, start: usize) {
        let rest = self.eights.bytes.get(start..).unwrap_or_default();
        let ends = |&b: &u8| class(b) & SPACE != 0 || matches!(b, b'"' | b'`' | b')' | b']' | b'}');
        // `http://[::1]:80/`
        let near = rest.get(..LOOK + 3).unwrap_or(rest);
        let host = near.contains(&b'[').then(|| near.windows(4).position(|w| w == b"://["));
        let host = host.flatten();
        let bracket = host.and_then(|at| rest.iter().skip(at).take(LOOK).position(|&b| b == b']'));
        let begin = host.zip(bracket).map_or(0, |(at, len)| at.saturating_add(len));
        let begin = begin.saturating_add(usize::from(begin > 0));
        let len = rest
            .iter()
            .skip(begin)
            .position(ends)
            .map_or(rest.len(), |len| begin.saturating_add(len));
        let url = self.text.get(start..start.saturating_add(len)).unwrap_or_default();
        let kept = url.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']).len();
        self.at = start.saturating_add(kept);
        self.key = NO_KEY;
        self.push_hash(Rule::Url);
    }

    /// `id:5`, `10.0.0.1:80`, `main.rs:12`: a value behind its name, or all of it a value.
    #[inline(never)]
    pub(super) fn glued_pair(&mut self, core: &str) -> bool {
        let Some(at) = core.bytes().rposition(|b| b == b':') else { return false };
        let (left, right) = core.split_at_checked(at).unwrap_or_default();
        let right = right.get(1..).unwrap_or_default();
        let (name, value) = (classes(left), classes(right));
        let port = value & !DIGIT == 0;
        let place = name & (DOT | HYPHEN) != 0 || left == "localhost";
        let sense = words::sense_of(left);
        let value_before =
            sense.is(Sense::LITERAL | Sense::DAY_OR_MONTH) || token::is_value(left, name);
        let path = left.ends_with([':', '.', '-']) || right.starts_with('\\');
        if path || value_before || (place && port) {
            return false;
        }
        if name & !(NAME | COLON | DOT | HYPHEN) != 0 || !token::is_value(right, value) {
            return false;
        }
        self.push(left);
        self.push(":");
        self.push_hash(Rule::Digits);
        true
    }
}

/// Whether `://` is in it.
fn has_scheme(word: &str) -> bool {
    let colon = word.bytes().position(|b| b == b':');
    let after = colon.and_then(|at| word.as_bytes().get(at..));
    after.is_some_and(|after| after.starts_with(b"://") || after.windows(3).any(|w| w == b"://"))
}
