//! The table's sets: eight slots for titles, and their books under a lock.
//!
//! Invariants: a title is in one of its set's slots or nowhere; what a repeat needs is in its slot
//! and in its thread's tally, and read and counted there without the lock.

use std::{
    array,
    cmp::Ordering::{Equal, Greater, Less},
    ops::Deref,
    time::Duration,
};

use super::{Ask, page::Page};
#[cfg(all(test, spike_loom))]
use crate::sync::tests::{Bug, is_seeded};
use crate::{
    incident::{Sending, Status},
    sync::{AtomicU8, AtomicU64, Mutex, Ordering, thread_number},
};

/// Slots of a set.
pub(super) const WAYS: usize = if cfg!(spike_loom) { 1 } else { 8 };

/// In [`Tally::counted`].
const ONE_TITLE: u64 = 1 << 48;

/// Threads count in so many tallies, so that in a storm on several of them their processors don't
/// take one piece of memory from one another at each event.
pub(super) const TALLIES: usize = if cfg!(spike_loom) { 2 } else { 4 };

/// Titles whose keys share a set. A title is in one of its set's slots or nowhere.
#[derive(Debug)]
pub(super) struct Set {
    /// Read without the lock by the repeat path, written under it.
    pub(super) slots: [Slot; WAYS],
    /// Written without the lock.
    tallies: [Tally; TALLIES],
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
}

/// What some threads have counted, for each slot, on a piece of memory of its own: what a repeat
/// only reads stays with every processor.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tally {
    /// Occurrences, of all titles that the slot has had; above them, how many titles these were.
    counted: [AtomicU64; WAYS],
    /// When the newest was.
    last: [AtomicU64; WAYS],
}

/// A slot of a set, and what is counted for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    slot: &'a Slot,
    tallies: &'a [Tally; TALLIES],
    way: usize,
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
            tallies: array::from_fn(|_| Tally::default()),
            books: Mutex::new([Book::default(); WAYS]),
        }
    }

    pub(super) fn find(&self, key: u64) -> Option<Place<'_>> {
        self.places().find(|place| place.key.load(Ordering::Acquire) == key)
    }

    /// What was counted for a slot, and when last.
    #[cfg(test)]
    #[cfg(not(spike_loom))]
    pub(super) fn tell(&self, way: usize) -> [(u64, u64); TALLIES] {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        array::from_fn(|at| {
            let Tally { counted, last } = &self.tallies[at];
            (load(&counted[way]), load(&last[way]))
        })
    }

    /// As [`tell`](Set::tell) has told it.
    #[cfg(test)]
    #[cfg(not(spike_loom))]
    pub(super) fn put(&self, way: usize, tallies: [(u64, u64); TALLIES]) {
        for (Tally { counted, last }, told) in self.tallies.iter().zip(tallies) {
            counted[way].store(told.0, Ordering::Relaxed);
            last[way].store(told.1, Ordering::Relaxed);
        }
    }

    fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let tallies = &self.tallies;
        self.slots.iter().enumerate().map(move |(way, slot)| Place { slot, tallies, way })
    }

    /// The place and book of a title that has one.
    pub(super) fn known<'a>(
        &'a self,
        books: &'a mut [Book; WAYS],
        key: u64,
    ) -> Option<(Place<'a>, &'a mut Book)> {
        let places = self.places().zip(books.iter_mut());
        places.into_iter().find(|(place, _)| place.key.load(Ordering::Relaxed) == key)
    }

    /// A place and book for a new title: free, or those of the title least worth keeping.
    pub(super) fn make_room<'a>(
        &'a self,
        books: &'a mut [Book; WAYS],
        key: u64,
    ) -> Option<(Place<'a>, &'a mut Book)> {
        let worth = |book: &Book| {
            let Page { open, resolved, sent_at, .. } = book.now;
            // One number, since eight of them are compared: the flags above the milliseconds.
            let flags = u64::from(open) << 1 | u64::from(resolved);
            flags << 62 | sent_at.min((1 << 62) - 1)
        };
        let free = self.slots.iter().position(|slot| slot.key.load(Ordering::Relaxed) == 0);
        let way = free.or_else(|| (0..WAYS).min_by_key(|way| books.get(*way).map(worth)))?;
        let (place, book) = (self.places().nth(way)?, books.get_mut(way)?);
        place.key.store(0, Ordering::Release);
        place.worst.store(0, Ordering::Relaxed);
        place.due.store(0, Ordering::Relaxed);
        let counted = place.counters().fold(0, |sum: u64, counted| {
            let counted = counted.fetch_add(ONE_TITLE, Ordering::Release);
            sum.wrapping_add(occurrences_of(counted))
        });
        *book = Book { now: Page::new(counted), ..Book::default() };
        place.key.store(key, Ordering::Release);
        Some((place, book))
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
}

impl Deref for Place<'_> {
    type Target = Slot;

    fn deref(&self) -> &Slot {
        self.slot
    }
}

impl<'a> Place<'a> {
    /// What this thread counts in, and where it notes when.
    fn here(&self) -> Option<(&'a AtomicU64, &'a AtomicU64)> {
        // `TALLIES` is a power of two.
        let tally = self.tallies.get(thread_number() & TALLIES.wrapping_sub(1))?;
        Some((tally.counted.get(self.way)?, tally.last.get(self.way)?))
    }

    fn counters(&self) -> impl Iterator<Item = &'a AtomicU64> {
        let Self { tallies, way, .. } = *self;
        tallies.iter().filter_map(move |tally| tally.counted.get(way))
    }

    /// Counts an occurrence that is a repeat of the place's title and nothing else, without the
    /// lock.
    pub(super) fn counts_repeat(&self, ask: Ask, now: u64) -> bool {
        let Some((counted, last)) = self.here() else { return false };
        // Not a `load`, which would fetch the memory to be read, and soon again to be written.
        let title = title_of(counted.fetch_add(0, Ordering::Acquire));
        if self.key.load(Ordering::Acquire) != ask.key || !self.is_repeat(ask.rank, now) {
            return false;
        }
        let before = counted.fetch_add(ask.occurrences(), Ordering::Relaxed);
        last.store(now, Ordering::Relaxed);
        // The slot may have gone to another title meanwhile. What was counted before it went is no
        // part of that one's count; what was counted after is, for a moment, and is taken back.
        let kept = title_of(before) == title;
        #[cfg(all(test, spike_loom))]
        let kept = kept || is_seeded(Bug::Unchecked);
        if !kept {
            counted.fetch_sub(ask.occurrences(), Ordering::Relaxed);
        }
        kept
    }

    /// Counts, and tells how many there are now.
    pub(super) fn add(&self, occurrences: u64, now: u64) -> u64 {
        if let Some((counted, last)) = self.here() {
            counted.fetch_add(occurrences, Ordering::Relaxed);
            last.store(now, Ordering::Relaxed);
        }
        self.count()
    }

    /// Occurrences of all titles that the slot has had.
    pub(super) fn count(&self) -> u64 {
        self.counters().fold(0, |sum: u64, counted| {
            sum.wrapping_add(occurrences_of(counted.load(Ordering::Relaxed)))
        })
    }

    /// When the newest was.
    pub(super) fn last(&self) -> u64 {
        let last = self.tallies.iter().filter_map(|tally| tally.last.get(self.way));
        last.map(|last| last.load(Ordering::Relaxed)).max().unwrap_or(0)
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
        let is_lost = self.now.lost && !self.now.open;
        self.now = self.newest.before.folded(count);
        // Had it been lost before, whether the title was resolved is not known any more.
        self.now.resolved &= !is_lost;
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
