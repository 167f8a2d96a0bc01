//! An event's content while it is decided what becomes of the event: read once, by whoever asks
//! first, and not at all if nobody does.

use std::cell::Cell;

use tracing::{Event, Subscriber};
use tracing_subscriber::{
    layer::Context,
    registry::{LookupSpan, SpanRef},
};
use twox_hash::XxHash3_64;

use crate::{
    capture::{content::Content, scratch::Taker},
    fields::TEXT_CAP,
};

pub(super) struct Reading<'a, 'c, S> {
    event: &'a Event<'a>,
    ctx: &'a Context<'c, S>,
    taker: Taker<'a>,
    /// With a buffer for what is shown of it.
    content: Cell<Option<(&'a mut Content, &'a mut String)>>,
}

impl<'a, 'c, S> Reading<'a, 'c, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    pub(super) fn new(
        event: &'a Event<'a>,
        ctx: &'a Context<'c, S>,
        taker: Taker<'a>,
        (content, shown): (&'a mut Content, &'a mut String),
    ) -> Self {
        Self { event, ctx, taker, content: Cell::new(Some((content, shown))) }
    }

    /// Hashes the error and its root span; `None` when there is no such thing.
    pub(super) fn hash(&self, seed: u64) -> Option<u64> {
        // What is in no span is read once it has its slot, for which a shutdown waits.
        // The span is not held on to while a field is formatted, which may close it.
        let innermost = self.innermost()?.id();
        self.show(
            || self.ctx.span(&innermost),
            |content, _| {
                let seed = seed ^ content.root.as_ref()?.into_u64();
                Some(XxHash3_64::oneshot_with_seed(seed, content.own()?.as_bytes()))
            },
        )
    }

    /// Whether the error, with its sources and without secrets, is what is looked for.
    pub(super) fn tells(&self, is_told: &dyn Fn(&str) -> bool) -> bool {
        let tells = |content: &Content, shown: &mut String| {
            shown.clear();
            shown.push_str(content.chain());
            self.taker.scrubber.scrub(shown, 0, TEXT_CAP);
            Some(is_told(shown))
        };
        self.show(|| self.innermost(), tells).unwrap_or(false)
    }

    fn show<T>(
        &self,
        innermost: impl FnOnce() -> Option<SpanRef<'a, S>>,
        ask: impl FnOnce(&Content, &mut String) -> Option<T>,
    ) -> Option<T> {
        let (content, shown) = self.content.take()?;
        content.read(self.event, innermost, self.taker);
        let answer = ask(content, shown);
        self.content.set(Some((content, shown)));
        answer
    }

    /// The content, to be had once.
    pub(super) fn take(&self) -> Option<&'a mut Content> {
        let (content, _) = self.content.take()?;
        content.read(self.event, || self.innermost(), self.taker);
        Some(content)
    }

    fn innermost(&self) -> Option<SpanRef<'a, S>> {
        self.ctx.event_span(self.event)
    }
}
