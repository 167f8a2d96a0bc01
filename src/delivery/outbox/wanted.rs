//! What Spike should believe of one title and has not accepted yet, and what becomes of two of
//! those.
//!
//! Invariant: of two, the ticket of the one that is not kept is settled.

use std::{sync::Arc, time::Duration};

use crate::{
    delivery::outbox::title::Belief,
    incident::{Counts, Detail, Gatekeeper, Held, Occurrences, Op, SoFar, Status, Ticket},
    stats::{Count, Counters},
};

/// So long the opening of the storm incident waits, so that it can tell how many there are.
pub(super) const STORM_GROWS: Duration = Duration::from_secs(1);
/// Titles in a storm incident's sample, at most.
const STORM_SAMPLE: usize = 5;

/// An op with what has happened to it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Wanted {
    pub(super) op: Box<Op>,
    /// The number of the oldest op that has become part of it: a flush waits for that one.
    pub(super) oldest: u64,
    /// What the op holds, in bytes.
    pub(super) weight: usize,
    /// The server may have seen it.
    pub(super) attempted: bool,
    /// It took the place of a resolve that Spike has not accepted, or is one that has to go out
    /// whatever comes.
    pub(super) owes_resolve: bool,
    /// It took the place of a state that was to be sent once more: so is it, once accepted.
    pub(super) owes_again: bool,
    /// The server said it was too large.
    pub(super) minimal: bool,
    /// A flush waits for it.
    pub(super) hurried: bool,
    /// It was accepted, and its ticket is settled; it is sent once more.
    again: Option<Again>,
}

/// Where an op came from: the gate that has let it through, and its counters.
pub(super) type Home = (Arc<dyn Gatekeeper>, Arc<Counters>);

/// When a state is sent once more, and who has to know of it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Again {
    at: Duration,
    home: Option<Home>,
}

impl Wanted {
    pub(super) fn new(op: Box<Op>) -> Self {
        Self {
            oldest: op.seq,
            weight: op.weight(),
            op,
            attempted: false,
            owes_resolve: false,
            owes_again: false,
            minimal: false,
            hurried: false,
            again: None,
        }
    }

    pub(super) fn is_trigger(&self) -> bool {
        matches!(self.op.status, Status::Trigger { .. })
    }

    pub(super) fn is_opening(&self) -> bool {
        self.op.status == Status::Trigger { opening: true }
    }

    /// It opens its title at Spike, and nothing of the title was told before.
    pub(super) fn is_alone(&self) -> bool {
        // An escalation is an opening, too, but one with triggers before it.
        let Occurrences { count, since_last, .. } = self.op.occurrences;
        self.is_opening() && count == since_last
    }

    /// A resolve that follows it has to go out, whether or not it does itself.
    pub(super) fn owes(&self) -> bool {
        self.attempted || self.owes_resolve || self.owes_again || !self.is_alone()
    }

    pub(super) fn is_storm(&self) -> bool {
        matches!(self.op.detail, Detail::Storm(_))
    }

    /// Of the storm incident, that which has come since it was admitted is told, too.
    pub(super) fn grow(&mut self) {
        if !self.is_storm() || !self.is_trigger() || self.is_again() {
            return;
        }
        let Some((gate, _)) = self.op.ticket.gate() else { return };
        let Some(SoFar { count, more, last, detail }) = gate.so_far(self.op.key, self.op.seq)
        else {
            return;
        };
        let Op { occurrences, admitted, .. } = &mut *self.op;
        let later = last.saturating_sub(*admitted);
        *admitted = (*admitted).max(last);
        occurrences.count = count;
        occurrences.since_last = occurrences.since_last.saturating_add(more);
        occurrences.last = occurrences.last.checked_add(later).unwrap_or(occurrences.last);
        let Detail::Storm(told) = &mut self.op.detail else { return };
        told.titles = detail.titles;
        // What was in an attempt that failed is still news.
        told.sample.extend(detail.sample);
        told.sample.truncate(STORM_SAMPLE);
    }

    /// A resolve that is held back: whether it goes out is not decided yet.
    pub(super) fn is_parked(&self) -> bool {
        self.op.status.is_held_back()
    }

