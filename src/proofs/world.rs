//! A program, the gate, the ways to the outbox, the outbox, and Spike.
//!
//! Invariants, checked as it goes: counters balance; one request in flight; of a title no older
//! state is attempted after a newer one; under 10 attempts to trigger a title in any 60 s. And at
//! the end, when nothing fails any more: Spike has each title as the program said last.

use std::{
    collections::VecDeque,
    mem,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::{Duration, SystemTime},
};

use crate::{
    backoff::scramble,
    capture::gate::{Admission, Ask, Gate, Openings, Settings, rank},
    delivery::{
        outbox::{Limits, Next, Outbox, SeededBug},
        outcome::Outcome,
    },
    incident::{
        Detail, Folded, Gatekeeper, Held, Manual, Occurrences, Op, Quiet, Sending, Severity, SoFar,
        Status, Storm, Ticket,
    },
    stats::{Count, Counters, Stats},
};

/// A request may arrive so long after the end of its attempt.
pub(super) const LATEST: Duration = Duration::from_secs(60);
/// All that is pending settles in this time, once nothing fails any more.
const SETTLES: Duration = Duration::from_secs(900);
/// Attempts to trigger a title in any 60 s, at most.
const PACE: usize = 9;

/// Ops of a title that are remembered.
const CARRIERS: usize = 4;

/// What a world is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) titles: usize,
    pub(super) limits: Limits,
    /// Slots of the two ways.
    pub(super) triggers: usize,
    pub(super) resolves: usize,
    pub(super) bug: Option<SeededBug>,
    /// Backoff is as short as it gets, and not random.
    pub(super) steady: bool,
}

/// How the gate is set up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    pub(super) resolve_after: Option<Duration>,
    pub(super) budget: Openings,
}

#[derive(Clone)]
pub(super) struct World {
    pub(super) size: Size,
    pub(super) now: Duration,
    pub(super) relay: Arc<Relay>,
    pub(super) counters: Arc<Counters>,
    pub(super) outbox: Outbox,
    /// Admitted and on their way.
    pub(super) triggers: VecDeque<Box<Op>>,
    pub(super) resolves: VecDeque<Box<Op>>,
    pub(super) flight: Option<Request>,
    /// Requests that arrive later, with the time until when.
    pub(super) late: Vec<(Request, Duration)>,
    pub(super) titles: Vec<Title>,
    pub(super) entropy: u64,
    pub(super) met: Met,
    /// What happened is printed.
    pub(super) talks: bool,
}

/// What has been met that no counter tells.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Met {
    pub(super) held: u64,
    pub(super) quiet: u64,
}

/// A request, as Spike sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    /// Among the titles; past them it is the storm incident's.
    pub(super) title: usize,
    pub(super) is_trigger: bool,
    pub(super) minimal: bool,
}

/// One title, as the program and Spike have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Title {
    pub(super) key: u64,
    /// What the program said last, if anything: that it fails, or not.
    pub(super) word: Option<bool>,
    /// The last few ops that the gate has sent, newest last, and whether to resolve. If the newest
    /// is given back, or was held back and is withdrawn, the one before is the newest again.
    pub(super) carriers: Vec<(u64, bool)>,
    /// That one was not taken or was given up, and the program was told by a counter.
    pub(super) lost: bool,
    /// Spike has it open.
    pub(super) is_open: bool,
    /// When it was attempted to trigger it.
    pub(super) attempts: VecDeque<Duration>,
    /// The newest state that was attempted.
    pub(super) attempted: u64,
}

/// What an attempt comes to: what the worker is told, and whether Spike applies the request: at
/// once, never, or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) applied: Applied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Applied {
    AtOnce,
    Never,
    Late,
}

pub(super) const ACCEPTED: End =
    End { outcome: Outcome::Accepted { verified: true }, applied: Applied::AtOnce };

