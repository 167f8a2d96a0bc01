//! What of an event, its fields and its spans becomes an incident.

use std::{error::Error, net::Ipv4Addr};

use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, trace, warn};
use tracing_spike::sandbox::Incident;

mod errors;
mod spans;

use errors::Failed;

use crate::{
    child,
    rig::{Rig, rig, rig_with},
};

/// Longest text of a field and longest body, in bytes, as documented.
const FIELD: usize = 2 * 1024;
const BODY: usize = 32 * 1024;

fn titles(incidents: &[Incident]) -> Vec<&str> {
    incidents.iter().map(Incident::title).collect()
}

fn fields(work: impl FnOnce()) -> Value {
    rig().paged_one(work).body()["fields"].clone()
}

/// The notes of the one incident that `work` opens; `null` when it has none.
fn notes(work: impl FnOnce()) -> Value {
    rig().paged_one(work).body()["notes"].clone()
}

/// What each request said of severity and priority.
fn grades(rig: &Rig) -> Vec<(Value, Value)> {
    let payloads = rig.sandbox.requests().into_iter().filter_map(|request| request.json());
    payloads.map(|payload| (payload["severity"].clone(), payload["priority"].clone())).collect()
}

// === levels and the `spike` fields ===

#[test]
fn an_error_pages_and_a_lower_level_does_not() {
    let rig = rig();
    let incidents = rig.paged(|| {
        warn!("disk is filling up");
        info!("disk was mounted");
        debug!("disk is idle");
        trace!("disk is spinning");
        error!("disk is full");
    });
    assert_eq!(titles(&incidents), ["disk is full in it::capture"]);
    assert_eq!(incidents[0].body()["level"], "ERROR");
    assert_eq!(rig.stats().seen, 1, "what does not page does not reach us");
}

#[test]
fn a_spike_field_with_a_value_pages_at_warn_and_info_and_never_below() {
    let rig = rig();
    let incidents = rig.paged(|| {
        debug!(spike = true, "too low");
        trace!(spike = true, "lower still");
        info!(spike.title = None::<&str>, "without a value");
        info!(spike = None::<bool>, spike.severity = None::<&str>, "none has a value");
        warn!(spike = true, "warned");
        info!(spike = true, "informed");
        info!(spike.severity = "sev3", "with a severity");
        warn!(spike.priority = "p4", "with a priority");
        info!(spike.status = "trigger", "with a status");
        info!(spike.title = "with a title", "not this");
    });
    let warned = ["warned", "informed", "with a severity", "with a priority", "with a status"];
    let mut expected: Vec<_> = warned.iter().map(|text| format!("{text} in it::capture")).collect();
    expected.push("with a title".to_owned());
    let mut found = titles(&incidents);
    // The worker sends the gravest first.
    expected.sort();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(rig.stats().ignored.field, 2);
}

#[test]
fn spike_false_keeps_an_error_quiet() {
    let rig = rig();
    let incidents = rig.paged(|| {
        error!(spike = false, "known and harmless");
        error!(spike = false, spike.severity = "sev1", spike.status = "resolve", "quiet too");
        error!(spike = true, "neither known nor harmless");
    });
    assert_eq!(titles(&incidents), ["neither known nor harmless in it::capture"]);
    assert_eq!(rig.stats().ignored.field, 2);
}

#[test]
fn a_mistyped_spike_field_is_left_out_and_named_and_the_incident_goes_out() {
    let rig = rig();
    let incident = rig.paged_one(|| {
        error!(
            spike = "yes",
            spike.severity = "critical",
            spike.priority = 3,
            spike.status = "resolved",
            "pump failed"
        );
    });
    assert_eq!(incident.title(), "pump failed in it::capture");
    assert_eq!(grades(&rig), [(Value::Null, Value::Null)]);
    let expected = json!({
        "spike": "expected true or false, found \"yes\"; sent without it",
        "spike_severity": "expected sev1, sev2 or sev3, found \"critical\"; sent without it",
        "spike_priority": "expected p1, p2, p3, p4 or p5, found \"3\"; sent without it",
        "spike_status": "expected resolve or trigger, found \"resolved\"; sent without it",
    });
    assert_eq!(incident.body()["notes"], expected);
    assert_eq!(incident.body()["fields"], Value::Null, "an instruction is no content");
    let twin = notes(|| error!(spike = true, spike.severity = "SEV1", spike.priority = "p3", "x"));
    assert_eq!(twin, Value::Null);
}

