//! Random nights: each seed is a life of 50 to 500 operations of a program with a few hot titles and
//! many rare ones, at an endpoint of changing mood.
//!
//! `SPIKE_SIM_SEED=n` lives one again, `SPIKE_SIM_SEEDS=n` lives so many. Over them all, every way
//! an attempt can end, and every reason for which something is lost or not sent, has to be met often
//! enough, or the run fails.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::{Duration, Instant, SystemTime},
};

use super::world::{ACCEPTED, Applied, End, Habits, Size, World, gate};
use crate::{
    backoff::scramble,
    capture::gate::Openings,
    delivery::{
        outbox::Limits,
        outcome::{Answer, NoAnswer, Outcome, of_answer, of_no_answer},
    },
    incident::Severity,
};

/// Nights of a run that nobody asked for more.
const SEEDS: u64 = 5_000;
/// So often everything has to be met in a run.
const OFTEN: u64 = 100;

/// How often each thing was met.
type Met = BTreeMap<&'static str, u64>;

pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = scramble(self.0);
        self.0 % bound
    }

    pub(super) fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// How the endpoint answers for a while.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Good,
    /// Any answer, or none.
    Lossy,
    Down,
    Refuses,
    /// It answers 500 for this title, and accepts the others.
    Poisoned(usize),
}

struct Night {
    world: World,
    random: Random,
    mood: Mood,
    /// Something that the server asked for may hold things up.
    asked: bool,
    met: Met,
}

/// All ways an attempt can end: its name, and the share of it in a lossy mood.
const ENDS: [(&str, u64); 19] = [
    ("accepted", 12),
    ("accepted, not verified", 2),
    ("Ok: false", 1),
    ("500", 2),
    ("503", 2),
    ("503 and when", 1),
    ("429", 1),
    ("401", 1),
    ("413", 2),
    ("400", 2),
    ("redirect", 1),
    ("not connected", 2),
    ("425", 1),
    ("504, applied", 1),
    ("504, never applied", 1),
    ("504, applied late", 1),
    ("no answer, applied", 2),
    ("no answer, never applied", 2),
    ("no answer, applied late", 2),
];

fn ends_as(name: &str) -> End {
    let answer = |status, retry_after, body: &[u8]| {
        let local = SystemTime::UNIX_EPOCH;
        of_answer(&Answer { status, retry_after, date: None, body, local })
    };
    let plain = |status| answer(status, None, b"{}");
    let outcome = match name {
        "accepted" => return ACCEPTED,
        "accepted, not verified" => plain(204),
        "Ok: false" => answer(200, None, b"{\"Ok\": false}"),
        "503 and when" => answer(503, Some("200"), b""),
        "redirect" => plain(302),
        "not connected" => of_no_answer(NoAnswer::NotConnected),
        _ if name.starts_with("no answer") => of_no_answer(NoAnswer::Ambiguous),
        _ => plain(name.split(',').next().unwrap().parse().unwrap()),
    };
    let applied = match name {
        _ if name.ends_with(", applied") => Applied::AtOnce,
        _ if name.ends_with("late") => Applied::Late,
        "accepted, not verified" => Applied::AtOnce,
        _ => Applied::Never,
    };
    End { outcome, applied }
}

impl Night {
    fn new(seed: u64) -> Self {
        let mut random = Random(scramble(seed));
        let many = random.one_in(4);
        let titles = if many { 20 + random.below(40) } else { 1 + random.below(5) } as usize;
        let tight = random.one_in(3);
        let limits = match tight {
            true => Limits {
                titles: 1 + random.below(4) as usize,
                resolves: 1 + random.below(3) as usize,
                bytes: random.of(&[usize::MAX, 4_000]),
            },
            false => Limits::default(),
        };
        let way = |random: &mut Random| if tight { 1 + random.below(4) as usize } else { 64 };
        let (triggers, resolves) = (way(&mut random), way(&mut random));
        let size = Size { titles, limits, triggers, resolves, bug: None, steady: false };
        let budget = random.of(&[
            Openings { burst: 10, per_minute: 2 },
            Openings { burst: 2, per_minute: 1 },
            Openings { burst: 1_000, per_minute: 1_000 },
        ]);
        let resolve_after = random.of(&[None, None, Some(60), Some(600)]).map(Duration::from_secs);
        let gate = gate(Habits { resolve_after, budget });
        let mut world = World::new(size, &gate, 1, Duration::from_secs(random.below(1_000_000)));
        world.entropy = random.below(u64::MAX);
        for title in &mut world.titles {
            // An earlier run may have left it open.
            title.is_open = random.one_in(3);
        }
        Self { world, random, mood: Mood::Good, asked: false, met: Met::new() }
    }

