//! Which occurrences of a title go out: the first at once, then a few repeats, the rest counted;
//! and which first ones are too many, and are folded into the storm incident.
//!
//! Pure: time is an argument, and no random number is drawn. A repeat takes no lock and allocates
//! nothing. Invariants: two threads never both open a title; of an admitted op either its ticket
//! is settled, or the title is open again; what the budget does not pay for takes no slot.

use std::{
    cmp::Ordering::{Equal, Greater, Less},
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::millis,
    incident::{
        Counts, Folded, Gatekeeper, Held, Quiet, Sending, Severity, SoFar, Status, Storm,
        StormDetail,
    },
    sync::{AtomicU64, Ordering, lock},
};
use budget::{Budget, Window};
use page::{Answer, Page, Times};
use table::{Admitted, Book, Place, Set, Under};

#[cfg(all(test, spike_loom))]
use crate::sync::tests::{Bug, is_seeded};

mod budget;
mod known;
mod page;
#[cfg(test)]
#[cfg(not(spike_loom))]
mod probe;
mod storm;
mod table;

/// Milliseconds after which the worker asks again about a held resolve, while a newer op of its
/// title is on its way.
const LOOK_AGAIN: u64 = 100;

/// Titles tracked at most: `SETS * WAYS`, 1,024; the storm incident is beside them.
const SETS: usize = if cfg!(spike_loom) { 1 } else { 128 };

/// What the builder decided.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Between repeats of a title that keeps failing.
    pub(crate) repeat_every: Duration,
    /// A title that has been quiet for this long is resolved.
    pub(crate) resolve_after: Option<Duration>,
    pub(crate) budget: Openings,
    /// The title of the storm incident, and its key.
    pub(crate) storm: (String, u64),
    /// Numbers admissions, over all gates of a pipeline.
    pub(crate) seq: Arc<AtomicU64>,
}

/// How many new titles go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Openings {
    /// At once.
    pub(crate) burst: u32,
    /// Once the burst is spent.
    pub(crate) per_minute: u32,
}

/// An occurrence that asks to go out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Keyed hash of the title.
    pub(crate) key: u64,
    /// How severe it is, 0 for unsaid.
    pub(crate) rank: u8,
    /// It is meant to page (`spike = true`): there is a budget for such.
    pub(crate) meant: bool,
    /// Earlier occurrences that did not ask, and when the first of them was.
    pub(crate) before: Option<(u64, Duration)>,
}

/// What becomes of an occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Send(Sending),
    /// Counted, and nothing else.
    Repeat,
    /// It would open the title, and there were too many openings: not counted here, but by
    /// [`Gate::storm`].
    Storm,
}

/// The bounded table of titles.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The last one holds the storm incident alone.
    sets: Box<[Set]>,
    times: Times,
    openings: Budget,
    /// For openings that are meant.
    meant: Budget,
    repeats: Window,
    storm: (String, u64),
    folded: storm::Folded,
    /// Taken under the title's lock, so that of two ops of a title the one that was admitted later
    /// has the higher number, whichever is queued first.
    seq: Arc<AtomicU64>,
}

impl Gate {
    pub(crate) fn new(settings: Settings) -> Self {
        let Settings { repeat_every, resolve_after, budget, storm, seq } = settings;
        Self {
            sets: (0..=SETS).map(|_| Set::new()).collect(),
            times: Times { every: millis(repeat_every), resolve_after: resolve_after.map(millis) },
            openings: Budget::new(budget),
            meant: Budget::new(budget),
            repeats: Window::new(),
            storm: (storm.0, storm.1.max(1)),
            folded: storm::Folded::new(),
            seq,
        }
    }

    /// Decides about one occurrence.
    pub(crate) fn admit(&self, ask: Ask, now: Duration) -> Admission {
        let (ask, now) = (Ask { key: ask.key.max(1), ..ask }, millis(now));
        let Some(set) = self.set(ask.key) else { return Admission::Repeat };
        match set.find(ask.key) {
            Some(place) if place.counts_repeat(ask, now) => return Admission::Repeat,
            None if self.has_spent(ask, now) => return Admission::Storm,
            _ => {}
        }
        let mut books = lock(&set.books);
        if let Some((slot, book)) = set.known(&mut books, ask.key) {
            return if slot.is_repeat(ask.rank, now) {
                slot.add(ask.occurrences(), now);
                Admission::Repeat
            } else if book.now.open {
                self.admit_locked(slot, book, ask, now)
            } else if book.now.paid || self.pays(ask, now) {
                self.open(slot, book, ask, now)
            } else {
                Admission::Storm
            };
        }
        if !self.pays(ask, now) {
            return Admission::Storm;
        }
        let Some((slot, book)) = set.make_room(&mut books, ask.key) else {
            return Admission::Repeat;
        };
        self.open(slot, book, ask, now)
    }

