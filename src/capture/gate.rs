//! Which occurrences of a title go out: the first at once, then a few repeats, the rest counted.
//!
//! Pure: time is an argument, and no random number is drawn. A repeat takes no lock and allocates
//! nothing. Invariants: two threads never both open a title; of an admitted op either its ticket
//! is settled, or the title is open again.

use std::{
    array,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    backoff::scramble,
    clock::millis,
    incident::{Folded, Gatekeeper, Quiet, Sending, Status, Storm},
    lock::lock,
};

/// Titles tracked at most: `SETS * WAYS`, 1,024.
const SETS: usize = 128;
const WAYS: usize = 8;

/// The second and third trigger of a title come this long after its first.
const EARLY_REPEATS: [u64; 2] = [30_000, 120_000];
/// Two triggers of a title are never closer than this: 8 in 60 s, under half of Spike's limit
/// of 20.
const PACE: u64 = 7_000;

/// What becomes of an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Send(Sending),
    /// Counted, and nothing else.
    Repeat,
}

/// The bounded table of titles.
#[derive(Debug)]
pub(crate) struct Gate {
    sets: Box<[Set]>,
    /// Milliseconds between repeats of a title that keeps failing.
    every: u64,
    /// Numbers admissions. Taken under the title's lock, so that of two ops of a title the one
    /// that was admitted later has the higher number, whichever is queued first. Shared with the
    /// gates of the other endpoints, so that one number tells what all of them admitted before.
    seq: Arc<AtomicU64>,
}

/// Titles whose keys share a set. A title is in one of its set's slots or nowhere.
#[derive(Debug)]
struct Set {
    /// Read without the lock by the repeat path, written under it (but for `count`).
    slots: [Slot; WAYS],
    books: Mutex<[Book; WAYS]>,
}

#[derive(Debug, Default)]
struct Slot {
    /// 0 while the slot is free.
    key: AtomicU64,
    /// The occurrence at or after this millisecond goes out.
    due: AtomicU64,
    /// The most severe rank sent since the opening.
    worst: AtomicU8,
    /// Occurrences since the opening.
    count: AtomicU64,
}

/// The rest of what is known of a title.
#[derive(Clone, Copy, Debug, Default)]
struct Book {
    now: Page,
    /// As it was before the newest admission, for `give_back`.
    before: Page,
    /// Of the newest admission.
    seq: u64,
    /// The newest admission was a resolve.
    resolving: bool,
    /// What that resolve took off the slot's `count`.
    swept: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Page {
    /// A trigger was admitted since the last resolve, and not lost.
    open: bool,
    /// A resolve was admitted in this process, and not lost.
    resolved: bool,
    worst: u8,
    /// Triggers since the opening.
    sent: u32,
    opened_at: u64,
    sent_at: u64,
    first: u64,
    /// `count` at the newest trigger.
    reported: u64,
}

impl Gate {
    pub(crate) fn new(repeat_every: Duration) -> Self {
        let sets = (0..SETS).map(|_| Set {
            slots: array::from_fn(|_| Slot::default()),
            books: Mutex::new([Book::default(); WAYS]),
        });
        Self { sets: sets.collect(), every: millis(repeat_every), seq: Arc::new(AtomicU64::new(1)) }
    }

    /// Numbers its admissions with `seq`, which begins at 1.
    pub(crate) fn numbered(self, seq: &Arc<AtomicU64>) -> Self {
        Self { seq: Arc::clone(seq), ..self }
    }

    /// Whether a trigger of this title was admitted since its last resolve, and not lost.
    pub(crate) fn is_open(&self, key: u64) -> bool {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return false };
        let books = lock(&set.books);
        let held = |slot: &Slot| slot.key.load(Ordering::Relaxed);
        set.slots.iter().zip(books.iter()).any(|(slot, book)| held(slot) == key && book.now.open)
    }