/// The gate, with an ear on what it is told of losses.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) gate: Arc<Gate>,
    /// Keys, numbers, and what was lost.
    lost: Mutex<Vec<(u64, u64, Loss)>>,
    /// Titles that were resolved since they were quiet, with the number of that.
    quiet: Mutex<Vec<(u64, u64)>>,
    /// What it said of resolves that were held back: off, and out.
    pub(super) asked: Mutex<(u64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    GivenBack,
    /// It was held back, and the title was triggered since.
    Withdrawn,
    /// The title is as it was before.
    OfRepeat,
    /// It can't be relied on to be.
    Whole,
}

impl Relay {
    pub(super) fn forget(&self) {
        self.lost.lock().unwrap().clear();
    }

    fn note(&self, key: u64, seq: u64, loss: Loss) {
        self.lost.lock().unwrap().push((key, seq, loss));
    }
}

impl Gatekeeper for Relay {
    fn give_back(&self, key: u64, seq: u64) {
        self.note(key, seq, Loss::GivenBack);
        self.gate.give_back(key, seq);
    }

    fn reopen(&self, key: u64, seq: u64, opening: bool) {
        self.note(key, seq, if opening { Loss::Whole } else { Loss::OfRepeat });
        self.gate.reopen(key, seq, opening);
    }

    fn fold(&self, key: u64, seq: u64, folded: Folded<'_>, now: Duration) -> Option<Storm> {
        self.note(key, seq, Loss::Whole);
        self.gate.fold(key, seq, folded, now)
    }

    fn held(&self, key: u64, seq: u64, now: Duration, hurried: bool) -> Held {
        let held = self.gate.held(key, seq, now, hurried);
        let mut asked = self.asked.lock().unwrap();
        match held {
            Held::Off => {
                asked.0 += 1;
                self.note(key, seq, Loss::Withdrawn);
            }
            Held::Out(_) => asked.1 += 1,
            Held::Until(_) => {}
        }
        held
    }

    fn so_far(&self, key: u64, seq: u64) -> Option<SoFar> {
        self.gate.so_far(key, seq)
    }

    fn quiet(&self, key: u64, now: Duration) -> Quiet {
        let quiet = self.gate.quiet(key, now);
        if let Quiet::Resolved(sending) = quiet {
            self.quiet.lock().unwrap().push((key, sending.seq));
        }
        quiet
    }
}

/// A gate for one world after the other: its table is large. Each begins hours after the one
/// before, with titles of its own.
pub(super) fn gate(habits: Habits) -> Arc<Gate> {
    Arc::new(Gate::new(Settings {
        repeat_every: Duration::from_secs(300),
        resolve_after: habits.resolve_after,
        budget: habits.budget,
        storm: ("error storm".to_owned(), STORM),
        seq: Arc::new(AtomicU64::new(1)),
    }))
}

/// The key of the storm incident.
pub(super) const STORM: u64 = u64::MAX;

impl World {
    /// `base` is the key of its first title and grows from world to world.
    pub(super) fn new(size: Size, gate: &Arc<Gate>, base: u64, now: Duration) -> Self {
        let gate_of_relay = Arc::clone(gate);
        let relay = Arc::new(Relay {
            gate: gate_of_relay,
            lost: Mutex::default(),
            quiet: Mutex::default(),
            asked: Mutex::default(),
        });
        // Left open by the world before.
        gate.resolve(STORM, now);
        let keys = (0..size.titles as u64).map(|title| base + title);
        Self {
            size,
            now,
            relay,
            counters: Arc::new(Counters::new()),
            outbox: Outbox::with_bug(size.limits, size.bug),
            triggers: VecDeque::new(),
            resolves: VecDeque::new(),
            flight: None,
            late: Vec::new(),
            titles: keys.chain([STORM]).map(|key| Title { key, ..Title::default() }).collect(),
            entropy: 0,
            met: Met::default(),
            talks: false,
        }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.relay.gate
    }

