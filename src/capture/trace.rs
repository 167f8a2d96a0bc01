//! The trace that an event belongs to, as `tracing-opentelemetry` knows it.
//!
//! Invariants: asked only of what goes out; whatever becomes of the question, the page goes out.

use std::{panic::AssertUnwindSafe, sync::OnceLock};

use opentelemetry::trace::TraceContextExt;
use tracing::{
    Dispatch, Event, Subscriber,
    dispatcher::{self, WeakDispatch},
};
use tracing_opentelemetry::get_otel_context;
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use crate::{
    capture::{layer::SpikeLayer, span::SPAN_CAP},
    contain::contained,
    incident::Trace,
};

/// The subscriber that the layer is a part of, which has the other layer, too. (It is written once:
/// no panic leaves half of it.)
#[derive(Debug, Default)]
pub(crate) struct Traces(AssertUnwindSafe<OnceLock<WeakDispatch>>);

impl Traces {
    pub(crate) fn are_in(&self, subscriber: &Dispatch) {
        // Of several, the first.
        self.0.set(subscriber.downgrade()).ok();
    }

    /// The trace of an event's innermost span that has one: not the thread's, since an event may
    /// have a parent of its own.
    pub(crate) fn of<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>) -> Option<Trace>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let subscriber = self.subscriber()?;
        let spans = ctx.event_scope(event)?.take(SPAN_CAP);
        // Other people's code, which may build the span for it.
        contained(|| {
            spans.map(|span| span.id()).find_map(|id| {
                let context = get_otel_context(&id, &subscriber)?;
                let of = context.span().span_context().clone();
                let [trace_id, span_id] = [of.trace_id().to_string(), of.span_id().to_string()];
                of.is_valid().then(|| Trace { trace_id, span_id, is_sampled: of.is_sampled() })
            })
        })
        .flatten()
    }

    fn subscriber(&self) -> Option<Dispatch> {
        if let Some(subscriber) = self.0.get() {
            return subscriber.upgrade();
        }
        // An `Option` or a list of layers does not tell those inside where they are. While there is
        // none but the global one, it is that.
        dispatcher::get_default(|current| current.is::<SpikeLayer>().then(|| current.clone()))
    }
}
