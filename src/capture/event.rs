//! Reading an event's fields: a first pass, for what decides (message, `spike.*`).
//!
//! Invariant: it formats nothing that the decision does not need.

use std::{
    error::Error,
    fmt::{self, Write},
};

use tracing::field::{Field, Visit};

use crate::{
    capture::{
        redact::Verdict,
        report,
        scratch::{Capped, Scratch, Taker, hide},
        span::GROUP_CAP,
    },
    fields::{Fields, TEXT_CAP, Taken},
    incident::{Priority, Severity},
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
pub(crate) fn is_error_name(name: &str) -> bool {
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
                if report::flatten(error, None).is_some() {
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

/// Of a visitor: numbers and flags are kept as they are, by its `plain`.
macro_rules! records_plain_values {
    () => {
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
    };
}
pub(crate) use records_plain_values;

/// An error and its sources: `a: b: c`. A source whose text the error already ends with is left
/// out, since many errors print their source themselves.
pub(crate) fn write_chain(error: &(dyn Error + 'static), out: &mut Capped<'_>) -> fmt::Result {
    let start = out.len();
    write!(out, "{error}")?;
    write_sources(error, start, out, &mut String::new())
}

/// The sources of an error whose own text begins at `start`. One that is a span trace is no cause:
/// its path goes into `span`.
pub(crate) fn write_sources(
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
            // The innermost is where the error was made. What there was no room for is nearer to
            // the root.
            span.clear();
            let whole =
                if written.is_ok() { text } else { text.rsplit_once('\n').unwrap_or_default().0 };
            if written.is_err() {
                span.push_str("… > ");
            }
            report::push_path(whole, span);
            out.truncate(end);
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
