//! Secrets taken out of events that were captured.

use super::{Listed, PLACEHOLDER, Scrubber, Verdict, trail::TEXT};
use crate::{
    capture::span::kept::{Item, read},
    fields::{Fields, TEXT_CAP, Taken, Value},
    incident::{Captured, Place, Raw, RawError, Redact},
};

/// Longest target in a body, in bytes. A module's path is far shorter; a `log` record's target is
/// whatever its program says.
const TARGET_CAP: usize = 512;

impl Redact for Scrubber {
    fn redact(&self, raw: Raw) -> Captured {
        let Raw { level, place, message, thread, error, fields, spans_cut, .. } = raw;
        let Raw { notes, trail, trace, runbook, .. } = raw;
        let mut clean = self.fields(&fields);
        let mut keep = |text: &str, cap| clean.text_value(|out| self.append(text, out, cap));
        let (callsite, target, file, line) = match place {
            Place::Callsite(meta) => (Some(meta), meta.target(), meta.file(), meta.line()),
            Place::Record { target, file, line } => {
                (None, fields.text(target), file.map(|file| fields.text(file)), line)
            }
        };
        let target = keep(target, TARGET_CAP);
        let file = file.map(|file| keep(file, TEXT_CAP));
        let mut text = |value| {
            let kept = keep(fields.text(value), TEXT_CAP);
            if is_cut(value) { kept.cut() } else { kept }
        };
        let (message, thread) = (text(message), text(thread));
        let hides = |error: &RawError| match self.verdict_of(error.name) {
            Verdict::Listed(listed) => listed.hides(fields.text(error.own)),
            // An error is told whatever the name of its field is.
            Verdict::Open | Verdict::Hidden => false,
        };
        let (error, chain, error_span) = match error {
            Some(error) if hides(&error) => (Some(hidden(&mut clean)), None, None),
            Some(RawError { own, whole, span, .. }) => {
                (Some(text(own)), (own != whole).then(|| text(whole)), span.map(text))
            }
            None => (None, None, None),
        };
        self.pool.give(fields);
        let trail_cut = trail.as_ref().is_some_and(|trail| trail.missed);
        let (trail, redacted) = trail.map(|trail| self.lines(&trail)).unwrap_or_default();
        clean.add_redacted(redacted);
        let fields = clean;
        Captured {
            level,
            callsite,
            message,
            target,
            thread,
            file,
            line,
            error,
            chain,
            error_span,
            fields,
            spans_cut,
            notes,
            trail,
            trail_cut,
            trace,
            runbook,
        }
    }
}

/// What is shown of a secret.
fn hidden(clean: &mut Fields) -> Value {
    clean.text_value(|out| {
        out.push_str(PLACEHOLDER);
        Taken { cut: false, redacted: 1 }
    })
}

/// Whether its own thread has cut it already.
fn is_cut(value: Value) -> bool {
    matches!(value, Value::Text { cut: true, .. })
}

/// Whether the value of a listed name is a secret.
pub(super) fn is_hidden(listed: Listed, value: Value, text: &str) -> bool {
    match value {
        Value::Text { .. } => listed.hides(text),
        Value::I64(number) => listed.hides_number(number.unsigned_abs()),
        Value::U64(number) => listed.hides_number(number),
        Value::Bool(_) | Value::F64(_) | Value::Span | Value::Kept { .. } => false,
    }
}

impl Scrubber {
    /// The fields of an event and of its spans, one by one.
    fn fields(&self, raw: &Fields) -> Fields {
        let mut clean = Fields::default();
        let mut kept = raw.kept();
        for field in raw.iter() {
            match field.value {
                Value::Span => clean.push_span(field.name),
                Value::Kept { meta, length } => {
                    let (bytes, rest) = kept.split_at_checked(length as usize).unwrap_or_default();
                    kept = rest;
                    for (name, item) in read(meta, bytes) {
                        match item {
                            Item::Plain(value) => self.field(name, (value, ""), &mut clean),
                            Item::Text(text) => self.field(name, (TEXT, text), &mut clean),
                        }
                    }
                }
                value => self.field(field.name, (value, raw.text(value)), &mut clean),
            }
        }
        clean.add_omitted(raw.omitted());
        clean.add_redacted(raw.redacted());
        clean
    }

    fn field(&self, name: &'static str, (value, text): (Value, &str), clean: &mut Fields) {
        let is_text = matches!(value, Value::Text { .. });
        let hidden = match self.verdict_of(name) {
            Verdict::Open => false,
            Verdict::Hidden => true,
            Verdict::Listed(listed) => is_hidden(listed, value, text),
        };
        if hidden {
            clean.push_text(name, |out| {
                out.push_str(PLACEHOLDER);
                Taken { cut: false, redacted: 1 }
            });
        } else if is_text {
            clean.push_text(name, |out| self.append(text, out, TEXT_CAP));
        } else {
            clean.push(name, value);
        }
    }

    /// Appends a text without its secrets, cut to `cap` bytes.
    fn append(&self, text: &str, out: &mut String, cap: usize) -> Taken {
        let start = out.len();
        out.push_str(text);
        self.scrub(out, start, cap)
    }
}