    /// Counts an occurrence that is a repeat and nothing else. Takes no lock.
    pub(crate) fn counts_repeat(&self, ask: Ask, now: Duration) -> bool {
        let ask = Ask { key: ask.key.max(1), ..ask };
        let Some(set) = self.set(ask.key) else { return false };
        set.find(ask.key).is_some_and(|place| place.counts_repeat(ask, millis(now)))
    }

    /// As [`admit`](Gate::admit) for a title that is open, or whose opening was lost, when
    /// [`counts_repeat`](Gate::counts_repeat) did not; `None`, and nothing is changed, when this
    /// occurrence would open it.
    pub(crate) fn admit_open(&self, ask: Ask, now: Duration) -> Option<Admission> {
        let (ask, now) = (Ask { key: ask.key.max(1), ..ask }, millis(now));
        let set = self.set(ask.key)?;
        let mut books = lock(&set.books);
        let (slot, book) = set.known(&mut books, ask.key)?;
        if book.now.open {
            Some(self.admit_locked(slot, book, ask, now))
        } else {
            book.now.lost.then(|| self.open(slot, book, ask, now))
        }
    }

    /// An occurrence that the budget does not pay for, of the title `key`, is folded into the
    /// storm incident, whose key is [`storm_key`](Gate::storm_key).
    pub(crate) fn storm(&self, key: u64, title: &str, rank: u8, now: Duration) -> Admission {
        self.fold_many(key, title, rank, 1, now)
    }

    pub(crate) fn storm_key(&self) -> u64 {
        self.storm.1
    }

    pub(crate) fn storm_title(&self) -> &str {
        &self.storm.0
    }

    /// What the storm incident tells of the folded titles.
    pub(crate) fn storm_detail(&self) -> StormDetail {
        self.folded.tell()
    }

    /// So many occurrences at once.
    pub(crate) fn fold_many(
        &self,
        key: u64,
        title: &str,
        rank: u8,
        count: u64,
        now: Duration,
    ) -> Admission {
        let before = count.checked_sub(1).filter(|before| *before > 0).map(|before| (before, now));
        #[cfg(all(test, spike_loom))]
        if is_seeded(Bug::TooEarly) {
            self.folded.add(key, title);
            return self.admit(Ask { key: self.storm.1, rank, meant: false, before }, now);
        }
        let admission = self.admit(Ask { key: self.storm.1, rank, meant: false, before }, now);
        // After it, since it may begin a storm. A storm that ends between the two leaves its last
        // title to the next one.
        self.folded.add(key, title);
        admission
    }

    /// Decides about an explicit resolve. The title is open for a new first occurrence from here.
    pub(crate) fn resolve(&self, key: u64, now: Duration) -> Admission {
        self.resolve_late(key, now, now)
    }

    /// As [`resolve`](Gate::resolve), of one that was asked for at `said`.
    pub(crate) fn resolve_late(&self, key: u64, said: Duration, now: Duration) -> Admission {
        let (key, now) = (key.max(1), millis(now));
        let Some(set) = self.set(key) else { return Admission::Repeat };
        let mut books = lock(&set.books);
        let place = match set.find(key) {
            Some(_) => set.known(&mut books, key),
            None => set.make_room(&mut books, key),
        };
        let Some((slot, book)) = place else { return Admission::Repeat };
        let count = slot.count();
        let before = book.now;
        book.now.note_over(millis(said));
        let Some(status) = book.now.resolve(count, slot.last(), now) else {
            // It may be held back from now on, and then nothing is a repeat without the lock.
            #[cfg(all(test, spike_loom))]
            if is_seeded(Bug::NotShown) {
                return Admission::Repeat;
            }
            self.show(slot, book, key);
            return Admission::Repeat;
        };
        Admission::Send(self.resolved((slot, count), book, before, status, now))
    }

    /// The number of the newest admission, over all gates of the pipeline; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.seq.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// An occurrence opens its title, or opens it anew.
    fn open(&self, slot: Place<'_>, book: &mut Book, ask: Ask, now: u64) -> Admission {
        book.begin(self.next_seq(), book.now, false);
        book.now.open(now, self.times);
        self.send(slot, book, ask, true, now)
    }

