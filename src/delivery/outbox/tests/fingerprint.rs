//! What the proofs need of an outbox beside its interface: seeded bugs, and a hash of all that its
//! decisions depend on.

use std::{
    hash::{Hash, Hasher},
    mem,
    time::Duration,
};

use crate::{
    delivery::outbox::{
        Limits, Outbox,
        bug::{Bug, Bugs},
        title::Title,
        wanted::Urgency,
    },
    incident::Status,
};

impl Outbox {
    pub(crate) fn with_bug(limits: Limits, bug: Option<Bug>) -> Self {
        Self { bugs: Bugs { seeded: bug }, ..Self::new(limits) }
    }

    /// Whether a resolve of the title is held back.
    pub(crate) fn holds_back(&self, key: u64) -> bool {
        self.titles.get(&key).is_some_and(|title| title.parked.is_some())
    }

    /// The numbers of ops that it holds.
    pub(crate) fn seqs(&self, seqs: &mut Vec<u64>) {
        let held = self.titles.values().flat_map(Title::held);
        seqs.extend(held.map(|held| held.op.seq));
    }

    /// Two outboxes that hash the same under the same `rank`, with their titles in the order of
    /// `keys`, decide the same from now on, if no title is triggered nine times in a minute, fails
    /// eight times, or is flushed.
    pub(crate) fn fingerprint(
        &self,
        keys: &[u64],
        now: Duration,
        rank: &dyn Fn(u64) -> usize,
        hasher: &mut impl Hasher,
    ) {
        let index = |key: u64| keys.iter().position(|known| *known == key);
        self.in_flight.map(index).hash(hasher);
        self.endpoint.fingerprint(now, &index, hasher);
        let titles = keys.iter().map(|key| self.titles.get(key));
        for title in titles.clone() {
            title.is_some().hash(hasher);
            if let Some(title) = title {
                title.fingerprint(now, rank, hasher);
            }
        }
        // Which goes first.
        let urgency = |(at, title): (usize, Option<&Title>)| {
            Some((Urgency::of(&title?.wanted.as_ref()?.op), at))
        };
        let mut order: Vec<_> = titles.enumerate().filter_map(urgency).collect();
        order.sort_unstable();
        order.iter().for_each(|(_, at)| at.hash(hasher));
    }
}

impl Title {
    fn fingerprint(&self, now: Duration, rank: &dyn Fn(u64) -> usize, hasher: &mut impl Hasher) {
        (self.belief as u8, rank(self.newest())).hash(hasher);
        (self.doubts_seen_from(now), self.paused_for(now)).hash(hasher);
        for held in [&self.wanted, &self.newer, &self.parked] {
            held.is_some().hash(hasher);
            let Some(held) = held else { continue };
            mem::discriminant(&held.op.status).hash(hasher);
            let first = matches!(held.op.status, Status::Resolve { first: true, .. });
            (first, held.is_opening(), held.is_alone(), held.is_again()).hash(hasher);
            (held.attempted, held.owes_resolve, held.owes_again).hash(hasher);
            (rank(held.op.seq), held.not_before().saturating_sub(now)).hash(hasher);
        }
    }
}
