//! The table's sets: eight slots for titles, and their books under a lock.
//!
//! Invariants: a title is in one of its set's slots or nowhere; what a repeat needs is in its slot,
//! and read and counted there without the lock.

use std::{
    array,
    cmp::Ordering::{Equal, Greater, Less},
    time::Duration,
};

use super::{Ask, page::Page};
#[cfg(all(test, spike_loom))]
use crate::sync::tests::{Bug, is_seeded};
use crate::{
    incident::{Sending, Status},
    sync::{AtomicU8, AtomicU64, Mutex, Ordering},
};

/// Slots of a set.
pub(super) const WAYS: usize = if cfg!(spike_loom) { 1 } else { 8 };

/// In [`Counts::counted`].
const ONE_TITLE: u64 = 1 << 48;

/// Titles whose keys share a set. A title is in one of its set's slots or nowhere.
#[derive(Debug)]
pub(super) struct Set {
    /// Read without the lock by the repeat path, written under it (but for `counted` and `last`).
    pub(super) slots: [Slot; WAYS],
    pub(super) books: Mutex<[Book; WAYS]>,
}

#[derive(Debug, Default)]
pub(super) struct Slot {
    /// 0 while the slot is free.
    pub(super) key: AtomicU64,
    /// The occurrence at or after this millisecond goes out.
    pub(super) due: AtomicU64,
    /// The most severe rank sent since the opening.
    pub(super) worst: AtomicU8,
    pub(super) counts: Counts,
}

/// What each repeat writes, on a piece of memory of its own: what it only reads stays with every
/// processor, and only this goes from one to another in a storm.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Counts {
    /// Occurrences, of all titles that the slot has had; above them, how many titles these were.
    pub(super) counted: AtomicU64,
    /// When the newest was.
    pub(super) last: AtomicU64,
}

/// The rest of what is known of a title.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Book {
    pub(super) now: Page,
    pub(super) newest: Admitted,
    /// The one before, which is the newest again after a `give_back`.
    earlier: Admitted,
    /// While a resolve is held back.
    pub(super) under: Under,
}

/// An admission, and what to go back to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Admitted {
    /// The title as it was before.
    pub(super) before: Page,
    /// 0: there was none.
    pub(super) seq: u64,
    /// It was a resolve.
    pub(super) resolving: bool,
}

/// What was sent before a resolve that is held back.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Under {
    pub(super) seq: u64,
    /// The slot's count that was told before it.
    pub(super) reported: u64,
    /// The admission of that resolve.
    pub(super) resolve: u64,
}

impl Set {
    pub(super) fn new() -> Self {
        Self {
            slots: array::from_fn(|_| Slot::default()),
            books: Mutex::new([Book::default(); WAYS]),
        }
    }

    pub(super) fn find(&self, key: u64) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.key.load(Ordering::Acquire) == key)
    }

    /// Counts an occurrence that is a repeat and nothing else, without the lock.
    pub(super) fn counts_repeat(&self, slot: &Slot, ask: Ask, now: u64) -> bool {
        // Not a `load`, which would fetch the memory to be read, and soon again to be written.
        let title = title_of(slot.counts.counted.fetch_add(0, Ordering::Acquire));
        if slot.key.load(Ordering::Acquire) != ask.key || !slot.is_repeat(ask.rank, now) {
            return false;
        }
        let counted = slot.counts.counted.fetch_add(ask.occurrences(), Ordering::Relaxed);
        slot.counts.last.store(now, Ordering::Relaxed);
        // The slot may have gone to another title meanwhile. What was counted before it went is no
        // part of that one's count; what was counted after is, for a moment, and is taken back.
        let kept = title_of(counted) == title;
        #[cfg(all(test, spike_loom))]
        let kept = kept || is_seeded(Bug::Unchecked);
        if !kept {
            slot.counts.counted.fetch_sub(ask.occurrences(), Ordering::Relaxed);
        }
        kept
    }

    /// The slot and book of a title that has one.
    pub(super) fn known<'a>(
        &'a self,
        books: &'a mut [Book; WAYS],
        key: u64,
    ) -> Option<(&'a Slot, &'a mut Book)> {
        let places = self.slots.iter().zip(books.iter_mut());
        places.into_iter().find(|(slot, _)| slot.key.load(Ordering::Relaxed) == key)
    }

    /// A slot and book for a new title: free, or those of the title least worth keeping.
    pub(super) fn make_room<'a>(
        &'a self,
        books: &'a mut [Book; WAYS],
        key: u64,
    ) -> Option<(&'a Slot, &'a mut Book)> {
        let worth = |(slot, book): &(&Slot, &mut Book)| {
            let Page { open, resolved, sent_at, .. } = book.now;
            let held = slot.key.load(Ordering::Relaxed) != 0;
            if held { (true, open, resolved, sent_at) } else { (false, false, false, 0) }
        };
        let (slot, book) = self.slots.iter().zip(books.iter_mut()).min_by_key(worth)?;
        slot.key.store(0, Ordering::Release);
        slot.worst.store(0, Ordering::Relaxed);
        slot.due.store(0, Ordering::Relaxed);
        let counted = slot.counts.counted.fetch_add(ONE_TITLE, Ordering::Release);
        *book = Book { now: Page::new(occurrences_of(counted)), ..Book::default() };
        slot.key.store(key, Ordering::Release);
        Some((slot, book))
    }
}

