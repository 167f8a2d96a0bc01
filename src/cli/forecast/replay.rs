//! The layer without its layer: what `SpikeLayer` does with an event, done with one of a log.
//!
//! The filter, the titles, the fold, the gate and the outbox are the layer's own, under the clock
//! of the log; each attempt is accepted at once. Invariants: nothing is sent; time never runs
//! backwards; what is held is bounded as it is in the layer.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash},
    sync::Arc,
    time::Duration,
};

use super::{
    line::{Event, Value},
    names::{self, Names},
};
use crate::{
    builder::Decided,
    capture::{
        event::{Deciding, Hashing, is_content},
        filter::{Concern, Rules},
        layer::{
            Wish,
            titling::{TITLE_TARGET_CAP, tail},
            wish,
        },
        pipeline::{Asked, Goes, Head, Origin, Pipeline, Site},
        routes::Routes,
        scratch::{Scratch, Taker},
        seed::Seed,
        title::{self, Titles},
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
    rules: Rules,
    routes: Routes,
    titles: Titles,
    group_by: Vec<String>,
    names: Names,
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
    pub(super) fn new(decided: Decided, threshold: Option<Threshold>) -> Self {
        let Decided { rules, routes, settings, titles, group_by, queue_capacity } = decided;
        let (sender, receiver) = queue::bounded(queue_capacity, 1);
        let (clock, counters) = (Clock::standing(), Arc::new(Counters::new()));
        let pipeline = Pipeline::seeded(
            Seed::Fixed,
            Clock::clone(&clock),
            Some(sender),
            Arc::clone(&counters),
            settings,
        );
        Self {
            clock,
            now: Duration::ZERO,
            rules,
            routes,
            titles,
            names: Names::with(&group_by),
            group_by,
            threshold,
            pipeline,
            counters,
            receiver,
            arrived: VecDeque::new(),
            outbox: Outbox::new(Limits::default()),
            wake: None,
        }
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.snapshot(self.rules.unmatched())
    }

    /// What a title is known by.
    pub(super) fn key(&self, title: &str) -> u64 {
        self.pipeline.key(title)
    }

    /// Whether an event like this concerns the layer at all.
    pub(super) fn concern(&self, event: &Event<'_>) -> Concern {
        let Some(level) = event.level else { return Concern::No };
        let has = |wanted: fn(&str) -> bool| event.fields.iter().any(|(name, _)| wanted(name));
        let fields = if has(|name| name == "spike.status") {
            names::WITH_STATUS
        } else if has(|name| name == "spike" || name.starts_with("spike.")) {
            names::WITH_SPIKE
        } else {
            names::WITHOUT
        };
        let target = event.target.as_ref();
        self.rules.is_off(target);
        self.rules.concern(&names::metadata(target, level, fields))
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

    /// Takes an event that concerns the layer, at the time that the log's clock shows.
    pub(super) fn take(
        &mut self,
        event: &Event<'_>,
        concern: Concern,
        onlooker: &mut dyn Onlooker,
    ) {
        self.counters.add(Count::Seen);
        let fate = Scratch::lend(|scratch| self.page(event, concern, scratch, onlooker));
        match fate {
            Ok(()) => self.deliver(onlooker),
            Err(count) => self.counters.add(count),
        }
    }

    fn page(
        &self,
        event: &Event<'_>,
        concern: Concern,
        scratch: &mut Scratch,
        onlooker: &mut dyn Onlooker,
    ) -> Result<(), Count> {
        let Some(level) = event.level else { return Err(Count::IgnoredUnwanted) };
        let is_silent = self.decide(event, scratch);
        let wish = wish(concern, level, &scratch.controls)?;
        let is_derived = !scratch.draft.give(&scratch.controls.title);
        if is_derived {
            self.derive(event, is_silent, scratch);
        }
        let route = self.routes.find(&event.target);
        let Scratch { controls, draft, .. } = scratch;
        let key = draft.key().unwrap_or_else(|| self.pipeline.key(draft.title()));
        let build = || Detail::Manual(Manual::default());
        let fate = match wish {
            Wish::Resolve => {
                let goes = if is_derived { Goes::To(0) } else { Goes::WhereOpen { or: 0 } };
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
                let site = if is_derived { site(event) } else { None };
                let origin = site.map(|site| Origin { site, folding });
                let failure = |state: &mut DefaultHasher| self.failure(event, state);
                let asked = Asked { head, origin, failure: &failure, tells: &|_| false };
                Fate::Trigger(self.pipeline.trigger(asked, build))
            }
        };
        onlooker.taken(Taken { title: draft.title(), key, fate });
        let (Fate::Trigger(end) | Fate::Resolve(end)) = fate;
        end
    }

    /// Reads what decides; tells whether the message says nothing.
    fn decide(&self, event: &Event<'_>, scratch: &mut Scratch) -> bool {
        let has_message = event.fields.iter().any(|(name, _)| name == "message");
        let read = |scratch: &mut Scratch, wants_error| {
            let (taker, group_by) = (self.taker(), self.group_by.as_slice());
            let mut deciding = Deciding { scratch, taker, wants_error, group_by };
            self.names.record(&event.fields, &mut deciding);
        };
        scratch.recall.begin(None);
        read(scratch, !has_message);
        let Scratch { message, filled, spare, .. } = &mut *scratch;
        let is_silent = title::says_nothing(message, filled, spare);
        if has_message && is_silent {
            read(scratch, true);
        }
        is_silent
    }

    fn derive(&self, event: &Event<'_>, is_silent: bool, scratch: &mut Scratch) {
        let Scratch { message, error, draft, spare, .. } = &mut *scratch;
        let target = tail(&event.target, TITLE_TARGET_CAP);
        let scrubber = self.pipeline.scrubber();
        let redacted = (!scrubber.is_clean(target)).then(|| {
            let mut text = target.to_owned();
            scrubber.scrub_all(&mut text);
            text
        });
        let fields = |visit: &mut dyn FnMut(&str)| {
            let names = event.fields.iter().map(|(name, _)| name.as_ref());
            names.filter(|name| is_content(name)).for_each(visit);
        };
        let parts = title::Parts {
            message: if is_silent { "" } else { message },
            error: if is_silent { error } else { "" },
            target: redacted.as_deref().unwrap_or(target),
            span: event.spans.last().map(|span| span.name.as_ref()).filter(|_| is_silent),
            fields: &fields,
        };
        draft.derive(&self.titles, &parts, spare);
        if !self.group_by.is_empty() {
            for span in event.spans.iter().rev() {
                self.find_groups(&span.fields, scratch);
            }
            let Scratch { groups, draft, .. } = scratch;
            draft.append_groups(&self.group_by, groups);
        }
    }

    /// Takes from a span what joins the key and was not found further in.
    fn find_groups(
        &self,
        fields: &[(std::borrow::Cow<'_, str>, Value<'_>)],
        scratch: &mut Scratch,
    ) {
        let missing = |name: &str, scratch: &Scratch| {
            let mut groups = self.group_by.iter().zip(&scratch.groups);
            groups.any(|(group, found)| group == name && !found.found)
        };
        for field in fields.iter().filter(|(name, _)| *name != "message") {
            if missing(&field.0, scratch) {
                let (taker, group_by) = (self.taker(), self.group_by.as_slice());
                let mut deciding = Deciding { scratch, taker, wants_error: false, group_by };
                self.names.record(std::slice::from_ref(field), &mut deciding);
            }
        }
    }

    /// Hashes the error and the root span, which a log tells apart by its name and fields only.
    fn failure(&self, event: &Event<'_>, state: &mut DefaultHasher) -> bool {
        let Some(root) = event.spans.first() else { return false };
        root.name.hash(state);
        for (name, value) in &root.fields {
            (name, format!("{value:?}")).hash(state);
        }
        let mut hashing = Hashing { state, found: false };
        self.names.record(&event.fields, &mut hashing);
        hashing.found
    }

    fn taker(&self) -> Taker<'_> {
        Taker { scrubber: self.pipeline.scrubber(), counters: &self.counters, literals: None }
    }
}

/// Where the event comes from, if its line tells.
fn site<'a>(event: &'a Event<'_>) -> Option<Site<'a>> {
    Some(Site::Record { file: event.file.as_deref()?, line: event.line? })
}
