//! What is known of one title: what is wanted, how Spike has it, and what may still arrive there.
//!
//! Invariants: while an attempt is in flight what comes waits for its end; an attempt without an
//! answer is remembered for as long as it may arrive.

use std::{collections::VecDeque, time::Duration};

use crate::{
    delivery::{
        outbox::{
            MAX_AGE,
            bug::{Bug, Bugs},
            endpoint::Pause,
            quiet::Watch,
            wanted::{Wanted, follow},
        },
        outcome::{Blames, Later, Outcome, Reach},
    },
    incident::{Held, Op, Status},
    stats::Count,
};

/// Attempts to trigger one title within [`PACE_WINDOW`], at most.
pub(super) const PACE: usize = 9;
pub(super) const PACE_WINDOW: Duration = Duration::from_secs(60);
/// A state that followed an attempt without an answer is sent once more after this (`DESIGN.md`,
/// 7): a request that arrives later than that is not reckoned with.
pub(crate) const LATEST: Duration = Duration::from_secs(60);
/// So many 500s set a title aside, if so many other titles were accepted meanwhile.
const POISON_FAILURES: u32 = 8;
const POISON_OTHERS: usize = 2;

/// How Spike has a title, as far as answers tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Belief {
    /// Nothing was accepted, or that was forgotten.
    #[default]
    Unknown,
    /// The newest that was attempted was a trigger, and accepted.
    Open,
    /// The same of a resolve.
    Resolved,
    /// The newest that was attempted was not accepted, or lost.
    Doubtful,
    /// It depends on an attempt in flight.
    Undecided,
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Title {
    /// What Spike should believe and has not accepted yet, or is to be told once more.
    pub(super) wanted: Option<Wanted>,
    /// What came while `wanted` was in flight.
    pub(super) newer: Option<Wanted>,
    /// A resolve that is held back, while the title stays open.
    pub(super) parked: Option<Wanted>,
    pub(super) belief: Belief,
    doubts: Doubts,
    /// For as long as the title is to be resolved after a quiet period.
    pub(super) watch: Option<Watch>,
    pause: Pause,
    /// When the last few triggers were attempted.
    pub(super) triggers: VecDeque<Duration>,
    /// The number of the newest op taken over, for those that come late.
    newest: u64,
    pub(super) poison: Poison,
}

/// When the newest attempt without an answer ended, of each kind.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
struct Doubts {
    trigger: Option<Duration>,
    resolve: Option<Duration>,
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Poison {
    failures: u32,
    /// Other titles that were accepted since the first of these failures.
    others: Vec<u64>,
}

impl Title {
    /// Takes over an op; `in_flight`: while `wanted` is.
    pub(super) fn push(&mut self, op: Box<Op>, in_flight: bool, now: Duration, bugs: Bugs) {
        if !in_flight && !self.is_pending() {
            self.doubts.forget(now);
        }
        let sent = self.wanted.as_ref().filter(|_| in_flight);
        let overtaken = sent.is_some_and(|sent| op.seq < sent.op.seq);
        let place = if in_flight { &self.newer } else { &self.wanted };
        let held = place.as_ref().filter(|held| !held.is_again());
        let stale = held.is_none_or(|held| held.op.seq < op.seq);
        let is_parked = op.status.is_held_back();
        if overtaken || op.seq < self.newest && (stale || is_parked) {
            // Triggers and resolves come through channels of their own: this one was overtaken.
            if let Some(held) = &mut self.wanted {
                held.owes_resolve |= matches!(op.status, Status::Resolve { .. });
            }
            return op.ticket.settle(Count::SuppressedCancelled);
        }
        let new = Wanted::new(op);
        if let Some(mut parked) = self.parked.take_if(|parked| parked.op.seq < new.op.seq) {
            // Something else is said now.
            parked.settle(Count::SuppressedCancelled);
        }
        if is_parked && self.parked.is_some() {
            // That one is newer.
            return new.op.ticket.settle(Count::SuppressedCancelled);
        }
        if is_parked {
            // Not the newest state: what was triggered before it is wanted for now.
            self.parked = Some(new);
            return;
        }
        self.newest = self.newest.max(new.op.seq);
        let failed = !in_flight && self.wanted.as_ref().is_some_and(|held| held.attempted);
        if failed && bugs.has(Bug::Fifo) {
            self.newer = self.wanted.replace(new);
            return;
        }
        let place = if in_flight { &mut self.newer } else { &mut self.wanted };
        let belief = if in_flight { Belief::Undecided } else { self.belief };
        *place = follow(place.take(), new, belief);
    }

