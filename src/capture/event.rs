//! Reading an event's fields: a first pass for what decides (message, `spike.*`), a second for
//! everything else.
//!
//! Invariant: the first pass formats nothing that the decision does not need.

use std::{
    error::Error,
    fmt::{self, Write},
    hash::Hasher,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing::field::{Field, Visit};

use crate::{
    capture::{
        redact::Verdict,
        scratch::{Capped, Scratch, Taker, hide},
    },
    fields::{Fields, TEXT_CAP, Taken, Value},
    incident::{Priority, Severity},
};

/// Longest value of a `spike.` field, in bytes, but for the title.
const WORD_CAP: usize = 64;
/// Bytes of a value that joins the key that are looked at: more than a title keeps, since what is
/// invisible goes.
const GROUP_CAP: usize = 512;
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
fn is_control(name: &str) -> bool {
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
    fn group(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let name = field.name();
        let groups = self.group_by.iter().zip(&mut self.scratch.groups);
        if let Some((_, group)) = groups.into_iter().find(|(of, _)| *of == name) {
            group.clear();
            group.found = true;
            take_field(self.taker, name, &mut group.text, GROUP_CAP, write);
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let Scratch { message, taken, error, holes, error_holes, controls, recall, .. } =
            &mut *self.scratch;
        match field.name() {
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

/// A pass for the event's error alone, of which nothing is kept but its hash.
pub(crate) struct Hashing<'a, H> {
    pub(crate) state: &'a mut H,
    /// There was an error, and nothing of it panicked.
    pub(crate) found: bool,
}

impl<H: Hasher> Hashing<'_, H> {
    fn text(&mut self, value: impl fmt::Display) {
        if self.found {
            return;
        }
        let mut rest = Rest { state: &mut *self.state, room: TEXT_CAP };
        match catch_unwind(AssertUnwindSafe(|| write!(rest, "{value}"))) {
            // An error is a formatter's that gave up, or the cap: what was written counts.
            Ok(_) => self.found = true,
            // Dropping the payload could panic again.
            Err(payload) => mem::forget(payload),
        }
    }
}

impl<H: Hasher> Visit for Hashing<'_, H> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if is_error_name(field.name()) {
            self.text(format_args!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if is_error_name(field.name()) {
            self.text(value);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if !is_control(field.name()) {
            // Without its sources: `%error` has none.
            self.text(value);
        }
    }
}

/// Hashes what is written, up to a number of bytes.
struct Rest<'a, H> {
    state: &'a mut H,
    room: usize,
}

impl<H: Hasher> Write for Rest<'_, H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = text.as_bytes().get(..self.room.min(text.len())).unwrap_or_default();
        self.state.write(fits);
        self.room = self.room.saturating_sub(text.len());
        if self.room == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}

/// An error and its sources: `a: b: c`. A source whose text the error already ends with is left
/// out, since many errors print their source themselves.
fn write_chain(error: &(dyn Error + 'static), out: &mut Capped<'_>) -> fmt::Result {
    let mut start = out.len();
    write!(out, "{error}")?;
    let mut source = error.source();
    for _ in 0..CHAIN_DEPTH {
        let Some(cause) = source else { break };
        let end = out.len();
        out.write_str(": ")?;
        let next = out.len();
        write!(out, "{cause}")?;
        let last = out.len();
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
fn take_field(
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

/// The second pass, and the fields of spans: everything that is content.
pub(crate) struct Capturing<'a> {
    pub(crate) fields: &'a mut Fields,
    pub(crate) taker: Taker<'a>,
    /// An event's error goes to a place of its own; a span's is a field like any other.
    pub(crate) error: Option<&'a mut CapturedError>,
}

/// The event's error: its own text, and with its sources.
#[derive(Debug, Default)]
pub(crate) struct CapturedError {
    pub(crate) message: Option<Value>,
    pub(crate) chain: Option<Value>,
}

impl Capturing<'_> {
    fn is_content(&self, name: &str) -> bool {
        if self.error.is_some() { is_content(name) } else { !is_control(name) }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        let (name, taker) = (field.name(), self.taker);
        if !self.is_content(name) {
            return;
        }
        match &mut self.error {
            Some(error) if is_error_name(name) && error.message.is_none() => {
                error.message =
                    Some(self.fields.text_value(|out| taker.take(out, TEXT_CAP, write)));
            }
            _ => self.fields.push_text(name, |out| take_field(taker, name, out, TEXT_CAP, write)),
        }
    }

    fn number(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if !self.is_content(name) {
            return;
        }
        let hidden = match self.taker.scrubber.verdict_of(name) {
            Verdict::Open => false,
            Verdict::Listed(listed) => match value {
                Value::I64(number) => listed.hides_number(number.unsigned_abs()),
                Value::U64(number) => listed.hides_number(number),
                Value::Bool(_) | Value::F64(_) | Value::Text { .. } | Value::Span => false,
            },
            Verdict::Hidden => true,
        };
        if hidden {
            self.fields.push_text(name, |out| hide(out, out.len()));
        } else {
            self.fields.push(name, value);
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
        self.number(field, Value::Bool(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field, Value::I64(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field, Value::U64(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.number(field, Value::F64(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let taker = self.taker;
        match &mut self.error {
            Some(error) if error.message.is_none() && !is_control(field.name()) => {
                let fields = &mut *self.fields;
                error.message = Some(
                    fields.text_value(|out| taker.take(out, TEXT_CAP, |w| write!(w, "{value}"))),
                );
                error.chain = Some(
                    fields.text_value(|out| taker.take(out, TEXT_CAP, |w| write_chain(value, w))),
                );
            }
            _ => self.text(field, |out| write_chain(value, out)),
        }
    }
}