    /// The place of a title among the titles.
    pub(super) fn at(&self, key: u64) -> usize {
        self.titles.iter().position(|title| title.key == key).expect("a title of this world")
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.snapshot(Vec::new())
    }

    fn tell(&self, what: std::fmt::Arguments<'_>) {
        if self.talks {
            println!("{:>12.3} {what}", self.now.as_secs_f64());
        }
    }

    /// The title occurs.
    pub(super) fn trigger(&mut self, title: usize, severity: Option<Severity>, meant: bool) {
        let key = self.say(title, true);
        let ask = Ask { key, rank: rank(severity), meant, before: None };
        let gate = Arc::clone(&self.relay.gate);
        let admission = gate.admit(ask, self.now);
        self.tell(format_args!("title {title} fails: {admission:?}"));
        match admission {
            Admission::Repeat => self.swallowed(title, true),
            Admission::Send(sending) => {
                self.carry(title, true, sending.seq);
                let ticket = self.ticket(key, &sending);
                self.send_trigger(
                    title,
                    sending,
                    ticket,
                    severity,
                    Detail::Manual(Manual::default()),
                );
            }
            Admission::Storm => {
                // The storm incident tells it.
                (self.titles[title].lost, self.titles[title].word) = (true, Some(true));
                match gate.storm(key, &format!("title {title}"), rank(severity), self.now) {
                    Admission::Send(sending) => {
                        let ticket = self.ticket(STORM, &sending);
                        let detail = Detail::Storm(gate.storm_detail());
                        self.send_trigger(self.size.titles, sending, ticket, severity, detail);
                    }
                    _ => self.counters.add(Count::SuppressedStorm),
                }
            }
        }
        self.hear();
    }

    /// The program says that the title is over.
    pub(super) fn resolve(&mut self, title: usize) {
        let key = self.say(title, false);
        let admission = self.relay.gate.resolve(key, self.now);
        self.tell(format_args!("title {title} is over: {admission:?}"));
        let Admission::Send(sending) = admission else {
            return self.swallowed(title, false);
        };
        self.carry(title, false, sending.seq);
        let ticket = self.ticket(key, &sending);
        if self.resolves.len() >= self.size.resolves {
            self.counters.add(Count::RefusedFull);
            drop(ticket);
        } else {
            let op = self.op(title, sending, ticket, None, Detail::Manual(Manual::default()));
            self.resolves.push_back(op);
        }
        self.hear();
    }

    fn say(&mut self, title: usize, _: bool) -> u64 {
        self.counters.add(Count::Seen);
        self.titles[title].key
    }

    /// The gate has counted it and no more: what was said before says it, too.
    fn swallowed(&mut self, title: usize, word: bool) {
        self.counters.add(Count::SuppressedRepeat);
        let is_open = self.relay.gate.is_open(self.titles[title].key);
        let title = &mut self.titles[title];
        // After a loss the next trigger waits for the gate's pace.
        title.lost = if word { !is_open } else { title.lost && title.word == Some(false) };
        title.word = Some(word);
    }

    fn carry(&mut self, title: usize, word: bool, seq: u64) {
        let title = &mut self.titles[title];
        if title.carriers.len() == CARRIERS {
            title.carriers.remove(0);
        }
        title.carriers.push((seq, !word));
        (title.word, title.lost) = (Some(word), false);
    }

    fn ticket(&self, key: u64, sending: &Sending) -> Ticket {
        let gate: Arc<dyn Gatekeeper> = Arc::clone(&self.relay) as Arc<dyn Gatekeeper>;
        Ticket::reserved(gate, Arc::clone(&self.counters), key, sending)
    }

    fn send_trigger(
        &mut self,
        title: usize,
        sending: Sending,
        ticket: Ticket,
        severity: Option<Severity>,
        detail: Detail,
    ) {
        if self.triggers.len() >= self.size.triggers {
            self.counters.add(Count::RefusedFull);
            drop(ticket);
        } else {
            let op = self.op(title, sending, ticket, severity, detail);
            self.triggers.push_back(op);
        }
    }

