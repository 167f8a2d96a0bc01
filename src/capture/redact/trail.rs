//! Secrets taken out of what was recorded, and the lines that a person reads of it.
//!
//! Invariant: a line is one line, and all of them have [`LINES`] bytes at most: the oldest go.

use std::fmt::Write;

use super::{PLACEHOLDER, Scrubber, Verdict, event::is_hidden};
use crate::{
    capture::{
        event::is_error_name,
        scratch::hide,
        span::kept::{Item, read},
        trail::LOG_TARGET,
    },
    fields::{Taken, Value},
    incident::{Step, Trail},
};

/// Bytes of all lines.
const LINES: usize = 8 * 1024;
/// What stands for a text.
pub(super) const TEXT: Value = Value::Text { start: 0, end: 0, cut: false };

impl Scrubber {
    /// Redacts a text of which more is known than is kept, and cuts it.
    pub(crate) fn shorten(&self, name: &'static str, text: &mut String, cap: usize) -> Taken {
        if self.hides(name, TEXT, text) { hide(text, 0) } else { self.scrub(text, 0, cap) }
    }

    /// Whether the value of a field is hidden as a whole. Messages and errors are told whatever
    /// else is hidden.
    fn hides(&self, name: &'static str, value: Value, text: &str) -> bool {
        match self.verdict_of(name) {
            Verdict::Open => false,
            Verdict::Hidden => {
                let is_text = matches!(value, Value::Text { .. });
                !(matches!(name, "message" | LOG_TARGET) || is_text && is_error_name(name))
            }
            Verdict::Listed(listed) => is_hidden(listed, value, text),
        }
    }

    /// The lines, oldest first, and how many secrets were replaced in them.
    pub(super) fn lines(&self, trail: &Trail) -> (Vec<String>, u32) {
        let (mut lines, mut redacted) = (Vec::with_capacity(trail.steps.len()), 0_u32);
        let mut rest = trail.bytes.as_slice();
        for step in &trail.steps {
            let Some((bytes, behind)) = rest.split_at_checked(step.length.into()) else { break };
            rest = behind;
            let (line, found) = self.line(step, bytes);
            redacted = redacted.saturating_add(found);
            lines.push(line);
        }
        let mut kept = LINES;
        let newest = lines.iter().rev().take_while(|line| {
            let left = kept.checked_sub(line.len());
            kept = left.unwrap_or(0);
            left.is_some()
        });
        let oldest = lines.len().saturating_sub(newest.count());
        lines.drain(..oldest);
        (lines, redacted)
    }

    /// `-1.240s INFO shop::orders: 3 seats reserved order=4711`.
    fn line(&self, step: &Step, bytes: &[u8]) -> (String, u32) {
        let mut redacted = step.redacted;
        let mut target = step.meta.target().to_owned();
        let (mut message, mut fields) = (String::new(), String::new());
        for (name, item) in read(step.meta, bytes) {
            let mut text = match item {
                Item::Text(text) => text.to_owned(),
                Item::Plain(value) if self.hides(name, value, "") => PLACEHOLDER.to_owned(),
                Item::Plain(value) => shown(value),
            };
            if matches!(item, Item::Text(_)) {
                redacted =
                    redacted.saturating_add(self.shorten(name, &mut text, usize::MAX).redacted);
            } else if text == PLACEHOLDER {
                redacted = redacted.saturating_add(1);
            }
            match name {
                "message" => message = text,
                LOG_TARGET => target = text,
                name => {
                    let name = name.strip_prefix("r#").unwrap_or(name);
                    // Writing to a string does not fail.
                    write!(fields, " {name}={text}").ok();
                }
            }
        }
        redacted = redacted.saturating_add(self.scrub_all(&mut target));
        let (seconds, millis) = (step.at.as_secs(), step.at.subsec_millis());
        let cut = if step.cut { " …" } else { "" };
        let space = if message.is_empty() { "" } else { " " };
        let level = step.meta.level();
        let line =
            format!("-{seconds}.{millis:03}s {level} {target}:{space}{message}{fields}{cut}");
        (line.replace(char::is_control, " "), redacted)
    }
}

fn shown(value: Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::I64(value) => value.to_string(),
        Value::U64(value) => value.to_string(),
        Value::F64(value) => value.to_string(),
        Value::Text { .. } | Value::Span | Value::Kept { .. } => String::new(),
    }
}
