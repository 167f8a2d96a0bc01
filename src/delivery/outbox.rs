//! What Spike should believe of each title, and what to send next so that it does.
//!
//! Pure: time and entropy are arguments. It holds desired states and no messages: of each title
//! there is at most one op to deliver, and the newest state wins. Invariants: one attempt in
//! flight; a resolve never overtakes its trigger; under 10 attempts to trigger a title in any
//! 60 s, failed ones included; every op that leaves it has its ticket settled or lost.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    backoff,
    delivery::outcome::{Blames, Later, Outcome},
    incident::{Occurrences, Op, Status},
    stats::Count,
};

/// Triggers to deliver, at most; until there is room, more wait in the queue.
pub(crate) const TRIGGER_CAP: usize = 256;
/// Resolves to deliver, at most. They have room of their own, so that neither keeps the other out.
pub(crate) const RESOLVE_CAP: usize = 64;
/// Titles known at most before those are forgotten of which little is known.
const KNOWN_CAP: usize = 1_024;
/// An undelivered op is given up when it is older than this.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(6 * 3600);
/// A refused endpoint is tried again after this.
pub(crate) const PROBE: Duration = Duration::from_secs(300);

/// Attempts to trigger one title within [`PACE_WINDOW`], at most.
const PACE: usize = 9;
const PACE_WINDOW: Duration = Duration::from_secs(60);
/// So many failures in a row are told a person, and again after this.
const TELLING_FAILURES: u32 = 3;
const TELL_AGAIN: Duration = Duration::from_secs(3600);
/// So many 500s set a title aside, if so many other titles were accepted meanwhile.
const POISON_FAILURES: u32 = 8;
const POISON_OTHERS: usize = 2;

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    titles: HashMap<u64, Title>,
    endpoint: Endpoint,
    in_flight: Option<u64>,
}

/// What is known of one title.
#[derive(Debug, Default)]
struct Title {
    /// What Spike should believe and has not accepted yet.
    wanted: Option<Wanted>,
    /// What came while `wanted` was in flight.
    newer: Option<Wanted>,
    pause: Pause,
    /// When the last few triggers were attempted.
    triggers: VecDeque<Duration>,
    /// The number of the newest op taken over, for those that come late.
    newest: u64,
    poison: Poison,
}

/// An op with what has happened to it.
#[derive(Debug)]
struct Wanted {
    op: Box<Op>,
    /// The number of the oldest op that has become part of it: a flush waits for that one.
    oldest: u64,
    /// The server may have seen it.
    attempted: bool,
    /// It took the place of a resolve that Spike has not accepted, or is one that has to go out
    /// whatever comes.
    owes_resolve: bool,
    /// The server said it was too large.
    minimal: bool,
}

/// Failures in a row, and until when they hold things up.
#[derive(Clone, Copy, Debug, Default)]
struct Pause {
    failures: u32,
    until: Duration,
    /// The server asked for it, so nothing shortens it.
    asked: bool,
}

#[derive(Debug, Default)]
struct Poison {
    failures: u32,
    /// Other titles that were accepted since the first of these failures.
    others: Vec<u64>,
}

#[derive(Debug, Default)]
struct Endpoint {
    pause: Pause,
    /// The title that failed last, with no other answer since.
    failed: Option<u64>,
    /// Failures of any title with no other answer since.
    failures: u32,
    /// What is wrong with it and was told a person, and when.
    told: Option<(Change, Duration)>,
}

/// What to do now.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// Send this, and report with [`Outbox::finish`].
    Attempt { op: &'a Op, minimal: bool },
    /// Nothing before this time.
    Wait(Duration),
    /// Nothing until something is pushed, or until the attempt in flight has ended.
    Idle,
}

/// How many more ops may be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    pub(crate) triggers: usize,
    pub(crate) resolves: usize,
}

/// What a finished attempt changed that a person should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It says no to every title.
    Refuses,
    /// It can't be reached, or fails again and again.
    Fails,
    /// It was one of the two, and works again.
    Accepts,
}

