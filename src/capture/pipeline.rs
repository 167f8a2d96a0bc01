//! The one entrance for incidents: gate, then a queue slot, then the build, then send. What would
//! open a title asks the fold first whether its callsite may.
//!
//! Invariants: nothing is built before there is room for it; whatever comes in is counted in
//! exactly one place. Writes to stderr once in its life, when paging has ended and something
//! still wants to page.

use std::{
    hash::{BuildHasher, RandomState},
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tracing::callsite::Identifier;

use crate::{
    capture::{
        fold::{Fold, Opens},
        gate::{self, Admission, Ask, Gate, rank},
        redact::Scrubber,
        title::{self, Folding},
    },
    clock::{Clock, millis},
    error::{Error, Kind},
    incident::{Detail, Incident, Occurrences, Op, Priority, Sending, Severity, Ticket},
    queue::{NoSlot, RESOLVE_SLOTS, Sender},
    stats::{Count, Counters},
    sync::AtomicU64,
};

/// What the builder decided for the caller's side.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) repeat_every: Duration,
    pub(crate) resolve_after: Option<Duration>,
    /// New titles that go out at once, and then in a minute.
    pub(crate) burst: u32,
    pub(crate) per_minute: u32,
    /// The title of the storm incident.
    pub(crate) storm: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) scrubber: Scrubber,
}

#[derive(Debug)]
pub(crate) struct Pipeline {
    clock: Clock,
    gate: Arc<Gate>,
    fold: Fold,
    /// Seeded per process: messages carry strangers' text.
    hasher: RandomState,
    /// `None`: paging is off.
    queue: Option<Sender>,
    counters: Arc<Counters>,
    settings: Settings,
    /// Set by the guard when it is dropped.
    closed: AtomicBool,
    said_closed: AtomicBool,
}

/// What an incident is called and how grave it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'a> {
    pub(crate) title: &'a str,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    /// It is meant to page, by `spike = true` or by `Handle::trigger`: a budget of its own pays.
    pub(crate) meant: bool,
}

/// Where the events of a title come from, for the fold.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) site: Site<'a>,
    pub(crate) folding: Folding<'a>,
}

/// One place in the source that makes events.
#[derive(Debug, Hash)]
pub(crate) enum Site<'a> {
    Callsite(Identifier),
    /// All `log` records of a level share a callsite, so theirs is where they say they are from;
    /// not their target, which a program may make up for each.
    Record {
        file: &'a str,
        line: u32,
    },
}

/// An op that the gate has let through and that is not built yet.
struct Admitted {
    key: u64,
    now: Duration,
    sending: Sending,
    /// Dropped unbuilt, it gives the title back.
    ticket: Ticket,
}

