//! What others make of an error and its sources: the text that `anyhow` and `eyre` write for
//! `Debug`, and the span trace of `tracing-error`, which comes as a source.
//!
//! Pure. Invariants: a text that is no report stays as it is; nothing is allocated.

/// What follows an error's own text in a report, and what ends it.
const CAUSES: &str = "\n\nCaused by:\n";
const ENDS: [&str; 2] = ["\n\nLocation:\n", "\n\nStack backtrace:\n"];
/// How a report of `color-eyre` begins.
const NUMBERED: &str = "\n   0: ";
/// How a span trace begins.
const SPANS: &str = "span backtrace:\n";
/// Longest path of a span trace, in bytes; spans that are looked at, at most.
const PATH_CAP: usize = 512;
const SPAN_CAP: usize = 32;

/// Makes `own: cause: cause` of a report; returns the length of its own text. `None`: it is none.
/// The path of a span trace among its causes goes into `span`.
pub(crate) fn flatten(text: &mut String, span: Option<&mut String>) -> Option<usize> {
    // No other text has an empty line, and few have more than one.
    memchr::memchr(b'\n', text.as_bytes())?;
    text.find("\n\n")?;
    if text.starts_with(NUMBERED) {
        uncolor(text);
        text.truncate(text.find("\n\n").unwrap_or(text.len()));
        text.replace_range(..NUMBERED.len(), "");
        return Some(join(text, 0));
    }
    let end = ENDS.iter().filter_map(|end| text.find(end)).min();
    if let Some(causes) = text.find(CAUSES).filter(|at| end.is_none_or(|end| *at < end)) {
        text.truncate(end.unwrap_or(text.len()));
        if take_spans(text, causes, span) && text.len() <= causes.saturating_add(CAUSES.len()) {
            text.truncate(causes);
            return Some(causes);
        }
        // The last character of it begins the first line.
        let begin = causes.saturating_add(CAUSES.len()).saturating_sub(1);
        text.replace_range(causes..begin, "");
        join(text, causes);
        return Some(causes);
    }
    text.truncate(end?);
    Some(text.len())
}

/// Takes the span traces out of the causes from `from` on, with the lines that belong to them:
/// those that are further in. Tells whether there was one.
fn take_spans(text: &mut String, from: usize, mut span: Option<&mut String>) -> bool {
    let indent = |line: &str| line.len().saturating_sub(line.trim_start().len());
    let (mut found, mut look) = (false, from);
    while let Some(at) = text.get(look..).and_then(|causes| causes.find(SPANS)) {
        let at = look.saturating_add(at);
        let begin = text
            .get(..at)
            .and_then(|before| before.rfind('\n'))
            .map_or(at, |line| line.saturating_add(1));
        let rest = text.get(begin..).unwrap_or("");
        let mut lines = rest.split_inclusive('\n');
        let first = lines.next().unwrap_or("");
        let words = first.trim_start();
        if !words.get(number(words)..).is_some_and(is_span_trace) {
            look = at.saturating_add(SPANS.len());
            continue;
        }
        let inside = lines.take_while(|line| indent(line) > indent(first));
        let length = inside.fold(first.len(), |length, line| length.saturating_add(line.len()));
        if let Some(span) = &mut span {
            span.clear();
            push_path(rest.get(first.len()..length).unwrap_or(""), span);
        }
        text.replace_range(begin..begin.saturating_add(length), "");
        found = true;
    }
    if found {
        text.truncate(
            text.trim_end_matches([' ', '\n']).len().max(from.saturating_add(CAUSES.len())),
        );
    }
    found
}

/// Makes one line of the lines from `from` on, each cause behind a colon; returns where the first
/// one begins.
fn join(text: &mut String, from: usize) -> usize {
    let (mut at, mut first) = (from, None);
    while let Some(line) = text.get(at..).and_then(|rest| rest.find('\n')) {
        let line = at.saturating_add(line);
        let rest = text.get(line..).unwrap_or("");
        let words = rest.trim_start();
        let blanks = rest.len().saturating_sub(words.len());
        let number = number(words);
        // Without a number it is the one cause there is, or a cause's second line.
        let begins = number > 0 || line == from;
        let end = line.saturating_add(blanks).saturating_add(number);
        text.replace_range(line..end, if begins { ": " } else { " " });
        if begins && first.is_none() {
            first = Some(line);
        }
        at = line.saturating_add(1);
    }
    first.unwrap_or(text.len())
}

/// The length of `12: ` at the beginning.
fn number(words: &str) -> usize {
    let rest = words.trim_start_matches(|c: char| c.is_ascii_digit());
    match rest.strip_prefix(": ") {
        Some(text) if rest.len() < words.len() => words.len().saturating_sub(text.len()),
        _ => 0,
    }
}

/// Takes the colours away.
fn uncolor(text: &mut String) {
    while let Some(start) = text.find("\u{1b}[") {
        let length = text.get(start..).and_then(|rest| rest.find('m'));
        let end =
            length.map_or(text.len(), |length| start.saturating_add(length).saturating_add(1));
        text.replace_range(start..end, "");
    }
}

/// Whether a source is a span trace.
pub(crate) fn is_span_trace(text: &str) -> bool {
    text.starts_with(SPANS)
}

/// Appends the path of a span trace, from the root to the span that the error was made in.
pub(crate) fn push_path(trace: &str, out: &mut String) {
    let names = || {
        let lines = trace.lines().map(str::trim_start).filter(|line| number(line) > 0);
        lines.filter_map(|line| line.rsplit("::").next()).take(SPAN_CAP)
    };
    let start = out.len();
    for at in (0..names().count()).rev() {
        let between = if out.len() > start { " > " } else { "" };
        let name = names().nth(at).unwrap_or("");
        let room = PATH_CAP.saturating_sub(out.len().saturating_sub(start));
        if between.len().saturating_add(name.len()) > room {
            return;
        }
        out.push_str(between);
        out.push_str(name);
    }
}

#[cfg(test)]
mod tests;
