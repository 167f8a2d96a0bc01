//! The error of an event, and the title of an event without a message.

use std::{error::Error, fmt};

use serde_json::{Value, json};
use tracing::{error, info_span, instrument};

use crate::{context::alone, rig::rig};

/// An error of this text, with this source.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String, pub(super) Option<Box<Failed>>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as &dyn Error)
    }
}

/// Errors from the outermost to the root cause.
fn chain(texts: &[&str]) -> Failed {
    let (first, rest) = texts.split_first().unwrap();
    Failed((*first).to_owned(), (!rest.is_empty()).then(|| Box::new(chain(rest))))
}

/// `body.error` of an event with this error.
fn reported(error: &(dyn Error + 'static)) -> Value {
    rig().paged_one(|| error!(error, "import failed")).body()["error"].clone()
}

#[test]
fn an_error_has_its_own_text_and_its_sources() {
    let error = chain(&["import failed", "query failed", "connection refused"]);
    let incident = rig().paged_one(|| error!(error = &error as &dyn Error, "night job"));
    let expected = json!({
        "message": "import failed",
        "chain": "import failed: query failed: connection refused",
    });
    assert_eq!(incident.body()["error"], expected);
    assert_eq!(incident.body()["fields"], Value::Null);
    assert_eq!(reported(&chain(&["alone"])), json!({ "message": "alone" }));
}

#[test]
fn the_type_of_an_error_is_what_the_event_says_it_is() {
    let error = chain(&["query failed", "connection refused"]);
    let kind = std::any::type_name_of_val(&error);
    let rig = rig();
    let incidents = rig.paged(|| {
        error!(error.type = kind, error = &error as &dyn Error, row = 7, "with its type");
        error!(error.type = "timeout", "alone");
        let _span = info_span!("span", error.type = "of the span").entered();
        error!(error_type = "another field", "none");
    });
    let body = |at: usize| incidents[at].body();
    let expected = json!({
        "message": "query failed",
        "chain": "query failed: connection refused",
        "type": "it::capture::errors::Failed",
    });
    assert_eq!((&body(0)["error"], &body(0)["fields"]), (&expected, &json!({ "row": 7 })));
    assert_eq!(body(1)["error"], json!({ "type": "timeout" }));
    assert_eq!(
        (&body(2)["error"], &body(2)["fields"]["error_type"]),
        (&Value::Null, &json!("another field"))
    );
    assert_eq!(body(2)["span"]["fields"]["error_type"], "of the span");
}

#[test]
fn an_error_value_is_found_in_a_field_of_any_name() {
    let error = chain(&["query failed", "connection refused"]);
    let incident = rig().paged_one(|| error!(cause = &error as &dyn Error, "night job"));
    assert_eq!(incident.body()["error"]["chain"], "query failed: connection refused");
}

#[test]
fn a_source_that_its_parent_already_tells_is_not_repeated() {
    let said = "query failed: connection refused: os error 111";
    let error = chain(&[said, "connection refused: os error 111", "os error 111"]);
    assert_eq!(reported(&error), json!({ "message": said }));
    let error = chain(&["a: b", "b", "c: d", "d", "e"]);
    assert_eq!(reported(&error), json!({ "message": "a: b", "chain": "a: b: c: d: e" }));
}

#[test]
fn f046_a_chain_of_sources_that_never_ends_is_ended() {
    #[derive(Debug)]
    struct Cyclic(&'static str, &'static Cyclic);
    static HEN: Cyclic = Cyclic("hen", &EGG);
    static EGG: Cyclic = Cyclic("egg", &HEN);
    impl fmt::Display for Cyclic {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }
    impl Error for Cyclic {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self.1)
        }
    }
    // Not beside `fmt`, which follows the chain for ever.
    let alone = alone(|builder| builder);
    alone.run(|| error!(error = &HEN as &dyn Error, "which was first"));
    let found = alone.delivered()[0].body()["error"].clone();
    let chain = found["chain"].as_str().unwrap();
    assert!(chain.starts_with("hen: egg: hen: egg"), "{chain}");
    assert_eq!(chain.split(": ").count(), 17, "the error and 16 sources: {chain}");
}

#[test]
fn an_error_shown_or_dumped_has_its_text_only() {
    let error = chain(&["query failed", "connection refused"]);
    let rig = rig();
    let incidents = rig.paged(|| {
        error!(error = %error, "shown");
        error!(err = ?error, "dumped");
        error!(e = "plain", "named e");
    });
    let found: Vec<_> = incidents.iter().map(|incident| &incident.body()["error"]).collect();
    let dumped = format!("{error:?}");
    let expected = ["query failed", &dumped, "plain"].map(|text| json!({ "message": text }));
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
}