    /// Its number.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Takes down what an attempt's end tells of Spike.
    pub(super) fn tried(&mut self, wanted: &Wanted, outcome: Outcome, now: Duration) {
        let (doubt, belief) = match wanted.is_trigger() {
            true => (&mut self.doubts.trigger, Belief::Open),
            false => (&mut self.doubts.resolve, Belief::Resolved),
        };
        match outcome {
            Outcome::Accepted { .. } => self.belief = belief,
            Outcome::Later(Later { reach: Reach::NotSent, .. }) => {
                if wanted.is_trigger() {
                    self.triggers.pop_back();
                }
            }
            Outcome::Later(Later { reach, .. }) => {
                if reach == Reach::Ambiguous {
                    *doubt = Some(now);
                }
                if self.belief != belief {
                    self.belief = Belief::Doubtful;
                }
            }
            Outcome::Refused | Outcome::TooLarge | Outcome::Rejected(_) => {}
        }
    }

    /// The op in flight was accepted.
    pub(super) fn accepted(&mut self, mut done: Wanted, now: Duration, bugs: Bugs) {
        self.begin_anew();
        let is_trigger = done.is_trigger();
        let other = if is_trigger { &self.doubts.resolve } else { &self.doubts.trigger };
        let owes = !done.is_again() && (done.owes_again || other.is_some());
        let owes = owes && !bugs.has(Bug::NoSecondAssertion);
        self.doubts.forget(now);
        let home = done.op.ticket.gate();
        done.settle_accepted();
        match &home {
            Some((gate, counters)) if is_trigger => {
                self.watch = Some(Watch::new(&done.op, gate, counters, now));
            }
            // Sent once more: nothing has changed.
            None if is_trigger => {}
            _ => self.watch = None,
        }
        if !is_trigger && let Some(newer) = self.newer.take_if(|newer| !newer.is_trigger()) {
            // Nothing in between was sent.
            done.op.seq = newer.op.seq;
            newer.op.ticket.settle(Count::SuppressedCancelled);
        }
        let at = now.saturating_add(LATEST);
        self.go_on(owes.then(|| done.again(at, home)));
    }

    /// The op in flight has come to its end undelivered: what came meanwhile is next.
    pub(super) fn lost(&mut self, mut lost: Wanted, reason: Count, now: Duration, bugs: Bugs) {
        self.begin_anew();
        if !lost.is_trigger() {
            // Else its trigger was never accepted, or it may be applied all the same.
            lost.op.ticket.set_opening(self.belief != Belief::Open || lost.owes_again);
            self.belief = Belief::Doubtful;
        }
        if lost.is_opening() {
            self.doubt();
            if let Some(newer) = self.newer.as_mut().filter(|newer| newer.is_trigger()) {
                newer.inherit(&mut lost);
            }
        }
        if lost.is_trigger() {
            self.unpark(now, lost.owes());
        }
        if lost.is_again() || lost.owes_again {
            self.belief = Belief::Doubtful;
            self.newer.iter_mut().for_each(Wanted::owe_again);
        }
        if bugs.has(Bug::NotReopenedAfterLoss) {
            lost.op.ticket.settle(reason);
        } else {
            lost.lose(reason);
        }
        self.go_on(None);
    }

    /// The op in flight stays, unless what came meanwhile replaces it.
    pub(super) fn keep(&mut self, held: Wanted, bugs: Bugs) {
        if bugs.has(Bug::Fifo) && self.newer.is_some() {
            self.wanted = self.newer.replace(held);
            return;
        }
        self.go_on(Some(held));
    }

    /// An opening was given up.
    pub(super) fn doubt(&mut self) {
        if self.belief != Belief::Open {
            self.belief = Belief::Doubtful;
        }
    }

    pub(super) fn go_on(&mut self, left: Option<Wanted>) {
        self.wanted = match self.newer.take() {
            None => left,
            Some(newer) => follow(left, newer, self.belief),
        };
    }

    fn begin_anew(&mut self) {
        self.pause = Pause::default();
        self.poison = Poison::default();
    }

    /// An attempt failed in a way that may pass, and that is not the endpoint's.
    pub(super) fn failed(&mut self, later: Later, now: Duration, entropy: u64, bugs: Bugs) {
        self.pause.extend(later.asked, now, entropy);
        match &self.wanted {
            Some(wanted) if wanted.attempted => {
                let poisonous = u32::from(later.blames == Blames::Poison);
                self.poison.failures = self.poison.failures.saturating_add(poisonous);
            }
            // Another op took its place, and has chances of its own.
            _ => self.poison = Poison::default(),
        }
        if self.poison.is_deadly()
            && let Some(wanted) = self.wanted.take()
        {
            self.lost(wanted, Count::LostPoison, now, bugs);
        }
    }

    /// Gives up what is too old, and forgets what can't matter any more. Nothing is in flight.
    pub(super) fn age(&mut self, now: Duration, bugs: Bugs) {
        let too_old = |held: &mut Wanted| held.age(now) > MAX_AGE;
        if let Some(wanted) = self.wanted.take_if(too_old) {
            self.lost(wanted, Count::LostExpired, now, bugs);
        }
        if !self.is_pending() {
            self.doubts.forget(now);
        }
        let past = |at: &Duration| now.saturating_sub(*at) > PACE_WINDOW;
        while self.triggers.front().is_some_and(past) {
            self.triggers.pop_front();
        }
    }

