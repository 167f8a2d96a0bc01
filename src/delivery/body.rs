//! The payload of an op: what Spike and the people behind it read.
//!
//! The shape of `body` is public API: people's alert rules read it. Invariants: valid JSON of at
//! most [`BODY_CAP`] bytes; nothing that people route on is inside an array; a key that would be
//! empty is absent; what was cut is named in `notes`.

mod links;
mod visible;

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value as Json, json};
use visible::make_visible;

use crate::{
    fields::{Fields, Value, head},
    incident::{Captured, Detail, Occurrences, Op, Status, StormDetail, Trace},
    link::Template,
};

/// Longest body, in bytes of JSON.
pub(crate) const BODY_CAP: usize = 32 * 1024;
/// Longest message of a body that was once too large for the server, in bytes.
const MINIMAL_MESSAGE: usize = 512;
/// Bytes of JSON that put the notes into a body: `,"notes":`.
const NOTES_KEY: usize = 9;
/// The version of the body's shape.
const SCHEMA: u64 = 1;
/// The field that tells what type an error is of, which a value of it does not: it is called so by
/// OpenTelemetry.
const ERROR_TYPE: &str = "error.type";
/// The largest integer that JavaScript reads exactly: 2^53 - 1.
const EXACT: u64 = (1 << 53) - 1;

/// Where incidents come from: the same in each of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    pub(crate) service: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) pid: u32,
    /// By name.
    pub(crate) links: Vec<(String, Template)>,
    /// Those of the rules, by number.
    pub(crate) runbooks: Vec<Template>,
}

/// What an attempt tells beside its op.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Telling<'a> {
    /// The server said that it was too large.
    pub(crate) minimal: bool,
    /// What was not delivered since the last one that was.
    pub(crate) missed: Option<&'a str>,
    /// How old the op is, and when it occurred, if it comes late.
    pub(crate) late: Option<(Duration, SystemTime)>,
}

/// The whole request body of one attempt.
pub(crate) fn payload(op: &Op, source: &Source, telling: Telling<'_>) -> Json {
    let mut payload = Map::new();
    payload.insert("title".to_owned(), op.title.as_str().into());
    payload.insert("body".to_owned(), Json::Object(body(op, source, telling)));
    match op.status {
        Status::Trigger { opening: true } => {
            if let Some(severity) = op.severity {
                payload.insert("severity".to_owned(), severity.as_str().into());
            }
            if let Some(priority) = op.priority {
                payload.insert("priority".to_owned(), priority.as_str().into());
            }
        }
        // A repeat's would undo a person's change.
        Status::Trigger { opening: false } => {}
        Status::Resolve { .. } => {
            payload.insert("status".to_owned(), "resolve".into());
        }
    }
    Json::Object(payload)
}

/// The body alone.
pub(crate) fn body(op: &Op, source: &Source, telling: Telling<'_>) -> Map<String, Json> {
    let Telling { minimal, missed, late } = telling;
    let mut body = Map::new();
    let mut notes = Notes::default();
    if let Some(missed) = missed {
        put(&mut notes.0, "undelivered", missed);
    }
    let mut thread = None;
    match &op.detail {
        // Of what may have secrets nothing is shown; the worker has none such.
        Detail::Raw(_) => {}
        Detail::Event(event) => {
            thread = Some(event.fields.text(event.thread).to_owned());
            event_into(event, &mut body, &mut notes);
        }
        Detail::Manual(fields) => {
            put(&mut body, "message", op.title.as_str());
            put_map(&mut body, "fields", manual(fields.map()));
            if fields.omitted() > 0 {
                put(&mut notes.0, "omitted_fields", fields.omitted());
            }
            if fields.cut() {
                notes.cut("what is nested deeper than 8 or wider than 64");
            }
            notes.redacted(fields.redacted());
        }
        Detail::Storm(storm) => storm_into(storm, op.occurrences.count, &mut body),
        Detail::Stored(stored) => stored_into(stored, &mut body, &mut notes),
        Detail::Quiet => {
            let last = timestamp(op.occurrences.last);
            put(&mut body, "message", format!("quiet since {last}: resolved by resolve_after"));
        }
    }
    if !matches!(op.detail, Detail::Stored(_)) {
        put_map(&mut body, "source", source_map(source, thread));
    }
    if let Some((age, occurred)) = late {
        let mut delayed = Map::new();
        put(&mut delayed, "seconds", age.as_secs());
        put(&mut delayed, "occurred", timestamp(occurred));
        put_map(&mut body, "delayed", delayed);
    }
    put_map(&mut body, "occurrences", occurrences(&op.occurrences));
    put(&mut body, "schema", SCHEMA);
    if !matches!(op.detail, Detail::Stored(_)) {
        let links = links::links(op, source, &body);
        put_map(&mut body, "links", links);
    }
    if minimal {
        body.remove("fields");
        body.remove("span");
        body.remove("trail");
        shorten(&mut body, "message", MINIMAL_MESSAGE);
        notes.cut("fields, span, trail and the end of the message: the server said 413");
    }
    make_visible(&mut body);
    trim(&mut body, &mut notes);
    put_map(&mut body, "notes", notes.0);
    body
}

