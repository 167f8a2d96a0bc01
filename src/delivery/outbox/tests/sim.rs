//! Random lives of an outbox: pushes, attempts, faults and flushes in any order, on a stand-in
//! for the gate and for Spike. Each failure names its seed.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::bench::{ACCEPTED, Bench, Sent, asking, not_sent, secs, status};
use crate::{
    backoff::scramble,
    delivery::outcome::{NoAnswer, Outcome, of_no_answer},
    incident::{Op, Severity, Status},
};

/// Lives of one run; `SPIKE_SIM_SEEDS` asks for more.
const SEEDS: u64 = 20_000;
const STEPS: u64 = 60;
const TITLES: u64 = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = scramble(self.0);
        self.0 % bound
    }
}

/// What the gate and Spike know of a title.
#[derive(Clone, Copy, Default)]
struct Title {
    /// As the gate has it.
    open: bool,
    resolved: bool,
    worst: Option<Severity>,
    count: u64,
    reported: u64,
    /// As Spike has it.
    is_open: bool,
    /// What the program said last.
    wanted: Option<bool>,
}

struct World {
    bench: Bench,
    random: Random,
    titles: [Title; TITLES as usize],
    /// Admitted and on their way, in channels of their own.
    triggers: VecDeque<Box<Op>>,
    resolves: VecDeque<Box<Op>>,
    in_flight: Option<Sent>,
    /// Something that the server asked for may hold things up.
    asked: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let mut titles = [Title::default(); TITLES as usize];
        for title in &mut titles {
            // An earlier run may have left it open.
            title.is_open = random.below(3) == 0;
        }
        let (triggers, resolves) = (VecDeque::new(), VecDeque::new());
        let bench = Bench::default();
        Self { bench, random, titles, triggers, resolves, in_flight: None, asked: false }
    }

    fn step(&mut self) {
        match self.random.below(12) {
            0..3 => self.trigger(),
            3..5 => self.resolve(),
            5..7 => self.arrive(),
            7..9 => self.attempt(),
            9..11 => self.end(),
            _ if self.random.below(3) == 0 => self.bench.hurry(),
            _ => {
                self.arrive_all();
                let exponent = self.random.below(18);
                self.bench.now += Duration::from_millis(self.random.below(1 << exponent));
            }
        }
    }

    fn trigger(&mut self) {
        let key = self.random.below(TITLES);
        let severity = [None, Some(Severity::Sev3), Some(Severity::Sev1)];
        let severity = severity[self.random.below(3) as usize];
        let title = &mut self.titles[key as usize];
        let opens = !title.open;
        if opens {
            (title.open, title.worst) = (true, None);
        }
        let opening = opens || severity > title.worst;
        title.worst = title.worst.max(severity);
        // Some occurrences in between were counted by the gate alone.
        title.count += if title.count == 0 { 1 } else { 1 + self.random.below(3) };
        let mut op = self.bench.op(key, Status::Trigger { opening });
        op.severity = severity;
        op.occurrences.count = title.count;
        op.occurrences.since_last = title.count - title.reported;
        title.reported = title.count;
        title.wanted = Some(true);
        self.triggers.push_back(op);
    }

    fn resolve(&mut self) {
        let key = self.random.below(TITLES);
        let title = &mut self.titles[key as usize];
        title.wanted = Some(false);
        if title.resolved && !title.open {
            return;
        }
        let first = !title.resolved;
        let Title { is_open, wanted, .. } = *title;
        *title = Title { is_open, wanted, resolved: true, ..Title::default() };
        let op = self.bench.op(key, Status::Resolve { first, not_before: Duration::ZERO });
        self.resolves.push_back(op);
    }

    /// One of the two channels is read.
    fn arrive(&mut self) {
        let op = match self.random.below(2) {
            0 => self.triggers.pop_front(),
            _ => self.resolves.pop_front(),
        };
        if let Some(op) = op {
            self.bench.give(op);
        }
    }

    fn arrive_all(&mut self) {
        while !self.triggers.is_empty() || !self.resolves.is_empty() {
            self.arrive();
        }
    }

    fn attempt(&mut self) {
        let next = self.bench.next();
        assert!(self.in_flight.is_none() || next.is_err(), "two in flight");
        self.in_flight = self.in_flight.or(next.ok());
    }

    fn end(&mut self) {
        let Some(sent) = self.in_flight.take() else { return };
        let (outcome, applied) = match self.random.below(14) {
            0..5 => (ACCEPTED, true),
            5 => (status(500), false),
            6 => (status(503), false),
            7 => (asking(429, Some("20")), false),
            8 => (status(401), false),
            9..11 => (not_sent(), false),
            11 if sent.minimal => (status(502), false),
            11 => (status(413), false),
            _ => (of_no_answer(NoAnswer::Ambiguous), self.random.below(2) == 0),
        };
        self.asked |= matches!(outcome, Outcome::Refused) || outcome == asking(429, Some("20"));
        if applied {
            self.titles[sent.key as usize].is_open = sent.is_trigger();
        }
        self.bench.finish(outcome);
    }

    /// The faults are over: everything settles in time, and Spike knows the last word.
    fn recover(&mut self) {
        self.arrive_all();
        if let Some(sent) = self.in_flight.take() {
            self.titles[sent.key as usize].is_open = sent.is_trigger();
            self.bench.finish(ACCEPTED);
        }
        let limit = secs(if self.asked { 330 } else { 90 });
        let titles = &mut self.titles;
        self.bench.until(self.bench.now + limit, |sent| {
            titles[sent.key as usize].is_open = sent.is_trigger();
            ACCEPTED
        });
        let stats = self.bench.stats();
        assert_eq!((self.bench.outbox.pending(), stats.pending), (0, 0), "{stats:?}");
        assert_eq!((stats.accounted(), stats.undelivered()), (stats.seen, 0), "{stats:?}");
        for (key, title) in self.titles.iter().enumerate() {
            assert!(title.wanted.is_none_or(|wanted| wanted == title.is_open), "title {key}");
        }
    }
}

#[test]
fn whatever_happens_nothing_is_lost_and_spike_ends_with_the_last_word() {
    let asked = std::env::var("SPIKE_SIM_SEEDS").ok();
    for seed in 0..asked.map_or(SEEDS, |seeds| seeds.parse().unwrap()) {
        let life = || {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
                let stats = world.bench.stats();
                assert_eq!(stats.accounted(), stats.seen, "{stats:?}");
            }
            world.recover();
        };
        let survived = catch_unwind(AssertUnwindSafe(life));
        assert!(survived.is_ok(), "seed {seed}");
    }
}
