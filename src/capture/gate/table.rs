//! The table's sets: eight slots for titles, and their books under a lock.
//!
//! Invariants: a title is in one of its set's slots or nowhere; what a repeat needs is in its slot,
//! and read and counted there without the lock.

use std::{
    array,
    sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Ask, page::Page};
use crate::incident::{Sending, Status};

/// Slots of a set.
pub(super) const WAYS: usize = 8;

/// Titles whose keys share a set. A title is in one of its set's slots or nowhere.
#[derive(Debug)]
pub(super) struct Set {
    /// Read without the lock by the repeat path, written under it (but for `count` and `last`).
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
    /// Occurrences, of all titles that the slot has had.
    pub(super) count: AtomicU64,
    /// When the newest was.
    pub(super) last: AtomicU64,
}

/// The rest of what is known of a title.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Book {
    pub(super) now: Page,
    /// As it was before the newest admission, for `give_back`.
    pub(super) before: Page,
    /// Of the newest admission.
    pub(super) seq: u64,
    /// The newest admission was a resolve.
    pub(super) resolving: bool,
    /// The same three of the admission before, which is the newest again after a `give_back`.
    earlier: (Page, u64, bool),
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
        if !slot.is_repeat(ask.rank, now) {
            return false;
        }
        slot.add(ask.occurrences(), now);
        // The slot may have gone to another title meanwhile.
        let kept = slot.key.load(Ordering::Acquire) == ask.key;
        if !kept {
            slot.count.fetch_sub(ask.occurrences(), Ordering::Relaxed);
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
        now: u64,
    ) -> Option<(&'a Slot, &'a mut Book)> {
        for (slot, book) in self.slots.iter().zip(books.iter_mut()) {
            book.now.release(slot.count(), now);
        }
        let worth = |(slot, book): &(&Slot, &mut Book)| {
            let Page { open, resolved, sent_at, .. } = book.now;
            let held = slot.key.load(Ordering::Relaxed) != 0;
            if held { (true, open, resolved, sent_at) } else { (false, false, false, 0) }
        };
        let (slot, book) = self.slots.iter().zip(books.iter_mut()).min_by_key(worth)?;
        slot.key.store(0, Ordering::Release);
        slot.worst.store(0, Ordering::Relaxed);
        slot.due.store(0, Ordering::Relaxed);
        *book = Book { now: Page::new(slot.count()), ..Book::default() };
        slot.key.store(key, Ordering::Release);
        Some((slot, book))
    }
}

impl Slot {
    pub(super) fn is_repeat(&self, rank: u8, now: u64) -> bool {
        now < self.due.load(Ordering::Relaxed) && rank <= self.worst.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, occurrences: u64, now: u64) {
        self.count.fetch_add(occurrences, Ordering::Relaxed);
        self.last.store(now, Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Book {
    /// A new admission begins: what was is kept for `give_back`.
    pub(super) fn begin(&mut self, seq: u64, before: Page, resolving: bool) {
        self.earlier = (self.before, self.seq, self.resolving);
        self.before = before;
        self.seq = seq;
        self.resolving = resolving;
    }

    /// The newest admission came to nothing. The one before may still be lost.
    pub(super) fn give_back(&mut self) {
        self.now = self.now.given_back(self.before);
        let (before, seq, resolving) = std::mem::take(&mut self.earlier);
        (self.before, self.seq, self.resolving) = (self.now.given_back(before), seq, resolving);
    }

    /// The newest admission, an opening, has gone into another incident.
    pub(super) fn fold(&mut self, count: u64, now: u64) {
        let resolved = self.now.resolved;
        self.now = self.before.folded(count, now);
        // Unless that is no longer known.
        self.now.resolved &= resolved;
    }

    /// What goes out of the open title.
    pub(super) fn sending(&self, slot: &Slot, status: Status, reported: u64, now: u64) -> Sending {
        let count = slot.count();
        Sending {
            seq: self.seq,
            status,
            count: count.saturating_sub(self.now.base),
            since_last: count.saturating_sub(reported),
            first: Duration::from_millis(self.now.first.unwrap_or(now)),
        }
    }
}
