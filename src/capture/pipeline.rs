//! The one entrance for incidents: mute, gate, then a queue slot, then the build, then send. What
//! would open a title asks the fold first whether its callsite may. Each endpoint has a gate of its
//! own; one numbering goes through all of them.
//!
//! Invariants: nothing is built before there is room for it; whatever comes in is counted in
//! exactly one place. Writes to stderr once in its life, when paging has ended and something
//! still wants to page.

use std::{
    hash::BuildHasher,
    io::Write,
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::{
    capture::{
        cause::{Causes, Failure},
        fold::{Fold, Opens},
        gate::{self, Admission, Ask, Gate, Openings, rank},
        mute::Mute,
        redact::Scrubber,
        threshold::Waiting,
    },
    clock::{Clock, millis},
    incident::{Detail, Keep, Occurrences, Op, Priority, Sending, Severity, Ticket},
    queue::{Control, NoSlot, Sender},
    stats::{Count, Counters},
    sync::AtomicU64,
    witness::Witness,
};
pub(crate) use asked::{Asked, Failed, Goes, Head, Origin, Site, Tells};
pub(crate) use panicked::{Panicked, Panics};
pub(crate) use seed::Seed;

mod asked;
mod manual;
mod panicked;
mod repeat;
mod replay;
mod resolve;
mod seed;
mod watched;

/// What the builder decided for the caller's side.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) repeat_every: Duration,
    pub(crate) resolve_after: Option<Duration>,
    pub(crate) budget: Openings,
    /// The title of the storm incident.
    pub(crate) storm: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) scrubber: Arc<Scrubber>,
    /// `None`: there is no spool.
    pub(crate) keep: Option<Arc<dyn Keep>>,
    /// `None`: panics are not reported.
    pub(crate) panics: Option<Panics>,
    /// Who watches what does not go out.
    pub(crate) witness: Option<Arc<dyn Witness>>,
    /// How many there are; at least 1.
    pub(crate) endpoints: usize,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    clock: Clock,
    /// That of endpoint 0, the default one.
    gate: Arc<Gate>,
    /// Those of the others, from 1 on.
    gates: Box<[Arc<Gate>]>,
    mute: Mute,
    causes: Causes,
    waiting: Waiting,
    fold: Fold,
    /// Seeded per process: messages carry strangers' text.
    hasher: Seed,
    /// `None`: paging is off.
    queue: Option<Sender>,
    counters: Arc<Counters>,
    settings: Settings,
    /// That of the process it was built in: a forked child has no worker.
    pid: u32,
    /// Set by the guard when it is dropped.
    closed: AtomicBool,
    said_closed: AtomicBool,
}

/// An op that the gate has let through and that is not built yet.
struct Admitted {
    endpoint: usize,
    key: u64,
    now: Duration,
    sending: Sending,
    /// Dropped unbuilt, it gives the title back.
    ticket: Ticket,
}

