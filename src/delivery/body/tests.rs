//! The payload as people's alert rules read it: its shape, its types, and how it is cut.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Value as Json, json};

use super::{BODY_CAP, MINIMAL_MESSAGE, Source, Telling, payload};
use crate::{
    fields::{FIELD_CAP, Fields, TEXT_CAP, Value},
    incident::{
        Captured, Detail, Folded, Gatekeeper, Held, Incident, Manual, Occurrences, Op, Priority,
        Quiet, Sending, Severity, SoFar, Status, Storm, Ticket,
    },
    link::Template,
    stats::Counters,
};

const OPENING: Status = Status::Trigger { opening: true };

/// Nothing is ever reopened here.
#[derive(Debug)]
struct Gate;

impl Gatekeeper for Gate {
    fn give_back(&self, _: u64, _: u64) {}

    fn reopen(&self, _: u64, _: u64, _: bool) {}

    fn fold(&self, _: u64, _: u64, _: Folded<'_>, _: Duration) -> Option<Storm> {
        None
    }

    fn held(&self, _: u64, _: u64, _: Duration, _: bool) -> Held {
        Held::Out(None)
    }

    fn so_far(&self, _: u64, _: u64) -> Option<SoFar> {
        None
    }

    fn quiet(&self, _: u64, _: Duration) -> Quiet {
        Quiet::Never
    }
}

fn op(status: Status, detail: Detail) -> Op {
    let first = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_424_400_000);
    let last = first + Duration::from_millis(61_042);
    let sending = Sending { seq: 1, status, count: 17, since_last: 4, first: Duration::ZERO };
    Op {
        endpoint: 0,
        key: 1,
        seq: 1,
        status,
        title: "failed to load user # in checkout::users".to_owned(),
        severity: Some(Severity::Sev2),
        priority: Some(Priority::P1),
        detail,
        panic: false,
        occurrences: Occurrences { count: 17, since_last: 4, first, last },
        admitted: Duration::ZERO,
        aged: Duration::ZERO,
        ticket: Ticket::reserved(Arc::new(Gate), Arc::new(Counters::new()), 1, &sending),
    }
}

fn text(fields: &mut Fields, text: &str) -> Value {
    fields.text_value(|out| {
        out.push_str(text);
        false
    })
}

fn field(fields: &mut Fields, name: &'static str, text: &str) {
    fields.push_text(name, |out| {
        out.push_str(text);
        false
    });
}

/// An event with these fields, this message and nothing else.
fn event(mut fields: Fields, message: &str) -> Captured {
    Captured {
        level: tracing::Level::ERROR,
        callsite: None,
        message: text(&mut fields, message),
        target: text(&mut fields, "checkout::users"),
        thread: text(&mut fields, "main"),
        file: None,
        line: None,
        error: None,
        chain: None,
        error_span: None,
        fields,
        spans_cut: false,
        notes: Fields::default(),
        trail: Vec::new(),
        trail_cut: false,
        trace: None,
        runbook: None,
    }
}

fn body_of(event: Captured) -> Json {
    body_from(&op(OPENING, Detail::Event(event)), false)
}

/// The body, with what must hold of each.
fn body_from(op: &Op, minimal: bool) -> Json {
    let mut payload = payload(op, &Source::default(), Telling { minimal, ..Telling::default() });
    let body = payload["body"].take();
    let size = body.to_string().len();
    assert!(size <= BODY_CAP, "{size} bytes, notes: {}", body["notes"]);
    assert!(plain(&body), "an array, or an empty key: {body}");
    body
}

/// No array, and nothing that is there without a value.
fn plain(json: &Json) -> bool {
    match json {
        Json::Array(_) | Json::Null => false,
        Json::Object(map) => !map.is_empty() && map.values().all(plain),
        _ => true,
    }
}

fn source() -> Source {
    Source {
        service: Some("checkout".to_owned()),
        version: Some("1.4.2".to_owned()),
        environment: Some("prod".to_owned()),
        host: Some("pod-7".to_owned()),
        pid: 42,
        ..Source::default()
    }
}