/// What a person should know about the body itself.
#[derive(Default)]
struct Notes(Map<String, Json>);

impl Notes {
    /// How many secrets were replaced.
    fn redacted(&mut self, count: u32) {
        if count > 0 {
            put(&mut self.0, "redacted", count);
        }
    }

    fn cut(&mut self, what: &str) {
        match self.0.get_mut("cut") {
            Some(Json::String(list)) => {
                list.push_str(", ");
                list.push_str(what);
            }
            _ => put(&mut self.0, "cut", what),
        }
    }
}

fn event_into(event: &Captured, body: &mut Map<String, Json>, notes: &mut Notes) {
    let text = |value: Value| event.fields.text(value);
    let mut cut = |name: &str, value: Value| {
        if let Value::Text { cut: true, .. } = value {
            notes.cut(name);
        }
    };
    if !text(event.message).is_empty() {
        cut("message", event.message);
        put(body, "message", text(event.message));
    }
    put(body, "level", event.level.as_str());
    cut("target", event.target);
    put(body, "target", text(event.target));
    if let Some(file) = event.file {
        let line = event.line.map_or(String::new(), |line| format!(":{line}"));
        put(body, "location", format!("{}{line}", text(file)));
    }
    if let Some(message) = event.error {
        let mut error = Map::new();
        cut("error.message", message);
        put(&mut error, "message", text(message));
        if let Some(chain) = event.chain.filter(|chain| text(*chain) != text(message)) {
            cut("error.chain", chain);
            put(&mut error, "chain", text(chain));
        }
        if let Some(span) = event.error_span {
            put(&mut error, "span", text(span));
        }
        put_map(body, "error", error);
    }
    fields_into(&event.fields, body, notes);
    if event.spans_cut {
        notes.cut("span.path");
    }
    for note in event.notes.iter() {
        put(&mut notes.0, &key(note.name), event.notes.text(note.value));
    }
    if let Some(Trace { trace_id, span_id, is_sampled }) = event.trace.as_deref() {
        let mut trace = Map::new();
        put(&mut trace, "trace_id", trace_id.as_str());
        put(&mut trace, "span_id", span_id.as_str());
        if !is_sampled {
            put(&mut trace, "sampled", false);
        }
        put_map(body, "trace", trace);
    }
    if !event.trail.is_empty() {
        put(body, "trail", event.trail.as_slice());
    }
    if event.trail_cut {
        notes.cut("trail");
    }
    if event.fields.omitted() > 0 {
        put(&mut notes.0, "omitted_fields", event.fields.omitted());
    }
    notes.redacted(event.fields.redacted());
}

/// What an earlier run has made of it: all but the notes, which this attempt adds to.
fn stored_into(stored: &Map<String, Json>, body: &mut Map<String, Json>, notes: &mut Notes) {
    body.extend(stored.iter().map(|(name, value)| (name.clone(), value.clone())));
    if let Some(Json::Object(stored)) = body.remove("notes") {
        notes.0.extend(stored);
    }
}

/// What beyond the budget did not page by itself.
fn storm_into(storm: &StormDetail, events: u64, body: &mut Map<String, Json>) {
    let StormDetail { titles, sample } = storm;
    let many =
        |count: u64, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let message = format!(
        "{} of about {} beyond the budget for new incidents: they did not page by themselves",
        many(events, "event"),
        many(*titles, "title"),
    );
    put(body, "message", message);
    let mut storm = Map::new();
    put(&mut storm, "events", events);
    put(&mut storm, "titles", *titles);
    put(&mut storm, "sample", sample.as_slice());
    put_map(body, "storm", storm);
}

/// `fields`, and `span` with its path from the root; of a name that several spans have, the
/// leaf's value.
fn fields_into(fields: &Fields, body: &mut Map<String, Json>, notes: &mut Notes) {
    let (mut own, mut of_spans) = (Map::new(), Map::new());
    let mut path: Vec<&'static str> = Vec::new();
    for field in fields.iter() {
        if field.value == Value::Span {
            path.push(field.name);
            continue;
        }
        let name = key(field.name);
        if let Value::Text { cut: true, .. } = field.value {
            notes.cut(&name);
        }
        let value = json(fields, field.value);
        if path.is_empty() && field.name == ERROR_TYPE {
            if let Json::Object(error) = body.entry("error").or_insert_with(|| json!({})) {
                error.insert("type".to_owned(), value);
            }
        } else if path.is_empty() {
            own.insert(name, value);
        } else {
            of_spans.entry(name).or_insert(value);
        }
    }
    put_map(body, "fields", own);
    path.reverse();
    let mut span = Map::new();
    if !path.is_empty() {
        put(&mut span, "path", path.join(" > "));
    }
    put_map(&mut span, "fields", of_spans);
    put_map(body, "span", span);
}

