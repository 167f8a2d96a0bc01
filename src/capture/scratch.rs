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
        content::Content,
        event::Controls,
        literals::Literals,
        recall::Recall,
        redact::{LOOK_AHEAD, Listed, PLACEHOLDER, Scrubber},
        title::{self, Draft, Group, Holes, MAX_GROUPS},
    },
    fields::{TEXT_CAP, Taken, head},
    stats::{Count, Counters},
};

/// Put in the place of a value whose formatting panicked.
const PANICKED: &str = "<panicked>";

/// What is read off one event before it is known whether it goes out.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) message: String,
    /// What was done to the message; `None`: nothing yet, and it is to be looked through.
    pub(crate) taken: Option<Taken>,
    pub(crate) error: String,
    /// The values in `message` and in `error`, if literals are told from them.
    pub(crate) holes: Holes,
    pub(crate) error_holes: Holes,
    /// `message` or `error` with its values closed.
    pub(crate) filled: String,
    pub(crate) controls: Controls,
    /// What was found for the fields that join the key, in the builder's order.
    pub(crate) groups: [Group; MAX_GROUPS],
    pub(crate) draft: Draft,
    /// What messages before have become; needs no clearing.
    pub(crate) recall: Recall,
    /// For titles that have to be read twice; needs no clearing.
    pub(crate) spare: title::Spare,
    pub(crate) content: Content,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

impl Scratch {
    /// Lends this thread's scratch, empty. While it is lent, or while the thread is being torn
    /// down, the next caller gets a new one.
    pub(crate) fn lend<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = SCRATCH.try_with(Cell::take).ok().flatten().unwrap_or_default();
        let Scratch { message, taken, error, holes, error_holes, .. } = &mut *scratch;
        message.clear();
        *taken = None;
        error.clear();
        holes.clear();
        error_holes.clear();
        let Scratch { controls, groups, draft, content, .. } = &mut *scratch;
        controls.clear();
        content.clear();
        groups.iter_mut().for_each(Group::clear);
        draft.clear();
        let result = work(&mut scratch);
        SCRATCH.try_with(|cell| cell.set(Some(scratch))).ok();
        result
    }

    /// Remembers what the message has become, unless its title was known or has been given.
    pub(crate) fn remember(&mut self) {
        if let Some((title, place, key)) = self.draft.made().filter(|_| !self.recall.is_known()) {
            self.recall.remember(title, place, key);
        }
    }
}

/// How texts are taken: redacted, and what happened to them counted.
#[derive(Clone, Copy)]
pub(crate) struct Taker<'a> {
    pub(crate) scrubber: &'a Scrubber,
    pub(crate) counters: &'a Counters,
    /// To tell values from literals in what a title is made of; `None`: by text alone.
    pub(crate) literals: Option<&'a Literals>,
}