/// A count of occurrences has 48 bits: at a million a second, it is full after nine years.
fn occurrences_of(counted: u64) -> u64 {
    counted & ONE_TITLE.wrapping_sub(1)
}

fn title_of(counted: u64) -> u64 {
    counted / ONE_TITLE
}

impl Slot {
    pub(super) fn is_repeat(&self, rank: u8, now: u64) -> bool {
        now < self.due.load(Ordering::Relaxed) && rank <= self.worst.load(Ordering::Relaxed)
    }

    /// Counts, and tells how many there are now.
    pub(super) fn add(&self, occurrences: u64, now: u64) -> u64 {
        let counted = self.counts.counted.fetch_add(occurrences, Ordering::Relaxed);
        self.counts.last.store(now, Ordering::Relaxed);
        occurrences_of(counted.wrapping_add(occurrences))
    }

    pub(super) fn count(&self) -> u64 {
        occurrences_of(self.counts.counted.load(Ordering::Relaxed))
    }
}

impl Book {
    /// A new admission begins.
    pub(super) fn begin(&mut self, seq: u64, before: Page, resolving: bool) {
        self.earlier = std::mem::replace(&mut self.newest, Admitted { before, seq, resolving });
    }

    /// An admission, and the title as it was after it: of the newest, as it is now. What went wrong
    /// with the one before matters once the newest has come to nothing, too. Of older ones, nothing
    /// is known.
    fn admitted(&mut self, seq: u64) -> Option<(Admitted, &mut Page)> {
        let (newest, earlier) = (self.newest, self.earlier);
        if newest.seq == seq {
            Some((newest, &mut self.now))
        } else if earlier.seq == seq {
            Some((earlier, &mut self.newest.before))
        } else {
            None
        }
    }

    /// An admission came to nothing. The one before may still be lost.
    pub(super) fn give_back(&mut self, seq: u64) {
        let Some((Admitted { before, resolving, .. }, page)) = self.admitted(seq) else { return };
        *page = page.given_back(before);
        if !resolving {
            // It has occurred all the same: what was said before it is no longer the last word.
            page.keep_open();
        }
        let earlier = std::mem::take(&mut self.earlier);
        if self.newest.seq == seq {
            self.newest = Admitted { before: self.now.given_back(earlier.before), ..earlier };
        }
    }

    /// An admission was lost after it was taken.
    pub(super) fn lose(&mut self, seq: u64, opening: bool) {
        if let Some((Admitted { before, resolving, .. }, page)) = self.admitted(seq) {
            match resolving {
                true if opening => *page = before.unknown(),
                true => *page = before.still_open(),
                false => page.lose(before.reported, opening),
            }
        }
        if self.under.seq == seq {
            let Under { reported, resolve, .. } = self.under;
            self.now.lose_under(reported, opening);
            for Admitted { before, seq, .. } in [&mut self.newest, &mut self.earlier] {
                match (*seq).cmp(&resolve) {
                    Less => {}
                    Equal => before.lose(reported, opening),
                    Greater => before.lose_under(reported, opening),
                }
            }
        }
    }

    /// The admission of a resolve that is with the worker is the newest again: what came after it
    /// came to nothing.
    pub(super) fn take_up(&mut self, seq: u64) {
        self.newest = Admitted { before: self.now.unparked(), seq, resolving: true };
        self.earlier = Admitted::default();
    }

    /// The resolve that is with the worker has come to nothing: the title was triggered since. What
    /// was sent before it is the newest again. It was taken, and can only be lost.
    pub(super) fn withdraw(&mut self) {
        let Under { seq, reported, .. } = self.under;
        self.newest = Admitted { before: self.now, seq, resolving: false };
        self.newest.before.reported = reported;
        self.earlier = Admitted::default();
    }

    /// The newest admission, an opening, has gone into another incident.
    pub(super) fn fold(&mut self, count: u64) {
        let resolved = self.now.resolved;
        self.now = self.newest.before.folded(count);
        // Unless that is no longer known: what is folded was lost before.
        self.now.resolved &= resolved;
    }

    /// What goes out of the open title, at this count of its slot.
    pub(super) fn sending(&self, count: u64, status: Status, reported: u64, now: u64) -> Sending {
        Sending {
            seq: self.newest.seq,
            status,
            count: count.saturating_sub(self.now.base),
            since_last: count.saturating_sub(reported),
            first: Duration::from_millis(self.now.first.unwrap_or(now)),
        }
    }
}