impl Pipeline {
    /// One whose keys are what the seed makes them.
    pub(crate) fn seeded(
        hasher: Seed,
        (clock, queue, counters): (Clock, Option<Sender>, Arc<Counters>),
        settings: Settings,
    ) -> Self {
        let seq = Arc::new(AtomicU64::new(1));
        let gate = |_| {
            Arc::new(Gate::new(gate::Settings {
                repeat_every: settings.repeat_every,
                resolve_after: settings.resolve_after,
                budget: settings.budget,
                storm: (settings.storm.clone(), hasher.hash_one(&settings.storm)),
                seq: Arc::clone(&seq),
            }))
        };
        Self {
            clock,
            gate: gate(0),
            gates: (1..settings.endpoints).map(gate).collect(),
            mute: Mute::default(),
            causes: Causes::new(),
            waiting: Waiting::new(),
            fold: Fold::new(),
            hasher,
            queue,
            counters,
            settings,
            pid: process::id(),
            closed: AtomicBool::new(false),
            said_closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    pub(crate) fn scrubber(&self) -> &Scrubber {
        &self.settings.scrubber
    }

    pub(crate) fn queue(&self) -> Option<&Sender> {
        self.queue.as_ref()
    }

    /// The number of the newest op that was admitted; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        // All gates share their numbers.
        self.gate.newest()
    }

    pub(crate) fn mute(&self) -> &Mute {
        &self.mute
    }

    /// Changes what mutes, unless this is a forked child: nothing pages there, and a thread of the
    /// parent's may have been at it.
    pub(crate) fn change_mute<T>(&self, change: impl FnOnce(&Mute, Duration) -> T) -> Option<T> {
        (!self.is_forked()).then(|| change(&self.mute, self.clock.now()))
    }

    /// Whether what is not delivered outlives the process.
    pub(crate) fn has_spool(&self) -> bool {
        self.settings.keep.is_some()
    }

    /// Whether this is a child that was forked since. A system call.
    pub(crate) fn is_forked(&self) -> bool {
        let is_forked = process::id() != self.pid;
        if let Some(keep) = self.settings.keep.as_ref().filter(|_| is_forked) {
            keep.let_go_in_child();
        }
        is_forked
    }

    fn gate(&self, endpoint: usize) -> &Arc<Gate> {
        let other = endpoint.checked_sub(1).and_then(|other| self.gates.get(other));
        other.unwrap_or(&self.gate)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// From now on everything is refused. Tells whether this call was the one that closed it.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// The queue to page through, or why there is none.
    pub(crate) fn admitting(&self) -> Result<&Sender, Count> {
        let Some(queue) = &self.queue else { return Err(Count::IgnoredOff) };
        if self.is_closed() || queue.is_closed() {
            self.say_closed();
            return Err(Count::RefusedClosed);
        }
        Ok(queue)
    }

    /// Does what [`trigger_through`](Self::trigger_through) says.
    fn admit(
        &self,
        queue: &Sender,
        asked: Asked<'_>,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        if self.mute.left(|| self.clock.now()).is_some() {
            return Err(Count::SuppressedMute);
        }
        let Asked { head, .. } = asked;
        let severity = head.severity.or(self.settings.severity);
        let priority = head.priority.or(self.settings.priority);
        let threshold = head.threshold.filter(|_| !head.meant);
        let head = Head { severity, priority, threshold, ..head };
        let (now, key) = (self.clock.now(), head.key.unwrap_or_else(|| self.key(head.title)));
        let ask = Ask { key, rank: rank(severity), meant: head.meant, before: None };
        let gate = self.gate(head.endpoint);
        let is_repeat = gate.counts_repeat(ask, now);
        // From here on locks are taken, which a forked child may have inherited locked.
        if is_repeat && !self.causes.leads(at(head.endpoint, key)) {
            return Err(Count::SuppressedRepeat);
        }
        if self.is_forked() {
            return Err(if is_repeat { Count::SuppressedRepeat } else { Count::RefusedForked });
        }
        let admission = if is_repeat { Some(Admission::Repeat) } else { gate.admit_open(ask, now) };
        if let Some(admission) = admission {
            if self.causes.leads(at(head.endpoint, key))
                && let Some(failure) = self.failure(head, ask, asked.failure)
            {
                self.causes.note(failure, now);
            }
            return self.page(queue, head, (ask, now), admission, build);
        }
        self.first(queue, Asked { head, ..asked }, (ask, now), build)
    }

    /// What would open its title: as long as it is nobody's follower and has occurred often enough.
    fn first(
        &self,
        queue: &Sender,
        asked: Asked<'_>,
        (ask, now): (Ask, Duration),
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let Asked { head, origin, failure, tells } = asked;
        if self.follows_panic(head, tells, now) {
            return Err(Count::SuppressedSameCause);
        }
        let here = at(head.endpoint, ask.key);
        // In the middle of a storm nobody asks what has caused one more of it.
        let is_storm = self.gate(head.endpoint).is_storming(ask, now);
        let failure = if is_storm { None } else { self.failure(head, ask, failure) };
        if !head.meant
            && failure.is_some_and(|failure| self.causes.follows(failure, head.title, now))
        {
            return Err(Count::SuppressedSameCause);
        }
        let mut ask = ask;
        if let Some(threshold) = head.threshold {
            let reached = self.waiting.occurs(here, threshold, now);
            let reached = reached.ok_or(Count::SuppressedThreshold)?;
            ask.before = Some((reached.earlier, reached.first));
        }
        let (went_to, paged) = self.open(queue, (head, origin), (ask, now), build);
        let Some(opened) = went_to else { return paged };
        match paged {
            _ if head.threshold.is_none() => {}
            Ok(()) => self.waiting.clear(here),
            // Counted, on what it was folded into, or for when there is room.
            Err(_) => self.waiting.counted(here),
        }
        if let (Ok(()) | Err(Count::SuppressedRepeat), Some(failure)) = (paged, failure) {
            let title = at(head.endpoint, opened);
            self.causes.note(Failure { title, ..failure }, now);
        }
        paged
    }

    /// Opens the title, or what its callsite folds it into; returns the key of that, `None` when
    /// the budget did not pay for it.
    fn open(
        &self,
        queue: &Sender,
        (head, origin): (Head<'_>, Option<Origin<'_>>),
        (ask, now): (Ask, Duration),
        build: impl FnOnce() -> Detail,
    ) -> (Option<u64>, Result<(), Count>) {
        let gate = self.gate(head.endpoint);
        let is_paid = |admission: Admission| admission != Admission::Storm;
        let Some(Origin { site, mut folding }) = origin else {
            let admission = gate.admit(ask, now);
            let paged = self.page(queue, head, (ask, now), admission, build);
            return (is_paid(admission).then_some(ask.key), paged);
        };
        let kind = if folding.is_whole() { ask.key } else { self.key(folding.kind) };
        match self.fold.open(site.hash(self.hasher.number()), kind, &mut folding, now) {
            Opens::Own(opening) => {
                let admission = gate.admit(ask, now);
                let paged = self.page(queue, head, (ask, now), admission, build);
                let opened = matches!(admission, Admission::Send(_));
                if !opened || matches!(paged, Err(Count::RefusedFull | Count::RefusedClosed)) {
                    self.fold.take_back(opening);
                }
                (is_paid(admission).then_some(ask.key), paged)
            }
            Opens::Folded { place } => {
                self.counters.add(Count::Folded);
                let title = folding.finish(place);
                self.witness().inspect(|witness| witness.folded(head.title, title));
                let head = Head { title, key: None, ..head };
                let ask = Ask { key: self.key(head.title), ..ask };
                let admission = gate.admit(ask, now);
                let paged = self.page(queue, head, (ask, now), admission, build);
                (is_paid(admission).then_some(ask.key), paged)
            }
        }
    }

    /// Does what the gate has decided about a trigger.
    fn page(
        &self,
        queue: &Sender,
        head: Head<'_>,
        (ask, now): (Ask, Duration),
        admission: Admission,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let sending = match admission {
            Admission::Send(sending) => sending,
            Admission::Repeat => return Err(Count::SuppressedRepeat),
            Admission::Storm => return self.storm(queue, head, (ask, now)),
        };
        let admitted = self.admitted(head.endpoint, ask.key, now, sending);
        let slot = match queue.reserve_trigger(head.endpoint) {
            Ok(slot) => Some(slot),
            Err(NoSlot::Full) if head.panic => None,
            Err(no_slot) => return Err(refused(no_slot)),
        };
        let mut detail = build();
        let notes = match &mut detail {
            Detail::Raw(event) => Some(&mut event.notes),
            Detail::Event(panic) => Some(&mut panic.notes),
            _ => None,
        };
        if let Some(notes) = notes
            && let Some(followers) = self.causes.followers(at(head.endpoint, ask.key))
        {
            notes.push_text("same_cause", |out| {
                out.push_str(&followers);
                false
            });
        }
        let op = self.op(head, admitted, detail);
        // A panic may be the last thing that this process tells: it is written before anybody waits
        // for its delivery.
        if let Some(keep) = self.settings.keep.as_ref().filter(|_| op.panic) {
            // The worker writes it once more, and counts it if that fails, too.
            keep.keep(&op, self.clock.now());
        }
        match slot {
            Some(slot) => slot.send(op),
            // Dropped, it is counted.
            None => drop(queue.control(Control::Panic(op))),
        }
        Ok(())
    }

    /// Folds what the budget does not pay for into the storm incident.
    fn storm(
        &self,
        queue: &Sender,
        head: Head<'_>,
        (ask, now): (Ask, Duration),
    ) -> Result<(), Count> {
        let gate = self.gate(head.endpoint);
        let Admission::Send(sending) = gate.storm(ask.key, head.title, ask.rank, now) else {
            return Err(Count::SuppressedStorm);
        };
        let admitted = self.admitted(head.endpoint, gate.storm_key(), now, sending);
        let slot = queue.reserve_trigger(head.endpoint).map_err(refused)?;
        self.tell_stopped(head.title, Count::SuppressedStorm);
        let head = Head { title: gate.storm_title(), panic: false, ..head };
        slot.send(self.op(head, admitted, Detail::Storm(gate.storm_detail())));
        Ok(())
    }

    /// What has failed: the same for the same error in the same root span.
    fn failure(&self, head: Head<'_>, ask: Ask, failed: Failed<'_>) -> Option<Failure> {
        let endpoint = (head.endpoint as u64).wrapping_mul(asked::ODD);
        let hash = failed(self.hasher.number().wrapping_add(endpoint))?;
        Some(Failure { hash, title: at(head.endpoint, ask.key), rank: ask.rank })
    }

    /// What a title is known by in this pipeline.
    pub(crate) fn key(&self, title: &str) -> u64 {
        self.hasher.hash_one(title)
    }

    fn admitted(&self, endpoint: usize, key: u64, now: Duration, sending: Sending) -> Admitted {
        let gate = Arc::clone(self.gate(endpoint));
        let counters = Arc::clone(&self.counters);
        let ticket = Ticket::reserved(gate, counters, key, &sending);
        Admitted { endpoint, key, now, sending, ticket }
    }

    /// Builds the op; from here on it is pending.
    fn op(&self, head: Head<'_>, admitted: Admitted, detail: Detail) -> Box<Op> {
        let Admitted { endpoint, key, now, sending, mut ticket } = admitted;
        let last = self.clock.date();
        let age = millis(now).saturating_sub(millis(sending.first));
        let occurrences = Occurrences {
            count: sending.count,
            since_last: sending.since_last,
            first: last.checked_sub(Duration::from_millis(age)).unwrap_or(last),
            last,
        };
        ticket.commit();
        Box::new(Op {
            endpoint,
            key,
            seq: sending.seq,
            status: sending.status,
            title: head.title.to_owned(),
            severity: head.severity,
            priority: head.priority,
            detail,
            panic: head.panic,
            occurrences,
            admitted: now,
            aged: Duration::ZERO,
            ticket,
        })
    }

    /// Says once, on stderr, that nothing pages any more.
    fn say_closed(&self) {
        // In a forked child, a thread of the parent's may have been writing.
        if self.said_closed.swap(true, Ordering::Relaxed) || self.is_forked() {
            return;
        }
        let why = if self.is_closed() {
            "guard dropped, nothing pages; bind it: let _spike = …"
        } else {
            "the worker has ended, nothing pages; please report this"
        };
        // Not eprintln!, which panics when stderr is closed.
        writeln!(std::io::stderr(), "tracing-spike: {why}").ok();
    }
}

fn refused(no_slot: NoSlot) -> Count {
    match no_slot {
        NoSlot::Full => Count::RefusedFull,
        NoSlot::Closed => Count::RefusedClosed,
    }
}

/// A title's key for what is shared by all endpoints.
fn at(endpoint: usize, key: u64) -> u64 {
    key.wrapping_add(endpoint as u64)
}

#[cfg(test)]
mod tests;
