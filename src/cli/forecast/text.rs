//! A line of text as `fmt()` writes it, full or compact, with or without colour.
//!
//! Text does not say where a message ends and its fields begin, nor spans and target; colour does.
//! Invariant: what was guessed is marked as such.

use std::borrow::Cow;

use super::{
    line::{Event, Span, Value, level},
    time,
};

/// Threads that are called so in most programs.
const THREADS: [&str; 3] = ["main", "tokio-runtime-worker", "tokio-rt-worker"];

/// Characters of a line before its level: a time and a few brackets.
const HEAD: usize = 64;

pub(super) fn read(line: &str) -> Option<Event<'_>> {
    if line.contains('\x1b') { coloured(line) } else { plain(line, &Colours::default()) }
}

/// Where colours begin, in a line without them.
#[derive(Default)]
struct Colours {
    /// Names of fields are in italics.
    names: Vec<usize>,
    /// Spans are bold, and a target is dim.
    places: Vec<usize>,
}

/// Reads a line with escapes, which are dropped.
fn coloured(line: &str) -> Option<Event<'_>> {
    let mut text = String::with_capacity(line.len());
    let mut colours = Colours::default();
    let mut parts = line.split('\x1b');
    text.push_str(parts.next()?);
    for part in parts {
        let Some(rest) = part.strip_prefix('[') else {
            text.push_str(part);
            continue;
        };
        let (code, rest) = rest.split_once('m').unwrap_or((rest, ""));
        match code {
            "1" | "2" => colours.places.push(text.len()),
            "3" => colours.names.push(text.len()),
            _ => {}
        }
        text.push_str(rest);
    }
    plain(&text, &colours).map(Event::into_owned)
}

/// Reads a line without escapes.
fn plain<'a>(line: &'a str, colours: &Colours) -> Option<Event<'a>> {
    let begin = line.trim_start();
    let (time, rest) = match time::read(begin) {
        Some((time, rest)) => (Some(time), rest),
        None => (None, begin),
    };
    let (level, rest) = find_level(rest)?;
    let from = line.len().saturating_sub(rest.len());
    let place = colours.places.iter().find(|at| **at >= from);
    let rest = match place.and_then(|at| line.get(*at..)) {
        Some(rest) => rest,
        None => threads(rest.trim_start()),
    };
    let (spans, rest) = scope(rest);
    let target = rest.split_once(": ").filter(|(word, _)| is_path(word));
    let (target, rest) = target.unwrap_or(("", rest));
    let (file, line_number, rest) = self::place(rest);
    let from = line.len().saturating_sub(rest.len());
    let names: Vec<usize> = colours.names.iter().filter_map(|at| at.checked_sub(from)).collect();
    let is_known = !colours.places.is_empty();
    let starts = if is_known { names } else { guessed(rest) };
    let mut fields = Vec::new();
    split(rest, &starts, &mut fields);
    Some(Event {
        time,
        level: Some(level),
        target: Cow::Borrowed(target),
        file,
        line: line_number,
        fields,
        spans,
        is_guess: !is_known,
    })
}

/// The level, which is the first word or stands near the beginning, and what follows.
fn find_level(text: &str) -> Option<(tracing::Level, &str)> {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '[']);
        if text.len().saturating_sub(rest.len()) > HEAD {
            return None;
        }
        let (word, behind) = rest.split_once([' ', ']'])?;
        if let Some(level) = level(word) {
            return Some((level, behind));
        }
        // A time of another form, in one word or two.
        if !word.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        rest = behind;
    }
}

/// What follows the name and id of the thread, if they are there.
fn threads(text: &str) -> &str {
    let mut rest = text;
    for _ in 0..2 {
        let Some((word, behind)) = rest.split_once(' ') else { return text };
        let behind = behind.trim_start();
        let next = behind.split(' ').next().unwrap_or("");
        let is_thread = word.starts_with("ThreadId(")
            || THREADS.contains(&word)
            || is_path(word) && !word.ends_with(':') && next.contains("::") && next.ends_with(':')
            || is_path(word) && next.starts_with("ThreadId(");
        if !is_thread {
            return rest;
        }
        rest = behind;
    }
    rest
}

/// The spans before the target, and what follows: `load{user=4}:query: shop::db: …`.
fn scope(text: &str) -> (Vec<Span<'_>>, &str) {
    let Some((path, rest)) = outside_braces(text) else { return (Vec::new(), text) };
    let has_fields = path.contains('{');
    let next = rest.split_once(": ").map(|(word, _)| word);
    let is_target = |word: &str| is_path(word) && word.contains("::");
    let is_scope = next.is_some_and(is_path)
        && (has_fields || is_single(path) || !path.contains(':') && next.is_some_and(is_target));
    if is_scope { (spans(path), rest) } else { (Vec::new(), text) }
}

