//! Buffers that a thread reuses from event to event, and how a value gets into one.
//!
//! Invariants: a thread that has paged once allocates nothing for a repeat; no borrow is held
//! while a user's `Debug` runs, so a nested use gets fresh buffers; whatever a value's formatting
//! does (panic, never stop writing), what arrives here is bounded.

use std::{
    cell::Cell,
    fmt::{self, Write},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use crate::{
    capture::{event::Controls, redact::Scrubber, title},
    fields::{Fields, head},
    stats::{Count, Counters},
    webhook::LONGEST_TOKEN,
};

/// Put in the place of a value whose formatting panicked.
const PANICKED: &str = "<panicked>";

/// What is read off one event before it is known whether it goes out.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) message: String,
    /// The message was longer than its cap.
    pub(crate) message_cut: bool,
    pub(crate) error: String,
    pub(crate) controls: Controls,
    pub(crate) title: String,
    /// For titles that have to be read twice; needs no clearing.
    pub(crate) spare: title::Spare,
    pub(crate) fields: Fields,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends this thread's scratch, empty. While it is lent, or while the thread is being torn
    /// down, the next caller gets a new one.
    pub(crate) fn lend<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let Scratch { message, message_cut, error, controls, title, fields, .. } = &mut *scratch;
        message.clear();
        *message_cut = false;
        error.clear();
        controls.clear();
        title.clear();
        fields.clear();
        let result = work(&mut scratch);
        SCRATCH.try_with(|cell| cell.set(Some(scratch))).ok();
        result
    }
}

/// How texts are taken: scrubbed, and what happened to them counted.
#[derive(Clone, Copy)]
pub(crate) struct Taker<'a> {
    pub(crate) scrubber: &'a Scrubber,
    pub(crate) counters: &'a Counters,
}

impl Taker<'_> {
    /// Appends what `write` writes to `out`, at most `cap` bytes; tells whether it was cut.
    pub(crate) fn take(
        &self,
        out: &mut String,
        cap: usize,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> bool {
        let start = out.len();
        // Look further than the cap, so that a token across it is whole when it is scrubbed.
        let limit = start.saturating_add(cap).saturating_add(LONGEST_TOKEN);
        let mut capped = Capped { out, limit };
        match catch_unwind(AssertUnwindSafe(|| write(&mut capped))) {
            // An error is the cap's, or a formatter's that gave up: what is there is kept.
            Ok(Ok(()) | Err(fmt::Error)) => {}
            Err(payload) => {
                // Dropping it could panic again.
                mem::forget(payload);
                self.counters.add(Count::PanickedFields);
                out.truncate(start);
                out.push_str(PANICKED);
            }
        }
        self.scrubber.scrub(out, start);
        let kept = head(out.get(start..).unwrap_or(""), cap).len();
        let end = start.saturating_add(kept);
        let cut = end < out.len();
        out.truncate(end);
        cut
    }
}

/// Writes until a length is reached, then fails, which stops whoever formats.
pub(crate) struct Capped<'a> {
    out: &'a mut String,
    limit: usize,
}

impl Capped<'_> {
    pub(crate) fn len(&self) -> usize {
        self.out.len()
    }

    /// What has been written between two lengths.
    pub(crate) fn between(&self, start: usize, end: usize) -> &str {
        self.out.get(start..end).unwrap_or("")
    }

    /// Takes back what was written past `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.out.truncate(len);
    }
}

impl Write for Capped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit.saturating_sub(self.out.len());
        let fits = head(text, room);
        self.out.push_str(fits);
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests;
