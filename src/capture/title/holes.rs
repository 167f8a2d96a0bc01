//! Values that are known by where they came from, and not by how they look.
//!
//! `fmt` writes a message in pieces: what the programmer wrote, and what was put into it. Whoever
//! can tell the two apart notes the latter here as holes, and [`fill`] closes them with `#` before
//! the rules of text read the message. Those rules still apply to all that is left, so titles of
//! both ways agree wherever text can tell.
//!
//! Pure. Invariants: holes are in order and don't touch; filling is one pass.

use std::ops::Range;

use super::words::{Sense, sense_of};

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
            if last.start < len {
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
/// A value of several words is left as it is: it is an error's text more often than not, and says
/// of what kind the problem is. So is a word for failure (`timeout`) behind a colon.
pub(crate) fn fill(text: &str, holes: &Holes, out: &mut String) -> bool {
    out.clear();
    let mut at = 0;
    // Where the last `#` ended.
    let mut hash = None;
    for hole in &holes.ranges {
        let between = text.get(at..hole.start).unwrap_or_default();
        let value = text.get(hole.clone()).unwrap_or_default();
        out.push_str(if hash == Some(out.len()) { after_unit(between) } else { between });
        at = hole.end;
        if tells(value, out) {
            out.push_str(value);
        } else if let Some(end) = hash.filter(|end| is_glue(out.get(*end..))) {
            // `10.0.0.7` and `5432` around a colon are one value.
            out.truncate(end);
        } else {
            out.push('#');
            hash = Some(out.len());
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    out.push_str(if hash == Some(out.len()) { after_unit(rest) } else { rest });
    out.chars().any(char::is_alphabetic)
}

/// Whether a value is to be read by the rules of text.
fn tells(value: &str, before: &str) -> bool {
    let words = value.trim().contains(char::is_whitespace);
    let sign = !value.is_empty() && !value.contains(char::is_alphanumeric);
    words || sign || (before.ends_with(": ") && sense_of(value).is(Sense::FAILED))
}

/// Whether what stands between two values makes them one.
fn is_glue(between: Option<&str>) -> bool {
    between.is_some_and(|between| between.bytes().all(|b| b":/.@,-_|x".contains(&b)))
}

/// `text` without the unit of the number before it, which changes with its size: `ms`, `MiB`.
fn after_unit(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let (unit, rest) = text.split_at_checked(end).unwrap_or_default();
    if sense_of(unit).is(Sense::UNIT) { rest } else { text }
}

#[cfg(test)]
mod tests;
