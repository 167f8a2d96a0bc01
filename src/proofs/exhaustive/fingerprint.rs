//! What makes two states the same: all that decisions depend on, with times as seen from now.

use std::hash::{Hash, Hasher};

use super::{Last, Node, TITLES};
use crate::{backoff::scramble, incident::Status, proofs::world::Request};

impl Node {
    /// The same for two states that differ in what the titles are called.
    pub(super) fn fingerprint(&self) -> u64 {
        self.named([0, 1, 2]).min(self.named([1, 0, 2]))
    }

    /// With the titles in this order.
    fn named(&self, order: [usize; TITLES + 1]) -> u64 {
        let (world, now) = (&self.world, self.world.now);
        let titles = order.map(|at| &world.titles[at]);
        let keys = titles.map(|title| title.key);
        // An op that has come to its end can't be given up any more.
        let mut live = Vec::new();
        world.outbox.seqs(&mut live);
        live.extend(world.triggers.iter().chain(&world.resolves).map(|op| op.seq));
        live.sort_unstable();
        let rank = |seq: u64| live.partition_point(|known| *known < seq);
        let is_live = |seq: u64| live.binary_search(&seq).ok();
        let mut hasher = Mixer::default();
        let place = |title: usize| order.iter().position(|at| *at == title);
        let last = match self.last {
            Last::Changed => (0, None),
            Last::Begun => (1, None),
            Last::Arrived(title) => (2, place(title)),
            Last::Ended { title, applied } => (3 + u8::from(applied), place(title)),
        };
        (self.left, self.is_over, last).hash(&mut hasher);
        world.outbox.fingerprint(&keys, now, &rank, &mut hasher);
        let index = |key: u64| keys.iter().position(|known| *known == key);
        for way in [&world.triggers, &world.resolves] {
            way.len().hash(&mut hasher);
            for op in way {
                let alone = op.occurrences.count == op.occurrences.since_last;
                (index(op.key), rank(op.seq), alone).hash(&mut hasher);
                let (opens, first) = match op.status {
                    Status::Trigger { opening } => (opening, false),
                    Status::Resolve { first, .. } => (false, first),
                };
                (opens, first).hash(&mut hasher);
            }
        }
        for title in titles {
            (title.word, title.lost, title.is_open).hash(&mut hasher);
            for (seq, resolves) in &title.carriers {
                is_live(*seq).map(|seq| (seq, resolves)).hash(&mut hasher);
            }
            let Some(gate) = world.gate().probe(title.key, now) else { continue };
            known(gate.page).hash(&mut hasher);
            gate.due.hash(&mut hasher);
            is_live(gate.seq)
                .map(|seq| (seq, gate.resolving, known(gate.before)))
                .hash(&mut hasher);
        }
        let asked = |request: Request| (index(world.titles[request.title].key), request.is_trigger);
        world.flight.map(asked).hash(&mut hasher);
        for (request, until) in &world.late {
            (asked(*request), *until - now).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// What of a title's page matters in so few operations: it is repeated first and second, and flaps
/// only if it has before.
fn known(page: [u64; 6]) -> [u64; 6] {
    let [flags, flaps, opened, sent, resolve, held] = page;
    let flapping = if flaps > 1 { [flaps, resolve.min(600_001), held] } else { [0; 3] };
    let [flaps, resolve, held] = flapping;
    [flags, opened.min(120_000), sent.min(7_000), flaps, resolve, held]
}

/// Mixes what decisions depend on into 64 bits.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = scramble(self.0 ^ word);
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
