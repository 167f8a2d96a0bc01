//! Everything that can happen to two titles: all interleavings of at most 4 operations, 3 faults, 2
//! requests that arrive late and 1 crash, with room for all and with room for next to nothing. A
//! plain run looks at a part: 3 operations, 2 faults and 1 late request.
//!
//! The search takes each step from each state once. What makes two states the same is all that
//! decisions depend on, with times as seen from now; titles are alike. Time goes by [`TICK`]s, as
//! for a worker that wakes up late.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt::Write,
    hash::{Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use super::world::{ACCEPTED, Applied, End, Habits, Request, STORM, Size, World, gate};
use crate::{
    backoff::scramble,
    capture::gate::{Gate, Openings},
    delivery::{
        outbox::{Limits, SeededBug},
        outcome::{Blames, Later, Outcome, Reach},
    },
    incident::{Op, Status},
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Budget {
    operations: u8,
    faults: u8,
    late: u8,
    crashes: u8,
}

const WHOLE: Budget = Budget { operations: 4, faults: 3, late: 2, crashes: 1 };
/// What is looked at when nobody asks for more: `SPIKE_SEARCH=all` asks for the whole with room for
/// all, `SPIKE_SEARCH=whole` for the rest, too.
const LESS: Budget = Budget { operations: 3, faults: 2, late: 1, crashes: 1 };

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

impl Step {
    /// How an attempt ends that is not accepted.
    fn fault(self) -> Option<End> {
        let later = |blames, reach| Outcome::Later(Later { blames, asked: None, reach });
        let unanswered = later(Blames::Title, Reach::Ambiguous);
        let (outcome, applied) = match self {
            Step::Answered500 => (later(Blames::Poison, Reach::Answered), Applied::Never),
            Step::NotSent => (later(Blames::Endpoint, Reach::NotSent), Applied::Never),
            Step::UnansweredApplied => (unanswered, Applied::AtOnce),
            Step::UnansweredNever => (unanswered, Applied::Never),
            Step::UnansweredLate => (unanswered, Applied::Late),
            Step::Rejected => (Outcome::Rejected(Count::LostRejected), Applied::Never),
            _ => return None,
        };
        Some(End { outcome, applied })
    }
}

#[derive(Clone)]
struct Node {
    world: World,
    left: Budget,
    /// Nothing is left to happen by itself.
    is_over: bool,
    /// The worker looked away from what it has to take over first.
    is_idle: bool,
    last: Last,
}

/// What has just happened. Two steps that don't touch the same things come to the same in either
/// order, so one order is enough: what the program says comes as early as it can, what arrives at
/// the outbox before the end of another title's attempt, and what arrives late at Spike right after
/// something else has, of the same title.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Last {
    /// Time went on, the gate or a way has changed.
    Changed,
    /// An attempt has begun.
    Begun,
    /// A trigger of this title has reached the outbox.
    Arrived(usize),
    /// An attempt for this title has ended, and Spike may have applied it.
    Ended { title: usize, applied: bool },
}

impl Node {
    fn steps(&self) -> Vec<Step> {
        let (world, left) = (&self.world, self.left);
        let mut steps = Vec::new();
        let last = self.last;
        // With room for little, what arrives may push out what it does not touch.
        let title = |way: &VecDeque<Box<Op>>| way.front().map(|op| world.at(op.key));
        let early = |arrives: Option<usize>, resolve| match last {
            Last::Ended { title, .. } => arrives != Some(title),
            Last::Arrived(title) => resolve && arrives != Some(title),
            Last::Changed | Last::Begun => false,
        };
        let early = |way, resolve| world.size.limits.titles > 1 && early(title(way), resolve);
        if world.can_arrive(true) && !early(&world.resolves, true) {
            steps.push(Step::ResolveArrives);
        }
        if world.can_arrive(false) && !early(&world.triggers, false) {
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
        if let Last::Ended { title, applied: true } = last {
            let late = world.late.iter().enumerate();
            let here = late.filter(|(_, (request, _))| request.title == title);
            steps.extend(here.map(|(at, _)| Step::Arrives(at)));
        }
        let may_say = match last {
            Last::Changed => true,
            Last::Arrived(_) => world.size.limits.titles == 1,
            Last::Begun | Last::Ended { .. } => false,
        };
        if left.operations > 0 && may_say {
            // Titles are alike: the first to occur is the first.
            let said = world.titles.iter().take(TITLES).any(|title| title.word.is_some());
            let is_first = !said && left.crashes == WHOLE.crashes;
            for title in 0..if is_first { 1 } else { TITLES } {
                steps.extend([Step::Trigger(title), Step::Resolve(title)]);
            }
        }
        if left.crashes > 0 && world.counters.get(Count::Seen) > 0 {
            let requests = world.late.len() + usize::from(world.flight.is_some());
            steps.extend((0..1 << requests).map(Step::Crash));
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), String> {
        let (world, left) = (&mut self.world, &mut self.left);
        self.is_over = false;
        self.last = Last::Changed;
        match step {
            Step::Trigger(title) | Step::Resolve(title) => {
                left.operations -= 1;
                match step {
                    Step::Trigger(_) => world.trigger(title, None, true),
                    _ => world.resolve(title),
                }
            }
            Step::TriggerArrives => {
                let title = world.triggers.front().map_or(0, |op| world.at(op.key));
                world.arrive(false);
                self.last = Last::Arrived(title);
            }
            Step::ResolveArrives => world.arrive(true),
            Step::Go => {
                let wait = world.begin()?;
                if world.flight.is_some() {
                    self.last = Last::Begun;
                } else {
                    self.is_idle = world.can_arrive(true) || world.can_arrive(false);
                    self.is_over = wait.is_none() && world.is_at_rest();
                    let pass = world.now + PASS;
                    let next = wait.map_or(pass, |wait| wait.min(pass));
                    let ticks = next.as_millis().div_ceil(TICK.as_millis());
                    world.go_to(TICK * u32::try_from(ticks).unwrap());
                }
            }
            Step::Accepted => {
                let title = world.flight.map_or(0, |request| request.title);
                world.end(ACCEPTED);
                self.last = Last::Ended { title, applied: true };
            }
            Step::Answered500
            | Step::NotSent
            | Step::UnansweredApplied
            | Step::UnansweredNever
            | Step::UnansweredLate
            | Step::Rejected => {}
            Step::Arrives(late) => {
                let (request, _) = world.late.remove(late);
                world.apply(request);
                self.last = Last::Ended { title: request.title, applied: true };
            }
            Step::Crash(applied) => {
                left.crashes -= 1;
                world.crash(1 + TITLES as u64, applied);
            }
        }
        if let Some(end) = step.fault() {
            left.faults -= 1;
            left.late -= u8::from(end.applied == Applied::Late);
            let title = world.flight.map_or(0, |request| request.title);
            world.end(end);
            if !matches!(end.outcome, Outcome::Rejected(_)) {
                let applied = end.applied == Applied::AtOnce;
                self.last = Last::Ended { title, applied };
            }
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

struct Search {
    size: Size,
    whole: Budget,
    gate: Arc<Gate>,
    /// The state, and how many more steps were looked at from there.
    seen: HashMap<u64, usize>,
    path: Vec<Step>,
    /// What a second process began with.
    crashed: HashSet<(Budget, [bool; TITLES])>,
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
            crashed: HashSet::new(),
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
        if depth == 0 {
            return Ok(());
        }
        let mut steps = node.steps();
        steps.retain(|step| match *step {
            // Nothing else of the first process is left.
            Step::Crash(applied) => self.crashed.insert((node.left, node.world.after(applied))),
            _ => true,
        });
        let last = steps.len().saturating_sub(1);
        let mut here = Some(node);
        for (at, step) in steps.into_iter().enumerate() {
            let next = if at == last { here.take() } else { here.clone() };
            let Some(mut next) = next else { break };
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
        Ok(())
    }

    /// Everything that begins with this step, up to so many steps. `Err`: what is wrong, and the way there.
    fn all(&mut self, first: Step, depth: usize) -> Result<(), String> {
        self.after(&[], first, depth)
    }

    /// The same when all of `before` has happened, and was accepted at once.
    fn after(&mut self, before: &[Step], first: Step, depth: usize) -> Result<(), String> {
        self.seen.clear();
        self.crashed.clear();
        self.path.clear();
        let start = Duration::from_secs(36_000);
        let world = World::new(self.size, &self.gate, 1, start);
        let many = Budget { operations: u8::MAX, ..self.whole };
        let mut node =
            Node { world, left: many, is_over: true, is_idle: false, last: Last::Changed };
        for step in before {
            node.take(*step)?;
            node.world.arrive(matches!(step, Step::Resolve(_)));
            node.world.begin()?;
            node.world.end(ACCEPTED);
        }
        node.left = self.whole;
        self.path.push(first);
        self.steps += 1;
        node.take(first)?;
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
fn prove(size: Size, first: Step, name: &str) {
    prove_after(&[], size, first, name);
}

fn prove_after(before: &[Step], size: Size, first: Step, name: &str) {
    let started = Instant::now();
    let asked = std::env::var("SPIKE_SEARCH").unwrap_or_default();
    let is_main = size.limits.titles == MUCH.limits.titles && before.is_empty();
    let is_whole = asked == "whole" || asked == "all" && is_main;
    let mut search = Search::new(size, if is_whole { WHOLE } else { LESS });
    if let Err(wrong) = search.after(before, first, usize::MAX - 1) {
        panic!("{name}: {wrong}");
    }
    let Search { seen, steps, rests, .. } = search;
    println!(
        "{name}, {first:?} first: {} states, {steps} steps, {rests} times at rest, {:.1} s",
        seen.len(),
        started.elapsed().as_secs_f64()
    );
}

/// With this bug there is a violation: the shortest way to one is told.
fn caught(size: Size, bug: SeededBug) -> String {
    let few = Budget { operations: 3, faults: 2, late: 1, crashes: 0 };
    let size = Size { bug: Some(bug), ..size };
    let firsts = [Step::Trigger(0), Step::Resolve(0)];
    let up_to = |depth| {
        let mut searches = firsts.iter().map(|first| Search::new(size, few).all(*first, depth));
        searches.find_map(Result::err)
    };
    let found = (1..30).find_map(up_to);
    let found = found.unwrap_or_else(|| panic!("{bug:?} was not found"));
    println!("{bug:?}: {found}");
    found
}

// In parts, for as many threads.

#[test]
fn with_room_for_all_spike_ends_with_the_last_word_whatever_follows_a_trigger() {
    prove(MUCH, Step::Trigger(0), "room for all");
}

#[test]
fn with_room_for_all_spike_ends_with_the_last_word_whatever_follows_a_resolve() {
    prove(MUCH, Step::Resolve(0), "room for all");
}

#[test]
fn with_room_for_next_to_nothing_spike_ends_with_the_last_word_whatever_follows_a_trigger() {
    prove(LITTLE, Step::Trigger(0), "room for next to nothing");
}

#[test]
fn with_room_for_next_to_nothing_spike_ends_with_the_last_word_whatever_follows_a_resolve() {
    prove(LITTLE, Step::Resolve(0), "room for next to nothing");
}

/// What has made a title flap: its next resolve is held back.
const TURNS: [Step; 4] = [Step::Trigger(0), Step::Resolve(0), Step::Trigger(0), Step::Resolve(0)];

#[test]
fn of_a_title_that_flaps_spike_ends_with_the_last_word_whatever_follows() {
    prove_after(&TURNS, MUCH, Step::Trigger(0), "a title that flaps");
}

#[test]
fn of_a_title_that_flaps_spike_ends_with_the_last_word_with_room_for_next_to_nothing() {
    prove_after(&TURNS, LITTLE, Step::Trigger(0), "a title that flaps, with little room");
}

#[test]
fn two_requests_of_a_title_in_flight_are_found() {
    assert!(caught(MUCH, SeededBug::TwoInFlight).contains("in flight"));
}

#[test]
fn a_queue_of_messages_instead_of_the_newest_state_is_found() {
    assert!(caught(MUCH, SeededBug::Fifo).contains("older state"));
}

#[test]
fn a_state_that_is_not_asserted_after_a_change_is_found() {
    assert!(caught(MUCH, SeededBug::NoSecondAssertion).contains("said otherwise"));
}

#[test]
fn a_resolve_that_is_dropped_for_lack_of_room_is_found() {
    assert!(caught(LITTLE, SeededBug::ResolveDroppedWhenFull).contains("said otherwise"));
}

#[test]
fn a_gate_that_does_not_hear_of_a_loss_is_found() {
    assert!(caught(MUCH, SeededBug::NotReopenedAfterLoss).contains("said otherwise"));
}