#[test]
fn a_mistyped_spike_field_below_error_pages_unless_it_is_the_status() {
    let rig = rig();
    let incidents = rig.paged(|| {
        info!(spike.status = "resolved", "pump runs again");
        info!(spike.severity = "critical", "pump is hot");
    });
    assert_eq!(titles(&incidents), ["pump is hot in it::capture"]);
    assert_eq!(rig.stats().ignored.bad_status, 1);
}

#[test]
fn a_bad_status_below_error_is_said_once_with_its_place() {
    let test = "capture::a_bad_status_below_error_is_said_once_with_its_place";
    let line = line!() + 5;
    let ended = child::run(test, &[], || {
        let rig = rig();
        let incidents = rig.paged(|| {
            for _ in 0..3 {
                info!(spike.status = "resolved", "import ran");
            }
            error!(spike.status = "resolved", "import failed");
        });
        assert_eq!(titles(&incidents), ["import failed in it::capture"]);
        assert_eq!(rig.stats().ignored.bad_status, 3);
    })
    .well();
    let said = format!("spike.status at {}:{line} is neither \"resolve\" nor \"trigger\"", file!());
    assert_eq!(ended.said(&said), 1, "{}", ended.stderr);
    assert_eq!(ended.said("spike.status at"), 1, "{}", ended.stderr);
}

#[test]
fn an_unknown_spike_field_is_said_once_with_its_place() {
    let test = "capture::an_unknown_spike_field_is_said_once_with_its_place";
    let line = line!() + 5;
    let ended = child::run(test, &[], || {
        let rig = rig();
        let incidents = rig.paged(|| {
            for _ in 0..3 {
                error!(spike.colour = "red", spike.severity = "sev2", "paint spilled");
            }
        });
        assert_eq!(titles(&incidents), ["paint spilled in it::capture"]);
    })
    .well();
    let said = format!("unknown event field spike.colour at {}:{line};", file!());
    assert_eq!(ended.said(&said), 1, "{}", ended.stderr);
    assert_eq!(ended.said("unknown event field"), 1, "{}", ended.stderr);
}

#[test]
fn a_title_given_is_verbatim_and_resolves_what_it_opened() {
    let rig = rig();
    let incident = rig.paged_one(|| {
        error!(spike.title = "Queue 7 is stuck", "attempt {} failed", 3);
    });
    assert_eq!(incident.title(), "Queue 7 is stuck");
    assert_eq!(incident.body()["message"], "attempt 3 failed");
    rig.paged_one(|| info!(spike.status = "resolve", "Queue 7 is stuck"));
    assert_eq!(rig.sandbox.open().len(), 1, "a message has its place in its title");
    rig.paged_one(|| info!(spike.status = "resolve", spike.title = "Queue 7 is stuck", "runs"));
    assert_eq!(rig.sandbox.open().len(), 0);
}

#[test]
fn severity_and_priority_travel_on_the_opening_and_when_more_severe() {
    let rig = rig();
    let fail = |severity, priority| {
        rig.paged(|| {
            error!(spike.title = "boiler", spike.severity = severity, spike.priority = priority);
        });
    };
    fail(Some("sev3"), Some("p5"));
    fail(Some("sev3"), Some("p1"));
    assert_eq!(grades(&rig), [(json!("sev3"), json!("p5"))], "a repeat in the cooldown");
    fail(Some("sev1"), None);
    fail(Some("sev2"), Some("p2"));
    assert_eq!(grades(&rig)[1..], [(json!("sev1"), Value::Null)]);
    rig.paged(|| info!(spike.title = "boiler", spike.status = "resolve", spike.severity = "sev1"));
    assert_eq!(grades(&rig)[2..], [(Value::Null, Value::Null)], "a resolve has none");
    fail(None, None);
    assert_eq!(grades(&rig)[3..], [(Value::Null, Value::Null)]);
    assert_eq!(rig.stats().suppressed.repeat, 2);
}

