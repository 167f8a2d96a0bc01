//! `Debug` output: where a value ends, and which of its names say what kind it is.
//!
//! Invariant: walks every byte once, keeps no more than four names, and never copies a
//! value. Folding what it has written changes nothing.

use super::chars::{ANY_LOWER, ANY_UPPER, DIGIT, HIGH, NAME, class, classes, classes_of};

/// Names kept of one value, from its beginning; two more from its end. A deep value says the rest
/// in the body.
const FIRST_KINDS: usize = 2;

/// Variants that wrap or miss a value and say nothing of its kind.
const EMPTY_NAMES: [&str; 5] = ["None", "Some", "Ok", "Err", "Error"];

/// Whether `word` is what `derive(Debug)` prints for a type or variant: `Custom`, `io::Error`.
pub(super) fn is_type_name(word: &str) -> bool {
    let word = word.as_bytes();
    let path = word.iter().rposition(|&b| b == b':').map_or(0, |at| at.saturating_add(1));
    let name = word.get(path..).unwrap_or_default();
    let mask = classes_of(name);
    let upper = name.first().is_some_and(|&b| class(b) & ANY_UPPER != 0);
    upper && mask & ANY_LOWER != 0 && mask & !NAME == 0
}

/// The byte after the bracket that closes the one at `open`; the end if none does.
pub(super) fn group_end(text: &str, open: usize) -> usize {
    walk(text, open, |_, _, _| {})
}

/// Fields that say of what kind a value is; what other fields hold (`state: Closed`) varies from
/// one value of a kind to the next.
const TELLING: [&str; 9] =
    ["kind", "code", "error", "err", "source", "cause", "reason", "inner", "repr"];
const LONGEST_TELLING: usize = 6;

/// Appends the kinds named in the group that begins at `open` as `(Kind Kind)`, or `(#)` if it
/// names none, and returns where the group ends and whether it named any. Of many the first two
/// and the last two: a cause is innermost.
pub(super) fn fold(text: &str, open: usize, out: &mut String) -> (usize, bool) {
    out.push('(');
    let start = out.len();
    let mut kinds = 0_usize;
    let mut last = ["", ""];
    // The field whose value comes next says nothing of the kind.
    let mut mute = false;
    let end = walk(text, open, |before, name, after| {
        if after == Some(b':') {
            mute = name.len() > LONGEST_TELLING || !TELLING.contains(&name);
            return;
        }
        let muted = std::mem::take(&mut mute);
        // Where a type is defined is nothing to read aloud.
        let path = name.bytes().rposition(|b| b == b':').map_or(0, |at| at.saturating_add(1));
        let name = name.get(path..).unwrap_or(name);
        // Most names are of fields or values, and that is told by the first letter.
        if muted || name.bytes().next().is_none_or(|b| class(b) & ANY_UPPER == 0) {
            return;
        }
        let part = matches!(before, b'.' | b'/' | b'=' | b'-' | b'@' | b'$');
        if part || EMPTY_NAMES.contains(&name) || !is_kind(name) {
            return;
        }
        kinds = kinds.saturating_add(1);
        if kinds <= FIRST_KINDS {
            append(name, start, out);
        } else {
            let [_, before] = last;
            last = [before, name];
        }
    });
    last.into_iter().filter(|name| !name.is_empty()).for_each(|name| append(name, start, out));
    out.push_str(if kinds == 0 { "#)" } else { ")" });
    (end, kinds > 0)
}

fn append(name: &str, start: usize, out: &mut String) {
    if out.len() > start {
        out.push(' ');
    }
    out.push_str(name);
}

/// `TimedOut`, `PROTOCOL_ERROR`: a name written by a programmer, not a code or a value.
fn is_kind(name: &str) -> bool {
    let mask = classes(name);
    let shout = mask & (ANY_LOWER | DIGIT) == 0 && name.len() > 3;
    mask & DIGIT == 0 && (shout || is_type_name(name))
}

/// Visits every name outside strings, with the bytes around it, and returns the group's end.
fn walk<'a>(text: &'a str, open: usize, mut visit: impl FnMut(u8, &'a str, Option<u8>)) -> usize {
    let mut at = open;
    let mut depth = 0_usize;
    let mut before = b' ';
    let mut bytes = text.as_bytes().get(open..).unwrap_or_default().iter();
    while let Some(&b) = bytes.next() {
        let begin = at;
        at = at.saturating_add(1);
        match b {
            b'(' | b'[' | b'{' => depth = depth.saturating_add(1),
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            b'"' => {
                let rest = bytes.as_slice();
                let len = string_len(rest).unwrap_or(rest.len());
                bytes = rest.get(len..).unwrap_or_default().iter();
                at = at.saturating_add(len);
            }
            _ if class(b) & NAME != 0 => {
                let rest = bytes.as_slice();
                let len = rest.iter().take_while(|&&b| in_name(b)).count();
                bytes = rest.get(len..).unwrap_or_default().iter();
                at = at.saturating_add(len);
                let name = text.get(begin..at).unwrap_or_default();
                let name = name.trim_end_matches(':');
                let colon = begin.saturating_add(name.len()) < at;
                visit(
                    before,
                    name,
                    if colon { Some(b':') } else { bytes.as_slice().first().copied() },
                );
            }
            _ => {}
        }
        before = b;
    }
    at
}

fn in_name(b: u8) -> bool {
    b == b':' || class(b) & NAME != 0
}

/// The length of a string's rest and its closing quote; `None` if it is not closed.
pub(super) fn string_len(rest: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let close = rest.iter().position(|&b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    });
    close.map(|at| at.saturating_add(1))
}

/// The length of what a `'` opens, its end included; `None` if it is not closed. A quote inside
/// that opens again (`'… < '2024-01-01''`) nests; one between letters is an apostrophe.
pub(super) fn single_quoted_len(rest: &[u8]) -> Option<usize> {
    let joins = |b: Option<&u8>| b.is_some_and(|&b| class(b) & (NAME | HIGH) != 0);
    let mut depth = 1_usize;
    let mut last = None;
    let mut before = None;
    for (at, b) in rest.iter().enumerate() {
        let next = at.saturating_add(1);
        if *b == b'\'' && !joins(rest.get(next)) {
            last = Some(next);
            depth = depth.saturating_sub(1);
            if depth == 0 {
                break;
            }
        } else if *b == b'\'' && !joins(before) {
            depth = depth.saturating_add(1);
        }
        before = Some(b);
    }
    last
}