    fn op(
        &mut self,
        title: usize,
        sending: Sending,
        mut ticket: Ticket,
        severity: Option<Severity>,
        detail: Detail,
    ) -> Box<Op> {
        ticket.commit();
        let Sending { seq, status, count, since_last, .. } = sending;
        self.met.held += u64::from(
            matches!(status, Status::Resolve { not_before, .. } if !not_before.is_zero()),
        );
        let (first, last) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        Box::new(Op {
            endpoint: 0,
            key: self.titles[title].key,
            seq,
            status,
            title: String::new(),
            severity,
            priority: None,
            detail,
            panic: false,
            occurrences: Occurrences { count, since_last, first, last },
            admitted: self.now,
            aged: Duration::ZERO,
            ticket,
        })
    }

    /// Takes down what the gate was told of losses.
    fn hear(&mut self) {
        let quiet = mem::take(&mut *self.relay.quiet.lock().unwrap());
        for (key, seq) in quiet {
            let at = self.at(key);
            self.tell(format_args!("title {at} is quiet: {seq}"));
            self.carry(at, false, seq);
            self.met.quiet += 1;
        }
        let lost = mem::take(&mut *self.relay.lost.lock().unwrap());
        for (key, seq, loss) in lost {
            self.tell(format_args!("title {} loses {seq}: {loss:?}", self.at(key)));
            let title = self.titles.iter_mut().find(|title| title.key == key);
            let Some(title) = title else { continue };
            let newest = title.carriers.last().copied().unwrap_or_default();
            let earlier = title.carriers.iter().nth_back(1).copied().unwrap_or_default();
            if newest.0 == seq {
                // A repeat that is lost leaves the title open.
                let is_open = matches!(loss, Loss::OfRepeat | Loss::Withdrawn);
                title.lost |= !is_open || title.word == Some(false);
                if matches!(loss, Loss::GivenBack | Loss::Withdrawn) {
                    title.carriers.pop();
                }
            } else if earlier.0 == seq && newest.1 && title.word == Some(true) {
                // What was triggered since the resolve relies on it.
                title.lost |= loss == Loss::Whole;
            }
        }
    }

    /// Whether the next of a way can be taken over.
    pub(super) fn can_arrive(&self, resolve: bool) -> bool {
        match resolve {
            true => !self.resolves.is_empty() && self.outbox.room().resolves > 0,
            false => !self.triggers.is_empty(),
        }
    }

    pub(super) fn arrive(&mut self, resolve: bool) {
        let way = if resolve { &mut self.resolves } else { &mut self.triggers };
        if let Some(op) = way.pop_front() {
            self.outbox.push(op, self.now);
        }
        self.hear();
    }

    /// Begins an attempt; else when there may be one.
    pub(super) fn begin(&mut self) -> Result<Option<Duration>, String> {
        let next = match self.outbox.next(self.now) {
            Next::Attempt { op, minimal } => {
                Ok((op.key, op.seq, matches!(op.status, Status::Trigger { .. }), minimal))
            }
            Next::Wait(until) if until <= self.now => return Err("a wait that is over".to_owned()),
            Next::Wait(until) => Err(Some(until)),
            Next::Idle => Err(None),
        };
        self.hear();
        let (key, seq, is_trigger, minimal) = match next {
            Ok(attempt) => attempt,
            Err(wait) => return Ok(wait),
        };
        let at = self.at(key);
        if let Some(flight) = self.flight {
            return Err(format!("title {at} in flight, and title {} is", flight.title));
        }
        let title = &mut self.titles[at];
        if seq < title.attempted {
            return Err(format!("title {at}: an older state is attempted after a newer one"));
        }
        title.attempted = seq;
        let what = if is_trigger { "trigger" } else { "resolve" };
        self.tell(format_args!("attempt: title {at}, {what} {seq}"));
        let title = &mut self.titles[at];
        if is_trigger {
            let past = |first: &Duration| self.now - *first > Duration::from_secs(60);
            while title.attempts.front().is_some_and(past) {
                title.attempts.pop_front();
            }
            if title.attempts.len() >= PACE {
                return Err(format!("title {at} triggered {} times in 60 s", PACE + 1));
            }
            title.attempts.push_back(self.now);
        }
        self.flight = Some(Request { title: at, is_trigger, minimal });
        Ok(None)
    }

