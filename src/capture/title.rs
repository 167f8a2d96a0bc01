//! Titles: the key by which Spike groups incidents, so one problem must get one title.
//!
//! A title is made of what the programmer wrote (`failed to load user # in shop::users`); what
//! merely happened to be in the message becomes `#`.
//!
//! [`derive()`] is a pure function of its arguments. It keeps no state, reads no clock, learns
//! nothing, and puts no line number, host, process id or version into a title; so a trigger and
//! its resolve, two pods and two releases agree. A title is never empty and never longer than
//! [`MAX_CHARS`]. A program changes its titles with [`Titles`], and adds fields to them with
//! [`Builder::group_by`](crate::Builder::group_by).
//!
//! ```
//! use tracing_spike::title::derive;
//! let title = derive("order 7 from 10.0.0.7:5432 failed: timeout after 31 s", "shop::orders");
//! assert_eq!(title, "order # from # failed: timeout after # in shop::orders");
//! ```
//!
//! [`explain`]: explain()
//! [`derive()`]: derive()
//! [`MAX_CHARS`]: MAX_CHARS
//! [`Titles::custom`]: Titles::custom
//! [`Titles::literals`]: Titles::literals
//! [`Titles::short`]: Titles::short
//! [`group_by`]: crate::Builder::group_by
//!
#![doc = include_str!("title/rules.md")]

// The rules are in `scan` (the text as a whole), `word`, `rare` and `token` (one word of it),
// `plain` (the same for most words, fast), `place` (what its neighbours say), `debug` (`Debug`
// output), `words` (the lists) and `clean` (what no title may hold, whoever wrote it). `titles` is
// what a program may change about them, `draft` is one event's title while it is put together,
// `holes` are values known without these rules.

mod chars;
mod clean;
mod debug;
mod draft;
mod explain;
mod holes;
mod lexicon;
mod place;
mod plain;
mod punctuation;
mod random;
mod rare;
mod scan;
mod titles;
mod token;
mod word;
mod words;

#[cfg(test)]
mod tests;

use crate::fields::head;

pub use explain::Value;
pub use titles::{TitleParts, Titles};

pub(crate) use draft::{Draft, Folding, Group, MAX_GROUP_NAMES, MAX_GROUPS};
pub(crate) use holes::{Holes, fill};
pub(crate) use scan::Spare;

use explain::Trace;

/// The longest title, in characters. Spike shows more, but phones and chat clients cut there.
///
/// ```
/// use tracing_spike::title::{MAX_CHARS, derive};
/// assert!(derive(&"word ".repeat(100), "shop").chars().count() <= MAX_CHARS);
/// ```
pub const MAX_CHARS: usize = 200;

/// The longest ` in {target}`; what is longer loses its beginning, since the end tells modules
/// apart.
const MAX_PLACE: usize = 120;

/// What is left of a text, in characters, before its place is cut, too.
const LEAST_TEXT: usize = 20;

/// What stands before a place.
const IN: &str = " in ";

/// What a cut title ends with, and what stands for the lost beginning of a target.
const ELLIPSIS: &str = "...";

/// Bytes of output beyond which scanning stops: more than any cut can keep (four bytes a
/// character), with room for what collapses at the end.
const ENOUGH: usize = MAX_CHARS * 4 + 64;

/// Bytes of a message that are looked at: whatever it is, its title costs less than a millisecond.
const LOOKED_AT: usize = 32 << 10;

/// The title an event with this message from this target gets.
///
/// Everything in the message that varies between two occurrences of one problem becomes `#`. With
/// an empty target there is no ` in …`.
///
/// # Examples
///
/// ```
/// # use tracing_spike::title;
/// let title = title::derive("failed to load user 4711 from 10.0.0.7:5432", "shop::users");
/// assert_eq!(title, "failed to load user # from # in shop::users");
/// ```
#[must_use]
pub fn derive(message: &str, target: &str) -> String {
    let room = message.len().min(ENOUGH).saturating_add(target.len()).saturating_add(8);
    let mut out = String::with_capacity(room);
    let parts = Parts { message, error: "", target, span: None, fields: &|_| {} };
    write(&parts, &mut out, &mut Spare::default());
    out
}

