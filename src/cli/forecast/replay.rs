//! What becomes of what events ask for, under the clock of a log.
//!
//! The fold, the gate and the outbox are the layer's own; each attempt is accepted at once.
//! Invariants: nothing is sent; time never runs backwards; what is held is bounded as it is in a
//! program; the same log gets the same answer.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{
    line::Event,
    program::{Made, Program, site},
};
use crate::{
    capture::{
        layer::Wish,
        pipeline::{Asked, Goes, Head, Origin, Pipeline, Seed, Settings},
        scratch::{Scratch, Taker},
    },
    clock::Clock,
    delivery::{
        outbox::{Limits, Next, Outbox},
        outcome::Outcome,
    },
    incident::{Detail, Manual, Op},
    queue::{self, Receiver},
    rule::Threshold,
    stats::{Count, Counters, Stats},
};

/// At the end, what waits is waited for this long.
const END: Duration = Duration::from_secs(3_600);

/// A pipeline whose time is that of a log.
pub(super) struct Replay {
    clock: Clock,
    now: Duration,
    /// What it takes to page, whatever the rules say.
    threshold: Option<Threshold>,
    pipeline: Pipeline,
    counters: Arc<Counters>,
    receiver: Receiver,
    arrived: VecDeque<Box<Op>>,
    outbox: Outbox,
    /// When the outbox has something to do.
    wake: Option<Duration>,
}

/// What became of an event at once.
pub(super) struct Taken<'a> {
    /// What it would be called.
    pub(super) title: &'a str,
    pub(super) key: u64,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It asked to page, and this became of it: on its way, or counted.
    Trigger(Result<(), Count>),
    Resolve(Result<(), Count>),
}

/// Who is told what happens.
pub(super) trait Onlooker {
    /// An event was taken.
    fn taken(&mut self, taken: Taken<'_>);
    /// An op was sent at this time of the log's clock, and accepted.
    fn sent(&mut self, op: &Op, now: Duration);
}

impl Replay {
    pub(super) fn new(settings: Settings, threshold: Option<Threshold>) -> Self {
        // No op stays in it.
        let (sender, receiver) = queue::bounded(1, 1);
        let (clock, counters) = (Clock::standing(), Arc::new(Counters::new()));
        let pipeline = Pipeline::seeded(
            Seed::fixed(),
            (clock.clone(), Some(sender), Arc::clone(&counters)),
            settings,
        );
        Self {
            clock,
            now: Duration::ZERO,
            threshold,
            pipeline,
            counters,
            receiver,
            arrived: VecDeque::new(),
            outbox: Outbox::new(Limits::default()),
            wake: None,
        }
    }

    pub(super) fn stats(&self, unmatched: Vec<String>) -> Stats {
        self.counters.snapshot(unmatched)
    }

    /// The log's clock has come to `now`: what waited is sent.
    pub(super) fn advance(&mut self, now: Duration, onlooker: &mut dyn Onlooker) {
        while let Some(wake) = self.wake.filter(|wake| *wake <= now) {
            self.set(wake.max(self.now));
            self.deliver(onlooker);
        }
        self.set(now.max(self.now));
    }

    /// The log has ended, and so has the program, which delivers what it holds.
    pub(super) fn end(&mut self, onlooker: &mut dyn Onlooker) {
        let last = self.now.saturating_add(END);
        self.outbox.hurry(u64::MAX);
        self.deliver(onlooker);
        while let Some(wake) = self.wake.filter(|wake| *wake <= last && self.outbox.pending() > 0) {
            self.set(wake.max(self.now));
            self.deliver(onlooker);
        }
    }

    fn set(&mut self, now: Duration) {
        self.clock.advance(now.saturating_sub(self.now));
        self.now = now;
    }

    /// What the worker does, at an endpoint that accepts everything at once.
    fn deliver(&mut self, onlooker: &mut dyn Onlooker) {
        for lane in &mut self.receiver.lanes {
            lane.drain(usize::MAX, usize::MAX, &mut self.arrived);
        }
        for op in self.arrived.drain(..) {
            self.outbox.push(op, self.now);
        }
        loop {
            match self.outbox.next(self.now) {
                Next::Attempt { op, .. } => onlooker.sent(op, self.now),
                // What is over already would be asked about for ever.
                Next::Wait(until) => {
                    let next = self.now.saturating_add(Duration::from_millis(1));
                    return self.wake = Some(until.max(next));
                }
                Next::Idle => return self.wake = None,
            }
            self.outbox.finish(Outcome::Accepted { verified: true }, self.now, 0);
        }
    }

    /// Takes an event that was made something of, at the time that the log's clock shows.
    pub(super) fn take(
        &mut self,
        (program, event): (&Program, &Event<'_>),
        made: &Made,
        scratch: &mut Scratch,
        onlooker: &mut dyn Onlooker,
    ) {
        self.counters.add(Count::Seen);
        let Made { wish, route, is_derived } = made;
        let Scratch { controls, draft, .. } = scratch;
        let key = self.pipeline.key(draft.title());
        let build = || Detail::Manual(Manual::default());
        let fate = match wish {
            Wish::Resolve => {
                let goes = if *is_derived { Goes::To(0) } else { Goes::WhereOpen { or: 0 } };
                Fate::Resolve(self.pipeline.resolve(draft.title(), goes, build))
            }
            Wish::Trigger => {
                let (title, folding) = draft.split();
                let head = Head {
                    title,
                    key: Some(key),
                    severity: controls.severity.or(route.severity),
                    priority: controls.priority.or(route.priority),
                    endpoint: 0,
                    threshold: self.threshold.or(route.threshold),
                    meant: controls.page == Some(true),
                    panic: false,
                };
                let site = if *is_derived { site(event) } else { None };
                let origin = site.map(|site| Origin { site, folding });
                let failure = |seed| program.failure(event, self.taker(), seed);
                let asked = Asked { head, origin, failure: &failure, tells: &|_| false };
                Fate::Trigger(self.pipeline.trigger(asked, build))
            }
        };
        onlooker.taken(Taken { title: draft.title(), key, fate });
        let (Fate::Trigger(end) | Fate::Resolve(end)) = fate;
        match end {
            Ok(()) => self.deliver(onlooker),
            Err(count) => self.counters.add(count),
        }
    }

    /// An event that ends before it asks for anything.
    pub(super) fn ignore(&self, why: Count) {
        self.counters.add(Count::Seen);
        self.counters.add(why);
    }

    pub(super) fn taker(&self) -> Taker<'_> {
        Taker { scrubber: self.pipeline.scrubber(), counters: &self.counters, literals: None }
    }
}
