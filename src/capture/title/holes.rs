//! Values that are known by where they came from, and not by how they look.
//!
//! `fmt` writes a message in pieces: what the programmer wrote, and what was put into it. Whoever
//! can tell the two apart notes the latter here as holes, and [`fill`] closes them with `#` before
//! the rules of text read the message. Those rules still apply to all that is left, so titles of
//! both ways agree wherever text can tell.
//!
//! Pure. Invariants: holes are in order and don't touch; filling is one pass.

use std::ops::Range;

use super::lexicon::{Key, LONGEST};
use super::words::{self, Sense, sense_of};

/// Where the values of a text are.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    ranges: Vec<Range<usize>>,
}

impl Holes {
    pub(crate) fn clear(&mut self) {
        self.ranges.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// A value is about to be written from `start` to `end`, the end of the text so far.
    pub(crate) fn note(&mut self, start: usize, end: usize) {
        match self.ranges.last_mut() {
            // One value, written in pieces.
            Some(last) if last.end == start => last.end = end,
            _ => self.ranges.push(start..end),
        }
    }

    /// The text was cut here.
    pub(crate) fn truncate(&mut self, len: usize) {
        while let Some(last) = self.ranges.last_mut() {
            // One of nothing may stand at the end.
            if last.start < len || (last.start == last.end && last.end == len) {
                last.end = last.end.min(len);
                return;
            }
            self.ranges.pop();
        }
    }
}

/// Writes `text` into `out`, which is cleared first, with `#` for its values. Tells whether
/// anything is left that a title can be made of; if not, the text alone has to tell.
///
/// A value that may say of what kind the problem is, is left as it is (see `tells`).
pub(crate) fn fill(text: &str, holes: &Holes, out: &mut String) -> bool {
    out.clear();
    let mut at = 0;
    // Where the last `#` ended.
    let mut hash = None;
    for (index, hole) in holes.ranges.iter().enumerate() {
        let between = text.get(at..hole.start).unwrap_or_default();
        let value = text.get(hole.clone()).unwrap_or_default();
        out.push_str(if hash == Some(out.len()) { after_unit(between) } else { between });
        at = hole.end;
        let end = holes.ranges.get(index.saturating_add(1)).map_or(text.len(), |next| next.start);
        if tells(value, out, text.get(at..end).unwrap_or_default()) {
            out.push_str(value);
        } else if let Some(end) = hash.filter(|end| is_glue(out.get(*end..))) {
            // `10.0.0.7` and `5432` around a colon are one value.
            out.truncate(end);
        } else {
            // `worker-` belongs to the value behind it, as text alone would have it.
            if out.ends_with('-') {
                out.truncate(out.trim_end_matches(is_name).len());
            }
            // `::1` begins with two colons that are literals.
            let begins =
                |before: &&str| before.is_empty() || before.ends_with([' ', '[', '(', '=']);
            let before = out.strip_suffix("::").filter(begins).map(str::len);
            out.truncate(before.unwrap_or(out.len()));
            out.push('#');
            hash = Some(out.len());
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    out.push_str(if hash == Some(out.len()) { after_unit(rest) } else { rest });
    out.chars().any(char::is_alphabetic)
}

/// Whether a value is to be read by the rules of text: a word for failure behind a colon
/// (`failed: timeout`), and several words behind a mark or a word for failure, before
/// ` (os error `, or with a word for failure among them, since they are an error's text more often
/// than not.
fn tells(value: &str, before: &str, after: &str) -> bool {
    let explains = before.ends_with(": ");
    if !value.bytes().any(|b| b.is_ascii_whitespace()) {
        return explains && sense_of(value).is(Sense::FAILED);
    }
    let fails = |word: &str| speaks_of_failure(word) || sense_of(word).is(Sense::FAILED);
    let failing = before.trim_end().rsplit(' ').next().is_some_and(speaks_of_failure);
    explains
        || failing
        || [", ", "; ", "- "].iter().any(|mark| before.ends_with(mark))
        || after.starts_with(" (os error ")
        || value.split_ascii_whitespace().any(fails)
}

fn speaks_of_failure(word: &str) -> bool {
    words::speaks_of_failure(Key::of(word.as_bytes().get(..LONGEST).unwrap_or(word.as_bytes())))
}

/// Whether what stands between two values makes them one: an address, a path, an exponent.
fn is_glue(between: Option<&str>) -> bool {
    between.is_some_and(|between| between.bytes().all(|b| b":/.@,-_|xe+".contains(&b)))
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// `text` without the unit of the number before it, which changes with its size: `ms`, `MiB`.
fn after_unit(text: &str) -> &str {
    // Most often there is none, and that is told by the first byte. (`µ` is not ASCII.)
    if text.bytes().next().is_none_or(|b| b.is_ascii() && !b.is_ascii_alphabetic()) {
        return text;
    }
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (unit, rest) = text.split_at_checked(end).unwrap_or_default();
    if sense_of(unit).is(Sense::UNIT) { rest } else { text }
}

#[cfg(test)]
mod tests;
