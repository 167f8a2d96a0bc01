//! A program, the gate, the ways to the outbox, the outbox, and Spike.
//!
//! Invariants, checked as it goes: counters balance; one request in flight; of a title no older
//! state is attempted after a newer one; under 10 attempts to trigger a title in any 60 s. And at
//! the end, when nothing fails any more: Spike has each title as the program said last.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use crate::{
    backoff::scramble,
    capture::gate::{Admission, Ask, Gate, Openings, Settings, rank},
    delivery::{
        outbox::{Limits, Next, Outbox, SeededBug},
        outcome::Outcome,
    },
    incident::{Detail, Gatekeeper, Manual, Occurrences, Op, Sending, Severity, Status, Ticket},
    stats::{Count, Counters, Stats},
};

use relay::{Loss, Relay};

mod ends;
mod relay;

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
        let relay = Arc::new(Relay::new(gate));
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
        let key = self.say(title);
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
        let key = self.say(title);
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

    /// The program says something of a title; the title's key.
    fn say(&mut self, title: usize) -> u64 {
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
        let op = Op::sample(self.titles[title].key, seq, status, self.now);
        let occurrences = Occurrences { count, since_last, ..op.occurrences };
        Box::new(Op { severity, detail, occurrences, ticket, ..op })
    }

    /// Takes down what the gate was told of losses.
    fn hear(&mut self) {
        let quiet = self.relay.take_quiet();
        for (key, seq) in quiet {
            let at = self.at(key);
            self.tell(format_args!("title {at} is quiet: {seq}"));
            self.carry(at, false, seq);
            self.met.quiet += 1;
        }
        let lost = self.relay.take_lost();
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
}