    /// Asks the gate about a resolve that is held back, and takes over the answer. `hurried`:
    /// somebody waits for it.
    pub(super) fn ask(&mut self, now: Duration, hurried: bool) -> Held {
        let (key, seq) = (self.op.key, self.op.seq);
        let gate = self.op.ticket.gate();
        let answer = gate.map_or(Held::Off, |(gate, _)| gate.held(key, seq, now, hurried));
        let until = match answer {
            Held::Off => return answer,
            Held::Until(until) => until,
            Held::Out(counts) => {
                if let Some(Counts { count, since_last }) = counts {
                    let occurrences = &mut self.op.occurrences;
                    (occurrences.count, occurrences.since_last) = (count, since_last);
                }
                // It waits for its delivery from now on.
                (self.op.admitted, self.op.aged) = (now, Duration::ZERO);
                Duration::ZERO
            }
        };
        self.hurried = false;
        if let Status::Resolve { not_before, .. } = &mut self.op.status {
            *not_before = until;
        }
        answer
    }

    pub(super) fn is_again(&self) -> bool {
        self.again.is_some()
    }

    /// It is not sent before this.
    pub(super) fn not_before(&self) -> Duration {
        match (&self.again, self.op.status) {
            (Some(again), _) => again.at,
            _ if self.hurried => Duration::ZERO,
            (None, Status::Resolve { not_before, .. }) => not_before,
            (None, Status::Trigger { opening: true }) if self.is_storm() => {
                self.op.admitted.saturating_add(STORM_GROWS)
            }
            (None, Status::Trigger { .. }) => Duration::ZERO,
        }
    }

    /// Since when it waits.
    pub(super) fn since(&self) -> Duration {
        self.again.as_ref().map_or(self.op.admitted, |again| again.at)
    }

    /// How old it is.
    pub(super) fn age(&self, now: Duration) -> Duration {
        let aged = if self.is_again() { Duration::ZERO } else { self.op.aged };
        now.saturating_sub(self.since()).saturating_add(aged)
    }

    /// The endpoint has accepted it: it has come to its end.
    pub(super) fn settle_accepted(&mut self) {
        match self.again.take() {
            None => self.settle(Count::Delivered),
            Some(Again { home: Some((_, counters)), .. }) => counters.add(Count::Asserted),
            Some(Again { home: None, .. }) => {}
        }
    }

    /// It has come to its end, and Spike does not have it.
    pub(super) fn lose(self, reason: Count) {
        match self.again {
            None => self.op.ticket.lose(reason),
            // It was delivered, but what came late may have changed that.
            Some(Again { home: Some((gate, _)), .. }) => {
                gate.reopen(self.op.key, self.op.seq, true);
            }
            Some(Again { home: None, .. }) => {}
        }
    }

    /// Settles the ticket and keeps the rest.
    pub(super) fn settle(&mut self, count: Count) {
        std::mem::replace(&mut self.op.ticket, Ticket::spent()).settle(count);
    }

    /// What was accepted, to be sent once more at `at`. The opening has had its effect.
    pub(super) fn again(mut self, at: Duration, home: Option<Home>) -> Self {
        if self.is_trigger() {
            self.op.status = Status::Trigger { opening: false };
        }
        let again = Some(Again { at, home });
        Self { attempted: false, owes_resolve: false, owes_again: false, again, ..self }
    }

    /// From now on it opens its title, and its loss reopens it.
    pub(super) fn open(&mut self) {
        self.op.status = Status::Trigger { opening: true };
        self.op.ticket.set_opening(true);
    }

    /// It is to be sent once more when it was accepted. Should it be lost, nobody knows how Spike
    /// has the title.
    pub(super) fn owe_again(&mut self) {
        self.owes_again = true;
        self.op.ticket.set_opening(true);
    }

    /// The opening before it was lost: it opens the title in its place.
    pub(super) fn inherit(&mut self, lost: &mut Wanted) {
        self.open();
        self.op.severity = self.op.severity.max(lost.op.severity);
        self.op.priority = self.op.priority.max(lost.op.priority);
        lost.op.ticket.set_opening(false);
    }
}

/// What a title's op that came, or waited for the end of an attempt, makes of what is there.
pub(super) fn follow(there: Option<Wanted>, came: Wanted, spike: Belief) -> Option<Wanted> {
    match there {
        None => Some(first(came, spike)),
        Some(there) if there.is_again() => Some(instead(&there, came, spike)),
        // Triggers and resolves come through channels of their own, so the newer may come first.
        Some(there) if there.op.seq <= came.op.seq => combine(there, came, spike),
        Some(there) => combine(came, there, spike),
    }
}

