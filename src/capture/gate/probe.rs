//! What the proofs need of a gate beside its interface: what it knows of a title, and to have it as
//! it was.
//!
//! Only there in tests.

use std::time::Duration;

use super::{
    Gate,
    table::{Book, Slot, TALLIES},
};
use crate::{
    clock::millis,
    sync::{Ordering, lock},
};

/// What a gate knows of a title, as seen from a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Probe {
    /// In the order of [`Page::probe`](super::page::Page::probe).
    pub(crate) page: [u64; 6],
    /// Before the newest admission.
    pub(crate) before: [u64; 6],
    /// Of the newest admission.
    pub(crate) seq: u64,
    pub(crate) resolving: bool,
    /// Until the next occurrence goes out.
    pub(crate) due: u64,
    pub(crate) worst: u8,
}

/// A gate as far as it concerns a few titles that are each the only one of their set, and so in its
/// first slot.
pub(crate) struct Saved(Vec<(u64, u64, u8, [(u64, u64); TALLIES], Book)>);

impl Gate {
    pub(crate) fn probe(&self, key: u64, now: Duration) -> Option<Probe> {
        let now = millis(now);
        let set = self.set(key)?;
        let books = lock(&set.books);
        let mut places = set.slots.iter().zip(books.iter());
        let (slot, book) = places.find(|(slot, _)| slot.key.load(Ordering::Relaxed) == key)?;
        Some(Probe {
            page: book.now.probe(now),
            before: book.newest.before.probe(now),
            seq: book.newest.seq,
            resolving: book.newest.resolving,
            due: slot.due.load(Ordering::Relaxed).saturating_sub(now),
            worst: slot.worst.load(Ordering::Relaxed),
        })
    }

    /// What is known of these titles.
    pub(crate) fn save(&self, keys: &[u64]) -> Saved {
        let mut saved = Vec::with_capacity(keys.len());
        for set in keys.iter().filter_map(|key| self.set(*key)) {
            let Slot { key, due, worst } = &set.slots[0];
            let [key, due] = [key, due].map(|it| it.load(Ordering::Relaxed));
            let book = lock(&set.books)[0];
            saved.push((key, due, worst.load(Ordering::Relaxed), set.tell(0), book));
        }
        Saved(saved)
    }

    /// As it was when that was saved for the same titles. The minute's repeats are forgotten.
    pub(crate) fn restore(&self, keys: &[u64], saved: &Saved) {
        self.repeats.clear();
        for (set, saved) in keys.iter().filter_map(|key| self.set(*key)).zip(&saved.0) {
            let slot = &set.slots[0];
            let (key, due, worst, tallies, book) = *saved;
            slot.key.store(key, Ordering::Relaxed);
            slot.due.store(due, Ordering::Relaxed);
            slot.worst.store(worst, Ordering::Relaxed);
            set.put(0, tallies);
            lock(&set.books)[0] = book;
        }
    }
}
