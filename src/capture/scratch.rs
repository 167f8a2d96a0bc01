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
    capture::{
        event::Controls,
        redact::Scrubber,
        title::{self, Draft, Group, MAX_GROUPS},
    },
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
    /// What was found for the fields that join the key, in the builder's order.
    pub(crate) groups: [Group; MAX_GROUPS],
    pub(crate) draft: Draft,
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
        let Scratch { message, message_cut, error, controls, groups, draft, fields, .. } =
            &mut *scratch;
        message.clear();
        *message_cut = false;
        error.clear();
        controls.clear();
        groups.iter_mut().for_each(Group::clear);
        draft.clear();
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
        match write_capped(out, cap, write) {
            // An error is a formatter's that gave up: what is there is kept.
            Written::Whole | Written::Failed => {}
            Written::Panicked => {
                self.counters.add(Count::PanickedFields);
                out.truncate(start);
                out.push_str(PANICKED);
            }
        }
        self.scrub_and_cut(out, start, cap)
    }

    /// As [`take`](Taker::take), but all or nothing: tells whether `write` wrote what it wanted,
    /// or as much as there was room for. If not, `out` is what it was.
    pub(crate) fn take_title(
        &self,
        out: &mut String,
        cap: usize,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> bool {
        let start = out.len();
        let written = write_capped(out, cap, write);
        match written {
            Written::Whole => {
                self.scrub_and_cut(out, start, cap);
            }
            Written::Failed => out.truncate(start),
            Written::Panicked => {
                self.counters.add(Count::PanickedTitles);
                out.truncate(start);
            }
        }
        written == Written::Whole
    }

    /// Removes the token from what was written from `start` on, then cuts that; tells whether it
    /// was too long.
    fn scrub_and_cut(&self, out: &mut String, start: usize, cap: usize) -> bool {
        self.scrubber.scrub(out, start);
        let kept = head(out.get(start..).unwrap_or(""), cap).len();
        let end = start.saturating_add(kept);
        let cut = end < out.len();
        out.truncate(end);
        cut
    }
}

/// How a user's formatting ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All of it, or all that there was room for.
    Whole,
    Failed,
    Panicked,
}

/// Appends what `write` writes, at most `cap` bytes and the longest token.
fn write_capped(
    out: &mut String,
    cap: usize,
    write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
) -> Written {
    // Look further than the cap, so that a token across it is whole when it is scrubbed.
    let limit = out.len().saturating_add(cap).saturating_add(LONGEST_TOKEN);
    let mut capped = Capped { out, limit, full: false };
    match catch_unwind(AssertUnwindSafe(|| write(&mut capped))) {
        Ok(Ok(())) => Written::Whole,
        Ok(Err(fmt::Error)) if capped.full => Written::Whole,
        Ok(Err(fmt::Error)) => Written::Failed,
        Err(payload) => {
            // Dropping it could panic again.
            mem::forget(payload);
            Written::Panicked
        }
    }
}

/// Writes until a length is reached, then fails, which stops whoever formats.
pub(crate) struct Capped<'a> {
    out: &'a mut String,
    limit: usize,
    /// Something did not fit; from then on nothing does.
    full: bool,
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
        let room = if self.full { 0 } else { self.limit.saturating_sub(self.out.len()) };
        let fits = head(text, room);
        self.out.push_str(fits);
        self.full |= fits.len() < text.len();
        if self.full { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