#[test]
fn an_event_has_the_shape_that_is_promised() {
    let mut fields = Fields::default();
    fields.push("attempt", Value::I64(3));
    fields.push("elapsed_ms", Value::F64(12.5));
    fields.push("cached", Value::Bool(false));
    field(&mut fields, "http.method", "GET");
    fields.push_span("load_user");
    fields.push("user_id", Value::U64(4711));
    fields.push_span("request");
    field(&mut fields, "request_id", "r-1");
    let mut event = event(fields, "failed to load user 4711 from 10.0.0.7:5432");
    let texts = &mut event.fields;
    event.file = Some(text(texts, "src/users.rs"));
    event.line = Some(42);
    event.error = Some(text(texts, "query failed"));
    event.chain = Some(text(texts, "query failed: connection refused"));
    field(&mut event.notes, "spike.severity", "expected sev1, sev2 or sev3");
    let payload = payload(&op(OPENING, Detail::Event(event)), &source(), Telling::default());
    let expected = json!({
        "title": "failed to load user # in checkout::users",
        "severity": "sev2",
        "priority": "p1",
        "body": {
            "message": "failed to load user 4711 from 10.0.0.7:5432",
            "level": "ERROR",
            "target": "checkout::users",
            "location": "src/users.rs:42",
            "fields": {
                "attempt": 3, "elapsed_ms": 12.5, "cached": false, "http_method": "GET"
            },
            "error": { "message": "query failed", "chain": "query failed: connection refused" },
            "span": {
                "path": "request > load_user",
                "fields": { "request_id": "r-1", "user_id": 4711 }
            },
            "source": {
                "service": "checkout", "version": "1.4.2", "environment": "prod",
                "host": "pod-7", "pid": 42, "thread": "main"
            },
            "occurrences": {
                "count": 17, "since_last": 4,
                "first": "2026-11-23T09:00:00.000Z", "last": "2026-11-23T09:01:01.042Z"
            },
            "notes": { "spike_severity": "expected sev1, sev2 or sev3" },
            "schema": 1
        }
    });
    assert_eq!(payload, expected);
}

#[test]
fn keys_that_would_be_empty_are_absent() {
    let body = body_of(event(Fields::default(), ""));
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["level", "occurrences", "schema", "source", "target"]);
    // An error without sources has no chain of its own; a file may come without a line.
    let mut event = event(Fields::default(), "m");
    event.error = Some(text(&mut event.fields, "refused"));
    event.chain = Some(text(&mut event.fields, "refused"));
    event.file = Some(text(&mut event.fields, "a.rs"));
    let body = body_of(event);
    assert_eq!(
        (&body["error"], &body["location"]),
        (&json!({"message": "refused"}), &json!("a.rs"))
    );
}

#[test]
fn severity_and_priority_travel_with_an_opening_only() {
    let manual = |status| {
        payload(&op(status, Detail::Manual(Manual::default())), &source(), Telling::default())
    };
    let opening = manual(OPENING);
    assert_eq!((&opening["severity"], &opening["priority"]), (&json!("sev2"), &json!("p1")));
    let repeat = manual(Status::Trigger { opening: false });
    let resolve = manual(Status::Resolve { first: true, not_before: Duration::ZERO });
    for later in [&repeat, &resolve] {
        assert_eq!((later.get("severity"), later.get("priority")), (None, None), "{later}");
        assert_eq!((&later["title"], &later["body"]), (&opening["title"], &opening["body"]));
    }
    assert_eq!((opening.get("status"), repeat.get("status")), (None, None));
    assert_eq!(resolve["status"], "resolve");
}

#[test]
fn a_manual_incident_has_its_title_as_message_and_its_fields() {
    let fields = Incident::new("x").field("rows", 4711).field("from", "warehouse").fields;
    let body = body_from(&op(OPENING, Detail::Manual(fields)), false);
    assert_eq!(body["message"], "failed to load user # in checkout::users");
    assert_eq!(body["fields"], json!({"rows": 4711, "from": "warehouse"}));
    assert_eq!((body.get("level"), body.get("span")), (None, None));
    let bare = body_from(&op(OPENING, Detail::Manual(Manual::default())), false);
    assert_eq!(bare.get("fields"), None);
}

#[test]
fn the_fields_of_a_manual_incident_follow_the_rules_for_an_events() {
    let incident = Incident::new("x")
        .field("http.method", "GET")
        .field("id", u64::MAX)
        .field("nested", json!({"a.b": {"id": i64::MIN}}));
    let body = body_from(&op(OPENING, Detail::Manual(incident.fields)), false);
    assert_eq!(body["fields"]["http_method"], "GET");
    assert_eq!(body["fields"]["id"], "18446744073709551615");
    assert_eq!(body["fields"]["nested"], json!({"a_b": {"id": "-9223372036854775808"}}));
}

#[test]
fn of_spans_with_the_same_field_the_leaf_wins() {
    let mut fields = Fields::default();
    field(&mut fields, "id", "event");
    for (span, id) in [("leaf", "1"), ("middle", "2"), ("root", "3")] {
        fields.push_span(span);
        field(&mut fields, "id", id);
    }
    field(&mut fields, "only", "root");
    let body = body_of(event(fields, "m"));
    assert_eq!(body["fields"], json!({"id": "event"}));
    assert_eq!(
        body["span"],
        json!({"path": "root > middle > leaf", "fields": {"id": "1", "only": "root"}})
    );
}