    fn met(&mut self, what: &'static str) {
        *self.met.entry(what).or_default() += 1;
    }

    /// A few titles are hot.
    fn title(&mut self) -> usize {
        let titles = self.world.size.titles as u64;
        let hot = if self.random.one_in(3) { titles } else { titles.min(2) };
        self.random.below(hot) as usize
    }

    fn live(&mut self) -> Result<(), String> {
        for _ in 0..50 + self.random.below(451) {
            self.step()?;
            self.world.is_balanced()?;
            if self.random.one_in(8) && self.world.outlives()? {
                self.met("a death, and the spool");
            }
        }
        if self.random.one_in(8) {
            // The process ends in the midst of it.
            self.met("shutdown");
            self.world.crash(1_000_000, 0);
            return self.world.is_balanced();
        }
        self.recover()
    }

    fn step(&mut self) -> Result<(), String> {
        match self.random.below(16) {
            0..3 => {
                let title = self.title();
                let grave = [None, None, None, Some(Severity::Sev3), Some(Severity::Sev1)];
                let severity = self.random.of(&grave);
                let meant = self.random.one_in(4);
                self.world.trigger(title, severity, meant);
            }
            3..5 => {
                let title = self.title();
                self.world.resolve(title);
            }
            5..7 => self.arrive(),
            7..9 => self.begin()?,
            9..12 => self.end(),
            12 => self.change(),
            13 => {
                if let Some(late) = self.world.late.pop() {
                    self.world.apply(late.0);
                }
            }
            14 if self.random.one_in(4) => {
                self.met("flush");
                let mark = self.world.gate().newest();
                self.world.outbox.hurry(mark);
            }
            _ => self.pass()?,
        }
        Ok(())
    }

    fn arrive(&mut self) {
        let resolve = self.random.one_in(2);
        if self.world.can_arrive(resolve) {
            self.world.arrive(resolve);
        }
    }

    fn begin(&mut self) -> Result<(), String> {
        if self.world.flight.is_none() || self.random.one_in(4) {
            self.world.begin()?;
        }
        Ok(())
    }

    fn change(&mut self) {
        self.mood = match self.random.below(10) {
            0..4 => Mood::Good,
            4..7 => Mood::Lossy,
            7 => Mood::Down,
            8 if self.random.one_in(2) => Mood::Refuses,
            _ => Mood::Poisoned(self.title()),
        };
    }

    fn end(&mut self) {
        let Some(request) = self.world.flight else { return };
        let name = match self.mood {
            Mood::Good => "accepted",
            Mood::Down => self.random.of(&["not connected", "503", "no answer, never applied"]),
            Mood::Refuses => "401",
            Mood::Poisoned(title) if request.title == title => "500",
            Mood::Poisoned(_) => "accepted",
            Mood::Lossy => {
                let all = ENDS.iter().map(|(_, share)| share).sum();
                let mut at = self.random.below(all);
                let name = ENDS.iter().find(|(_, share)| match at.checked_sub(*share) {
                    None => true,
                    Some(left) => {
                        at = left;
                        false
                    }
                });
                name.unwrap().0
            }
        };
        self.met(name);
        if request.minimal && name == "413" {
            self.met("413 again");
        }
        let end = ends_as(name);
        let asks = |later: crate::delivery::outcome::Later| later.asked.is_some();
        self.asked |= match end.outcome {
            Outcome::Refused => true,
            Outcome::Later(later) => asks(later),
            _ => false,
        };
        if name.starts_with("no answer") {
            let timeout = self.world.now + Duration::from_millis(self.random.below(10_001));
            self.world.go_to(timeout);
        }
        self.world.end(end);
    }