/// Nothing else is wanted of the title.
fn first(mut came: Wanted, spike: Belief) -> Wanted {
    if came.is_trigger() && matches!(spike, Belief::Resolved | Belief::Doubtful) {
        came.open();
    }
    came
}

/// `there` was accepted, and waits to be sent once more.
fn instead(there: &Wanted, mut came: Wanted, spike: Belief) -> Wanted {
    // Should the new one and its resolve cancel, this one would be missed.
    came.owes_resolve |= !there.is_trigger();
    came.owe_again();
    first(came, spike)
}

/// One title's two ops as one: the newer state wins, and what the older one carried is kept.
fn combine(mut old: Wanted, mut new: Wanted, spike: Belief) -> Option<Wanted> {
    new.oldest = new.oldest.min(old.oldest);
    if old.owes_again {
        new.owe_again();
    }
    match (old.op.status, new.op.status) {
        (Status::Trigger { opening: first }, Status::Trigger { opening: second }) => {
            Some(merge(old, new, Status::Trigger { opening: first || second }))
        }
        (Status::Trigger { .. }, Status::Resolve { first, .. }) => {
            let owed = old.attempted || old.owes_resolve || new.owes_resolve || new.owes_again;
            // An incident that is open, or may be, has to be resolved whatever comes.
            let is_closed = matches!(spike, Belief::Unknown | Belief::Resolved);
            let cancels = old.is_alone() && !owed && !first && is_closed;
            old.settle(Count::SuppressedCancelled);
            if cancels {
                new.settle(Count::SuppressedCancelled);
                return None;
            }
            Some(Wanted { owes_resolve: true, ..new })
        }
        (Status::Resolve { .. }, Status::Trigger { opening }) => {
            old.settle(Count::SuppressedCancelled);
            let is_open = matches!(spike, Belief::Open | Belief::Undecided) && !old.attempted;
            if !opening && !is_open {
                new.open();
            }
            Some(Wanted { owes_resolve: true, ..new })
        }
        (Status::Resolve { first: one, .. }, Status::Resolve { first: other, not_before }) => {
            old.settle(Count::SuppressedCancelled);
            let attempted = old.attempted || new.attempted;
            let mut kept = Wanted { owes_resolve: true, attempted, ..new };
            kept.op.status = Status::Resolve { first: one || other, not_before };
            Some(kept)
        }
    }
}

/// Two triggers: what opened it is told, with the counts of the newer one.
fn merge(old: Wanted, new: Wanted, status: Status) -> Wanted {
    let mut kept = Wanted {
        oldest: new.oldest,
        attempted: old.attempted || new.attempted,
        owes_resolve: old.owes_resolve || new.owes_resolve,
        owes_again: new.owes_again,
        minimal: old.minimal || new.minimal,
        ..old
    };
    let Op { seq, severity, priority, panic, occurrences, ticket, .. } = *new.op;
    kept.settle(Count::SuppressedRepeat);
    let op = &mut *kept.op;
    op.seq = seq;
    op.status = status;
    op.severity = op.severity.max(severity);
    op.priority = op.priority.max(priority);
    op.panic |= panic;
    op.occurrences.count = occurrences.count;
    op.occurrences.since_last = op.occurrences.since_last.saturating_add(occurrences.since_last);
    op.occurrences.last = occurrences.last;
    op.ticket = ticket;
    op.ticket.set_opening(kept.owes_again || status == Status::Trigger { opening: true });
    kept
}

/// The order of sending: lower goes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency {
    class: u8,
    mildness: u8,
    admitted: Duration,
    seq: u64,
}

impl Urgency {
    pub(super) fn of(op: &Op) -> Self {
        let class = match op.status {
            Status::Trigger { .. } if op.panic => 0,
            Status::Trigger { opening: true } => 1,
            Status::Resolve { .. } => 2,
            Status::Trigger { opening: false } => 3,
        };
        Self { class, mildness: mildness(op), admitted: op.admitted, seq: op.seq }
    }
}

/// How far from the gravest.
pub(super) fn mildness(op: &Op) -> u8 {
    op.severity.map_or(u8::MAX, |severity| 3_u8.saturating_sub(severity as u8))
}