impl Outbox {
    /// Takes over an op.
    pub(crate) fn push(&mut self, op: Box<Op>) {
        let title = self.titles.entry(op.key).or_default();
        let in_flight = self.in_flight == Some(op.key);
        let sent = title.wanted.as_ref().filter(|_| in_flight);
        let overtaken = sent.is_some_and(|sent| op.seq < sent.op.seq);
        let place = if in_flight { &mut title.newer } else { &mut title.wanted };
        let stale = place.as_ref().is_none_or(|held| held.op.seq < op.seq);
        if overtaken || op.seq < title.newest && stale {
            // Triggers and resolves come through channels of their own: this one was overtaken.
            if let Some(held) = &mut title.wanted {
                held.owes_resolve |= matches!(op.status, Status::Resolve { .. });
            }
            return op.ticket.settle(Count::SuppressedCancelled);
        }
        title.newest = title.newest.max(op.seq);
        let oldest = op.seq;
        let new = Wanted { op, oldest, attempted: false, owes_resolve: false, minimal: false };
        *place = match place.take() {
            None => Some(new),
            Some(held) => combine(held, new),
        };
    }

    /// The most urgent op that may be sent now: openings by severity and age, then resolves, then
    /// repeats.
    pub(crate) fn next(&mut self, now: Duration) -> Next<'_> {
        if self.in_flight.is_some() {
            return Next::Idle;
        }
        self.forget(now);
        let mut wake: Option<Duration> = None;
        let mut best: Option<(Urgency, u64)> = None;
        for (key, title) in &self.titles {
            let Some(wanted) = &title.wanted else { continue };
            let at = title.ready_at(now).max(self.endpoint.pause.until);
            if at > now {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            } else {
                let urgency = Urgency::of(&wanted.op);
                if best.as_ref().is_none_or(|(least, _)| urgency < *least) {
                    best = Some((urgency, *key));
                }
            }
        }
        let chosen = best.and_then(|(_, key)| Some((key, self.titles.get_mut(&key)?)));
        let Some((key, title)) = chosen else { return wake.map_or(Next::Idle, Next::Wait) };
        let Some(wanted) = &title.wanted else { return Next::Idle };
        if wanted.is_trigger() {
            title.triggers.push_back(now);
        }
        self.in_flight = Some(key);
        Next::Attempt { op: &wanted.op, minimal: wanted.minimal }
    }

    /// Takes over what became of the attempt in flight.
    pub(crate) fn finish(
        &mut self,
        outcome: Outcome,
        now: Duration,
        entropy: u64,
    ) -> Option<Change> {
        let key = self.in_flight.take()?;
        let title = self.titles.get_mut(&key)?;
        let wanted = title.wanted.take()?;
        if let Outcome::Later(Later { sent: false, .. }) = outcome
            && wanted.is_trigger()
        {
            title.triggers.pop_back();
        }
        match outcome {
            Outcome::Accepted { .. } => {
                wanted.op.ticket.settle(Count::Delivered);
                title.settled();
                self.accepted(key)
            }
            Outcome::Rejected(reason) => {
                wanted.op.ticket.lose(reason);
                title.settled();
                self.answered();
                None
            }
            Outcome::TooLarge if wanted.minimal => {
                wanted.op.ticket.lose(Count::LostRejected);
                title.settled();
                self.answered();
                None
            }
            Outcome::TooLarge => {
                title.keep(Wanted { minimal: true, attempted: true, ..wanted });
                self.answered();
                None
            }
            Outcome::Refused => {
                title.keep(Wanted { attempted: true, ..wanted });
                self.refused(now)
            }
            Outcome::Later(later) => {
                title.keep(Wanted { attempted: wanted.attempted || later.sent, ..wanted });
                self.failed(key, later, now, entropy)
            }
        }
    }

    /// Titles with something to deliver.
    pub(crate) fn pending(&self) -> usize {
        self.titles.values().filter(|title| title.wanted.is_some()).count()
    }

    /// Titles with something to deliver that was admitted up to the op number `mark`.
    pub(crate) fn held_since(&self, mark: u64) -> usize {
        let old = |held: &Option<Wanted>| held.as_ref().is_some_and(|held| held.oldest <= mark);
        self.titles.values().filter(|title| old(&title.wanted) || old(&title.newer)).count()
    }

    /// Whether more triggers, and whether more resolves may be taken over.
    pub(crate) fn room(&self) -> Room {
        let wanted = self.titles.values().filter_map(|title| title.wanted.as_ref());
        let resolves = wanted.filter(|wanted| !wanted.is_trigger()).count();
        Room {
            triggers: TRIGGER_CAP.saturating_sub(self.pending().saturating_sub(resolves)),
            resolves: RESOLVE_CAP.saturating_sub(resolves),
        }
    }

    /// A flush has begun: delays of our own are waived once, what a server asked for is not.
    pub(crate) fn hurry(&mut self) {
        self.endpoint.pause.waive();
        for title in self.titles.values_mut() {
            title.pause.waive();
        }
    }

    fn accepted(&mut self, key: u64) -> Option<Change> {
        for (other, title) in &mut self.titles {
            let poison = &mut title.poison;
            if *other != key
                && poison.failures > 0
                && poison.others.len() < POISON_OTHERS
                && !poison.others.contains(&key)
            {
                poison.others.push(key);
            }
        }
        self.answered();
        self.endpoint.told.take().map(|_| Change::Accepts)
    }

    /// The endpoint has read a request and answered it for good.
    fn answered(&mut self) {
        self.endpoint = Endpoint { told: self.endpoint.told, ..Endpoint::default() };
    }

    fn refused(&mut self, now: Duration) -> Option<Change> {
        let until = now.saturating_add(PROBE);
        self.endpoint.pause = Pause { failures: 0, until, asked: true };
        self.tell(Change::Refuses, now)
    }

    fn failed(&mut self, key: u64, later: Later, now: Duration, entropy: u64) -> Option<Change> {
        let title = self.titles.get_mut(&key)?;
        if later.blames == Blames::Endpoint {
            self.endpoint.pause.extend(later.asked, now, entropy);
        } else {
            title.failed(later, now, entropy);
            // Two different titles in a row: it is not the title.
            if self.endpoint.failed.is_some_and(|other| other != key) {
                self.endpoint.pause.extend(None, now, entropy);
            }
            self.endpoint.failed = Some(key);
        }
        self.endpoint.failures = self.endpoint.failures.saturating_add(1);
        if self.endpoint.failures < TELLING_FAILURES {
            return None;
        }
        self.tell(Change::Fails, now)
    }

    /// What a person should be told, unless that was told less than an hour ago.
    fn tell(&mut self, change: Change, now: Duration) -> Option<Change> {
        let known = self
            .endpoint
            .told
            .is_some_and(|(told, at)| told == change && now.saturating_sub(at) < TELL_AGAIN);
        if !known {
            self.endpoint.told = Some((change, now));
        }
        (!known).then_some(change)
    }

    /// Gives up what is too old, and forgets titles of which nothing is left to know.
    fn forget(&mut self, now: Duration) {
        let crowded = self.titles.len() > KNOWN_CAP;
        self.titles.retain(|_, title| {
            let too_old = |held: &Wanted| now.saturating_sub(held.op.admitted) > MAX_AGE;
            if title.wanted.as_ref().is_some_and(too_old)
                && let Some(wanted) = title.wanted.take()
            {
                wanted.op.ticket.lose(Count::LostExpired);
                title.settled();
            }
            let past = |at: &Duration| now.saturating_sub(*at) > PACE_WINDOW;
            while title.triggers.front().is_some_and(past) {
                title.triggers.pop_front();
            }
            !crowded || title.wanted.is_some() || title.triggers.len() >= PACE / 2
        });
    }
}