    /// Time goes on: a little while the worker looks away, or much while it does its work.
    fn pass(&mut self) -> Result<(), String> {
        let exponent = self.random.below(14);
        let short = Duration::from_millis(self.random.below(1 << exponent));
        if !self.random.one_in(3) {
            let now = self.world.now + short;
            self.world.go_to(now);
            return Ok(());
        }
        let long = self.random.of(&[20, 61, 300, 1_000, 1_000, 4_000, 30_000]);
        let end = self.world.now + Duration::from_secs(self.random.below(long));
        for _ in 0..200 {
            for resolve in [true, false] {
                while self.world.can_arrive(resolve) {
                    self.world.arrive(resolve);
                }
            }
            if self.world.flight.is_some() {
                self.end();
            }
            match self.world.begin()? {
                _ if self.world.flight.is_some() => {}
                Some(wait) if wait <= end => self.world.go_to(wait),
                _ => break,
            }
        }
        if self.world.flight.is_some() {
            self.end();
        }
        self.world.go_to(end);
        Ok(())
    }

    /// The faults are over: everything settles in time, and Spike has the last word.
    fn recover(&mut self) -> Result<(), String> {
        let world = &mut self.world;
        world.outbox.hurry(u64::MAX);
        if world.flight.is_some() {
            world.end(ACCEPTED);
        }
        let took = world.settle()?;
        let limit = Duration::from_secs(if self.asked { 330 } else { 90 });
        if took > limit {
            return Err(format!("settled after {took:?}"));
        }
        world.is_as_said()?;
        world.say_again()?;
        world.is_as_said()
    }

    /// All that was met, with what the counters tell.
    fn sum(mut self) -> Met {
        let stats = self.world.stats();
        let met = self.world.met;
        let (off, out) = *self.world.relay.asked.lock().unwrap();
        for (what, count) in [
            ("suppressed: repeat", stats.suppressed.repeat),
            ("suppressed: storm", stats.suppressed.storm),
            ("suppressed: cancelled", stats.suppressed.cancelled),
            ("refused: full", stats.refused.full),
            ("lost: rejected", stats.lost.rejected),
            ("lost: redirect", stats.lost.redirect),
            ("lost: poison", stats.lost.poison),
            ("lost: expired", stats.lost.expired),
            ("lost: shutdown", stats.lost.shutdown),
            ("evicted", stats.evicted),
            ("asserted", stats.asserted),
            ("held resolve", met.held),
            ("held resolve, triggered again", off),
            ("held resolve, let out", out),
            ("resolved quietly", met.quiet),
            ("delivered", stats.delivered),
        ] {
            *self.met.entry(what).or_default() += count;
        }
        self.met
    }
}

/// One night; `Err` says what went wrong.
fn night(seed: u64, talks: bool) -> Result<Met, String> {
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let mut night = Night::new(seed);
        night.world.talks = talks;
        night.live().map(|()| night.sum())
    }));
    lived
        .unwrap_or_else(|_| Err("it panicked".to_owned()))
        .map_err(|wrong| format!("seed {seed}: {wrong} (SPIKE_SIM_SEED={seed} lives it again)"))
}

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_happens_in_a_night_spike_ends_with_the_last_word() {
    if let Some(seed) = asked("SPIKE_SIM_SEED") {
        println!("{:#?}", night(seed, true).unwrap());
        return;
    }
    let started = Instant::now();
    let seeds = asked("SPIKE_SIM_SEEDS").unwrap_or(SEEDS);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    let share = |first: u64| {
        move || -> Result<Met, String> {
            let mut sum = Met::new();
            for seed in (first..seeds).step_by(threads as usize) {
                for (what, count) in night(seed, false)? {
                    *sum.entry(what).or_default() += count;
                }
            }
            Ok(sum)
        }
    };
    let running: Vec<_> = (0..threads).map(|first| thread::spawn(share(first))).collect();
    let mut sum: Met = ENDS.iter().map(|(name, _)| (*name, 0)).collect();
    for thread in running {
        match thread.join().unwrap() {
            Ok(met) => met.into_iter().for_each(|(what, n)| *sum.entry(what).or_default() += n),
            Err(wrong) => panic!("{wrong}"),
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{seeds} nights in {seconds:.1} s; met: {sum:#?}");
    let rare: Vec<_> = sum.iter().filter(|(_, count)| **count < OFTEN).collect();
    assert!(rare.is_empty(), "met too rarely: {rare:?}");
}