    pub(super) fn hurry(&mut self, mark: u64) {
        self.pause.waive();
        self.release(mark);
    }

    /// What a flush waits for is not held back.
    pub(super) fn release(&mut self, mark: u64) {
        for held in [&mut self.wanted, &mut self.newer, &mut self.parked].into_iter().flatten() {
            held.hurried |= held.op.seq <= mark;
        }
    }

    /// A trigger was lost, so nothing may be open whose resolve could be held back; `is_owed`: if
    /// that is the last word, Spike has to hear it.
    pub(super) fn unpark(&mut self, now: Duration, is_owed: bool) {
        if self.belief == Belief::Open || self.newer.is_some() {
            return;
        }
        let Some(mut parked) = self.parked.take() else { return };
        let is_owed = matches!(parked.op.status, Status::Resolve { first: true, .. })
            || is_owed
            || self.belief == Belief::Doubtful;
        match parked.ask(now, true) {
            Held::Out(_) => {
                self.newest = self.newest.max(parked.op.seq);
                if is_owed {
                    self.newer = Some(parked);
                } else {
                    parked.settle(Count::SuppressedCancelled);
                }
            }
            Held::Off => parked.settle(Count::SuppressedCancelled),
            // What takes its place is on the way.
            Held::Until(_) => self.parked = Some(parked),
        }
    }

    /// From when on `wanted` may be sent.
    pub(super) fn ready_at(&self, now: Duration) -> Duration {
        let is_trigger = self.wanted.as_ref().is_some_and(Wanted::is_trigger);
        let paced = match self.triggers.front() {
            Some(first) if is_trigger && self.triggers.len() >= PACE => {
                first.saturating_add(PACE_WINDOW).saturating_add(Duration::from_millis(1))
            }
            _ => now,
        };
        let held = self.wanted.as_ref().map_or(now, Wanted::not_before);
        self.pause.until.max(paced).max(held)
    }

    /// What Spike should be told in the end, should this process die now.
    pub(super) fn last_word(&self) -> Option<&Wanted> {
        match (&self.wanted, &self.newer) {
            // A repeat says less than the trigger in flight, which may not arrive.
            (Some(wanted), Some(newer))
                if wanted.is_trigger() && newer.is_trigger() && !newer.is_opening() =>
            {
                Some(wanted)
            }
            (_, Some(newer)) => Some(newer),
            (Some(wanted), None) => Some(wanted),
            (None, None) => self.parked.as_ref(),
        }
    }

    /// Paging ends; `is_kept`: the spool has what is left.
    pub(super) fn give_up(self, is_kept: bool) {
        for held in [self.wanted, self.newer, self.parked].into_iter().flatten() {
            match held.is_again() {
                true => {}
                false if is_kept => held.op.ticket.settle(Count::Spooled),
                false => held.lose(Count::LostShutdown),
            }
        }
    }

    /// All that is held of it.
    pub(super) fn held(&self) -> impl Iterator<Item = &Wanted> {
        self.wanted.iter().chain(&self.newer).chain(&self.parked)
    }

    /// Something is to be delivered.
    pub(super) fn is_pending(&self) -> bool {
        self.held().any(|held| !held.is_again())
    }

    /// When a quiet period may be over, if nothing else is wanted.
    pub(super) fn quiet_at(&self) -> Option<Duration> {
        let is_open = self.belief == Belief::Open && !self.is_pending();
        self.watch.as_ref().filter(|_| is_open).map(|watch| watch.at)
    }

    /// Nothing is left to know of it but what came last.
    pub(super) fn is_settled(&self) -> bool {
        self.watch.is_none() && self.is_only_watched()
    }

    pub(super) fn is_only_watched(&self) -> bool {
        self.wanted.is_none()
            && self.newer.is_none()
            && self.parked.is_none()
            && self.doubts.trigger.or(self.doubts.resolve).is_none()
            && self.triggers.is_empty()
    }
}

impl Doubts {
    /// What can't arrive any more.
    fn forget(&mut self, now: Duration) {
        for doubt in [&mut self.trigger, &mut self.resolve] {
            doubt.take_if(|ended| now.saturating_sub(*ended) >= LATEST);
        }
    }
}

impl Poison {
    /// Another title was accepted.
    pub(super) fn other_accepted(&mut self, key: u64) {
        let has_room = self.others.len() < POISON_OTHERS;
        if self.failures > 0 && has_room && !self.others.contains(&key) {
            self.others.push(key);
        }
    }

    fn is_deadly(&self) -> bool {
        self.failures >= POISON_FAILURES && self.others.len() >= POISON_OTHERS
    }
}

#[cfg(test)]
impl Title {
    pub(super) fn doubts_seen_from(&self, now: Duration) -> [Option<Duration>; 2] {
        let doubts = [self.doubts.trigger, self.doubts.resolve];
        doubts.map(|doubt| Some(now.saturating_sub(doubt?).min(LATEST)))
    }

    pub(super) fn paused_for(&self, now: Duration) -> Duration {
        self.pause.until.saturating_sub(now)
    }
}
