//! Reading an event's fields: a first pass for what decides (message, `spike.*`), a second for
//! everything else.
//!
//! Invariant: the first pass formats nothing that the decision does not need.

use std::{
    error::Error,
    fmt::{self, Write},
};

use tracing::{
    Event,
    field::{Field, Visit},
};

use crate::{
    capture::{
        redact::Verdict,
        report,
        scratch::{Capped, Scratch, Taker, hide},
        span::GROUP_CAP,
    },
    fields::{Fields, TEXT_CAP, Taken, Value, head},
    incident::{Priority, RawError, Severity},
};

/// Longest value of a `spike.` field, in bytes, but for the title.
const WORD_CAP: usize = 64;
/// A chain of error sources is followed this far; a cyclic one ends here.
const CHAIN_DEPTH: usize = 16;

/// What the `spike` fields of an event ask for.
#[derive(Debug, Default)]
pub(crate) struct Controls {
    /// Some `spike` field had a value.
    pub(crate) any: bool,
    pub(crate) page: Option<bool>,
    pub(crate) status: Option<Wanted>,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    /// `spike.title`, uncleaned; empty when there is none.
    pub(crate) title: String,
    word: String,
    /// What was mistyped, for `body.notes`.
    pub(crate) notes: Fields,
}

/// The value of `spike.status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Trigger,
    Resolve,
    Unknown,
}

impl Controls {
    pub(crate) fn clear(&mut self) {
        let Controls { any, page, status, severity, priority, title, word, notes } = self;
        (*any, *page, *status, *severity, *priority) = (false, None, None, None, None);
        title.clear();
        word.clear();
        notes.clear();
    }

    /// Takes over the value in `word` for the field `name`.
    fn take_word(&mut self, name: &'static str) {
        let word = self.word.trim();
        let expected = match name {
            "spike" => match word {
                "true" => return self.page = Some(true),
                "false" => return self.page = Some(false),
                _ => "true or false",
            },
            "spike.severity" => match word.parse() {
                Ok(severity) => return self.severity = Some(severity),
                Err(_) => "sev1, sev2 or sev3",
            },
            "spike.priority" => match word.parse() {
                Ok(priority) => return self.priority = Some(priority),
                Err(_) => "p1, p2, p3, p4 or p5",
            },
            "spike.status" => match word {
                "resolve" => return self.status = Some(Wanted::Resolve),
                "trigger" => return self.status = Some(Wanted::Trigger),
                _ => {
                    self.status = Some(Wanted::Unknown);
                    "resolve or trigger"
                }
            },
            // Reported once, when the callsite registered.
            _ => return,
        };
        let Controls { word, notes, .. } = self;
        notes.push_text(name, |out| {
            let found = word.trim();
            write!(out, "expected {expected}, found {found:?}; sent without it").is_err()
        });
    }
}

/// Whether a field is an instruction to us and no content.
pub(crate) fn is_control(name: &str) -> bool {
    name == "spike" || name.starts_with("spike.")
}

/// Whether it tells where a `log` record comes from; the body's target and location tell that.
fn is_log_place(name: &str) -> bool {
    matches!(name, "log.target" | "log.module_path" | "log.file" | "log.line")
}

/// Whether a field of an event is content: neither its message, nor an instruction to us, nor the
/// place of a `log` record.
pub(crate) fn is_content(name: &str) -> bool {
    name != "message" && !is_control(name) && !is_log_place(name)
}

/// Whether an error in a field of this name is the event's error.
fn is_error_name(name: &str) -> bool {
    matches!(name, "error" | "err" | "e")
}

/// Whether a field can join the key: `message` is in the title anyway.
pub(crate) fn can_group(name: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    !name.is_empty() && name != "message" && !is_control(name) && !name.contains(odd)
}

/// The first pass: message and `spike` fields, the fields that join the key, and the error where
/// the title may need it.
pub(crate) struct Deciding<'a> {
    pub(crate) scratch: &'a mut Scratch,
    pub(crate) taker: Taker<'a>,
    /// Without a message the error names the incident.
    pub(crate) wants_error: bool,
    /// The fields that join the key.
    pub(crate) group_by: &'a [String],
}