#[test]
fn the_first_error_of_an_event_is_the_error_and_the_others_are_fields() {
    let (first, second) = (chain(&["first"]), chain(&["second", "cause"]));
    let incident = rig().paged_one(|| {
        error!(error = &first as &dyn Error, err = &second as &dyn Error, "both");
    });
    assert_eq!(incident.body()["error"], json!({ "message": "first" }));
    assert_eq!(incident.body()["fields"], json!({ "err": "second: cause" }));
}

#[instrument(err)]
fn load_user(id: u64) -> Result<(), Failed> {
    Err(chain(&[&format!("no row for user {id}"), "unused"]))
}

#[test]
fn an_instrumented_function_that_fails_is_named_by_its_error_and_its_span() {
    let incident = rig().paged_one(|| assert!(load_user(4711).is_err()));
    assert_eq!(incident.title(), "no row for user # in it::capture::errors::load_user");
    let body = incident.body();
    assert_eq!(body["message"], Value::Null);
    assert_eq!(body["error"], json!({ "message": "no row for user 4711" }));
    assert_eq!(body["span"], json!({ "path": "load_user", "fields": { "id": 4711 } }));
}

#[test]
fn without_a_message_the_error_names_the_incident() {
    let error = chain(&["query failed", "connection refused"]);
    let rig = rig();
    let incidents = rig.paged(|| {
        error!(attempt = 3, error = &error as &dyn Error);
        info_span!("sync").in_scope(|| error!(error = &error as &dyn Error, ""));
        error!(err = "disk is full");
    });
    let expected = [
        "query failed: connection refused in it::capture::errors",
        "query failed: connection refused in it::capture::errors::sync",
        "disk is full in it::capture::errors",
    ];
    let titles: Vec<_> = incidents.iter().map(|incident| incident.title()).collect();
    assert_eq!(titles, expected);
}

#[test]
fn without_message_and_error_the_field_names_name_the_incident() {
    let rig = rig();
    let incidents = rig.paged(|| {
        error!(order_id = 17, attempt = 2);
        error!(cart_id = 17, "");
        error!(voucher = "x", "  ");
        error!("");
    });
    let titles: Vec<_> = incidents.iter().map(|incident| incident.title()).collect();
    let expected = [
        "error with order_id, attempt in it::capture::errors",
        "error with cart_id in it::capture::errors",
        "error with voucher in it::capture::errors",
        "error in it::capture::errors",
    ];
    assert_eq!(titles, expected);
    assert_eq!(incidents[0].body()["message"], Value::Null);
    assert_eq!(incidents[0].body()["fields"], json!({ "order_id": 17, "attempt": 2 }));
    assert_eq!(incidents[3].body()["message"], Value::Null, "an empty key is absent");
}

/// As `tracing-error` writes a span trace of so many spans.
fn trace(spans: usize) -> String {
    let line = |n| format!("{n:>4}: shop::step{n}\n           with customer=ann of York\n");
    format!("span backtrace:\n{}", (0..spans).map(line).collect::<String>())
}

#[test]
fn a_span_trace_of_any_length_hides_no_cause() {
    for (spans, path) in [(2, "step1 > step0"), (90, "… > step")] {
        let root = Failed("disk is full".to_owned(), None);
        let made = Failed(trace(spans), Some(Box::new(root)));
        let failed = Failed("query failed".to_owned(), Some(Box::new(made)));
        let incident = rig().paged_one(|| error!(error = &failed as &dyn Error, "night job"));
        let error = &incident.body()["error"];
        assert_eq!(error["chain"], "query failed: disk is full");
        assert!(error["span"].as_str().unwrap().starts_with(path), "{error}");
    }
}

#[test]
fn a_report_with_a_span_trace_tells_its_path_and_none_of_its_fields() {
    struct Report(String);
    impl fmt::Debug for Report {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&self.0)
        }
    }
    // As `anyhow` writes them, with numbers and without.
    let inside = |by: usize| trace(2).trim_end().replace('\n', &format!("\n{}", " ".repeat(by)));
    let causes = [
        format!("    0: {}\n    1: disk is full", inside(7)),
        format!("    0: disk is full\n    1: {}", inside(7)),
        format!("    0: disk is full\n    1: {}\n    2: no space", inside(7)),
        format!("    {}", inside(4)),
    ];
    let told = ["x: disk is full", "x: disk is full", "x: disk is full: no space", "x"];
    for (causes, told) in causes.into_iter().zip(told) {
        let report = Report(format!("x\n\nCaused by:\n{causes}"));
        let incident = rig().paged_one(|| error!(error = ?report));
        let error = &incident.body()["error"];
        assert_eq!(incident.title(), format!("{told} in it::capture::errors"));
        assert_eq!(error["span"], "step1 > step0");
        assert_eq!(error.get("chain").unwrap_or(&json!("x")), told, "{error}");
    }
}
