//! `tracing-opentelemetry`: its spans are as complete as without ours.

use opentelemetry::trace::{Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
use tracing::{debug, debug_span, error, info, info_span};

use crate::rig::{Other, between};

#[test]
fn its_spans_have_their_events_and_ours_page() {
    for is_first in [true, false] {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        let tracer = provider.tracer("it");
        let other: Other = Box::new(tracing_opentelemetry::layer().with_tracer(tracer));
        let rig = if is_first { between(other, None) } else { between(None, other) };
        rig.run(|| {
            let _request = info_span!("request", id = 7).entered();
            let _query = debug_span!("query").entered();
            info!("asked");
            debug!("debugged");
            error!("card payment failed");
        });
        let spans = exporter.get_finished_spans().unwrap();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(names, ["query", "request"]);
        let events: Vec<_> = spans[0].events.iter().map(|event| event.name.as_ref()).collect();
        assert_eq!(events, ["asked", "debugged", "card payment failed"]);
        assert!(matches!(spans[0].status, Status::Error { .. }), "{:?}", spans[0].status);
        let incidents = rig.delivered();
        assert_eq!(rig.titles(), ["card payment failed in it::opentelemetry"]);
        // A span at DEBUG is none of ours, whoever else wants it.
        assert_eq!(incidents[0].body()["span"]["path"], "request");
        assert_eq!(incidents[0].body()["span"]["fields"]["id"], 7);
    }
}