impl Title {
    /// An attempt failed in a way that may pass, and that is not the endpoint's.
    fn failed(&mut self, later: Later, now: Duration, entropy: u64) {
        self.pause.extend(later.asked, now, entropy);
        match &self.wanted {
            Some(wanted) if wanted.attempted => {
                let poisonous = u32::from(later.blames == Blames::Poison);
                self.poison.failures = self.poison.failures.saturating_add(poisonous);
            }
            // Another op took its place, and has chances of its own.
            _ => self.poison = Poison::default(),
        }
        let Poison { failures, others } = &self.poison;
        if *failures >= POISON_FAILURES && others.len() >= POISON_OTHERS {
            if let Some(wanted) = self.wanted.take() {
                wanted.op.ticket.lose(Count::LostPoison);
            }
            self.settled();
        }
    }

    /// The op in flight has come to its end, whichever: what came meanwhile is next.
    fn settled(&mut self) {
        self.wanted = self.newer.take();
        self.pause = Pause::default();
        self.poison = Poison::default();
    }

    /// The op stays, unless what came meanwhile replaces it.
    fn keep(&mut self, held: Wanted) {
        self.wanted = match self.newer.take() {
            None => Some(held),
            Some(new) => combine(held, new),
        };
    }

    /// From when on `wanted` may be sent.
    fn ready_at(&self, now: Duration) -> Duration {
        let paced = match self.triggers.front() {
            Some(first)
                if self.triggers.len() >= PACE
                    && self.wanted.as_ref().is_some_and(Wanted::is_trigger) =>
            {
                first.saturating_add(PACE_WINDOW).saturating_add(Duration::from_millis(1))
            }
            _ => now,
        };
        self.pause.until.max(paced)
    }
}

