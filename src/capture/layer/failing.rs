//! An event's error while it is decided what becomes of the event: formatted once, by whoever asks
//! first, and not at all if nobody does.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash},
};

use tracing::{Event, Subscriber};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use crate::{
    capture::{event::Failure, scratch::Taker},
    fields::TEXT_CAP,
};

pub(super) struct Failing<'a, 'c, S> {
    event: &'a Event<'a>,
    ctx: &'a Context<'c, S>,
    taker: Taker<'a>,
    /// With a buffer for what is shown of it.
    failure: Cell<Option<(&'a mut Failure, &'a mut String)>>,
}

impl<'a, 'c, S> Failing<'a, 'c, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    pub(super) fn new(
        event: &'a Event<'a>,
        ctx: &'a Context<'c, S>,
        taker: Taker<'a>,
        (failure, text): (&'a mut Failure, &'a mut String),
    ) -> Self {
        Self { event, ctx, taker, failure: Cell::new(Some((failure, text))) }
    }

    /// Hashes the error and its root span; false when there is no such thing.
    pub(super) fn hash(&self, state: &mut DefaultHasher) -> bool {
        let Some(leaf) = self.ctx.event_span(self.event) else { return false };
        let Some((failure, text)) = self.failure.take() else { return false };
        failure.read(self.event, self.taker);
        let own = failure.own().map(|own| own.hash(state));
        self.failure.set(Some((failure, text)));
        leaf.scope().last().map(|root| root.id()).hash(state);
        own.is_some()
    }

    /// Whether the error, with its sources and without secrets, is what is looked for.
    pub(super) fn tells(&self, is_told: &dyn Fn(&str) -> bool) -> bool {
        let Some((failure, text)) = self.failure.take() else { return false };
        text.clear();
        text.push_str(failure.read_whole(self.event, self.taker));
        self.taker.scrubber.scrub(text, 0, TEXT_CAP);
        let told = is_told(text);
        self.failure.set(Some((failure, text)));
        told
    }

    /// What it was read into. `None`: it was given away before.
    pub(super) fn take(&self) -> Option<&'a mut Failure> {
        self.failure.take().map(|(failure, _)| failure)
    }
}
