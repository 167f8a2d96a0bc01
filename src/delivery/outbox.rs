//! What Spike should believe of each title, and what to send next so that it does.
//!
//! One endpoint's; pure: time and entropy are arguments. It holds desired states and no messages:
//! of each title there is at most one op to deliver, and the newest state wins. Invariants: one
//! attempt in flight; a resolve never overtakes its trigger; under 10 attempts to trigger a title
//! in any 60 s, failed ones included; a state that followed an attempt without an answer is
//! asserted once more; every op that leaves it has its ticket settled or lost.

use std::{collections::HashMap, time::Duration};

use crate::{
    delivery::outcome::{Later, Outcome},
    health::EndpointState,
    incident::{Op, Status},
    stats::Count,
};
use bug::{Bug, Bugs};
use endpoint::Endpoint;
use title::Title;
use wanted::{Urgency, Wanted};

#[cfg(test)]
pub(crate) use bug::Bug as SeededBug;
pub(crate) use endpoint::Change;
pub(crate) use room::{Limits, Room};
pub(crate) use title::LATEST;

mod bug;
mod endpoint;
mod parked;
mod quiet;
mod room;
mod title;
mod wanted;

/// Titles known at most before those are forgotten of which little is known.
const KNOWN_CAP: usize = 1_024;
/// An undelivered op is given up when it is older than this.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(6 * 3600);

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Outbox {
    limits: Limits,
    titles: HashMap<u64, Title>,
    endpoint: Endpoint,
    in_flight: Option<u64>,
    /// Resolves up to this number are not held back: somebody waits for them.
    hurried: u64,
    bugs: Bugs,
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

impl Outbox {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes over an op, and pushes others out when there is no room for all.
    pub(crate) fn push(&mut self, op: Box<Op>, now: Duration) {
        let is_resolve = matches!(op.status, Status::Resolve { .. });
        if self.bugs.has(Bug::ResolveDroppedWhenFull) && is_resolve && self.resolves_are_full() {
            return op.ticket.settle(Count::SuppressedCancelled);
        }
        self.place(op, now);
        self.make_room(now);
    }

    fn place(&mut self, op: Box<Op>, now: Duration) {
        let in_flight = self.in_flight == Some(op.key);
        let title = self.titles.entry(op.key).or_default();
        title.push(op, in_flight, now, self.bugs);
        title.release(self.hurried);
    }

    /// The most urgent op that may be sent now: panics, then openings by severity and age, then
    /// resolves, then repeats.
    pub(crate) fn next(&mut self, now: Duration) -> Next<'_> {
        if let Some(key) = self.in_flight {
            let newer = self.titles.get(&key).and_then(|title| title.newer.as_ref());
            return match newer.filter(|_| self.bugs.has(Bug::TwoInFlight)) {
                Some(newer) => Next::Attempt { op: &newer.op, minimal: newer.minimal },
                None => Next::Idle,
            };
        }
        self.forget(now);
        // In this order: while a resolve is held back, its title is not asked about.
        let asks = [self.release_parked(now), self.resolve_quiet(now)];
        let mut wake = asks.into_iter().flatten().min();
        let mut best: Option<(Urgency, u64)> = None;
        for (key, title) in &self.titles {
            let Some(wanted) = &title.wanted else { continue };
            let at = title.ready_at(now).max(self.endpoint.paused_until());
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
        let Some(wanted) = &mut title.wanted else { return Next::Idle };
        wanted.grow();
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
        let bugs = self.bugs;
        let title = self.titles.get_mut(&key)?;
        let mut wanted = title.wanted.take()?;
        title.tried(&wanted, outcome, now);
        match outcome {
            Outcome::Accepted { .. } => {
                title.accepted(wanted, now, bugs);
                self.accepted(key)
            }
            Outcome::Rejected(reason) => {
                title.lost(wanted, reason, now, bugs);
                self.endpoint.answered();
                None
            }
            Outcome::TooLarge if wanted.minimal => {
                title.lost(wanted, Count::LostRejected, now, bugs);
                self.endpoint.answered();
                None
            }
            Outcome::TooLarge => {
                (wanted.minimal, wanted.attempted) = (true, true);
                title.keep(wanted, bugs);
                self.endpoint.answered();
                None
            }
            Outcome::Refused => {
                wanted.attempted = true;
                title.keep(wanted, bugs);
                self.endpoint.refused(now)
            }
            Outcome::Later(later) => {
                wanted.attempted |= later.reach.is_sent();
                title.keep(wanted, bugs);
                self.failed(key, later, now, entropy)
            }
        }
    }

    /// Titles with something to deliver. A state that is asserted once more was delivered.
    pub(crate) fn pending(&self) -> usize {
        self.titles.values().filter(|title| title.is_pending()).count()
    }

    /// What Spike should be told of each title in the end, should this process die now, and
    /// whether it was accepted and is to be sent once more.
    pub(crate) fn last_words(&self) -> impl Iterator<Item = (&Op, bool)> {
        let words = self.titles.values().filter_map(Title::last_word);
        words.map(|word| (&*word.op, word.is_again()))
    }

    /// Brings a storm incident that waits up to date: what was folded into it may be in no file of
    /// its own any more.
    pub(crate) fn count_storm(&mut self) {
        for (key, title) in &mut self.titles {
            if self.in_flight != Some(*key) {
                title.wanted.iter_mut().for_each(Wanted::grow);
            }
        }
    }

    /// Paging ends: what is left is in the spool, as `is_kept` tells of a title, or lost.
    pub(crate) fn give_up(&mut self, is_kept: impl Fn(u64) -> bool) {
        for (key, title) in self.titles.drain() {
            title.give_up(is_kept(key));
        }
    }

    /// How old the oldest op is that is not held back.
    pub(crate) fn oldest(&self, now: Duration) -> Option<Duration> {
        let held = self.titles.values().flat_map(Title::held);
        let waits = held.filter(|held| !held.is_again() && !held.is_parked());
        waits.map(|held| held.age(now)).max()
    }

    pub(crate) fn state(&self) -> EndpointState {
        self.endpoint.state()
    }

    /// Titles with something to deliver that was admitted up to the op number `mark`.
    pub(crate) fn held_since(&self, mark: u64) -> usize {
        let old = |held: &Wanted| held.oldest <= mark && !held.is_again();
        self.titles.values().filter(|title| title.held().any(old)).count()
    }

    /// A flush has begun of what was admitted up to the op number `mark`: delays of our own are
    /// waived once and its resolves are not held back; what a server asked for stands.
    pub(crate) fn hurry(&mut self, mark: u64) {
        self.hurried = self.hurried.max(mark);
        self.endpoint.waive();
        for title in self.titles.values_mut() {
            title.hurry(mark);
        }
    }

    fn accepted(&mut self, key: u64) -> Option<Change> {
        for (other, title) in &mut self.titles {
            if *other != key {
                title.poison.other_accepted(key);
            }
        }
        self.endpoint.accepted()
    }

    fn failed(&mut self, key: u64, later: Later, now: Duration, entropy: u64) -> Option<Change> {
        if !later.blames.is_endpoint() {
            let bugs = self.bugs;
            self.titles.get_mut(&key)?.failed(later, now, entropy, bugs);
        }
        self.endpoint.failed(key, later, now, entropy)
    }

    /// Gives up what is too old, and forgets titles of which nothing is left to know.
    fn forget(&mut self, now: Duration) {
        let bugs = self.bugs;
        for title in self.titles.values_mut() {
            title.age(now, bugs);
        }
        if self.titles.len() <= KNOWN_CAP {
            return;
        }
        self.titles.retain(|_, title| !title.is_settled());
        // What is only watched for a quiet period goes next, as far as it must; oldest first.
        let excess = self.titles.len().saturating_sub(KNOWN_CAP);
        let watched = self.titles.iter().filter(|(_, title)| title.is_only_watched());
        let mut watched: Vec<(u64, u64)> =
            watched.map(|(key, title)| (title.newest(), *key)).collect();
        watched.sort_unstable();
        for (_, key) in watched.into_iter().take(excess) {
            self.titles.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests;