#[test]
fn a_key_is_flat_and_never_empty() {
    let mut fields = Fields::default();
    for name in ["http.status.code", "r#type", "", "plain_1"] {
        fields.push(name, Value::Bool(true));
    }
    let body = body_of(event(fields, "m"));
    let keys: Vec<_> = body["fields"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["_", "http_status_code", "plain_1", "type"]);
}

#[test]
fn f089_numbers_keep_their_type_as_far_as_javascript_can_read_them() {
    let exact = 9_007_199_254_740_991_u64;
    let table = [
        (Value::U64(exact), json!(exact)),
        (Value::U64(exact + 1), json!("9007199254740992")),
        (Value::U64(u64::MAX), json!("18446744073709551615")),
        (Value::I64(-9_007_199_254_740_991), json!(-9_007_199_254_740_991_i64)),
        (Value::I64(-9_007_199_254_740_992), json!("-9007199254740992")),
        (Value::I64(i64::MIN), json!("-9223372036854775808")),
        (Value::F64(f64::NAN), json!("NaN")),
        (Value::F64(f64::INFINITY), json!("inf")),
        (Value::F64(f64::NEG_INFINITY), json!("-inf")),
        (Value::F64(-0.0), json!(-0.0)),
        (Value::F64(1e300), json!(1e300)),
        (Value::Bool(true), json!(true)),
    ];
    for (value, expected) in table {
        let mut fields = Fields::default();
        fields.push("n", value);
        let body = body_of(event(fields, "m"));
        assert_eq!(body["fields"]["n"], expected, "{value:?}");
        serde_json::from_str::<Json>(&body.to_string()).unwrap();
    }
}

/// An event with so many bytes in span fields, in fields and in the error's chain.
fn large(spans: usize, own: usize, chain: usize) -> Captured {
    let mut fields = Fields::default();
    field(&mut fields, "own", &"x".repeat(own));
    fields.push_span("request");
    field(&mut fields, "of_span", &"x".repeat(spans));
    let mut event = event(fields, "m");
    event.error = Some(text(&mut event.fields, "refused"));
    event.chain = Some(text(&mut event.fields, &"x".repeat(chain)));
    event
}

#[test]
fn f084_what_does_not_fit_goes_in_a_fixed_order_and_is_named() {
    const FULL: usize = BODY_CAP;
    let table = [
        ((1, 1, 1), [true, true, true], None),
        ((FULL, 1, 1), [false, true, true], Some("span.fields")),
        ((1, FULL, 1), [false, false, true], Some("span.fields, fields")),
        ((FULL, FULL, FULL), [false, false, false], Some("span.fields, fields, error.chain")),
    ];
    for ((spans, own, chain), kept, cut) in table {
        let body = body_of(large(spans, own, chain));
        let places = ["/span/fields", "/fields", "/error/chain"];
        assert_eq!(places.map(|place| body.pointer(place).is_some()), kept, "{cut:?}");
        assert_eq!(body.pointer("/notes/cut").and_then(Json::as_str), cut);
        // What says where to look always stays.
        assert_eq!((&body["message"], &body["span"]["path"]), (&json!("m"), &json!("request")));
        assert_eq!(body["error"]["message"], "refused");
    }
}

#[test]
fn f084_the_trail_goes_first_and_the_links_last() {
    let url = format!("https://a.example/{}", "y".repeat(400));
    let template = Template::parse(&url, str::to_owned).unwrap();
    let links = (0..8).map(|n| (format!("link{n}"), template.clone())).collect();
    let source = Source { links, ..Source::default() };
    let table = [
        (1, [true, true, true], None),
        (BODY_CAP - 11_000, [false, true, true], Some("trail")),
        (BODY_CAP, [false, false, true], Some("trail, span.fields, fields")),
    ];
    for (own, kept, cut) in table {
        let mut event = large(1, own, 1);
        event.trail = vec!["-0.001s INFO a: b".to_owned(), "x".repeat(8_000)];
        let body = super::body(&op(OPENING, Detail::Event(event)), &source, Telling::default());
        let body = Json::Object(body);
        assert!(body.to_string().len() <= BODY_CAP);
        let places = ["/trail", "/fields", "/links/link7"];
        assert_eq!(places.map(|place| body.pointer(place).is_some()), kept, "{cut:?}");
        assert_eq!(body.pointer("/notes/cut").and_then(Json::as_str), cut);
    }
}