impl Deciding<'_> {
    /// Takes the value if the field joins the key; `write` writes it as `Display` does.
    #[inline]
    fn group(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        if self.group_by.is_empty() {
            return;
        }
        let name = field.name();
        let groups = self.group_by.iter().zip(&mut self.scratch.groups);
        if let Some((_, group)) = groups.into_iter().find(|(of, _)| *of == name) {
            group.clear();
            group.found = true;
            take_field(self.taker, name, &mut group.text, GROUP_CAP, write);
        }
    }

    #[inline]
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let name = field.name();
        // `message`, `spike`, `error`: of most fields, the first letter tells enough.
        if matches!(name.as_bytes().first(), Some(b'm' | b's' | b'e')) {
            self.decide(name, write);
        }
    }

    fn decide(&mut self, name: &'static str, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let Scratch { message, taken, error, holes, error_holes, controls, recall, .. } =
            &mut *self.scratch;
        match name {
            "message" => {
                message.clear();
                *taken = self.taker.take_message(message, holes, recall, write);
            }
            "spike.title" => {
                controls.any = true;
                controls.title.clear();
                self.taker.take(&mut controls.title, TEXT_CAP, write);
            }
            name if is_control(name) => {
                controls.any = true;
                controls.word.clear();
                self.taker.take(&mut controls.word, WORD_CAP, write);
                controls.take_word(name);
            }
            name if self.wants_error && is_error_name(name) && error.is_empty() => {
                self.taker.take_with_holes(error, TEXT_CAP, error_holes, write);
                if report::flatten(error).is_some() {
                    error_holes.truncate(0);
                }
            }
            _ => {}
        }
    }
}

impl Visit for Deciding<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.group(field, |out| write!(out, "{value:?}"));
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // The one number that `Debug` writes in another way.
        self.group(field, |out| write!(out, "{value}"));
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.group(field, |out| out.write_str(value));
        self.text(field, |out| out.write_str(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        // With its sources, as the fields of spans hold it.
        self.group(field, |out| write_chain(value, out));
        if self.wants_error && self.scratch.error.is_empty() && !is_control(field.name()) {
            let Scratch { error, error_holes, .. } = &mut *self.scratch;
            self.taker.take_with_holes(error, TEXT_CAP, error_holes, |out| write_chain(value, out));
        } else {
            self.text(field, |out| write!(out, "{value}"));
        }
    }
}

/// The event's error: its own text, and behind that its sources'.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    text: String,
    /// Where its own text ends.
    own: usize,
    /// The path of the spans that it was made in, if it tells.
    span: String,
    /// The field that has it.
    field: Option<&'static str>,
    /// It was looked for.
    read: bool,
    /// So were its sources.
    sourced: bool,
    /// Its own text could be had.
    whole: bool,
}

impl Failure {
    pub(crate) fn clear(&mut self) {
        let Self { text, own, span, field, read, sourced, whole } = self;
        text.clear();
        span.clear();
        (*own, *field, *read, *sourced, *whole) = (0, None, false, false, false);
    }

    /// Looks for it, unless that was done.
    pub(crate) fn read(&mut self, event: &Event<'_>, taker: Taker<'_>) {
        if !self.read {
            self.read = true;
            event.record(&mut Failing { failure: self, taker });
        }
    }

    /// Looks for it in what `record` shows.
    #[cfg(feature = "cli")]
    pub(crate) fn read_from(&mut self, taker: Taker<'_>, record: impl FnOnce(&mut dyn Visit)) {
        self.read = true;
        record(&mut Failing { failure: self, taker });
    }

    /// The same, and its sources.
    pub(crate) fn read_whole(&mut self, event: &Event<'_>, taker: Taker<'_>) -> &str {
        self.read(event, taker);
        if !self.sourced {
            event.record(&mut Sourcing { failure: self, taker });
        }
        &self.text
    }

    /// Appends its sources, unless that was done, if `field` is the one that has it.
    fn add_sources(&mut self, field: &Field, error: &(dyn Error + 'static), taker: Taker<'_>) {
        if self.field == Some(field.name()) && self.whole && !self.sourced {
            self.sourced = true;
            let Self { text, span, .. } = self;
            taker.take_behind(text, |out| write_sources(error, 0, out, span));
        }
    }

    /// What two events have in common when one has caused the other: the error's text without its
    /// sources, as `%error` has none. `None`: there is no error, or its text could not be had.
    pub(crate) fn own(&self) -> Option<&str> {
        let own = head(self.text.get(..self.own)?, TEXT_CAP);
        self.whole.then_some(own)
    }

    /// Appends it to the texts of an event: its own, and with its sources.
    fn append_to(&self, fields: &mut Fields) -> Option<RawError> {
        let name = self.field?;
        let mut keep = |text: &str| {
            fields.text_value(|out| {
                out.push_str(text);
                false
            })
        };
        let whole = keep(&self.text);
        let span = (!self.span.is_empty()).then(|| keep(&self.span));
        Some(RawError { name, own: Fields::head_of(whole, self.own), whole, span })
    }
}

/// A pass for the event's error alone.
struct Failing<'a> {
    failure: &'a mut Failure,
    taker: Taker<'a>,
}

