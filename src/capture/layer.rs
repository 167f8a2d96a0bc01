//! The layer: the callbacks of `tracing`, and what each does first.
//!
//! Invariants: `SpikeLayer` implements neither `register_callsite` nor `enabled` nor
//! `max_level_hint` (a plain layer that does silences the other layers); every callback enters
//! through `reentry` and is contained, so nothing of ours reaches the program.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_log::NormalizeEvent;
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use reading::Reading;

#[cfg(feature = "opentelemetry")]
use crate::capture::trace::Traces;
use crate::{
    capture::{
        content::Content,
        event::{Controls, Deciding, Wanted},
        filter::Concern,
        in_force::InForce,
        literals::Literals,
        pipeline::{Asked, Goes, Head, Origin, Pipeline, Site},
        redact::Clean,
        routes::Routes,
        scratch::{Scratch, Taker},
        span as span_fields,
        title::{self, Titles},
        trail::Trails,
    },
    contain::contained,
    fields::{Fields, Taken},
    incident::{Detail, Place, Raw, Trace},
    problem::{Problem, ProblemKind},
    queue::{Control, Sender},
    reentry,
    stats::Count,
};

mod reading;
pub(crate) mod titling;

/// What `Builder::build` returns inside its filter.
#[derive(Debug)]
pub(crate) struct SpikeLayer {
    rules: Arc<InForce>,
    routes: Arc<Routes>,
    pipeline: Arc<Pipeline>,
    titles: Titles,
    /// `None`: titles are made by the rules of text alone.
    literals: Option<Literals>,
    /// The fields that join the key.
    group_by: Vec<String>,
    /// What is recorded before something pages. `None`: nothing is.
    trails: Option<Trails>,
    #[cfg(feature = "opentelemetry")]
    traces: Traces,
    /// Targets without a secret.
    clean: Clean,
    /// A bit for each callsite, by hash, whose bad status was said.
    said: AtomicU64,
    /// No other layer of the process has it.
    number: u64,
    /// What a message becomes, its shape tells: no closure writes titles, and no number is one of
    /// our own tokens.
    recalls: bool,
}