fn source_map(source: &Source, thread: Option<String>) -> Map<String, Json> {
    let Source { service, version, environment, host, pid, .. } = source;
    let mut map = Map::new();
    let texts = [
        ("service", service),
        ("version", version),
        ("environment", environment),
        ("host", host),
        ("thread", &thread),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            put(&mut map, name, text.as_str());
        }
    }
    put(&mut map, "pid", *pid);
    map
}

fn occurrences(occurrences: &Occurrences) -> Map<String, Json> {
    let Occurrences { count, since_last, first, last } = *occurrences;
    let mut map = Map::new();
    put(&mut map, "count", count);
    put(&mut map, "since_last", since_last);
    put(&mut map, "first", timestamp(first));
    put(&mut map, "last", timestamp(last));
    map
}

/// RFC 3339 in UTC; a clock before 1970 reads as 1970.
fn timestamp(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at.max(SystemTime::UNIX_EPOCH)).to_string()
}

/// A field's name as a key: rules read a dot as nesting.
fn key(name: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    if name.is_empty() { "_".to_owned() } else { name.replace('.', "_") }
}

/// A captured value with its type, as far as JavaScript can read it.
fn json(fields: &Fields, value: Value) -> Json {
    match value {
        Value::Bool(value) => value.into(),
        Value::I64(value) if value.unsigned_abs() > EXACT => value.to_string().into(),
        Value::I64(value) => value.into(),
        Value::U64(value) if value > EXACT => value.to_string().into(),
        Value::U64(value) => value.into(),
        Value::F64(value) if value.is_finite() => json!(value),
        Value::F64(value) => value.to_string().into(),
        Value::Text { .. } | Value::Span | Value::Kept { .. } => fields.text(value).into(),
    }
}

/// Fields that a program gave as JSON, under the same rules.
fn manual(fields: &Map<String, Json>) -> Map<String, Json> {
    fields.iter().map(|(name, value)| (key(name), readable(value))).collect()
}

fn readable(value: &Json) -> Json {
    match value {
        Json::Object(fields) => Json::Object(manual(fields)),
        Json::Array(items) => items.iter().map(readable).collect(),
        Json::Number(number) => {
            let size = number.as_u64().or_else(|| Some(number.as_i64()?.unsigned_abs()));
            let exact = size.is_none_or(|size| size <= EXACT);
            if exact { value.clone() } else { number.to_string().into() }
        }
        other => other.clone(),
    }
}

fn put(map: &mut Map<String, Json>, name: &str, value: impl Into<Json>) {
    map.insert(name.to_owned(), value.into());
}

fn put_map(map: &mut Map<String, Json>, name: &str, value: Map<String, Json>) {
    if !value.is_empty() {
        map.insert(name.to_owned(), Json::Object(value));
    }
}

/// Cuts the text `name` to `cap` bytes.
fn shorten(map: &mut Map<String, Json>, name: &str, cap: usize) {
    if let Some(Json::String(text)) = map.get_mut(name) {
        text.truncate(head(text, cap).len());
    }
}

/// Takes away, until it fits: the trail, the spans' fields, the event's fields, the error's chain,
/// the links. All else is short.
fn trim(body: &mut Map<String, Json>, notes: &mut Notes) {
    let order: [(&str, &[&str]); 5] = [
        ("trail", &["trail"]),
        ("span.fields", &["span", "fields"]),
        ("fields", &["fields"]),
        ("error.chain", &["error", "chain"]),
        ("links", &["links"]),
    ];
    for (name, path) in order {
        let length = |map: &Map<String, Json>| serde_json::to_vec(map).map_or(0, |json| json.len());
        if length(body).saturating_add(length(&notes.0)).saturating_add(NOTES_KEY) <= BODY_CAP {
            return;
        }
        let removed = match path {
            [outer, inner] => body
                .get_mut(*outer)
                .and_then(Json::as_object_mut)
                .and_then(|outer| outer.remove(*inner)),
            [key] => body.remove(*key),
            _ => None,
        };
        if removed.is_some() {
            notes.cut(name);
        }
    }
}

#[cfg(test)]
mod tests;
