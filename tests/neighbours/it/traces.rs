//! Trace and span of an incident, beside the layer of `tracing-opentelemetry`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, TracerProvider,
};
use opentelemetry_sdk::trace::{IdGenerator, Sampler, SdkTracer, SdkTracerProvider};
use serde_json::{Value, json};
use tracing::{Dispatch, Span, Subscriber, error, info_span, level_filters::LevelFilter};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_spike::{
    Builder, Guard,
    sandbox::{Incident, Sandbox},
};
use tracing_subscriber::{Layer, Registry, filter::filter_fn, prelude::*, registry::LookupSpan};

use crate::{
    child,
    rig::{DEADLINE, TOKEN, closed},
};

/// Runs `work` in the subscriber that `compose` makes, and returns what it has paged.
fn paged(compose: impl FnOnce(Builder) -> (Dispatch, Guard), work: impl FnOnce()) -> Vec<Incident> {
    let sandbox = Sandbox::start().unwrap();
    let links = "https://traces.example/{trace_id}/{span_id}";
    let builder = tracing_spike::builder(sandbox.url_for(TOKEN)).link("trace", links);
    let (dispatch, guard) = compose(builder);
    tracing::dispatcher::with_default(&dispatch, work);
    assert!(guard.handle().flush(DEADLINE).is_complete());
    closed(guard);
    sandbox.incidents()
}

/// Beside this layer, which comes first.
fn paged_beside(other: impl Layer<Registry> + Send + Sync, work: impl FnOnce()) -> Vec<Incident> {
    let compose = |builder: Builder| {
        let (spike, guard) = builder.build().unwrap();
        (Dispatch::new(tracing_subscriber::registry().with(other).with(spike)), guard)
    };
    paged(compose, work)
}

fn tracer(sampler: Sampler) -> SdkTracer {
    SdkTracerProvider::builder().with_sampler(sampler).build().tracer("it")
}

fn layer<S>(sampler: Sampler) -> OpenTelemetryLayer<S, SdkTracer>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_opentelemetry::layer().with_tracer(tracer(sampler))
}

/// What the other layer has as the ids of a span.
fn ids(span: &Span) -> Value {
    let context = span.context();
    let of = context.span().span_context().clone();
    assert!(of.is_valid());
    json!({ "trace_id": of.trace_id().to_string(), "span_id": of.span_id().to_string() })
}

#[test]
fn the_ids_are_those_of_the_events_span_whichever_layer_is_first() {
    let before = |builder: Builder| {
        let (spike, guard) = builder.build().unwrap();
        let registry = tracing_subscriber::registry().with(spike);
        (Dispatch::new(registry.with(layer(Sampler::AlwaysOn))), guard)
    };
    let behind = |builder: Builder| {
        let (spike, guard) = builder.build().unwrap();
        let registry = tracing_subscriber::registry().with(layer(Sampler::AlwaysOn));
        (Dispatch::new(registry.with(spike)), guard)
    };
    look_at_ids(before);
    look_at_ids(behind);
}

#[test]
fn of_layers_in_a_list_that_is_global_they_are_found_too() {
    const TEST: &str = "traces::of_layers_in_a_list_that_is_global_they_are_found_too";
    child::run(TEST, &[], || {
        let sandbox = Sandbox::start().unwrap();
        let (spike, guard) = tracing_spike::builder(sandbox.url_for(TOKEN)).build().unwrap();
        let layers = vec![layer(Sampler::AlwaysOn).boxed(), spike.boxed()];
        tracing_subscriber::registry().with(layers).init();
        let request = info_span!("request");
        request.in_scope(|| error!("request failed"));
        let incidents = sandbox.wait_for(1, DEADLINE).unwrap();
        assert_eq!(incidents[0].body()["trace"], ids(&request));
        closed(guard);
    })
    .well();
}

fn look_at_ids(compose: impl FnOnce(Builder) -> (Dispatch, Guard)) {
    let mut expected = Vec::new();
    let incidents = paged(compose, || {
        let request = info_span!("request");
        let _inside = request.enter();
        let load = info_span!("load");
        load.in_scope(|| error!("load failed"));
        error!("request failed");
        let other = info_span!(parent: None, "other");
        error!(parent: &other, "other failed");
        error!(parent: None, "without a parent");
        expected = vec![ids(&load), ids(&request), ids(&other), Value::Null];
    });
    let found: Vec<_> = incidents.iter().map(|one| one.body()["trace"].clone()).collect();
    assert_eq!(found, expected);
    assert_eq!(found[0]["trace_id"], found[1]["trace_id"]);
    let [trace, span] = ["trace_id", "span_id"].map(|name| found[0][name].as_str().unwrap());
    assert_eq!((trace.len(), span.len()), (32, 16));
    let link = format!("https://traces.example/{trace}/{span}");
    assert_eq!(incidents[0].body()["links"], json!({ "trace": link }));
    assert_eq!(incidents[3].body()["links"], Value::Null);
}

#[test]
fn a_trace_that_began_elsewhere_goes_on_here() {
    let incidents = paged_beside(layer(Sampler::AlwaysOn), || {
        let (trace, span) = (TraceId::from(0xab), SpanId::from(7));
        let remote =
            SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::default());
        let request = info_span!("request");
        request.set_parent(opentelemetry::Context::new().with_remote_span_context(remote)).unwrap();
        request.in_scope(|| error!("request failed"));
    });
    assert_eq!(incidents[0].body()["trace"]["trace_id"], "000000000000000000000000000000ab");
}

fn fail() {
    info_span!("request").in_scope(|| error!("request failed"));
}

#[test]
fn a_trace_that_nobody_collects_says_so() {
    let incidents = paged_beside(layer(Sampler::AlwaysOff), fail);
    let trace = &incidents[0].body()["trace"];
    assert_eq!((&trace["sampled"], trace["trace_id"].is_string()), (&json!(false), true));
}

#[test]
fn without_a_trace_there_is_none() {
    // No other layer, one whose tracer makes none, and one that sees no span.
    let blind = layer(Sampler::AlwaysOn).with_filter(LevelFilter::ERROR);
    for incidents in [
        paged_beside(None::<LevelFilter>, fail),
        paged_beside(tracing_opentelemetry::layer(), fail),
        paged_beside(blind, fail),
    ] {
        assert_eq!((incidents.len(), &incidents[0].body()["trace"]), (1, &Value::Null));
    }
}

#[test]
fn of_a_span_that_the_other_layer_does_not_see_it_is_that_around_it() {
    let layer = layer(Sampler::AlwaysOn).with_filter(filter_fn(|meta| meta.name() != "detail"));
    let mut expected = Value::Null;
    let incidents = paged_beside(layer, || {
        let request = info_span!("request");
        let _inside = request.enter();
        info_span!("detail").in_scope(|| error!("request failed"));
        expected = ids(&request);
    });
    assert_eq!(incidents[0].body()["trace"], expected);
}

/// Counts the spans that are built.
#[derive(Clone, Debug, Default)]
struct Ids(Arc<AtomicU64>);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(1)
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

#[test]
fn a_repeat_that_is_counted_does_not_ask() {
    let ids = Ids::default();
    let provider = SdkTracerProvider::builder().with_id_generator(ids.clone()).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("it"));
    let built = || ids.0.load(Ordering::Relaxed);
    let incidents = paged_beside(layer, || {
        // Neither is entered, which would build it.
        let spans = [info_span!("first"), info_span!("second")];
        let before = built();
        for span in &spans {
            error!(parent: span, "request failed");
            assert_eq!(built(), before + 1);
        }
    });
    assert_eq!(incidents.len(), 1);
}