impl SpikeLayer {
    pub(crate) fn new(
        rules: Arc<InForce>,
        routes: Arc<Routes>,
        pipeline: Arc<Pipeline>,
        titles: Titles,
        literals: Option<Literals>,
        group_by: Vec<String>,
    ) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let (clean, said) = (Clean::default(), AtomicU64::new(0));
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let recalls = !titles.is_custom() && !pipeline.scrubber().has_number();
        Self {
            rules,
            routes,
            pipeline,
            titles,
            literals,
            group_by,
            trails: None,
            #[cfg(feature = "opentelemetry")]
            traces: Traces::default(),
            clean,
            said,
            number,
            recalls,
        }
    }

    /// The same, that records what happens before something pages.
    pub(crate) fn recording(self, trails: Option<Trails>) -> Self {
        Self { trails, ..self }
    }

    /// Takes the secrets out of a text, as of one that is sent.
    #[cfg(feature = "testing")]
    pub(crate) fn scrub(&self, text: &mut String) {
        self.pipeline.scrubber().scrub_all(text);
    }

    fn taker(&self) -> Taker<'_> {
        Taker {
            scrubber: self.pipeline.scrubber(),
            counters: self.pipeline.counters(),
            literals: self.literals.as_ref(),
        }
    }

    /// One event, from its metadata to the queue. `Err` says where it ended instead.
    fn take<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>) -> Result<(), Count>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        // A second look, since a per-layer filter is bypassed when an argument of the event logs
        // (tracing#2448). A `log` record has its real target only here.
        let known = self.rules.known(event.metadata());
        let normalized = if known.is_none() { event.normalized_metadata() } else { None };
        let meta = normalized.as_ref().unwrap_or_else(|| event.metadata());
        let concern = known.unwrap_or_else(|| self.rules.concern(meta));
        if matches!(concern, Concern::No | Concern::Recorded) {
            return Err(Count::IgnoredUnwanted);
        }
        let queue = self.pipeline.admitting()?;
        let taken = Scratch::lend(|scratch| self.page(event, (meta, concern), ctx, queue, scratch));
        if concern != Concern::ResolveOnly {
            self.record(event, ctx);
        }
        taken
    }

    /// Whether an event can do no more than be recorded.
    fn is_recorded(&self, event: &Event<'_>) -> bool {
        let concern = self.rules.known(event.metadata()).unwrap_or_else(|| {
            let normalized = event.normalized_metadata();
            self.rules.concern(normalized.as_ref().unwrap_or_else(|| event.metadata()))
        });
        concern == Concern::Recorded
    }

    /// Records an event, for what pages after it.
    fn record<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if let Some(trails) = &self.trails {
            trails.note(event, ctx, self.taker(), self.pipeline.clock().now());
        }
    }

    fn page<S>(
        &self,
        event: &Event<'_>,
        (meta, concern): (&Metadata<'_>, Concern),
        ctx: &Context<'_, S>,
        queue: &Sender,
        scratch: &mut Scratch,
    ) -> Result<(), Count>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let (taker, group_by) = (self.taker(), self.group_by.as_slice());
        let has_message = meta.fields().field("message").is_some();
        let wants_error = !has_message || self.titles.is_custom();
        // The callsite of a `log` record has no target of its own.
        let recalls = self.recalls && is_own(event, meta);
        let source = recalls.then(|| (self.number, event.metadata()));
        scratch.recall.begin(source);
        event.record(&mut Deciding { scratch, taker, wants_error, group_by });
        let Scratch { message, filled, spare, recall, .. } = scratch;
        let is_silent = !recall.is_known() && title::says_nothing(message, filled, spare);
        if !wants_error && is_silent {
            event.record(&mut Deciding { scratch, taker, wants_error: true, group_by });
        }
        let wish = wish(concern, *meta.level(), &scratch.controls)?;
        if matches!(wish, Wish::Trigger) && self.counts_repeat(meta, scratch) {
            return Err(Count::SuppressedRepeat);
        }
        let is_derived = self.write_title(event, meta, ctx, is_silent, scratch);
        let sent = self.send(event, (meta, wish, is_derived), ctx, queue, scratch);
        // The first of its kind may be the last.
        if sent.is_err() {
            scratch.remember();
        }
        sent
    }

    /// The trace that an event is a part of.
    #[cfg(feature = "opentelemetry")]
    fn trace<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>) -> Option<Box<Trace>>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.traces.of(event, ctx).map(Box::new)
    }

    #[cfg(not(feature = "opentelemetry"))]
    fn trace<S>(&self, _: &Event<'_>, _: &Context<'_, S>) -> Option<Box<Trace>> {
        None
    }

    /// Sends what has its title, if the pipeline lets it through.
    fn send<S>(
        &self,
        event: &Event<'_>,
        (meta, wish, is_derived): (&Metadata<'_>, Wish, bool),
        ctx: &Context<'_, S>,
        queue: &Sender,
        scratch: &mut Scratch,
    ) -> Result<(), Count>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Scratch { message, taken, controls, draft, error, content, .. } = scratch;
        let message = (message.as_str(), *taken);
        let notes = &controls.notes;
        let route = self.routes.find(meta.target());
        let endpoint = route.endpoint.unwrap_or(0);
        let reading = Reading::new(event, ctx, self.taker(), (content, error));
        let is_trigger = matches!(wish, Wish::Trigger);
        let build = || {
            let mut spare = Content::default();
            let content = reading.take().unwrap_or(&mut spare);
            let trails = self.trails.as_ref().filter(|_| is_trigger);
            let trail =
                trails.and_then(|all| all.of(content.root.as_ref()?, self.pipeline.clock().now()));
            let mut raw = self.capture(event, meta, message, content, notes);
            (raw.trail, raw.trace, raw.runbook) = (trail, self.trace(event, ctx), route.runbook);
            Detail::Raw(raw)
        };
        match wish {
            Wish::Trigger => {
                let key = draft.key();
                let (title, folding) = draft.split();
                let head = Head {
                    title,
                    key,
                    severity: controls.severity.or(route.severity),
                    priority: controls.priority.or(route.priority),
                    endpoint,
                    threshold: route.threshold,
                    meant: controls.page == Some(true),
                    panic: false,
                };
                // A title that the event has given itself is meant.
                let site = if is_derived { site(event, meta) } else { None };
                let origin = site.map(|site| Origin { site, folding });
                let failure = |seed| reading.hash(seed);
                let tells =
                    |is_told: &dyn Fn(&str) -> bool| is_told(message.0) || reading.tells(is_told);
                let asked = Asked { head, origin, failure: &failure, tells: &tells };
                self.pipeline.trigger_through(queue, asked, build)
            }
            Wish::Resolve => {
                // A title that the event has given itself may be that of any incident.
                let goes =
                    if is_derived { Goes::To(endpoint) } else { Goes::WhereOpen { or: endpoint } };
                self.pipeline.resolve(draft.title(), goes, build)
            }
        }
    }

    /// Everything that goes into the body.
    fn capture(
        &self,
        event: &Event<'_>,
        meta: &Metadata<'_>,
        (message, taken): (&str, Option<Taken>),
        content: &mut Content,
        notes: &Fields,
    ) -> Raw {
        let Content { fields, error, spans_cut, .. } = content;
        let place = place(event, meta, fields);
        let mut keep = |text: &str, taken: Taken| {
            fields.text_value(|out| {
                out.push_str(text);
                taken
            })
        };
        let message = keep(message, taken.unwrap_or_default());
        let thread = thread::current();
        let thread = keep(Taker::head_of(thread.name().unwrap_or("unnamed")), Taken::default());
        Raw {
            level: *event.metadata().level(),
            place,
            message,
            thread,
            error: *error,
            fields: self.pipeline.scrubber().pool().copy(fields),
            spans_cut: *spans_cut,
            notes: notes.clone(),
            trail: None,
            trace: None,
            runbook: None,
        }
    }

    /// Counts an event as a repeat, if its message has told its title, and that it is one.
    #[inline]
    fn counts_repeat(&self, meta: &Metadata<'_>, scratch: &Scratch) -> bool {
        let Scratch { recall, controls, .. } = scratch;
        let Some(key) = recall.key() else { return false };
        if !controls.title.is_empty() || !self.group_by.is_empty() {
            return false;
        }
        let route = self.routes.find(meta.target());
        let at = (route.endpoint.unwrap_or(0), key);
        let severity = controls.severity.or(route.severity);
        self.pipeline.counts_repeat(at, severity, controls.page == Some(true))
    }

    /// A word to the person who wrote the call, through the worker, once for each call. (Two
    /// calls that share a bit share the word.)
    fn say_bad_status(&self, meta: &Metadata<'_>) {
        let mut hasher = DefaultHasher::new();
        meta.callsite().hash(&mut hasher);
        let bit = 1_u64.rotate_left((hasher.finish() & 63) as u32);
        if self.said.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return;
        }
        if let Some(worker) = self.pipeline.queue() {
            let (file, line) = (meta.file().unwrap_or("?"), meta.line().unwrap_or(0));
            let sentence = format!(
                "spike.status at {file}:{line} is neither \"resolve\" nor \"trigger\"; below \
                 ERROR nothing is sent for it"
            );
            worker.control(Control::Say(Problem::new(ProblemKind::Field, sentence)));
        }
    }
}