    pub(super) fn end(&mut self, end: End) {
        let Some(request) = self.flight.take() else { return };
        self.tell(format_args!("ended: {end:?}"));
        match end.applied {
            Applied::AtOnce => self.apply(request),
            Applied::Never => {}
            Applied::Late => self.late.push((request, self.now + LATEST)),
        }
        let unseen = matches!(end.outcome, Outcome::Later(later) if !later.reach.is_sent());
        if unseen && request.is_trigger {
            self.titles[request.title].attempts.pop_back();
        }
        self.entropy = if self.size.steady { 0 } else { scramble(self.entropy) };
        self.outbox.finish(end.outcome, self.now, self.entropy);
        self.hear();
    }

    pub(super) fn apply(&mut self, request: Request) {
        self.tell(format_args!("applied: {request:?}"));
        self.titles[request.title].is_open = request.is_trigger;
    }

    /// Time goes on; what arrives late arrives before.
    pub(super) fn go_to(&mut self, time: Duration) {
        while let Some(at) = self.late.iter().position(|(_, until)| *until <= time) {
            let (request, _) = self.late.remove(at);
            self.apply(request);
        }
        self.now = self.now.max(time);
    }

    pub(super) fn is_balanced(&self) -> Result<(), String> {
        let stats = self.stats();
        match stats.accounted() == stats.seen {
            true => Ok(()),
            false => Err(format!("{} seen, {} accounted for", stats.seen, stats.accounted())),
        }
    }

    /// Nothing is on its way, to the outbox or to Spike.
    pub(super) fn is_at_rest(&self) -> bool {
        self.triggers.is_empty()
            && self.resolves.is_empty()
            && self.flight.is_none()
            && self.late.is_empty()
            && self.outbox.pending() == 0
    }

    /// Nothing fails any more: all that is on its way is delivered. Tells how long that took; late
    /// requests and assertions take longer.
    pub(super) fn settle(&mut self) -> Result<Duration, String> {
        let (start, end) = (self.now, self.now + SETTLES);
        let mut took = None;
        loop {
            while self.can_arrive(true) || self.can_arrive(false) {
                let resolve = self.can_arrive(true);
                self.arrive(resolve);
            }
            if self.flight.is_none() {
                let wait = self.begin()?;
                let is_empty = self.triggers.is_empty() && self.resolves.is_empty();
                if took.is_none() && is_empty && self.outbox.pending() == 0 {
                    took = Some(self.now - start);
                }
                if self.can_arrive(true) || self.can_arrive(false) {
                    // What was too old has made room.
                    continue;
                }
                if self.flight.is_none() {
                    let late = self.late.iter().map(|(_, until)| *until);
                    let Some(next) = late.chain(wait).min() else { break };
                    if next > end {
                        break;
                    }
                    self.go_to(next);
                    continue;
                }
            }
            self.end(ACCEPTED);
        }
        self.go_to(end);
        self.is_balanced()?;
        if !self.is_at_rest() {
            println!("{:#?}", self.outbox);
            return Err(format!(
                "{} pending when all has long been accepted",
                self.stats().pending
            ));
        }
        took.ok_or("it was never settled".to_owned())
    }