impl Pipeline {
    pub(crate) fn new(
        clock: Clock,
        queue: Option<Sender>,
        counters: Arc<Counters>,
        settings: Settings,
    ) -> Self {
        let hasher = RandomState::new();
        Self {
            clock,
            gate: Arc::new(Gate::new(gate::Settings {
                repeat_every: settings.repeat_every,
                resolve_after: settings.resolve_after,
                burst: settings.burst,
                per_minute: settings.per_minute,
                storm: (settings.storm.clone(), hasher.hash_one(&settings.storm)),
                seq: Arc::new(AtomicU64::new(1)),
            })),
            fold: Fold::new(),
            hasher,
            queue,
            counters,
            settings,
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

    /// The number of the newest op that was admitted.
    pub(crate) fn newest(&self) -> u64 {
        self.gate.newest()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// From now on everything is refused. Tells whether this call was the one that closed it.
    pub(crate) fn close(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// The queue to page through, or why there is none.
    pub(crate) fn admitting(&self) -> Result<&Sender, Count> {
        let Some(queue) = &self.queue else { return Err(Count::IgnoredOff) };
        if self.closed.load(Ordering::Acquire) || queue.is_closed() {
            self.say_closed();
            return Err(Count::RefusedClosed);
        }
        Ok(queue)
    }

    /// Opens or repeats an incident. `Err` says where it ended instead of on its way; the caller
    /// counts that. `build` runs only when there is a slot for what it builds. Without an origin,
    /// the title is never folded.
    pub(crate) fn trigger(
        &self,
        head: Head<'_>,
        origin: Option<Origin<'_>>,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let queue = self.admitting()?;
        let severity = head.severity.or(self.settings.severity);
        let priority = head.priority.or(self.settings.priority);
        let head = Head { severity, priority, ..head };
        let (now, key) = (self.clock.now(), self.key(head.title));
        let ask = Ask { key, rank: rank(severity), meant: head.meant, before: None };
        let Some(Origin { site, mut folding }) = origin else {
            return self.page(queue, head, (ask, now), self.gate.admit(ask, now), build);
        };
        if let Some(admission) = self.gate.admit_open(ask, now) {
            return self.page(queue, head, (ask, now), admission, build);
        }
        let kind = if folding.is_whole() { key } else { self.key(folding.kind) };
        match self.fold.open(self.hasher.hash_one(site), kind, &mut folding, now) {
            Opens::Own(opening) => {
                let admission = self.gate.admit(ask, now);
                let paged = self.page(queue, head, (ask, now), admission, build);
                let opened = matches!(admission, Admission::Send(_));
                if !opened || matches!(paged, Err(Count::RefusedFull | Count::RefusedClosed)) {
                    self.fold.take_back(opening);
                }
                paged
            }
            Opens::Folded { place } => {
                self.counters.add(Count::Folded);
                let head = Head { title: folding.finish(place), ..head };
                let ask = Ask { key: self.key(head.title), ..ask };
                self.page(queue, head, (ask, now), self.gate.admit(ask, now), build)
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
        let admitted = self.admitted(ask.key, now, sending);
        let slot = queue.reserve_trigger().map_err(refused)?;
        slot.send(self.op(head, admitted, build()));
        Ok(())
    }

    /// Folds what the budget does not pay for into the storm incident.
    fn storm(
        &self,
        queue: &Sender,
        head: Head<'_>,
        (ask, now): (Ask, Duration),
    ) -> Result<(), Count> {
        let Admission::Send(sending) = self.gate.storm(ask.key, head.title, ask.rank, now) else {
            return Err(Count::SuppressedStorm);
        };
        let admitted = self.admitted(self.gate.storm_key(), now, sending);
        let slot = queue.reserve_trigger().map_err(refused)?;
        let head = Head { title: self.gate.storm_title(), ..head };
        slot.send(self.op(head, admitted, Detail::Storm(self.gate.storm_detail())));
        Ok(())
    }

    /// Resolves the incident with this title.
    pub(crate) fn resolve(&self, title: &str, build: impl FnOnce() -> Detail) -> Result<(), Count> {
        let queue = self.admitting()?;
        let (now, key) = (self.clock.now(), self.key(title));
        let Admission::Send(sending) = self.gate.resolve(key, now) else {
            return Err(Count::SuppressedRepeat);
        };
        let admitted = self.admitted(key, now, sending);
        let slot = queue.reserve_resolve().map_err(refused)?;
        let head = Head { title, severity: None, priority: None, meant: false };
        slot.send(self.op(head, admitted, build()));
        Ok(())
    }

    /// `Handle::trigger`.
    pub(crate) fn trigger_manual(&self, incident: Incident) -> Result<(), Error> {
        let name = self.clean_title(&incident.title)?;
        let Incident { severity, priority, fields, .. } = incident;
        let head = Head { title: &name, severity, priority, meant: true };
        let capacity = self.queue.as_ref().map_or(0, Sender::capacity);
        self.manual(self.trigger(head, None, || Detail::Manual(fields)), "incident", capacity)
    }

    /// `Handle::resolve`.
    pub(crate) fn resolve_manual(&self, title: &str) -> Result<(), Error> {
        let name = self.clean_title(title)?;
        let sent = self.resolve(&name, || Detail::Manual(serde_json::Map::new()));
        self.manual(sent, "resolve", RESOLVE_SLOTS)
    }

    /// A title that a person wrote: scrubbed and cleaned, nothing appended.
    fn clean_title(&self, title: &str) -> Result<String, Error> {
        let mut scrubbed = title.to_owned();
        self.settings.scrubber.scrub(&mut scrubbed, 0);
        let mut clean = String::new();
        title::verbatim(&scrubbed, &mut clean);
        if clean.is_empty() {
            return Err(Error::new(Kind::Setting {
                name: "title",
                expected: "text that can be read",
                found: "nothing".to_owned(),
            }));
        }
        Ok(clean)
    }

    fn manual(
        &self,
        sent: Result<(), Count>,
        queue: &'static str,
        capacity: usize,
    ) -> Result<(), Error> {
        self.counters.add(Count::Seen);
        let Err(count) = sent else { return Ok(()) };
        self.counters.add(count);
        match count {
            Count::RefusedFull => Err(Error::new(Kind::Full { queue, capacity })),
            Count::RefusedClosed => Err(Error::new(Kind::Closed)),
            _ => Ok(()),
        }
    }

    fn key(&self, title: &str) -> u64 {
        self.hasher.hash_one(title)
    }

    fn admitted(&self, key: u64, now: Duration, sending: Sending) -> Admitted {
        let (gate, counters) = (Arc::clone(&self.gate), Arc::clone(&self.counters));
        let ticket = Ticket::reserved(gate, counters, key, &sending);
        Admitted { key, now, sending, ticket }
    }

    /// Builds the op; from here on it is pending.
    fn op(&self, head: Head<'_>, admitted: Admitted, detail: Detail) -> Box<Op> {
        let Admitted { key, now, sending, mut ticket } = admitted;
        let last = Clock::wall();
        let age = millis(now).saturating_sub(millis(sending.first));
        let occurrences = Occurrences {
            count: sending.count,
            since_last: sending.since_last,
            first: last.checked_sub(Duration::from_millis(age)).unwrap_or(last),
            last,
        };
        ticket.commit();
        Box::new(Op {
            endpoint: 0,
            key,
            seq: sending.seq,
            status: sending.status,
            title: head.title.to_owned(),
            severity: head.severity,
            priority: head.priority,
            detail,
            panic: false,
            occurrences,
            admitted: now,
            ticket,
        })
    }

    /// Says once, on stderr, that nothing pages any more.
    fn say_closed(&self) {
        if self.said_closed.swap(true, Ordering::Relaxed) {
            return;
        }
        let why = if self.closed.load(Ordering::Acquire) {
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

#[cfg(test)]
mod tests;
