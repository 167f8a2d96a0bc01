//! How much the outbox holds, and what makes room for what.
//!
//! Invariants: triggers are always taken, and resolves while there are slots of theirs; what is in
//! flight, a resolve, a panic and the storm incident never make room; every eviction is counted.

use std::{cmp::Reverse, time::Duration};

use crate::{
    delivery::outbox::{
        Outbox,
        bug::Bug,
        title::Title,
        wanted::{Wanted, mildness},
    },
    incident::{Detail, Folded, Manual, Occurrences, Op, Sending, Status, Storm},
    stats::Count,
};

/// What an outbox holds at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Titles with a trigger to deliver, panics and the storm incident not counted.
    pub(crate) titles: usize,
    /// Resolves to deliver. They have room of their own, so that neither keeps the other out.
    pub(crate) resolves: usize,
    /// What all of it weighs.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { titles: 256, resolves: 64, bytes: 8 << 20 }
    }
}

/// How many more ops may be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Never 0: others make room.
    pub(crate) triggers: usize,
    pub(crate) resolves: usize,
}

/// What is held.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    titles: usize,
    resolves: usize,
    bytes: usize,
}

/// What makes room first is least.
type Worth = (bool, bool, Reverse<u8>, Reverse<u64>);

impl Outbox {
    /// Whether more triggers, and whether more resolves may be taken over.
    pub(crate) fn room(&self) -> Room {
        let load = self.load();
        let resolves = self.limits.resolves.saturating_sub(load.resolves);
        let least = usize::from(self.bugs.has(Bug::ResolveDroppedWhenFull));
        Room {
            triggers: self.limits.titles.saturating_sub(load.titles).max(1),
            resolves: resolves.max(least),
        }
    }

    pub(super) fn resolves_are_full(&self) -> bool {
        self.load().resolves >= self.limits.resolves
    }

    fn load(&self) -> Load {
        let mut load = Load::default();
        for title in self.titles.values() {
            let pending = |wanted: &&Wanted| !wanted.is_again();
            let mut triggers = title.held().filter(pending).filter(|held| held.is_trigger());
            load.titles = load.titles.saturating_add(triggers.any(|held| !is_kept(held)).into());
            // What is held back waits for its time, not for room.
            let is_resolve = |held: &&Wanted| !held.is_trigger() && !held.is_parked();
            let resolves = title.held().filter(pending).filter(is_resolve).count();
            load.resolves = load.resolves.saturating_add(resolves);
            for held in title.held() {
                load.bytes = load.bytes.saturating_add(held.weight);
            }
        }
        load
    }

    /// Pushes out what is least worth keeping, until the rest fits.
    pub(super) fn make_room(&mut self, now: Duration) {
        loop {
            let Load { titles, bytes, .. } = self.load();
            let is_heavy = bytes > self.limits.bytes;
            if titles <= self.limits.titles && !is_heavy {
                return;
            }
            if is_heavy && self.lighten() {
                continue;
            }
            let hard = titles > self.limits.titles.saturating_mul(2)
                || bytes > self.limits.bytes.saturating_mul(2);
            let Some(key) = self.least(hard) else { return };
            self.evict(key, now);
        }
    }

    /// Empties the body of a state that was delivered and is to be sent once more.
    fn lighten(&mut self) -> bool {
        let delivered = self.titles.values_mut().filter_map(|title| title.wanted.as_mut());
        let heaviest = delivered.filter(|held| held.is_again()).max_by_key(|held| held.weight);
        heaviest.is_some_and(Wanted::lighten)
    }

    /// The title whose trigger makes room first: a repeat, else the mildest and newest opening.
    /// `hard`: what is owed is no longer spared.
    fn least(&self, hard: bool) -> Option<u64> {
        let worth = |(key, title): (&u64, &Title)| -> Option<(Worth, u64)> {
            let wanted = title.wanted.as_ref().filter(|_| self.in_flight != Some(*key))?;
            let evictable = wanted.is_trigger() && !wanted.is_again() && !is_kept(wanted);
            let owes = owes(wanted);
            let op = &wanted.op;
            let worth = (owes, wanted.is_opening(), Reverse(mildness(op)), Reverse(op.seq));
            (evictable && (hard || !owes)).then_some((worth, *key))
        };
        self.titles.iter().filter_map(worth).min().map(|(_, key)| key)
    }

    fn evict(&mut self, key: u64, now: Duration) {
        let taken = self.titles.get_mut(&key).and_then(|title| title.wanted.take());
        let Some(wanted) = taken else { return };
        let (is_owed, op) = (wanted.owes(), wanted.op);
        let Some((gate, counters)) = op.ticket.gate() else { return };
        counters.add(Count::Evicted);
        if !matches!(op.status, Status::Trigger { opening: true }) {
            // The next repeat tells what this one would have told.
            return op.ticket.lose(Count::SuppressedRepeat);
        }
        if let Some(title) = self.titles.get_mut(&key) {
            title.unpark(now, is_owed);
            // What comes after it, and was admitted before this, opens the title in its place.
            title.doubt();
            title.go_on(None);
        }
        let count = op.occurrences.since_last;
        let folded = Folded { title: &op.title, severity: op.severity, count };
        // The title may be open at Spike, or a resolve be pending: the next one has to go out.
        gate.reopen(key, op.seq, true);
        match gate.fold(key, op.seq, folded, now) {
            Some(storm) => self.place(as_storm(op, storm, now), now),
            None => op.ticket.settle(Count::SuppressedStorm),
        }
    }
}

/// The op that is folded becomes the storm incident's.
fn as_storm(mut op: Box<Op>, storm: Storm, now: Duration) -> Box<Op> {
    let Storm { key, title, sending, detail } = storm;
    let Sending { seq, status, count, since_last, first } = sending;
    op.ticket.readmit(key, &sending);
    let Occurrences { last, .. } = op.occurrences;
    let first = last.checked_sub(now.saturating_sub(first)).unwrap_or(last);
    (op.key, op.title, op.seq, op.status) = (key, title, seq, status);
    op.detail = Detail::Storm(detail);
    op.occurrences = Occurrences { count, since_last, first, last };
    (op.admitted, op.aged) = (now, Duration::ZERO);
    op
}

/// Never makes room.
fn is_kept(wanted: &Wanted) -> bool {
    wanted.op.panic || matches!(wanted.op.detail, Detail::Storm(_))
}

/// Without it Spike could be left with an open title that nobody resolves, or with a state that
/// nobody asserts.
fn owes(wanted: &Wanted) -> bool {
    let escalates = wanted.is_opening() && !wanted.is_alone();
    wanted.owes_resolve || wanted.owes_again || escalates
}

impl Wanted {
    /// Empties its body; tells whether there was any.
    fn lighten(&mut self) -> bool {
        self.op.detail = Detail::Manual(Manual::default());
        let weight = self.op.weight();
        let lighter = weight < self.weight;
        self.weight = weight;
        lighter
    }
}