    /// Should the process die now: what the spool has, told to Spike, leaves each title as the
    /// program said last. Tells whether there was something that could be looked at.
    pub(super) fn outlives(&self) -> Result<bool, String> {
        if !self.triggers.is_empty() || !self.resolves.is_empty() {
            // Nobody has taken that over yet.
            return Ok(false);
        }
        let words: Vec<_> = self.outbox.last_words().map(|(op, _)| (op.key, op.status)).collect();
        for (at, title) in self.titles.iter().take(self.size.titles).enumerate() {
            let word = words.iter().find(|(key, _)| *key == title.key).map(|(_, status)| *status);
            let is_late = self.late.iter().any(|(request, _)| request.title == at);
            // A resolve that is held back is not decided yet.
            let is_held = self.outbox.holds_back(title.key);
            let Some(said) = title.word.filter(|_| !title.lost && !is_held) else { continue };
            let is_open = match word {
                Some(Status::Trigger { .. }) => true,
                Some(Status::Resolve { .. }) => false,
                None if is_late => continue,
                None => title.is_open,
            };
            if is_open != said {
                return Err(format!("title {at} would be left otherwise than the program said"));
            }
        }
        Ok(!words.is_empty())
    }

    /// At rest: Spike has each title as the program said last, unless that was lost.
    pub(super) fn is_as_said(&self) -> Result<(), String> {
        self.is_balanced()?;
        for (at, title) in self.titles.iter().take(self.size.titles).enumerate() {
            let word = title.word.filter(|_| !title.lost);
            if word.is_some_and(|word| word != title.is_open) {
                let was = if title.is_open { "open" } else { "resolved" };
                return Err(format!(
                    "title {at} is {was} at Spike, and the program said otherwise"
                ));
            }
        }
        Ok(())
    }

    /// What was lost is said once more, now that nothing fails.
    pub(super) fn say_again(&mut self) -> Result<(), String> {
        for _ in 0..self.size.titles.max(2) {
            let lost = |title: &Title| title.lost && title.word.is_some();
            let lost: Vec<usize> =
                (0..self.size.titles).filter(|at| lost(&self.titles[*at])).collect();
            if lost.is_empty() {
                return Ok(());
            }
            for title in lost {
                if !self.titles[title].lost {
                    continue;
                }
                match self.titles[title].word {
                    Some(true) => self.trigger(title, None, true),
                    _ => self.resolve(title),
                }
                self.settle()?;
            }
        }
        // The gate may know that there is nothing to say.
        let is_wrong = |title: &Title| title.lost && title.word != Some(title.is_open);
        match self.titles.iter().take(self.size.titles).any(is_wrong) {
            true => Err("lost again, though nothing fails".to_owned()),
            false => Ok(()),
        }
    }

    /// How Spike has the titles after a crash.
    pub(super) fn after<const N: usize>(&self, applied: u32) -> [bool; N] {
        let mut open = std::array::from_fn(|at| self.titles[at].is_open);
        let late = self.late.iter().map(|(request, _)| request);
        for (at, request) in late.chain(&self.flight).enumerate() {
            if applied >> at & 1 == 1 && request.title < N {
                open[request.title] = request.is_trigger;
            }
        }
        open
    }

    /// The process dies, and another begins. Of its requests, those in `applied` arrive.
    pub(super) fn crash(&mut self, base: u64, applied: u32) {
        let late = mem::take(&mut self.late).into_iter().map(|(request, _)| request);
        let requests: Vec<Request> = late.chain(self.flight.take()).collect();
        for (at, request) in requests.into_iter().enumerate() {
            if applied >> at & 1 == 1 {
                self.apply(request);
            }
        }
        self.triggers.clear();
        self.resolves.clear();
        self.outbox = Outbox::with_bug(self.size.limits, self.size.bug);
        self.relay.forget();
        for (at, title) in self.titles.iter_mut().take(self.size.titles).enumerate() {
            *title = Title { key: base + at as u64, is_open: title.is_open, ..Title::default() };
        }
        self.relay.gate.resolve(STORM, self.now);
    }
}
