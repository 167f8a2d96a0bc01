//! The layer of a test, and what makes sure that it sees each event.
//!
//! Invariant: an event on a thread that is inside a test's subscriber reaches it, whatever the
//! threads of other tests do at that moment.

use std::sync::{Arc, OnceLock};

use tracing::{
    Dispatch, Event, Metadata, Subscriber, dispatcher, level_filters::LevelFilter, span,
    subscriber::Interest,
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

use crate::capture::layer::SpikeLayer;

/// The layer, as often as it is wanted.
#[derive(Clone, Debug)]
pub(super) struct Shared(pub(super) Arc<SpikeLayer>);

impl Shared {
    pub(super) fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether the calling thread's events come to the layer at this address.
    pub(super) fn is_here(address: usize) -> bool {
        let is_it = |layer: &Self| layer.address() == address;
        dispatcher::get_default(|current| current.downcast_ref().is_some_and(is_it))
    }
}

/// All callbacks that the layer has.
impl<S> Layer<S> for Shared
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    #[cfg(feature = "opentelemetry")]
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        Layer::<S>::on_register_dispatch(&*self.0, subscriber);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        self.0.on_event(event, ctx);
    }

    fn on_new_span(&self, attrs: &span::Attributes<'_>, id: &span::Id, ctx: Context<'_, S>) {
        self.0.on_new_span(attrs, id, ctx);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, ctx: Context<'_, S>) {
        self.0.on_record(id, values, ctx);
    }

    fn on_close(&self, id: span::Id, ctx: Context<'_, S>) {
        self.0.on_close(id, ctx);
    }
}

/// A subscriber that wants nothing, and says of each call site that one day it may.
///
/// `tracing` keeps of each call site whether anybody wants it. As long as there is one subscriber,
/// a thread without any that comes to a call site first has it switched off for all threads, and
/// one that comes to it while a subscriber is being made may, too. With this one beside the others,
/// each is asked each time.
struct Undecided;

impl Subscriber for Undecided {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        false
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// From now on no call site of this process is switched off for good.
pub(super) fn keep_undecided() {
    static UNDECIDED: OnceLock<Dispatch> = OnceLock::new();
    UNDECIDED.get_or_init(|| Dispatch::new(Undecided));
    // For those that were being registered at that moment.
    tracing::callsite::rebuild_interest_cache();
}