/// Splits at the first `: ` outside of braces.
fn outside_braces(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'{' => depth = depth.saturating_add(1),
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 && bytes.peek().is_some_and(|(_, next)| *next == b' ') => {
                return Some((text.get(..at)?, text.get(at.saturating_add(2)..)?));
            }
            b' ' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Whether there is a colon that is not one of two.
fn is_single(path: &str) -> bool {
    path.replace("::", "").contains(':')
}

/// `name{fields}:name`, from the root.
fn spans(path: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let end = rest.find([':', '{']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let mut span = Span { name: Cow::Borrowed(name), fields: Vec::new() };
        rest = behind;
        if let Some(inside) = behind.strip_prefix('{') {
            let (fields, after) = inside.split_once('}').unwrap_or((inside, ""));
            split(fields, &guessed(fields), &mut span.fields);
            rest = after;
        }
        rest = rest.trim_start_matches(':');
        spans.push(span);
    }
    spans
}

/// Whether a word may be a target.
fn is_path(word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '/');
    !word.is_empty() && word.chars().all(part)
}

/// `src/main.rs:12: ` before the message.
fn place(text: &str) -> (Option<Cow<'_, str>>, Option<u32>, &str) {
    let found = text.split_once(": ").and_then(|(place, rest)| {
        let (file, line) = place.rsplit_once(':')?;
        let line = line.parse().ok().filter(|_| file.ends_with(".rs"))?;
        Some((Some(Cow::Borrowed(file)), Some(line), rest))
    });
    found.unwrap_or((None, None, text))
}

/// Where names of fields may begin: before each `name=` behind a space, or at the beginning, but
/// not inside quotes.
fn guessed(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut word = Some(0_usize);
    let (mut quoted, mut escaped) = (false, false);
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        let is_quote = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        // A quote opens a value only.
        if is_quote && (quoted || before == b'=') {
            quoted = !quoted;
        }
        before = byte;
        match byte {
            _ if quoted => {}
            b' ' | b'\n' => word = Some(at.saturating_add(1)),
            b'=' => starts.extend(word.take().filter(|start| *start < at)),
            b'.' | b'_' | b'#' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {}
            _ => word = None,
        }
    }
    starts
}

/// Splits a text into its message and the fields whose names begin at `starts`.
fn split<'a>(text: &'a str, starts: &[usize], fields: &mut Vec<(Cow<'a, str>, Value<'a>)>) {
    let first = starts.first().copied().unwrap_or(text.len());
    let message = text.get(..first).unwrap_or(text).trim_end();
    if !message.is_empty() {
        fields.push((Cow::Borrowed("message"), Value::Text(Cow::Borrowed(message))));
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    for (start, end) in starts.iter().zip(ends) {
        let pair = text.get(*start..end).and_then(|field| field.split_once('='));
        if let Some((name, value)) = pair {
            fields.push((Cow::Borrowed(name.trim()), typed(value.trim_end())));
        }
    }
}

/// A value with the type that it looks to have.
fn typed(text: &str) -> Value<'_> {
    match text {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse() {
        return Value::I64(number);
    }
    // `Debug` of a text.
    match serde_json::from_str::<String>(text) {
        Ok(inside) => Value::Text(Cow::Owned(inside)),
        Err(_) => Value::Text(Cow::Borrowed(text)),
    }
}

impl Event<'_> {
    fn into_owned<'b>(self) -> Event<'b> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let fields = |list: Vec<(Cow<'_, str>, Value<'_>)>| {
            list.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect()
        };
        let span = |span: Span<'_>| Span { name: own(span.name), fields: fields(span.fields) };
        Event {
            time: self.time,
            level: self.level,
            target: own(self.target),
            file: self.file.map(own),
            line: self.line,
            fields: fields(self.fields),
            spans: self.spans.into_iter().map(span).collect(),
            is_guess: false,
        }
    }
}

impl Value<'_> {
    fn into_owned<'b>(self) -> Value<'b> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bool(value) => Value::Bool(value),
            Self::I64(value) => Value::I64(value),
            Self::U64(value) => Value::U64(value),
            Self::F64(value) => Value::F64(value),
            Self::Other(value) => Value::Other(value),
        }
    }
}

#[cfg(test)]
mod tests;
