//! Everything that can happen to two titles: all interleavings of at most 4 operations, 3 faults, 2
//! requests that arrive late and 1 crash, with room for all and with room for next to nothing.
//!
//! The search takes each step from each state once. What makes two states the same is all that
//! decisions depend on, with times as seen from now; titles are alike. Time goes by [`TICK`]s, as
//! for a worker that wakes up late.

use std::{
    collections::HashMap,
    fmt::Write,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use super::world::{ACCEPTED, Applied, End, Habits, Request, STORM, Size, World, gate};
use crate::{
    capture::gate::{Gate, Openings},
    delivery::{
        outbox::{Limits, SeededBug},
        outcome::{Blames, Later, Outcome, Reach},
    },
    incident::Status,
    stats::Count,
};

const TITLES: usize = 2;
/// Time goes on to a multiple of this.
const TICK: Duration = Duration::from_secs(10);
/// By so much, when nothing is due before: less than a request is late at most.
const PASS: Duration = Duration::from_secs(30);

const MUCH: Size = Size {
    titles: TITLES,
    limits: Limits { titles: 8, resolves: 8, bytes: usize::MAX },
    triggers: 4,
    resolves: 4,
    bug: None,
    steady: true,
};
/// Where everything is full at once.
const LITTLE: Size = Size {
    limits: Limits { titles: 1, resolves: 1, bytes: usize::MAX },
    triggers: 1,
    resolves: 1,
    ..MUCH
};

/// What may still happen.
#[derive(Clone, Copy, Debug, Hash)]
struct Budget {
    operations: u8,
    faults: u8,
    late: u8,
    crashes: u8,
}

const WHOLE: Budget = Budget { operations: 4, faults: 3, late: 2, crashes: 1 };

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Trigger(usize),
    Resolve(usize),
    /// The next trigger, or resolve, reaches the outbox.
    TriggerArrives,
    ResolveArrives,
    /// The worker looks what to do next: an attempt begins, or time goes on.
    Go,
    Accepted,
    Answered500,
    NotSent,
    UnansweredApplied,
    UnansweredNever,
    UnansweredLate,
    Rejected,
    /// A late request arrives.
    Arrives(usize),
    /// The process dies; which of its requests arrive.
    Crash(u32),
}

#[derive(Clone)]
struct Node {
    world: World,
    left: Budget,
    /// Nothing is left to happen by itself.
    is_over: bool,
    /// The worker looked away from what it has to take over first.
    is_idle: bool,
}