impl<S> Layer<S> for SpikeLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    #[cfg(feature = "opentelemetry")]
    fn on_register_dispatch(&self, subscriber: &tracing::Dispatch) {
        self.traces.are_in(subscriber);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if self.trails.is_some() && self.is_recorded(event) {
            if !self.pipeline.is_closed()
                && let Some(_inside) = reentry::enter()
            {
                contained(|| self.record(event, &ctx));
            }
            return;
        }
        let counters = self.pipeline.counters();
        counters.add(Count::Seen);
        let Some(_inside) = reentry::enter() else {
            return counters.add(if reentry::is_own_thread() {
                Count::IgnoredOwnThread
            } else {
                Count::IgnoredReentrant
            });
        };
        let taken = contained(|| {
            let taken = self.take(event, &ctx);
            if taken == Err(Count::IgnoredBadStatus) {
                self.say_bad_status(event.metadata());
            }
            taken
        });
        if let Err(count) = taken.unwrap_or(Err(Count::IgnoredFailed)) {
            counters.add(count);
        }
    }

    fn on_new_span(&self, attrs: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        if attrs.fields().is_empty() {
            return;
        }
        let Some(_inside) = reentry::enter() else { return };
        contained(|| span_fields::keep(id, &ctx, self.taker(), |visitor| attrs.record(visitor)));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        let Some(_inside) = reentry::enter() else { return };
        contained(|| span_fields::keep(id, &ctx, self.taker(), |visitor| values.record(visitor)));
    }

    fn on_close(&self, id: span::Id, _: Context<'_, S>) {
        if let Some(trails) = &self.trails {
            trails.forget(&id);
        }
    }
}

/// Whether an event's metadata is that of its callsite, and not made for a `log` record.
fn is_own(event: &Event<'_>, meta: &Metadata<'_>) -> bool {
    std::ptr::eq(meta, event.metadata())
}

/// Where the event comes from. `None` for a `log` record that does not say: those are no one's.
fn site<'a>(event: &Event<'_>, meta: &'a Metadata<'_>) -> Option<Site<'a>> {
    if is_own(event, meta) {
        return Some(Site::Callsite(event.metadata()));
    }
    let line = meta.line()?;
    Some(Site::Record { file: meta.file()?, line })
}

/// What an event asks for.
pub(crate) enum Wish {
    Trigger,
    Resolve,
}

/// What an event asks for, from its rule, its level and its `spike` fields.
pub(crate) fn wish(concern: Concern, level: Level, controls: &Controls) -> Result<Wish, Count> {
    if controls.page == Some(false) {
        return Err(Count::IgnoredField);
    }
    match controls.status {
        Some(Wanted::Resolve) => return Ok(Wish::Resolve),
        // A recovery that is mistyped must not page.
        Some(Wanted::Unknown) if level != Level::ERROR => return Err(Count::IgnoredBadStatus),
        _ => {}
    }
    match concern {
        Concern::Level => Ok(Wish::Trigger),
        Concern::Field if controls.any => Ok(Wish::Trigger),
        // Every `spike` field was empty, or the operator has switched the target off.
        Concern::Field | Concern::ResolveOnly | Concern::Recorded | Concern::No => {
            Err(Count::IgnoredField)
        }
    }
}

/// Where the event comes from.
fn place(event: &Event<'_>, meta: &Metadata<'_>, fields: &mut Fields) -> Place {
    if is_own(event, meta) {
        return Place::Callsite(event.metadata());
    }
    let mut keep = |text: &str| {
        fields.text_value(|out| {
            out.push_str(Taker::head_of(text));
            false
        })
    };
    let (target, file) = (keep(meta.target()), meta.file().map(keep));
    Place::Record { target, file, line: meta.line() }
}