#[test]
fn f084_a_body_fits_with_its_notes_whatever_its_size() {
    for size in (BODY_CAP - 1024..BODY_CAP).step_by(5) {
        let mut event = large(0, size, 1);
        field(&mut event.notes, "spike.severity", &"x".repeat(120));
        body_of(event);
    }
    // The caps of the capture, and each character as long as it can get.
    let mut fields = Fields::default();
    for name in ["a", "b", "c"].iter().cycle().take(FIELD_CAP) {
        field(&mut fields, name, &"\u{1}".repeat(TEXT_CAP));
    }
    let mut event = event(fields, &"\u{1}".repeat(TEXT_CAP));
    event.error = Some(text(&mut event.fields, &"\u{1}".repeat(TEXT_CAP)));
    event.chain = Some(text(&mut event.fields, &"\u{2}".repeat(TEXT_CAP)));
    let body = body_of(event);
    assert_eq!(body["message"].as_str().unwrap().chars().count(), TEXT_CAP);
}

#[test]
fn what_the_capture_cut_or_left_out_is_named() {
    let mut fields = Fields::default();
    fields.push_text("long.one", |out| {
        out.push_str("beginning");
        true
    });
    for _ in 0..FIELD_CAP + 6 {
        fields.push("n", Value::Bool(true));
    }
    let notes = &body_of(event(fields, "m"))["notes"];
    assert_eq!(notes, &json!({"cut": "long_one", "omitted_fields": 7}));
}

#[test]
fn what_was_not_delivered_before_is_told() {
    let op = op(OPENING, Detail::Manual(Manual::default()));
    let told = payload(
        &op,
        &source(),
        Telling { missed: Some("3 queue full, 1 rejected"), ..Telling::default() },
    );
    assert_eq!(told["body"]["notes"], json!({"undelivered": "3 queue full, 1 rejected"}));
    assert_eq!(payload(&op, &source(), Telling::default())["body"].get("notes"), None);
}

#[test]
fn f017_a_minimal_body_says_what_happened_and_little_else() {
    let mut large = large(4000, 4000, 1000);
    large.trail = vec!["x".repeat(4000)];
    // Two bytes a character, so that the cap falls between two of them.
    large.message = text(&mut large.fields, &format!("x{}", "é".repeat(1000)));
    let body = body_from(&op(OPENING, Detail::Event(large)), true);
    let message = body["message"].as_str().unwrap();
    assert_eq!(message.len(), MINIMAL_MESSAGE - 1);
    assert!(message.starts_with("xéé") && message.ends_with('é'));
    let gone = ["fields", "span", "trail"].map(|name| body.get(name));
    assert_eq!(gone, [None, None, None]);
    assert!(body["notes"]["cut"].as_str().unwrap().contains("413"));
    assert!(body.to_string().len() < 2048, "{body}");
    // Severity still travels: it is the opening.
    let manual = payload(
        &op(OPENING, Detail::Manual(Manual::default())),
        &source(),
        Telling { minimal: true, ..Telling::default() },
    );
    assert_eq!(manual["severity"], "sev2");
}

#[test]
fn f111_a_clock_before_1970_reads_as_1970() {
    let mut early = op(OPENING, Detail::Manual(Manual::default()));
    early.occurrences.first = SystemTime::UNIX_EPOCH - Duration::from_secs(86_400);
    let body = body_from(&early, false);
    assert_eq!(body["occurrences"]["first"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn f110_what_comes_late_says_how_late_and_when_it_occurred() {
    let op = op(OPENING, Detail::Manual(Manual::default()));
    let occurred = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_424_400_000);
    let late = Some((Duration::from_secs(7_265), occurred));
    let told = payload(&op, &source(), Telling { late, ..Telling::default() });
    let delayed = json!({ "seconds": 7_265, "occurred": "2026-11-23T09:00:00.000Z" });
    assert_eq!(told["body"]["delayed"], delayed);
    assert_eq!(payload(&op, &source(), Telling::default())["body"].get("delayed"), None);
}

#[test]
fn what_an_earlier_run_has_made_is_told_as_it_was_with_the_notes_of_both() {
    let stored = json!({
        "message": "failed to load user 4711", "level": "ERROR", "schema": 1,
        "fields": { "attempt": 3 }, "source": { "host": "gone", "pid": 7 },
        "occurrences": { "count": 1 }, "notes": { "cut": "message" },
    });
    let op = op(OPENING, Detail::Stored(stored.as_object().unwrap().clone()));
    let missed = Some("3 queue full");
    let told = payload(&op, &source(), Telling { missed, ..Telling::default() });
    let body = &told["body"];
    for name in ["message", "level", "fields", "source"] {
        assert_eq!(body[name], stored[name], "{name}");
    }
    assert_eq!(body["notes"], json!({ "cut": "message", "undelivered": "3 queue full" }));
    assert_eq!(body["occurrences"]["count"], 17, "as it is now");
    assert_eq!(told["severity"], "sev2");
    let minimal = payload(&op, &source(), Telling { minimal: true, ..Telling::default() });
    assert_eq!(minimal["body"].get("fields"), None);
    assert_eq!(minimal["body"]["message"], stored["message"]);
}