impl Wanted {
    fn is_trigger(&self) -> bool {
        matches!(self.op.status, Status::Trigger { .. })
    }
}

impl Pause {
    fn extend(&mut self, asked: Option<Duration>, now: Duration, entropy: u64) {
        self.failures = self.failures.saturating_add(1);
        let delay = asked.unwrap_or_else(|| backoff::delay(self.failures, entropy));
        self.until = now.saturating_add(delay);
        self.asked = asked.is_some();
    }

    fn waive(&mut self) {
        if !self.asked {
            self.until = Duration::ZERO;
        }
    }
}

/// The order of sending: lower goes first.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Urgency {
    class: u8,
    mildness: u8,
    admitted: Duration,
    seq: u64,
}

impl Urgency {
    fn of(op: &Op) -> Self {
        let class = match op.status {
            Status::Trigger { opening: true } => 0,
            Status::Resolve { .. } => 1,
            Status::Trigger { opening: false } | Status::Still => 2,
        };
        let mildness = op.severity.map_or(u8::MAX, |severity| 3_u8.saturating_sub(severity as u8));
        Self { class, mildness, admitted: op.admitted, seq: op.seq }
    }
}

/// One title's two ops as one: the newer state wins, and what the older one carried is kept.
fn combine(one: Wanted, other: Wanted) -> Option<Wanted> {
    // Triggers and resolves come through channels of their own, so the newer may come first.
    let (old, mut new) = if one.op.seq <= other.op.seq { (one, other) } else { (other, one) };
    new.oldest = new.oldest.min(old.oldest);
    match (old.op.status, new.op.status) {
        (Status::Still, _) | (_, Status::Still) => Some(new),
        (Status::Trigger { opening: first }, Status::Trigger { opening: second }) => {
            Some(merge(old, new, first || second))
        }
        (Status::Trigger { opening }, Status::Resolve { first, .. }) => {
            // An escalation is an opening, too, but one with triggers before it.
            let Occurrences { count, since_last, .. } = old.op.occurrences;
            let alone = opening && count == since_last;
            let owed = old.attempted || old.owes_resolve || new.owes_resolve;
            old.op.ticket.settle(Count::SuppressedCancelled);
            if alone && !owed && !first {
                new.op.ticket.settle(Count::SuppressedCancelled);
                return None;
            }
            Some(Wanted { owes_resolve: true, ..new })
        }
        (Status::Resolve { .. }, Status::Trigger { .. }) => {
            old.op.ticket.settle(Count::SuppressedCancelled);
            Some(Wanted { owes_resolve: true, ..new })
        }
        (Status::Resolve { first: one, .. }, Status::Resolve { first: other, not_before }) => {
            old.op.ticket.settle(Count::SuppressedCancelled);
            let mut kept = Wanted { owes_resolve: true, ..new };
            kept.op.status = Status::Resolve { first: one || other, not_before };
            Some(kept)
        }
    }
}

/// Two triggers: what opened it is told, with the counts of the newer one.
fn merge(old: Wanted, new: Wanted, opening: bool) -> Wanted {
    let owes_resolve = old.owes_resolve || new.owes_resolve;
    let mut kept = Wanted { owes_resolve, oldest: new.oldest, ..old };
    let Op { seq, severity, priority, occurrences, ticket, .. } = *new.op;
    let op = &mut *kept.op;
    op.seq = seq;
    op.status = Status::Trigger { opening };
    op.severity = op.severity.max(severity);
    op.priority = op.priority.max(priority);
    op.occurrences.count = occurrences.count;
    op.occurrences.since_last = op.occurrences.since_last.saturating_add(occurrences.since_last);
    op.occurrences.last = occurrences.last;
    std::mem::replace(&mut op.ticket, ticket).settle(Count::SuppressedRepeat);
    kept
}

#[cfg(test)]
mod tests;