impl Node {
    fn steps(&self) -> Vec<Step> {
        let (world, left) = (&self.world, self.left);
        let mut steps = Vec::new();
        if world.can_arrive(true) {
            steps.push(Step::ResolveArrives);
        }
        if world.can_arrive(false) {
            steps.push(Step::TriggerArrives);
        }
        if world.flight.is_some() {
            steps.push(Step::Accepted);
            if left.faults > 0 {
                steps.extend([Step::Answered500, Step::NotSent, Step::Rejected]);
                steps.extend([Step::UnansweredApplied, Step::UnansweredNever]);
            }
            if left.faults > 0 && left.late > 0 {
                steps.push(Step::UnansweredLate);
            }
        } else if !self.is_over {
            steps.push(Step::Go);
        }
        steps.extend((0..world.late.len()).map(Step::Arrives));
        if left.operations > 0 {
            // Titles are alike: the first to occur is the first.
            let said = world.titles.iter().take(TITLES).any(|title| title.word.is_some());
            let is_first = !said && left.crashes == WHOLE.crashes;
            for title in 0..if is_first { 1 } else { TITLES } {
                steps.extend([Step::Trigger(title), Step::Resolve(title)]);
            }
            let requests = world.late.len() + usize::from(world.flight.is_some());
            if left.crashes > 0 && left.operations < WHOLE.operations {
                steps.extend((0..1 << requests).map(Step::Crash));
            }
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        let (world, left) = (&mut self.world, &mut self.left);
        self.is_over = false;
        let later = |blames, reach| Outcome::Later(Later { blames, asked: None, reach });
        let unanswered = later(Blames::Title, Reach::Ambiguous);
        let end = |outcome, applied| Some(End { outcome, applied });
        let mut fault = None;
        match step {
            Step::Trigger(title) | Step::Resolve(title) => {
                left.operations -= 1;
                match step {
                    Step::Trigger(_) => world.trigger(title, None, true),
                    _ => world.resolve(title),
                }
            }
            Step::TriggerArrives => world.arrive(false),
            Step::ResolveArrives => world.arrive(true),
            Step::Go => {
                let wait = world.begin()?;
                if world.flight.is_none() {
                    self.is_idle = world.can_arrive(true) || world.can_arrive(false);
                    self.is_over = wait.is_none() && world.is_at_rest();
                    let pass = world.now + PASS;
                    let next = wait.map_or(pass, |wait| wait.min(pass));
                    let ticks = next.as_millis().div_ceil(TICK.as_millis());
                    world.go_to(TICK * u32::try_from(ticks).unwrap());
                }
            }
            Step::Accepted => world.end(ACCEPTED),
            Step::Answered500 => {
                fault = end(later(Blames::Poison, Reach::Answered), Applied::Never)
            }
            Step::NotSent => fault = end(later(Blames::Endpoint, Reach::NotSent), Applied::Never),
            Step::UnansweredApplied => fault = end(unanswered, Applied::AtOnce),
            Step::UnansweredNever => fault = end(unanswered, Applied::Never),
            Step::UnansweredLate => fault = end(unanswered, Applied::Late),
            Step::Rejected => {
                fault = end(Outcome::Rejected(Count::LostRejected), Applied::Never);
            }
            Step::Arrives(late) => {
                let (request, _) = world.late.remove(late);
                world.apply(request);
            }
            Step::Crash(applied) => {
                left.crashes -= 1;
                world.crash(1 + TITLES as u64, applied);
            }
        }
        if let Some(end) = fault {
            left.faults -= 1;
            left.late -= u8::from(end.applied == Applied::Late);
            world.end(end);
        }
        world.is_balanced()?;
        if world.flight.is_some() {
            // Nothing else begins.
            world.begin()?;
        }
        Ok(())
    }

    /// Nothing more happens by itself: Spike has what the program said last, and what was lost can
    /// be said once more.
    fn check(&mut self) -> Result<bool, String> {
        self.world.is_as_said()?;
        let lost = self.world.titles.iter().take(TITLES).any(|title| title.lost);
        if lost {
            let later = self.world.now + PASS;
            self.world.go_to(later);
            self.world.say_again()?;
            self.world.is_as_said()?;
        }
        Ok(lost)
    }

    /// The same for two states that differ in what the titles are called.
    fn fingerprint(&self) -> u64 {
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
        let mut hasher = DefaultHasher::new();
        (self.left, self.is_over).hash(&mut hasher);
        world.outbox.fingerprint(&keys, now, &rank, &mut hasher);
        let index = |key: u64| keys.iter().position(|known| *known == key);
        for way in [&world.triggers, &world.resolves] {
            way.len().hash(&mut hasher);
            for op in way {
                let alone = op.occurrences.count == op.occurrences.since_last;
                (index(op.key), rank(op.seq), alone).hash(&mut hasher);
                let (opens, first) = match op.status {
                    Status::Trigger { opening } => (opening, false),
                    Status::Still => (false, false),
                    Status::Resolve { first, .. } => (false, first),
                };
                (opens, first).hash(&mut hasher);
            }
        }
        for title in titles {
            let carrier = is_live(title.carrier);
            (title.word, title.lost, title.is_open, carrier).hash(&mut hasher);
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

/// What of a title's page matters in so few operations: it can't flap, and is repeated first and
/// second.
fn known(page: [u64; 6]) -> [u64; 3] {
    let [flags, _, opened, sent, _, _] = page;
    [flags, opened.min(120_000), sent.min(7_000)]
}

struct Search {
    size: Size,
    whole: Budget,
    gate: Arc<Gate>,
    /// The state, and how many more steps were looked at from there.
    seen: HashMap<u64, usize>,
    path: Vec<Step>,
    steps: u64,
    rests: u64,
}

/// The keys of all titles, those of the second process, and the storm incident's.
const KEYS: [u64; 2 * TITLES + 1] = [1, 2, 3, 4, STORM];

impl Search {
    fn new(size: Size, whole: Budget) -> Self {
        let budget = Openings { burst: u32::MAX, per_minute: u32::MAX };
        Self {
            size,
            whole,
            gate: gate(Habits { resolve_after: None, budget }),
            seen: HashMap::new(),
            path: Vec::new(),
            steps: 0,
            rests: 0,
        }
    }

    fn look(&mut self, mut node: Node, depth: usize) -> Result<(), String> {
        let seen = self.seen.entry(node.fingerprint()).or_default();
        if *seen > depth {
            return Ok(());
        }
        *seen = depth + 1;
        let (gate, counters) = (Arc::clone(&self.gate), Arc::clone(&node.world.counters));
        let (saved, counted) = (gate.save(&KEYS), counters.save());
        let relay = Arc::clone(&node.world.relay);
        let restore = || {
            // What was dropped is not lost: it never was.
            relay.forget();
            gate.restore(&KEYS, &saved);
            counters.restore(&counted);
        };
        if node.is_over {
            self.rests += 1;
            let copy = node.clone();
            node.check()?;
            node = copy;
            restore();
        }
        for step in node.steps() {
            if depth == 0 {
                break;
            }
            let mut next = node.clone();
            self.path.push(step);
            self.steps += 1;
            next.take(step)?;
            if next.is_idle {
                drop(next);
            } else {
                self.look(next, depth - 1)?;
            }
            restore();
            self.path.pop();
        }
        drop(node);
        Ok(())
    }

    /// Everything, up to so many steps. `Err`: what is wrong, and the way there.
    fn all(&mut self, depth: usize) -> Result<(), String> {
        self.seen.clear();
        self.path.clear();
        let start = Duration::from_secs(36_000);
        let world = World::new(self.size, &self.gate, 1, start);
        let node = Node { world, left: self.whole, is_over: true, is_idle: false };
        self.look(node, depth).map_err(|wrong| {
            let mut told = format!("{wrong}, after {} steps:", self.path.len());
            for step in &self.path {
                write!(told, "\n  {step:?}").unwrap();
            }
            told
        })
    }
}

/// Fails with the way to the first violation, else tells what was looked at.
fn prove(size: Size, name: &str) {
    let started = Instant::now();
    let mut whole = WHOLE;
    if let Ok(text) = std::env::var("EXH") {
        let n: Vec<u8> = text.split(',').map(|n| n.parse().unwrap()).collect();
        whole = Budget { operations: n[0], faults: n[1], late: n[2], crashes: n[3] };
    }
    let mut search = Search::new(size, whole);
    if let Err(wrong) = search.all(usize::MAX - 1) {
        panic!("{name}: {wrong}");
    }
    let Search { seen, steps, rests, .. } = search;
    println!(
        "{name}: {} states, {steps} steps, {rests} times at rest, {:.1} s",
        seen.len(),
        started.elapsed().as_secs_f64()
    );
}

#[test]
fn with_room_for_all_spike_ends_with_the_last_word_whatever_happens() {
    prove(MUCH, "room for all");
}

#[test]
fn with_room_for_next_to_nothing_spike_ends_with_the_last_word_whatever_happens() {
    prove(LITTLE, "room for next to nothing");
}