    /// Decides about one occurrence of the title `key`; `rank` is its severity, 0 for none.
    pub(crate) fn admit(&self, key: u64, rank: u8, now: Duration) -> Admission {
        let (key, now) = (key.max(1), millis(now));
        let Some(set) = self.set(key) else { return Admission::Repeat };
        if let Some(repeat) = set.repeat(key, rank, now) {
            return repeat;
        }
        let mut books = lock(&set.books);
        let Some((slot, book)) = set.take(&mut books, key) else { return Admission::Repeat };
        self.admit_locked(slot, book, key, rank, now)
    }

    /// As [`admit`](Gate::admit) for a title that is open; `None`, and nothing is changed, when
    /// this occurrence would open it.
    pub(crate) fn admit_open(&self, key: u64, rank: u8, now: Duration) -> Option<Admission> {
        let (key, now) = (key.max(1), millis(now));
        let set = self.set(key)?;
        if let Some(repeat) = set.repeat(key, rank, now) {
            return Some(repeat);
        }
        let mut books = lock(&set.books);
        let held = |slot: &Slot| slot.key.load(Ordering::Relaxed);
        let known = set.slots.iter().zip(books.iter_mut()).find(|(slot, _)| held(slot) == key);
        let (slot, book) = known.filter(|(_, book)| book.now.open)?;
        Some(self.admit_locked(slot, book, key, rank, now))
    }

    /// Both are of `key`, and the set is locked.
    fn admit_locked(
        &self,
        slot: &Slot,
        book: &mut Book,
        key: u64,
        rank: u8,
        now: u64,
    ) -> Admission {
        if slot.is_repeat(rank, now) {
            return slot.count_repeat();
        }
        book.begin(self.next_seq(), false);
        let page = &mut book.now;
        let count = slot.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if count == 1 {
            page.first = now;
        }
        let opening = !page.open;
        if opening {
            *page = Page { open: true, opened_at: now, sent: 0, worst: rank, ..*page };
        }
        let escalates = rank > page.worst;
        page.worst = page.worst.max(rank);
        page.sent = page.sent.saturating_add(1);
        page.sent_at = now;
        let since_last = count.saturating_sub(page.reported);
        page.reported = count;
        slot.worst.store(page.worst, Ordering::Relaxed);
        slot.due.store(self.due(page, key), Ordering::Relaxed);
        Admission::Send(Sending {
            seq: book.seq,
            status: Status::Trigger { opening: opening || escalates },
            count,
            since_last,
            first: Duration::from_millis(book.now.first),
        })
    }

    /// Decides about an explicit resolve. The title is open for a new first occurrence from here.
    pub(crate) fn resolve(&self, key: u64, now: Duration) -> Admission {
        let (key, now) = (key.max(1), millis(now));
        let Some(set) = self.set(key) else { return Admission::Repeat };
        let mut books = lock(&set.books);
        let Some((slot, book)) = set.take(&mut books, key) else { return Admission::Repeat };
        if book.now.resolved && !book.now.open {
            return Admission::Repeat;
        }
        book.begin(self.next_seq(), true);
        let before = book.before;
        book.now = Page { resolved: true, sent_at: before.sent_at, ..Page::default() };
        let count = slot.count.swap(0, Ordering::Relaxed);
        book.swept = count;
        slot.worst.store(0, Ordering::Relaxed);
        slot.due.store(0, Ordering::Relaxed);
        Admission::Send(Sending {
            seq: book.seq,
            status: Status::Resolve { first: !before.resolved, not_before: Duration::ZERO },
            count,
            since_last: count.saturating_sub(before.reported),
            first: Duration::from_millis(if count == 0 { now } else { before.first }),
        })
    }

    /// When the next occurrence after the newest trigger goes out.
    fn due(&self, page: &Page, key: u64) -> u64 {
        // ± 10 %, so that replicas don't beat in step: the key is hashed with a seed of its own
        // in each process.
        let share = scramble(key ^ u64::from(page.sent)) % 201;
        let every = self.every.saturating_mul(share.saturating_add(900)) / 1000;
        let regular = page.sent_at.saturating_add(every);
        let early = usize::try_from(page.sent.saturating_sub(1))
            .ok()
            .and_then(|step| EARLY_REPEATS.get(step))
            .map_or(u64::MAX, |after| page.opened_at.saturating_add(*after));
        early.min(regular).max(page.sent_at.saturating_add(PACE))
    }