    /// An occurrence of an open title that may have to go out; its set is locked.
    fn admit_locked(&self, slot: Place<'_>, book: &mut Book, ask: Ask, now: u64) -> Admission {
        if book.now.is_held_in_vain() {
            return self.open(slot, book, ask, now);
        }
        let is_held = book.now.is_held();
        // What the slot says may be later: when there is a repeat for any title.
        let due = match is_held {
            true => book.now.planned(ask.key, self.times),
            false => slot.due.load(Ordering::Relaxed),
        };
        let escalates = ask.rank > book.now.worst;
        // What escalates is no repeat, and takes none from other titles.
        let repeats = if escalates || now < due { Err(due) } else { self.repeats.take(now) };
        if escalates || repeats.is_ok() {
            book.begin(self.next_seq(), book.now, false);
            return self.send(slot, book, ask, escalates, now);
        }
        slot.add(ask.occurrences(), now);
        // Whoever holds a resolve back asks before it sends it.
        book.now.keep_open();
        slot.worst.store(book.now.worst, Ordering::Relaxed);
        slot.due.store(repeats.err().unwrap_or(due), Ordering::Relaxed);
        Admission::Repeat
    }

    /// The occurrence goes out.
    fn send(
        &self,
        slot: Place<'_>,
        book: &mut Book,
        ask: Ask,
        opening: bool,
        now: u64,
    ) -> Admission {
        // Read once, as repeats go on meanwhile: what is told now is not told again.
        let (count, reported) = (slot.add(ask.occurrences(), now), book.now.reported);
        let first = ask.before.map_or(now, |(_, first)| millis(first));
        book.now.first.get_or_insert(first);
        book.now.send(ask.rank, count, now);
        self.show(slot, book, ask.key);
        Admission::Send(book.sending(count, Status::Trigger { opening }, reported, now))
    }

