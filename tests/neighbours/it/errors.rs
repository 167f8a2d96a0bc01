//! Errors of `anyhow` and `eyre`, and the span traces of `tracing-error`.

use std::{error::Error, io};

use serde_json::{Value, json};
use tracing::{error, info_span};
use tracing_error::{ErrorLayer, InstrumentError, SpanTrace, SpanTraceStatus};

use crate::rig::{Other, Rig, between};

fn disk() -> io::Error {
    io::Error::other("disk is full")
}

/// `body.error` of all that has paged, in order.
fn errors(rig: &Rig) -> Vec<Value> {
    rig.delivered().iter().map(|one| one.body()["error"].clone()).collect()
}

#[test]
fn a_report_is_told_with_its_causes_whether_it_is_an_error_or_a_dump() {
    let rig = between(None, None);
    let any = || anyhow::Error::new(disk()).context("write failed").context("import failed");
    let eyre = || eyre::Report::new(disk()).wrap_err("write failed").wrap_err("import failed");
    rig.run(|| {
        error!(error = &*any(), "a value of anyhow");
        error!(error = ?any(), "a dump of anyhow");
        error!(error = &*eyre(), "a value of eyre");
        error!(err = ?eyre(), "a dump of eyre");
        let boxed: Box<dyn Error + Send + Sync> = any().into();
        error!(error = &*boxed, "a box");
    });
    let chain = "import failed: write failed: disk is full";
    assert_eq!(errors(&rig), vec![json!({ "message": "import failed", "chain": chain }); 5]);
    // What loses the causes before anybody is asked.
    rig.run(|| error!(error = %any(), "shown"));
    assert_eq!(errors(&rig)[5], json!({ "message": "import failed" }));
}

#[test]
fn a_dump_without_a_message_names_the_incident_as_the_error_does() {
    let rig = between(None, None);
    let any = || anyhow::Error::new(disk()).context("import failed");
    rig.run(|| {
        error!(error = ?any());
        error!(error = &*any());
        error!(error = ?eyre::Report::new(disk()).wrap_err("import failed"));
    });
    assert_eq!(rig.titles(), ["import failed: disk is full in it::errors"]);
    assert_eq!(rig.guard.handle().stats().suppressed.repeat, 2);
}

#[test]
fn a_span_trace_is_no_cause_and_tells_where_the_error_was_made() {
    for is_first in [true, false] {
        let other: Other = Box::new(ErrorLayer::default());
        let rig = if is_first { between(other, None) } else { between(None, other) };
        let load = || {
            let _request = info_span!("request", id = 7).entered();
            let _load = info_span!("load user", token = "not to be told").entered();
            let trace = SpanTrace::capture();
            assert_eq!(trace.status(), SpanTraceStatus::CAPTURED);
            let (mut names, mut fields) = (Vec::new(), String::new());
            trace.with_spans(|meta, text| {
                names.push(meta.name());
                fields.push_str(text);
                true
            });
            assert_eq!(names, ["load user", "request"], "the neighbour has its own");
            assert!(fields.contains("id=7"), "{fields}");
            disk().in_current_span()
        };
        rig.run(|| {
            let failed = load();
            error!(error = &failed as &dyn Error, "night job");
            error!(error = &*anyhow::Error::new(load()).context("import failed"), "wrapped");
            error!(error = &failed as &dyn Error);
        });
        let path = "request > load user";
        assert_eq!(
            errors(&rig),
            [
                json!({ "message": "disk is full", "span": path }),
                json!({ "message": "import failed", "chain": "import failed: disk is full",
                "span": path }),
                json!({ "message": "disk is full", "span": path }),
            ]
        );
        assert!(rig.titles().contains(&"disk is full in it::errors".to_owned()));
    }
}