/// The parts of a message that become `#` in its title, in order, and the rule for each.
///
/// For people who ask why: an empty list means that the title is the message as it is. Words that
/// stand for nothing a person needs (`ms` after a number, stray quotes) vanish without a line.
///
/// # Examples
///
/// ```
/// use tracing_spike::title;
/// let values = title::explain("order 7 from 'ann' took 12 ms, cached=false");
/// let values: Vec<_> = values.iter().map(|value| (value.text.as_str(), value.rule)).collect();
/// assert_eq!(values[0], ("7", "a number"));
/// assert_eq!(values[1], ("'ann'", "in quotes"));
/// assert_eq!(values[3], ("false", "the value of key=value"));
/// ```
#[must_use]
pub fn explain(message: &str) -> Vec<Value> {
    let mut trace = Trace::default();
    let mut out = String::new();
    let message = head(message, LOOKED_AT);
    scan::traced(message, &mut out, &mut Spare::default(), ENOUGH, Some(&mut trace));
    trace.values
}

/// Visits the names of an event's fields that are content, in order. A callback, so that it costs
/// no allocation.
pub(crate) type Names<'a> = &'a dyn Fn(&mut dyn FnMut(&str));

/// What a title is made of.
pub(crate) struct Parts<'a> {
    /// The event's message, formatted; empty if it has none.
    pub message: &'a str,
    /// The event's error, formatted; empty if it has none.
    pub error: &'a str,
    pub target: &'a str,
    /// The name of the innermost span.
    pub span: Option<&'a str>,
    pub fields: Names<'a>,
}

/// Writes the title into `out`, which is cleared first: the message, else the error, else the
/// names of the fields, else `error` alone, and where it happened.
pub(crate) fn write(parts: &Parts<'_>, out: &mut String, spare: &mut Spare) {
    let span = write_text(parts, out, spare);
    append_place(parts.target, span, out);
}

/// Whether nothing of `message` would be in a title: it is empty, or white space and marks. `out`
/// is a buffer to try it in.
pub(crate) fn says_nothing(message: &str, out: &mut String, spare: &mut Spare) -> bool {
    if message.chars().any(char::is_alphanumeric) {
        return false;
    }
    out.clear();
    scan::run(head(message, LOOKED_AT), out, spare, ENOUGH);
    out.is_empty()
}

/// Writes what a title says, into `out`, which is cleared first. Returns the span that belongs to
/// its place.
fn write_text<'a>(parts: &Parts<'a>, out: &mut String, spare: &mut Spare) -> Option<&'a str> {
    out.clear();
    scan::run(head(parts.message, LOOKED_AT), out, spare, ENOUGH);
    let mut span = None;
    if out.is_empty() {
        scan::run(head(parts.error, LOOKED_AT), out, spare, ENOUGH);
        span = parts.span;
    }
    if out.is_empty() {
        span = None;
        write_names(parts, out);
    }
    span
}

/// Writes a title given by the program, verbatim but for cleaning. One longer than [`MAX_CHARS`]
/// is cut and ends in a hash of the whole, so that two long ones stay apart. Nothing but white
/// space and invisible characters leaves `out` empty: then the program has given no title.
pub(crate) fn verbatim(title: &str, out: &mut String) {
    verbatim_within(title, MAX_CHARS, out);
}

/// As [`verbatim`], with room for this many characters.
fn verbatim_within(title: &str, room: usize, out: &mut String) {
    out.clear();
    clean::append(title, out);
    if out.chars().nth(room).is_none() {
        return;
    }
    let hash = twox_hash::XxHash3_64::oneshot(out.as_bytes());
    // `... ` and eight digits.
    cut(out, 0, room.saturating_sub(9));
    out.push(' ');
    for digit in (0..8_u32).rev() {
        let nibble = (hash >> digit.saturating_mul(4)) & 0xf;
        out.extend(u32::try_from(nibble).ok().and_then(|n| char::from_digit(n, 16)));
    }
}

/// `error with order_id, attempt`: what can be said of an event that says nothing. Its level is
/// not said, since a resolve has another one than what it resolves.
fn write_names(parts: &Parts<'_>, out: &mut String) {
    out.push_str("error");
    let mut first = true;
    (parts.fields)(&mut |name: &str| {
        if out.len() > ENOUGH {
            return;
        }
        let before = out.len();
        out.push_str(if first { " with " } else { ", " });
        let empty = out.len();
        clean::append(name, out);
        if out.len() == empty {
            out.truncate(before);
        } else {
            first = false;
        }
    });
}