    /// The title was closed, or its resolve is held back, at this count of its slot; `before` is
    /// what it was.
    fn resolved(
        &self,
        (slot, count): (Place<'_>, u64),
        book: &mut Book,
        before: Page,
        status: Status,
        now: u64,
    ) -> Sending {
        let resolve = self.next_seq();
        if book.now.is_held() {
            let Admitted { before: Page { reported, .. }, seq, .. } = book.newest;
            book.under = Under { seq, reported, resolve };
        }
        book.begin(resolve, before, true);
        let key = slot.key.load(Ordering::Relaxed);
        self.show(slot, book, key);
        #[cfg(all(test, spike_loom))]
        let count = if is_seeded(Bug::ReadTwice) { slot.count() } else { count };
        if !book.now.open && key == self.storm.1 {
            self.folded.clear();
        }
        Sending {
            seq: book.newest.seq,
            status,
            count: count.saturating_sub(before.base),
            since_last: count.saturating_sub(before.reported),
            first: Duration::from_millis(before.first.unwrap_or(now)),
        }
    }

    fn pays(&self, ask: Ask, now: u64) -> bool {
        ask.key == self.storm.1 || self.budget(ask).take(now)
    }

    fn budget(&self, ask: Ask) -> &Budget {
        if ask.meant { &self.meant } else { &self.openings }
    }

    fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed)
    }

    fn set(&self, key: u64) -> Option<&Set> {
        if key == self.storm.1 {
            return self.sets.last();
        }
        // `SETS` is a power of two.
        let index = usize::try_from(key & (SETS as u64).wrapping_sub(1)).ok()?;
        self.sets.get(index)
    }

    /// Runs `change` on the title's slot and book if `seq` is still its newest admission.
    fn undo(&self, key: u64, seq: u64, change: impl FnOnce(Place<'_>, &mut Book)) {
        self.change(key, |slot, book| {
            if book.newest.seq == seq {
                change(slot, book);
            }
        });
    }

    /// Runs `change` on the title's slot and book.
    fn change(&self, key: u64, change: impl FnOnce(Place<'_>, &mut Book)) {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return };
        let mut books = lock(&set.books);
        if let Some((slot, book)) = set.known(&mut books, key) {
            change(slot, book);
            self.show(slot, book, key);
        }
    }

    /// Puts into the slot what decides about repeats without the lock.
    fn show(&self, slot: Place<'_>, book: &Book, key: u64) {
        slot.worst.store(book.now.worst, Ordering::Relaxed);
        slot.due.store(book.now.due(key, self.times), Ordering::Relaxed);
    }
}

impl Gatekeeper for Gate {
    fn give_back(&self, key: u64, seq: u64) {
        self.change(key, |_, book| book.give_back(seq));
    }

    fn reopen(&self, key: u64, seq: u64, opening: bool) {
        self.change(key, |_, book| book.lose(seq, opening));
    }

    fn fold(&self, key: u64, seq: u64, folded: Folded<'_>, now: Duration) -> Option<Storm> {
        let mut count = folded.count;
        self.undo(key, seq, |slot, book| {
            let all = slot.count();
            count = all.saturating_sub(book.now.base);
            #[cfg(all(test, spike_loom))]
            let all = if is_seeded(Bug::ReadTwice) { slot.count() } else { all };
            book.fold(all);
        });
        let rank = rank(folded.severity);
        match self.fold_many(key, folded.title, rank, count, now) {
            Admission::Send(sending) => Some(Storm {
                key: self.storm.1,
                title: self.storm.0.clone(),
                sending,
                detail: self.folded.tell(),
            }),
            Admission::Repeat | Admission::Storm => None,
        }
    }

    fn held(&self, key: u64, seq: u64, now: Duration, hurried: bool) -> Held {
        let (key, now) = (key.max(1), millis(now));
        // Of a title that is forgotten, the resolve was the last word that is known.
        let Some(set) = self.set(key) else { return Held::Out(None) };
        let mut books = lock(&set.books);
        let Some((slot, book)) = set.known(&mut books, key) else { return Held::Out(None) };
        match book.newest.seq.cmp(&seq) {
            // What takes its place is on the way, or is given back.
            Greater => return Held::Until(Duration::from_millis(now.saturating_add(LOOK_AGAIN))),
            // Known again, and all that came since was given back.
            Less if !book.now.open => return Held::Out(None),
            Less => book.take_up(seq),
            Equal => {}
        }
        let count = slot.count();
        match book.now.ask(count, now, hurried) {
            Answer::Off => {
                book.withdraw();
                Held::Off
            }
            Answer::Until(until) => Held::Until(Duration::from_millis(until)),
            Answer::Out => {
                let before = book.newest.before;
                self.show(slot, book, key);
                if key == self.storm.1 {
                    self.folded.clear();
                }
                #[cfg(all(test, spike_loom))]
                let count = if is_seeded(Bug::ReadTwice) { slot.count() } else { count };
                Held::Out(Some(Counts {
                    count: count.saturating_sub(before.base),
                    since_last: count.saturating_sub(before.reported),
                }))
            }
        }
    }

    fn so_far(&self, key: u64, seq: u64) -> Option<SoFar> {
        let mut so_far = None;
        self.undo(key, seq, |slot, book| {
            let (count, page) = (slot.count(), &mut book.now);
            so_far = Some(SoFar {
                count: count.saturating_sub(page.base),
                more: count.saturating_sub(page.reported),
                last: Duration::from_millis(slot.last()),
                detail: self.folded.tell(),
            });
            page.reported = count;
        });
        so_far.filter(|_| key.max(1) == self.storm.1)
    }

    fn quiet(&self, key: u64, now: Duration) -> Quiet {
        let (key, now) = (key.max(1), millis(now));
        let Some(set) = self.set(key) else { return Quiet::Never };
        let mut books = lock(&set.books);
        let Some((slot, book)) = set.known(&mut books, key) else { return Quiet::Never };
        let last = slot.last();
        match book.now.quiet_at(last, self.times) {
            _ if book.now.is_held() && self.times.resolve_after.is_some() => {
                // It may be triggered again before that goes out.
                let at = book.now.held_until().max(now.saturating_add(LOOK_AGAIN));
                Quiet::Until(Duration::from_millis(at))
            }
            None => Quiet::Never,
            Some(at) if now < at => Quiet::Until(Duration::from_millis(at)),
            Some(_) => {
                let (before, count) = (book.now, slot.count());
                let status = book.now.resolve_quietly(count, now);
                Quiet::Resolved(self.resolved((slot, count), book, before, status, now))
            }
        }
    }
}

/// A severity as the gate compares it: 0 is none.
pub(crate) fn rank(severity: Option<Severity>) -> u8 {
    match severity {
        None => 0,
        Some(Severity::Sev3) => 1,
        Some(Severity::Sev2) => 2,
        Some(Severity::Sev1) => 3,
    }
}

impl Ask {
    fn occurrences(&self) -> u64 {
        self.before.map_or(1, |(earlier, _)| earlier.saturating_add(1))
    }
}

#[cfg(test)]
mod tests;