impl Taker<'_> {
    /// Appends what `write` writes to `out`, at most `cap` bytes; tells what was done to it.
    pub(crate) fn take(
        &self,
        out: &mut String,
        cap: usize,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Taken {
        self.take_noting(out, cap, None, write)
    }

    /// Appends what `write` writes, with its secrets: as much of it as [`TEXT_CAP`] bytes of it and
    /// what has to be known beyond them. Tells whether it panicked.
    pub(crate) fn take_raw(
        &self,
        out: &mut String,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> bool {
        self.write(out, TEXT_CAP, None, write) == Written::Panicked
    }

    /// Appends to what [`take_raw`](Taker::take_raw) took into an empty `out` what belongs to it.
    pub(crate) fn take_behind(
        &self,
        out: &mut String,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) {
        let start = out.len();
        let room = TEXT_CAP.saturating_sub(start);
        if self.write(out, room, None, write) == Written::Panicked {
            out.insert_str(start, ": ");
        }
    }

    /// As much of a text as [`take_raw`](Taker::take_raw) would take.
    pub(crate) fn head_of(text: &str) -> &str {
        head(text, TEXT_CAP.saturating_add(LOOK_AHEAD))
    }

    /// As [`take`](Taker::take), for a field whose name is listed.
    pub(crate) fn take_listed(
        &self,
        out: &mut String,
        cap: usize,
        listed: Listed,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Taken {
        let start = out.len();
        self.write(out, cap, None, write);
        if listed.hides(out.get(start..).unwrap_or("")) {
            return hide(out, start);
        }
        self.scrubber.scrub(out, start, cap)
    }

    /// As [`take`](Taker::take) into an empty `out`, and notes the values in what was written.
    pub(crate) fn take_with_holes(
        &self,
        out: &mut String,
        cap: usize,
        holes: &mut Holes,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Taken {
        holes.clear();
        self.take_noting(out, cap, Some(holes), write)
    }

    /// As [`take_with_holes`](Taker::take_with_holes), of an event's message; `None`: its title is
    /// known, and it is not looked through.
    pub(crate) fn take_message(
        &self,
        out: &mut String,
        holes: &mut Holes,
        recall: &mut Recall,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Option<Taken> {
        if self.literals.is_some() {
            recall.forget();
            return Some(self.take_with_holes(out, TEXT_CAP, holes, write));
        }
        if self.write(out, TEXT_CAP, None, write) == Written::Panicked {
            recall.forget();
        } else if recall.knows(out) {
            return None;
        }
        let taken = self.scrubber.scrub(out, 0, TEXT_CAP);
        if taken != Taken::default() {
            recall.forget();
        }
        Some(taken)
    }

    fn take_noting(
        &self,
        out: &mut String,
        cap: usize,
        mut holes: Option<&mut Holes>,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Taken {
        let start = out.len();
        let pieces = self.literals.zip(holes.as_deref_mut());
        let written = self.write(out, cap, pieces, write);
        let taken = self.scrubber.scrub(out, start, cap);
        if let Some(holes) = holes {
            // What was redacted has moved the holes: text has to tell then.
            let moved = written == Written::Panicked || taken.redacted > 0;
            holes.truncate(if moved { 0 } else { out.len() });
        }
        taken
    }

    /// Appends what `write` writes, or that it panicked.
    fn write(
        &self,
        out: &mut String,
        cap: usize,
        pieces: Option<(&Literals, &mut Holes)>,
        write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
    ) -> Written {
        let start = out.len();
        let written = write_capped(out, cap, pieces, write);
        match written {
            // An error is a formatter's that gave up: what is there is kept.
            Written::Whole | Written::Failed => {}
            Written::Panicked => {
                self.counters.add(Count::PanickedFields);
                out.truncate(start);
                out.push_str(PANICKED);
            }
        }
        written
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
        let written = write_capped(out, cap, None, write);
        match written {
            Written::Whole => {
                self.scrubber.scrub(out, start, cap);
            }
            Written::Failed => out.truncate(start),
            Written::Panicked => {
                self.counters.add(Count::PanickedTitles);
                out.truncate(start);
            }
        }
        written == Written::Whole
    }
}

/// Puts the placeholder in the place of what begins at `start`.
pub(crate) fn hide(out: &mut String, start: usize) -> Taken {
    out.truncate(start);
    out.push_str(PLACEHOLDER);
    Taken { cut: false, redacted: 1 }
}

/// How a user's formatting ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    /// All of it, or all that there was room for.
    Whole,
    Failed,
    Panicked,
}

/// Appends what `write` writes, at most `cap` bytes and what has to be known beyond them.
fn write_capped(
    out: &mut String,
    cap: usize,
    pieces: Option<(&Literals, &mut Holes)>,
    write: impl FnOnce(&mut Capped<'_>) -> fmt::Result,
) -> Written {
    // Look further than the cap, so that a secret across it is recognised.
    let limit = out.len().saturating_add(cap).saturating_add(LOOK_AHEAD);
    let plain = if pieces.is_none() { limit.saturating_add(1) } else { 0 };
    let mut capped = Capped { out, limit, plain, full: false, pieces };
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
    /// One more, as long as all that is written is only to be kept; else 0.
    plain: usize,
    /// Something did not fit; from then on nothing does.
    full: bool,
    /// Where to note which of the pieces are values.
    pieces: Option<(&'a Literals, &'a mut Holes)>,
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
        // There is room again.
        if self.full && len < self.limit {
            self.full = false;
            self.plain = if self.pieces.is_none() { self.limit.saturating_add(1) } else { 0 };
        }
        if let Some((_, holes)) = &mut self.pieces {
            holes.truncate(len);
        }
    }

    #[inline]
    fn push(&mut self, text: &str, is_value: impl FnOnce(&Literals) -> bool) -> fmt::Result {
        if self.out.len().saturating_add(text.len()) < self.plain {
            self.out.push_str(text);
            return Ok(());
        }
        self.push_noting(text, is_value)
    }

    /// As [`push`](Self::push), of what may not fit, or has to be looked at.
    #[inline(never)]
    fn push_noting(&mut self, text: &str, is_value: impl FnOnce(&Literals) -> bool) -> fmt::Result {
        let start = self.out.len();
        let room = if self.full { 0 } else { self.limit.saturating_sub(start) };
        let fits = head(text, room);
        self.out.push_str(fits);
        if let Some((literals, holes)) = &mut self.pieces
            && is_value(literals)
        {
            holes.note(start, self.out.len());
        }
        if fits.len() < text.len() {
            (self.full, self.plain) = (true, 0);
        }
        if self.full { Err(fmt::Error) } else { Ok(()) }
    }
}

impl Write for Capped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text, |literals| !literals.holds(text))
    }

    fn write_char(&mut self, c: char) -> fmt::Result {
        // Of a character nobody knows where it came from. Signs are a number's; quotes, brackets
        // and spaces are around values.
        self.push(c.encode_utf8(&mut [0; 4]), |_| c.is_alphanumeric() || matches!(c, '-' | '+'))
    }
}

#[cfg(test)]
mod tests;
