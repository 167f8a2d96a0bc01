//! The gate against a naive one: each title is the list of all that has happened to it, and every
//! question is answered by reading that list from its beginning.
//!
//! Random operations, each from one seed; the two must agree on every answer.
//! `SPIKE_GATE_SEEDS` asks for more seeds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it tells what it has done")]

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    Admission, Ask, Bench, Folded, Gatekeeper, Held, Openings, Quiet, SETS, STORM, Sending, Status,
    WAYS,
};
use crate::{
    backoff::scramble,
    incident::{Severity, StormDetail},
};

use naive::{Answer, Naive, Purse};
use title::{Entry, Fate, Now};

mod naive;
mod title;

const SEEDS: u64 = 5_000;
/// And those that have found something once.
const FOUND: [u64; 1] = [55_347];
const OPERATIONS: u64 = 300;
const MINUTE: u64 = 60_000;
/// As likely as each other, as [`Night::step`] numbers them, of titles that flap.
const FLAPPING: [u64; 12] = [0, 0, 0, 0, 24, 24, 24, 28, 31, 31, 38, 38];
const FIVE_MINUTES: u64 = 5 * MINUTE;

/// A seed's random numbers.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scramble(self.0) % sides
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// What the seeds have come across, so that a search that finds nothing is noticed.
#[derive(Debug, Default)]
struct Seen(HashMap<&'static str, u64>);

impl Seen {
    fn note(&mut self, answer: Answer) {
        let word = match answer {
            Admission::Repeat => "counted",
            Admission::Storm => "over budget",
            Admission::Send(sending) => match sending.status {
                Status::Trigger { opening: true } => "opening or escalation",
                Status::Trigger { opening: false } => "repeat",
                Status::Resolve { first: true, .. } => "first resolve",
                Status::Resolve { not_before: Duration::ZERO, .. } => "resolve",
                Status::Resolve { .. } => "held resolve",
            },
        };
        self.word(word);
    }

    fn word(&mut self, word: &'static str) {
        *self.0.entry(word).or_default() += 1;
    }
}

struct Night {
    seed: u64,
    operation: u64,
    /// Of the title at hand.
    key: u64,
    gate: Bench,
    naive: Naive,
    /// Time goes by slowly, so that much happens at once.
    hasty: bool,
    /// Titles are resolved again and again.
    flaps: bool,
    dice: Dice,
    keys: Vec<u64>,
    /// How many of them the gate knows.
    known: usize,
    now: u64,
    /// What was admitted: its title's key, and what went out.
    admitted: Vec<(u64, Sending)>,
    /// The resolves that a worker holds back: their titles' keys, and their numbers.
    parked: Vec<(u64, u64)>,
    /// Those of which it has asked. They are not given back any more.
    asked: HashSet<u64>,
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(scramble(seed));
        let (hasty, flaps) = (dice.below(4) == 0, dice.below(3) == 0);
        let burst = if flaps { u32::MAX } else { dice.one(&[1, 2, 5, 10, u32::MAX]) };
        let per_minute = dice.one(&[1, 2, 7, 60, 60_000]);
        let every = dice.one(&[0, 1_000, MINUTE, FIVE_MINUTES, FIVE_MINUTES]);
        let resolve_after = dice.one(&[None, Some(MINUTE), Some(10 * MINUTE), Some(180 * MINUTE)]);
        // A few titles, or so many that repeats of all titles are too many.
        let titles = if flaps { 1 } else { dice.one(&[1, 2, 6, 40]) };
        let mut keys: Vec<_> = (1..=titles).map(|title| scramble(scramble(seed) ^ title)).collect();
        if dice.below(4) == 0 {
            // More titles than a set of the table has room for.
            keys = (1..=WAYS as u64 + 3).map(|title| (title << 7) | 5).collect();
        } else if dice.below(4) == 0 {
            keys.extend([0, STORM]);
        }
        let gate = Bench::with(|settings| {
            settings.budget = Openings { burst, per_minute };
            settings.repeat_every = Duration::from_millis(every);
            settings.resolve_after = resolve_after.map(Duration::from_millis);
        });
        let purses = [Purse::new(burst, per_minute); 2];
        let naive = Naive::new(purses, every, resolve_after);
        let (operation, key, known, now, admitted) = (0, 0, 0, 0, Vec::new());
        let (parked, asked) = (Vec::new(), HashSet::new());
        Self {
            seed,
            operation,
            key,
            gate,
            naive,
            hasty,
            flaps,
            dice,
            keys,
            known,
            now,
            admitted,
            parked,
            asked,
        }
    }

    fn step(&mut self, seen: &mut Seen) {
        let step = match self.dice.below(20) {
            _ if self.hasty => self.dice.below(1_000),
            0..19 if self.flaps => self.dice.below(6_000),
            0..8 => self.dice.below(3),
            8..14 => self.dice.below(5_000),
            14..17 => 1_000 * self.dice.below(60),
            17..19 => 1_000 * self.dice.below(400),
            _ => MINUTE * self.dice.below(600),
        };
        // Between threads, time may go back a little.
        let back = if self.dice.below(10) == 0 { self.dice.below(4) } else { 0 };
        self.now = (self.now + step).saturating_sub(back);
        let key = self.dice.one(&self.keys);
        self.key = key.max(1);
        let operation = if self.flaps { self.dice.one(&FLAPPING) } else { self.dice.below(44) };
        match operation {
            0..24 => self.occurs(key, seen),
            24..28 => self.resolves(key, seen),
            28..31 => self.goes_quiet(key, seen),
            31..38 => self.goes_wrong(seen),
            38..42 => self.asks(seen),
            _ => assert_eq!(self.gate.is_open(key), self.naive.now(key).open, "is_open"),
        }
        if self.naive.titles.len() > self.known {
            self.forgets(seen);
            self.known = self.naive.titles.len();
        }
    }

    /// The table is bounded: when there was no room, a title least worth keeping is forgotten.
    fn forgets(&mut self, seen: &mut Seen) {
        let kept = |key: &u64| self.gate.set(*key).unwrap().find(*key).is_some();
        let known: Vec<u64> = self.naive.titles.keys().copied().collect();
        let forgotten: Vec<u64> = known.iter().copied().filter(|key| !kept(key)).collect();
        let [key] = forgotten[..] else { return assert!(forgotten.is_empty(), "{forgotten:x?}") };
        let worth = |key: u64| {
            let Now { open, resolved, sent_at, .. } = self.naive.now(key);
            (open, resolved, sent_at)
        };
        let others = known.into_iter().filter(|other| *other != key && *other != self.key);
        let others: Vec<u64> =
            others.filter(|other| other % SETS as u64 == key % SETS as u64).collect();
        assert_eq!(others.len() + 1, WAYS, "there was room");
        let least = others.iter().map(|other| worth(*other)).min();
        assert!(Some(worth(key)) <= least, "{key:x} was worth {:?}, others {least:?}", worth(key));
        self.naive.titles.remove(&key);
        seen.word("forgotten");
    }

    fn occurs(&mut self, key: u64, seen: &mut Seen) {
        let rank = self.dice.one(&[0, 0, 0, 0, 0, 1, 2, 3]);
        let before = (self.dice.below(8) == 0).then(|| {
            let first = self.now.saturating_sub(self.dice.below(5_000));
            (1 + self.dice.below(9), Duration::from_millis(first))
        });
        let ask = Ask { key, rank, meant: self.dice.below(4) == 0, before };
        let at = Duration::from_millis(self.now);
        let repeats = &self.naive.repeats;
        if repeats.iter().rev().take(30).filter(|t| **t + MINUTE >= self.now).count() == 30 {
            seen.word("repeats used up");
        }
        let answer = if self.dice.below(3) == 0 {
            let state = self.naive.now(key);
            let expected = (state.open || state.lost).then(|| self.naive.admit(ask, self.now));
            let admitted = match self.gate.0.counts_repeat(ask, at) {
                true => Some(Admission::Repeat),
                false => self.gate.0.admit_open(ask, at),
            };
            assert_eq!(admitted, expected, "admit_open");
            match expected {
                Some(answer) => answer,
                None => return,
            }
        } else {
            let answer = self.gate.0.admit(ask, at);
            assert_eq!(answer, self.naive.admit(ask, self.now), "admit");
            answer
        };
        seen.note(answer);
        self.follow(key, answer);
        if answer == Admission::Storm {
            let answer = self.gate.storm(key, "title", rank, at);
            let ask = Ask { key: STORM, rank, meant: false, before: None };
            assert_eq!(answer, self.naive.admit(ask, self.now), "storm");
            self.follow(STORM, answer);
        }
    }

    fn resolves(&mut self, key: u64, seen: &mut Seen) {
        let key = if self.dice.below(6) == 0 { STORM } else { key };
        let answer = self.gate.resolve(key, Duration::from_millis(self.now));
        assert_eq!(answer, self.naive.resolve(key, self.now), "resolve");
        seen.note(answer);
        if key == STORM && matches!(answer, Admission::Send(_)) && !self.naive.now(key).open {
            assert_eq!(self.gate.storm_detail(), StormDetail::default(), "a new storm");
        }
        self.follow(key, answer);
    }

    fn goes_quiet(&mut self, key: u64, seen: &mut Seen) {
        let key = if self.dice.below(6) == 0 { STORM } else { key };
        let answer = self.gate.quiet(key, Duration::from_millis(self.now));
        assert_eq!(answer, self.naive.quiet(key, self.now), "quiet");
        if let Quiet::Resolved(sending) = answer {
            seen.word("quiet resolve");
            self.follow(key, Admission::Send(sending));
        }
    }

    /// The worker asks about a resolve that it holds back.
    fn asks(&mut self, seen: &mut Seen) {
        if self.parked.is_empty() {
            return;
        }
        let back = self.dice.below(3 * self.parked.len() as u64).min(3);
        let place = (self.parked.len() - 1).saturating_sub(back as usize);
        let ((key, seq), hurried) = (self.parked[place], self.dice.below(3) == 0);
        self.key = key;
        let title = self.naive.titles.get(&key);
        let newest = title.map(|title| title.newest);
        let came = |entry: &Entry| entry.seq > Some(seq) && entry.fate != Fate::GivenBack;
        if newest <= Some(Some(seq)) && title.is_some_and(|title| title.past.iter().any(came)) {
            // Something else has taken its place.
            self.parked.remove(place);
            return;
        }
        let answer = self.gate.held(key, seq, Duration::from_millis(self.now), hurried);
        assert_eq!(answer, self.naive.held(key, seq, self.now, hurried), "held");
        self.asked.insert(seq);
        // What takes its place comes soon, unless it is given back.
        let is_overtaken = newest > Some(Some(seq)) && self.dice.below(4) == 0;
        if answer == Held::Off || newest < Some(Some(seq)) {
            let under = self.naive.titles.get(&key).and_then(|title| title.under);
            let under = under.map(|under| under.seq);
            self.asked.extend(under);
        }
        if is_overtaken || !matches!(answer, Held::Until(_)) {
            self.parked.remove(place);
        }
        if key == STORM && matches!(answer, Held::Out(Some(_))) {
            assert_eq!(self.gate.storm_detail(), StormDetail::default(), "a new storm");
        }
        seen.word(match answer {
            Held::Until(_) if newest > Some(Some(seq)) => "held: overtaken",
            _ if newest.is_some_and(|newest| newest < Some(seq)) => "held: newest again",
            Held::Until(_) => "held: until",
            Held::Off => "held: off",
            Held::Out(_) if hurried => "held: out, hurried",
            Held::Out(_) => "held: out",
        });
    }

    fn goes_wrong(&mut self, seen: &mut Seen) {
        if self.admitted.is_empty() {
            return;
        }
        if self.flaps && self.dice.below(3) == 0 {
            return self.finds_no_room(seen);
        }
        // Mostly one of the newest: of the others, nothing must come.
        let back = self.dice.below(3 * self.admitted.len() as u64).min(3);
        let place = (self.admitted.len() - 1).saturating_sub(back as usize);
        let (key, sending) = self.admitted.remove(place);
        self.key = key;
        let opening = sending.status == Status::Trigger { opening: true };
        self.parked.retain(|(_, parked)| *parked != sending.seq);
        let title = self.naive.titles.get(&key);
        let is_newest = title.is_some_and(|title| title.newest == Some(sending.seq));
        let is_earlier = title.is_some_and(|title| title.earlier == Some(sending.seq));
        let is_asked = self.asked.contains(&sending.seq);
        match self.dice.below(3) {
            0 if !is_asked => {
                self.gate.give_back(key, sending.seq);
                self.naive.give_back(key, sending.seq);
                seen.word(match (is_newest, is_earlier) {
                    (true, _) => "given back",
                    (_, true) => "given back, before the newest",
                    _ => "given back, old",
                });
            }
            0 | 1 => {
                // A trigger that was still waiting can become one that opens; of a resolve, nobody
                // may know whether it was applied.
                let repeats = sending.status == Status::Trigger { opening: false };
                let opening = opening || !repeats && self.dice.below(2) == 0;
                self.gate.reopen(key, sending.seq, opening);
                let is_before = self.naive.reopen(key, sending.seq, opening, self.now);
                seen.word(match (is_before, is_newest, is_earlier) {
                    (true, ..) => "lost, before a held resolve",
                    (_, true, _) => "lost",
                    (_, _, true) => "lost, before the newest",
                    _ => "lost, old",
                });
            }
            _ if opening && key != STORM => {
                let severity = self.dice.one(&[None, Some(Severity::Sev3), Some(Severity::Sev1)]);
                let folded = Folded { title: "title", severity, count: sending.count };
                let at = Duration::from_millis(self.now);
                let storm = self.gate.fold(key, sending.seq, folded, at).map(|storm| storm.sending);
                let expected = self.naive.fold(key, sending.seq, folded, self.now);
                assert_eq!(storm, expected, "fold");
                seen.word(if is_newest { "folded" } else { "folded, old" });
                if let Some(sending) = storm {
                    self.follow(STORM, Admission::Send(sending));
                }
            }
            _ => {}
        }
    }

    /// The newest two triggers come to nothing, in either order.
    fn finds_no_room(&mut self, seen: &mut Seen) {
        let are_triggers = self.admitted.iter().enumerate().rev().filter(|(_, (_, sending))| {
            matches!(sending.status, Status::Trigger { .. }) && !self.asked.contains(&sending.seq)
        });
        let places: Vec<_> = are_triggers.map(|(place, _)| place).take(2).collect();
        let mut newest: Vec<_> = places.iter().map(|place| self.admitted.remove(*place)).collect();
        if self.dice.below(2) == 0 {
            newest.reverse();
        }
        for (key, Sending { seq, .. }) in newest {
            self.key = key;
            self.gate.give_back(key, seq);
            self.naive.give_back(key, seq);
            seen.word("found no room");
        }
    }

    fn follow(&mut self, key: u64, answer: Answer) {
        if let Admission::Send(sending) = answer {
            self.admitted.push((key.max(1), sending));
            if matches!(sending.status, Status::Resolve { not_before, .. } if !not_before.is_zero())
            {
                self.parked.push((key.max(1), sending.seq));
            }
            assert_eq!(self.gate.newest(), sending.seq, "numbers go up");
        }
    }
}

/// The seed, and what it came to, should the night not end well.
impl Drop for Night {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}, operation {}, at {} ms", self.seed, self.operation, self.now);
            for key in [self.key, STORM] {
                let past = self.naive.titles.get(&key).map_or(&[][..], |title| &title.past);
                for entry in past.iter().rev().take(8).rev() {
                    eprintln!("{key:x}: {entry:?}");
                }
            }
        }
    }
}

#[test]
fn the_gate_decides_as_one_that_remembers_everything() {
    let seeds = std::env::var("SPIKE_GATE_SEEDS").ok().map_or(SEEDS, |n| n.parse().unwrap());
    let mut seen = Seen::default();
    for seed in (0..seeds).chain(FOUND) {
        let mut night = Night::new(seed);
        for operation in 0..OPERATIONS {
            night.operation = operation;
            night.step(&mut seen);
        }
    }
    let mut seen: Vec<_> = seen.0.into_iter().collect();
    seen.sort_unstable();
    println!("{seeds} seeds, {OPERATIONS} operations each: {seen:?}");
    assert_eq!(seen.len(), 26, "{seen:?}");
    assert!(seen.iter().all(|(_, times)| *times >= 50), "{seen:?}");
}