/// Appends ` in {target}::{span}` and makes the whole fit: the place stays, the text is cut.
/// Returns where the place begins.
fn append_place(target: &str, span: Option<&str>, out: &mut String) -> usize {
    let text = out.len();
    out.push_str(IN);
    let place = out.len();
    clean::append(target, out);
    if let Some(span) = span {
        let before = out.len();
        if before > place {
            out.push_str("::");
        }
        let empty = out.len();
        // A route's leading slash would join the colons to `://`.
        clean::append(span.trim_start_matches('/'), out);
        if out.len() == empty {
            out.truncate(before);
        }
    }
    if out.len() == place {
        out.truncate(text);
    } else if out.len().saturating_sub(place) > MAX_PLACE {
        shorten_place(place, MAX_PLACE, out);
    }
    fit(text, MAX_CHARS, LEAST_TEXT, out)
}

/// Makes `out`, whose place begins at byte `place`, fit into `room` characters: the text is cut,
/// and only when it is down to `least` characters, the place from its left. Returns where the
/// place begins then.
fn fit(place: usize, room: usize, least: usize, out: &mut String) -> usize {
    if out.len() <= room || out.chars().nth(room).is_none() {
        return place;
    }
    let chars = |part: Option<&str>| part.map_or(0, |part| part.chars().count());
    let text = chars(out.get(..place));
    let most = room.saturating_sub(text.min(least));
    if chars(out.get(place..)) > most {
        let (start, most) = (place.saturating_add(IN.len()), most.saturating_sub(IN.len()));
        shorten_place(start, most, out);
    }
    let tail = chars(out.get(place..));
    let bytes = out.len().saturating_sub(place);
    if text.saturating_add(tail) > room {
        // The text is cut where it stands, then the place is put behind it again.
        cut(out, tail, room.saturating_sub(tail));
    }
    out.len().saturating_sub(bytes)
}

/// Cuts the place that begins at byte `place` from the left to `most` characters.
fn shorten_place(place: usize, most: usize, out: &mut String) {
    let Some(text) = out.get(place..) else { return };
    let excess = text.chars().count().saturating_sub(most);
    if excess == 0 {
        return;
    }
    let keep_from = text.char_indices().nth(excess.saturating_add(ELLIPSIS.len()));
    if let Some((at, first)) = keep_from {
        // As in `cut`.
        let at = if first == '@' { at.saturating_add(1) } else { at };
        out.replace_range(place..place.saturating_add(at), ELLIPSIS);
    }
}

/// Cuts all but the last `tail` characters of `out` to at most `budget` characters, `...`
/// included, at the end of a word if there is one in the second half.
fn cut(out: &mut String, tail: usize, budget: usize) {
    let end = match tail.checked_sub(1) {
        None => out.len(),
        Some(n) => out.char_indices().nth_back(n).map_or(0, |(at, _)| at),
    };
    let budget = budget.saturating_sub(ELLIPSIS.len());
    let hard = out.char_indices().nth(budget).map_or(end, |(at, _)| at.min(end));
    let head = out.get(..hard).unwrap_or_default();
    let splits_word = out.get(hard..end).is_some_and(|rest| !rest.starts_with(' '));
    let mut keep = head;
    if splits_word {
        match head.rfind(' ') {
            Some(space) if space >= head.len() / 2 => keep = head.get(..space).unwrap_or(head),
            _ => keep = whole_clusters(head, out.get(hard..end).unwrap_or_default()),
        }
    }
    // An `@` stands between two letters or nowhere.
    let at = keep.trim_end_matches(|c| scan::is_tail(c) || c == '@').len();
    out.replace_range(at..end, ELLIPSIS);
}

/// `head` without the base character that combining marks at the start of `rest` belong to: half
/// a letter is another letter.
fn whole_clusters<'a>(head: &'a str, rest: &str) -> &'a str {
    let mut head = head;
    let mut next = rest.chars().next();
    while let Some(c) = next {
        if !clean::is_mark(c) {
            break;
        }
        next = head.chars().next_back();
        let len = next.map_or(0, char::len_utf8);
        head = head.get(..head.len().saturating_sub(len)).unwrap_or_default();
    }
    head
}