// === rules ===

#[test]
fn the_longest_rule_at_a_path_boundary_decides() {
    let rig = rig_with(|b| b.filter("error,billing=warn,noisy=off,noisy::ledger=error"));
    let incidents = rig.paged(|| {
        warn!("default, too low");
        warn!(target: "billing", "own rule");
        warn!(target: "billing::cards", "rule of the parent");
        warn!(target: "billings", "another target, too low");
        error!(target: "billings", "another target");
        info!(target: "billing", "too low for the rule");
        error!(target: "noisy", "off");
        error!(target: "noisy::db", "off too");
        error!(target: "noisy", spike = true, "the operator wins");
        warn!(target: "noisy", { spike.status = "trigger" }, "over the code");
        error!(target: "noisy::ledger", "longer rule");
        error!(target: "noisy::ledgers", "not that one");
    });
    let expected = [
        "own rule in billing",
        "rule of the parent in billing::cards",
        "another target in billings",
        "longer rule in noisy::ledger",
    ];
    assert_eq!(titles(&incidents), expected);
    assert_eq!(rig.stats().ignored.field, 1, "its status was needed to know");
}

#[test]
fn a_target_that_is_off_lets_a_resolve_through() {
    let rig = rig_with(|builder| builder.filter("error,quiet=off"));
    rig.paged_one(|| error!(spike.title = "pump", "failed"));
    let incident = rig.paged_one(|| {
        info!(target: "quiet", { spike.title = "pump", spike.status = "resolve" }, "runs");
    });
    assert!(!incident.is_open());
}

#[test]
fn a_rule_that_never_matched_is_listed() {
    let rig = rig_with(|b| b.filter("error,shop_of_rules=warn,misspelt_shop=warn,other=off"));
    let unmatched = || rig.stats().unmatched_rules;
    assert!(unmatched().iter().any(|rule| rule == "shop_of_rules=warn"), "{:?}", unmatched());
    rig.paged_one(|| warn!(target: "shop_of_rules::till", "drawer is stuck"));
    assert_eq!(unmatched(), ["misspelt_shop=warn", "other=off"]);
}

// === values ===

#[test]
fn f089_values_keep_their_types_as_far_as_javascript_reads_them() {
    let found = fields(|| {
        error!(
            int = -3_i64,
            uint = 7_u64,
            float = 1.5,
            flag = true,
            text = "text",
            shown = %Ipv4Addr::LOCALHOST,
            dumped = ?Some(1),
            none = None::<u64>,
            some = Some(2),
            http.status = 500,
            r#type = "raw",
            log.id = 5,
            exact = 9_007_199_254_740_991_u64,
            beyond = 9_007_199_254_740_992_u64,
            below = -9_007_199_254_740_992_i64,
            wide = i128::MIN,
            uwide = u128::MAX,
            nan = f64::NAN,
            inf = f64::NEG_INFINITY,
            "many types"
        );
    });
    let expected = json!({
        "int": -3, "uint": 7, "float": 1.5, "flag": true, "text": "text",
        "shown": "127.0.0.1", "dumped": "Some(1)", "some": 2, "http_status": 500, "type": "raw",
        "log_id": 5,
        "exact": 9_007_199_254_740_991_u64, "beyond": "9007199254740992",
        "below": "-9007199254740992", "wide": i128::MIN.to_string(),
        "uwide": u128::MAX.to_string(), "nan": "NaN", "inf": "-inf",
    });
    assert_eq!(found, expected);
}