    /// The number of the newest admission; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.seq.load(Ordering::Relaxed).saturating_sub(1)
    }

    fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    fn set(&self, key: u64) -> Option<&Set> {
        // `SETS` is a power of two.
        let index = usize::try_from(key & (SETS as u64).wrapping_sub(1)).ok()?;
        self.sets.get(index)
    }

    /// Runs `change` on the title's slot and book if `seq` is still its newest admission.
    fn undo(&self, key: u64, seq: u64, change: impl FnOnce(&Slot, &mut Book)) {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return };
        let mut books = lock(&set.books);
        let found = set
            .slots
            .iter()
            .zip(books.iter_mut())
            .find(|(slot, book)| slot.key.load(Ordering::Relaxed) == key && book.seq == seq);
        if let Some((slot, book)) = found {
            change(slot, book);
        }
    }
}

impl Gatekeeper for Gate {
    fn give_back(&self, key: u64, seq: u64) {
        self.undo(key, seq, |slot, book| {
            book.now = book.before;
            slot.count.fetch_add(book.swept, Ordering::Relaxed);
            slot.worst.store(book.now.worst, Ordering::Relaxed);
            slot.due.store(0, Ordering::Relaxed);
        });
    }

    fn reopen(&self, key: u64, seq: u64, _: bool) {
        self.undo(key, seq, |slot, book| {
            // A lost trigger: the next one opens. Either way the next resolve must go out.
            book.now.open = book.resolving;
            book.now.resolved = false;
            slot.due.store(book.now.sent_at.saturating_add(PACE), Ordering::Relaxed);
        });
    }

    fn fold(&self, _: u64, _: u64, _: Folded<'_>, _: Duration) -> Option<Storm> {
        None
    }

    fn quiet(&self, _: u64, _: Duration) -> Quiet {
        Quiet::Never
    }
}

impl Set {
    /// Counts an occurrence that is a repeat and nothing else, without the lock.
    fn repeat(&self, key: u64, rank: u8, now: u64) -> Option<Admission> {
        let found = self.slots.iter().find(|slot| slot.key.load(Ordering::Acquire) == key);
        found.filter(|slot| slot.is_repeat(rank, now)).map(Slot::count_repeat)
    }

    /// The title's slot and book; a new title gets a free slot, or the one least worth keeping.
    fn take<'a>(
        &'a self,
        books: &'a mut [Book; WAYS],
        key: u64,
    ) -> Option<(&'a Slot, &'a mut Book)> {
        let held = |slot: &Slot| slot.key.load(Ordering::Relaxed);
        let known = self.slots.iter().position(|slot| held(slot) == key);
        let least = || {
            (0..WAYS).min_by_key(|way| match (self.slots.get(*way), books.get(*way)) {
                (Some(slot), Some(book)) if held(slot) != 0 => {
                    (true, book.now.open, book.now.resolved, book.now.sent_at)
                }
                _ => (false, false, false, 0),
            })
        };
        let way = known.or_else(least)?;
        let (slot, book) = (self.slots.get(way)?, books.get_mut(way)?);
        if known.is_none() {
            slot.key.store(0, Ordering::Release);
            slot.count.store(0, Ordering::Relaxed);
            slot.worst.store(0, Ordering::Relaxed);
            slot.due.store(0, Ordering::Relaxed);
            *book = Book::default();
            slot.key.store(key, Ordering::Release);
        }
        Some((slot, book))
    }
}

impl Slot {
    fn is_repeat(&self, rank: u8, now: u64) -> bool {
        now < self.due.load(Ordering::Relaxed) && rank <= self.worst.load(Ordering::Relaxed)
    }

    fn count_repeat(&self) -> Admission {
        self.count.fetch_add(1, Ordering::Relaxed);
        Admission::Repeat
    }
}

impl Book {
    /// A new admission begins: what was is kept for `give_back`.
    fn begin(&mut self, seq: u64, resolving: bool) {
        self.before = self.now;
        self.seq = seq;
        self.resolving = resolving;
        self.swept = 0;
    }
}

#[cfg(test)]
mod tests;
