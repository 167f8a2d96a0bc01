//! One event as it is recorded: its fields as they are, and no more of them than a line of text
//! has room for.
//!
//! Invariant: what has to be cut is looked through for secrets before, so that no cut leaves half
//! a secret behind; all else is left to whoever shows it.

use std::{
    error::Error,
    fmt::{self, Write},
    time::Duration,
};

use tracing::{
    Event, Metadata,
    field::{Field, Visit},
};

use crate::{
    capture::{
        event::{is_content, records_plain_values, write_chain},
        scratch::{Capped, Taker},
        span::kept::{Item, Kept},
    },
    fields::{Taken, Value},
    incident::Step,
};

/// Bytes of one event at most.
pub(super) const STEP: usize = 512;
/// Bytes of one text of it.
const TEXT: usize = 256;
/// The field of a `log` record that has its target.
pub(crate) const LOG_TARGET: &str = "log.target";

/// Reused from event to event.
pub(super) struct Recording {
    meta: &'static Metadata<'static>,
    pub(super) kept: Kept,
    text: String,
    taken: Taken,
}

impl fmt::Debug for Recording {
    /// How much there is: its texts may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording({:?})", self.kept)
    }
}

impl Recording {
    pub(super) fn new(meta: &'static Metadata<'static>) -> Self {
        let (kept, text) = (Kept::new(meta), String::new());
        Self { meta, kept, text, taken: Taken::default() }
    }

    /// Takes an event in the place of the one before.
    pub(super) fn read(&mut self, event: &Event<'_>, taker: Taker<'_>) {
        self.meta = event.metadata();
        self.kept.begin(self.meta);
        self.taken = Taken::default();
        event.record(&mut Recorder { recording: self, taker });
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.kept.bytes()
    }

    /// What is known of it beside its fields and the time.
    pub(super) fn step(&self) -> Step {
        let Taken { cut, redacted } = self.taken;
        Step { at: Duration::ZERO, meta: self.meta, length: 0, cut, redacted }
    }

    fn keep(&mut self, field: &Field, item: Item<'_>) {
        keep(&mut self.kept, &mut self.taken, field, item);
    }
}

/// Keeps a field if there is room for it.
fn keep(kept: &mut Kept, taken: &mut Taken, field: &Field, item: Item<'_>) {
    /// What a field takes beside its text, at most: a number.
    const HEAD: usize = 10;
    let length = match item {
        Item::Text(text) => text.len(),
        Item::Plain(_) => 0,
    };
    if kept.bytes().len().saturating_add(length).saturating_add(HEAD) > STEP {
        taken.cut = true;
    } else {
        kept.push(field.index(), item);
    }
}

struct Recorder<'a, 'b> {
    recording: &'a mut Recording,
    taker: Taker<'b>,
}

impl Recorder<'_, '_> {
    fn plain(&mut self, field: &Field, value: Value) {
        if is_told(field.name()) {
            self.recording.keep(field, Item::Plain(value));
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Capped<'_>) -> fmt::Result) {
        if !is_told(field.name()) {
            return;
        }
        let Recording { text, taken, kept, .. } = &mut *self.recording;
        text.clear();
        self.taker.take_raw(text, write);
        if text.len() > TEXT {
            let Taken { cut, redacted } = self.taker.scrubber.shorten(field.name(), text, TEXT);
            taken.cut |= cut;
            taken.redacted = taken.redacted.saturating_add(redacted);
        }
        keep(kept, taken, field, Item::Text(text));
    }
}

/// Whether a field is told.
fn is_told(name: &str) -> bool {
    matches!(name, "message" | LOG_TARGET) || is_content(name)
}

impl Visit for Recorder<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, |out| write!(out, "{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if value.len() > TEXT {
            self.text(field, |out| out.write_str(value));
        } else if is_told(field.name()) {
            self.recording.keep(field, Item::Text(value));
        }
    }

    records_plain_values!();

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.text(field, |out| write_chain(value, out));
    }
}