macro_rules! fail_with {
    ($value:expr; $($name:ident)*) => { error!($($name = $value,)* "many fields") };
}

#[test]
fn f085_fields_past_the_sixty_fourth_are_left_out_and_counted() {
    let incident = rig().paged_one(|| {
        fail_with!(1;
            a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 b0 b1 b2 b3 b4 b5 b6 b7 b8 b9 c0 c1 c2 c3 c4 c5 c6 c7 c8
            c9 d0 d1 d2 d3 d4 d5 d6 d7 d8 d9 e0 e1 e2 e3 e4 e5 e6 e7 e8 e9 f0 f1 f2 f3 f4 f5 f6 f7
            f8 f9 g0 g1 g2 g3 g4 g5 g6);
    });
    let kept = incident.body()["fields"].as_object().unwrap();
    assert_eq!((kept.len(), kept.contains_key("g3"), kept.contains_key("g4")), (64, true, false));
    assert_eq!(incident.body()["notes"]["omitted_fields"], 3);
}

#[test]
fn a_long_text_is_cut_and_named() {
    let long = "ä".repeat(FIELD);
    let incident = rig().paged_one(|| {
        info_span!("request", agent = long).in_scope(|| error!(dump = long, short = "s", "failed"));
    });
    let body = incident.body();
    let cut = "ä".repeat(FIELD / 2);
    assert_eq!((&body["fields"]["dump"], &body["fields"]["short"]), (&json!(cut), &json!("s")));
    assert_eq!(body["span"]["fields"]["agent"], json!(cut));
    assert_eq!(body["notes"], json!({ "cut": "dump, agent" }));
}

#[test]
fn a_long_message_and_a_long_error_are_cut_and_named() {
    let long = format!("failed: {}", "word ".repeat(FIELD));
    let incident = rig().paged_one(|| error!("{long}"));
    assert_eq!(incident.body()["message"].as_str().map(str::len), Some(FIELD));
    assert_eq!(incident.body()["notes"], json!({ "cut": "message" }));
    let found = notes(|| error!(error = %long, "failed"));
    assert_eq!(found, json!({ "cut": "error.message" }));
    let error = Failed(long, None);
    let found = notes(|| error!(error = &error as &dyn Error, "failed"));
    assert_eq!(found, json!({ "cut": "error.message" }), "its chain is the same");
    let error = Failed("failed".to_owned(), Some(Box::new(error)));
    let found = notes(|| error!(error = &error as &dyn Error, "failed"));
    assert_eq!(found, json!({ "cut": "error.chain" }));
}

#[test]
fn a_body_is_never_longer_than_its_cap() {
    let (long, rig) = ("x".repeat(FIELD + 1), rig());
    // One of these is just below the cap before its notes are added.
    for length in (0..FIELD).step_by(128) {
        let (title, last) = (format!("body of {length}"), "x".repeat(length));
        rig.paged(|| {
            error!(
                spike.title = title,
                last,
                a = long,
                b = long,
                c = long,
                d = long,
                e1 = long,
                f = long,
                g = long,
                h = long,
                i = long,
                j = long,
                k = long,
                l = long,
                m = long,
                n = long,
                a_field_with_quite_a_long_name_so_that_its_note_is_long_too = long
            );
        });
    }
    let bodies: Vec<_> = rig.sandbox.incidents().iter().map(|one| one.body().clone()).collect();
    assert!(bodies.iter().any(|body| body["fields"].is_object()), "none was short enough");
    assert!(bodies.iter().any(|body| body["fields"].is_null()), "none was too long");
    for body in bodies {
        let cut = body["notes"]["cut"].as_str().unwrap().to_owned();
        assert_eq!(body["fields"].is_null(), cut.split(", ").any(|name| name == "fields"), "{cut}");
        let length = body.to_string().len();
        assert!(length <= BODY, "{length} bytes, cut: {cut}");
    }
}