impl Failing<'_> {
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let Failure { text, own, field: of, whole, .. } = &mut *self.failure;
        if of.is_none() {
            *of = Some(field.name());
            *whole = !self.taker.take_raw(text, write);
            *own = report::flatten(text).unwrap_or(text.len());
        }
    }
}

impl Visit for Failing<'_> {
    // A number or a flag of such a name tells of no failure that another event could have caused.
    fn record_bool(&mut self, _: &Field, _: bool) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_f64(&mut self, _: &Field, _: f64) {}

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_error_name(field.name()) {
            self.text(field, |out| write!(out, "{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_error_name(field.name()) {
            self.text(field, |out| out.write_str(value));
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if !is_control(field.name()) {
            self.text(field, |out| write!(out, "{value}"));
        }
    }
}

/// A pass for the sources of the event's error alone.
struct Sourcing<'a> {
    failure: &'a mut Failure,
    taker: Taker<'a>,
}

impl Visit for Sourcing<'_> {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.failure.add_sources(field, value, self.taker);
    }
}

/// An error and its sources: `a: b: c`. A source whose text the error already ends with is left
/// out, since many errors print their source themselves.
pub(crate) fn write_chain(error: &(dyn Error + 'static), out: &mut Capped<'_>) -> fmt::Result {
    let start = out.len();
    write!(out, "{error}")?;
    write_sources(error, start, out, &mut String::new())
}

/// The sources of an error whose own text begins at `start`. One that is a span trace is no cause:
/// its path goes into `span`.
fn write_sources(
    error: &(dyn Error + 'static),
    start: usize,
    out: &mut Capped<'_>,
    span: &mut String,
) -> fmt::Result {
    let mut start = start;
    let mut source = error.source();
    for _ in 0..CHAIN_DEPTH {
        let Some(cause) = source else { break };
        let end = out.len();
        out.write_str(": ")?;
        let next = out.len();
        let written = write!(out, "{cause}");
        let last = out.len();
        let text = out.between(next, last);
        if report::is_span_trace(text) {
            // The innermost is where the error was made.
            span.clear();
            report::push_path(text, span);
            out.truncate(end);
            written?;
            source = cause.source();
            continue;
        }
        written?;
        if out.between(start, end).ends_with(out.between(next, last)) {
            out.truncate(end);
            start = end.saturating_sub(last.saturating_sub(next));
        } else {
            start = next;
        }
        source = cause.source();
    }
    Ok(())
}

/// Takes the value of a field, as its name says.
pub(crate) fn take_field(
    taker: Taker<'_>,
    name: &'static str,
    out: &mut String,
    cap: usize,
    write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
) -> Taken {
    match taker.scrubber.verdict_of(name) {
        Verdict::Open => taker.take(out, cap, write),
        Verdict::Listed(listed) => taker.take_listed(out, cap, listed, write),
        Verdict::Hidden => hide(out, out.len()),
    }
}

/// The second pass: everything that is content, but for the error.
struct Capturing<'a> {
    fields: &'a mut Fields,
    taker: Taker<'a>,
    failure: &'a mut Failure,
}

/// Reads what is content; the event's error becomes two values, its own and with its sources.
pub(crate) fn capture(
    event: &Event<'_>,
    taker: Taker<'_>,
    failure: &mut Failure,
    fields: &mut Fields,
) -> Option<RawError> {
    failure.read(event, taker);
    event.record(&mut Capturing { fields, taker, failure });
    failure.append_to(fields)
}

impl Capturing<'_> {
    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let (name, taker) = (field.name(), self.taker);
        if is_content(name) && self.failure.field != Some(name) {
            self.fields.push_text(name, |out| {
                taker.take_raw(out, write);
                false
            });
        }
    }

    fn plain(&mut self, field: &Field, value: Value) {
        if is_content(field.name()) {
            self.fields.push(field.name(), value);
        }
    }
}

impl Visit for Capturing<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |out| out.write_str(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, Value::U64(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.plain(field, Value::F64(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.failure.add_sources(field, value, self.taker);
        self.text(field, |out| write_chain(value, out));
    }
}
