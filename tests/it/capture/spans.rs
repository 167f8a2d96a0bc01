//! The spans of an event, and records of the `log` crate.

use std::{collections::HashSet, thread};

use serde_json::{Value, json};
use tracing::{Dispatch, Span, debug_span, error, field::Empty, info_span, trace_span, warn_span};
use tracing_subscriber::Registry;

use crate::{
    child,
    rig::{Rig, rig, rig_with},
};

/// `body.span` of the one incident that `work` opens.
fn span(work: impl FnOnce()) -> Value {
    rig().paged_one(work).body()["span"].clone()
}

#[test]
fn the_path_is_from_root_to_leaf_and_the_leaf_wins() {
    let found = span(|| {
        let _request =
            info_span!("request", request_id = "r-1", user_id = 1, attempt = 1).entered();
        let _empty = warn_span!("load").entered();
        let _query =
            info_span!("query", user_id = 4711, attempt = None::<u8>, sql.rows = 3).entered();
        error!(user_id = "of the event", "query failed");
    });
    let fields = json!({ "request_id": "r-1", "user_id": 4711, "attempt": 1, "sql_rows": 3 });
    assert_eq!(found, json!({ "path": "request > load > query", "fields": fields }));
    assert_eq!(span(|| error!("outside of all")), Value::Null);
}

#[test]
fn spans_below_info_are_in_no_body_even_when_another_layer_wants_them() {
    let rig = rig();
    let incident = rig.paged_one(|| {
        let _request = info_span!("request").entered();
        let _detail = debug_span!("detail", secret = 1).entered();
        let _trace = trace_span!("deeper").entered();
        error!("query failed");
    });
    assert_eq!(incident.body()["span"], json!({ "path": "request" }));
    assert!(rig.written.text().contains("detail{secret=1}"), "{}", rig.written.text());
}

#[test]
fn an_error_field_of_a_span_is_a_field_like_any_other() {
    let incident = rig().paged_one(|| {
        info_span!("job", error = "of an earlier run", spike = false, spike.title = "no")
            .in_scope(|| error!("job failed"));
    });
    assert_eq!(incident.title(), "job failed in it::capture::spans");
    assert_eq!(incident.body()["error"], Value::Null);
    let expected = json!({ "path": "job", "fields": { "error": "of an earlier run" } });
    assert_eq!(incident.body()["span"], expected);
}

#[test]
fn f073_a_field_recorded_late_is_there_and_the_last_value_counts() {
    let found = span(|| {
        let request = info_span!("request", id = 1, user = Empty, status = Empty, retries = 0);
        let _inside = request.enter();
        request.record("user", "ada");
        for retries in 1..=1_000 {
            request.record("retries", retries);
            request.record("id", "x".repeat(100));
        }
        request.record("unknown", 1);
        request.record("id", 2);
        error!("request failed");
    });
    let fields = json!({ "id": 2, "user": "ada", "retries": 1_000 });
    assert_eq!(found, json!({ "path": "request", "fields": fields }));
}

#[test]
fn an_explicit_parent_is_the_parent() {
    let rig = rig();
    let incidents = rig.paged(|| {
        let other = info_span!("other", id = 2);
        let _here = info_span!("here", id = 1).entered();
        error!(parent: &other, "with a parent");
        error!(parent: None, "with none");
        error!("with the current one");
    });
    let found: Vec<_> = incidents.iter().map(|incident| &incident.body()["span"]["path"]).collect();
    assert_eq!(found, [&json!("other"), &Value::Null, &json!("here")]);
}

#[test]
fn f073_spans_may_move_and_close_on_other_threads() {
    let rig = rig();
    let incident = rig.paged_one(|| {
        let request = info_span!("request", id = 1);
        let load = info_span!(parent: &request, "load", table = "users");
        let entered = request.clone();
        thread::spawn(move || drop(entered.entered())).join().unwrap();
        thread::spawn(move || drop(request)).join().unwrap();
        let dispatch = rig.dispatch.clone();
        let fail = move || {
            tracing::dispatcher::with_default(&dispatch, || {
                load.in_scope(|| error!("load failed"));
                drop(load);
            });
        };
        thread::Builder::new().name("loader".to_owned()).spawn(fail).unwrap().join().unwrap();
    });
    let fields = json!({ "id": 1, "table": "users" });
    assert_eq!(incident.body()["span"], json!({ "path": "request > load", "fields": fields }));
    assert_eq!(incident.body()["source"]["thread"], "loader");
}

#[test]
fn f073_a_span_in_the_place_of_a_closed_one_has_none_of_its_fields() {
    let (rig, mut old, mut reused) = (rig(), HashSet::new(), 0);
    // The registry's index of a span; what is above counts how often it was given out.
    let place = |span: &Span| span.id().unwrap().into_u64() & u64::from(u32::MAX);
    rig.run(|| {
        for turn in 0..20 {
            let outer = info_span!("outer", order = turn).entered();
            let inner = info_span!("inner", card = Empty, step = 1).entered();
            inner.record("card", "of the last one");
            old.extend([place(&outer), place(&inner)]);
            error!(spike.title = %format!("with fields {turn}"), "failed");
            drop((inner, outer));
            let outer = info_span!("bare outer", late = Empty).entered();
            let inner = info_span!("bare inner").entered();
            reused += [&outer, &inner].iter().filter(|span| old.contains(&place(span))).count();
            error!(spike.title = %format!("without {turn}"), "failed");
        }
    });
    assert!(reused > 20, "nearly all of 40 spans, or it shows nothing: {reused}");
    rig.flush();
    let incidents = rig.sandbox.incidents();
    assert_eq!(incidents.len(), 40);
    for incident in &incidents {
        let span = &incident.body()["span"];
        match incident.title().strip_prefix("with fields ") {
            None => assert_eq!(*span, json!({ "path": "bare outer > bare inner" })),
            Some(turn) => {
                let turn: u64 = turn.parse().unwrap();
                let fields = json!({ "order": turn, "card": "of the last one", "step": 1 });
                assert_eq!(*span, json!({ "path": "outer > inner", "fields": fields }));
            }
        }
    }
}

fn nested(depth: usize, work: &dyn Fn()) {
    match depth.checked_sub(1) {
        None => work(),
        Some(rest) => info_span!("turn", rest).in_scope(|| nested(rest, work)),
    }
}

#[test]
fn f073_of_a_thousand_spans_the_innermost_are_told_and_the_cut_is_named() {
    let rig = rig();
    thread::scope(|scope| {
        let deep = || rig.run(|| nested(1_000, &|| error!("too deep")));
        thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, deep).unwrap();
    });
    rig.flush();
    let incident = rig.sandbox.incidents().remove(0);
    let span = &incident.body()["span"];
    assert_eq!(span["fields"], json!({ "rest": 0 }));
    assert_eq!(span["path"], ["turn"; 32].join(" > "));
    assert_eq!(incident.body()["notes"], json!({ "cut": "span.path" }));
    assert_eq!(
        rig.paged(|| nested(32, &|| error!("just deep enough")))[1].body()["notes"],
        Value::Null
    );
}

#[test]
fn f073_a_span_that_we_have_not_seen_is_left_out() {
    let (before, rig) = (Dispatch::new(Registry::default()), rig());
    let old = tracing::dispatcher::with_default(&before, || info_span!("old", id = Empty));
    let incident = rig.paged_one(|| {
        old.record("id", 1);
        let _inside = old.enter();
        error!(parent: &old, "parent from elsewhere");
    });
    assert_eq!(incident.body()["span"], Value::Null);
    let twin = rig.paged(|| {
        let new = info_span!("new", id = 1);
        error!(parent: &new, "parent from here");
    });
    assert_eq!(twin[1].body()["span"], json!({ "path": "new", "fields": { "id": 1 } }));
}

/// Makes this pipeline the one of the whole process, `log` records included.
fn everywhere(rig: &Rig) {
    tracing::dispatcher::set_global_default(rig.dispatch.clone()).unwrap();
    tracing_log::LogTracer::init().unwrap();
}

#[test]
fn f044_a_log_record_pages_once_from_its_own_place() {
    child::run("capture::spans::f044_a_log_record_pages_once_from_its_own_place", &[], || {
        let rig = rig();
        everywhere(&rig);
        let fail = || {
            let _sync = info_span!("sync").entered();
            log::error!(target: "shop::db", "connection {} lost", 7);
            line!() - 1
        };
        let line = thread::spawn(fail).join().unwrap();
        log::warn!(target: "shop::db", "connection is slow");
        rig.flush();
        let incidents = rig.sandbox.incidents();
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        assert_eq!(incidents[0].title(), "connection # lost in shop::db");
        let body = incidents[0].body();
        assert_eq!(body["message"], "connection 7 lost");
        assert_eq!(body["target"], "shop::db");
        assert_eq!(body["location"], format!("{}:{line}", file!()));
        assert_eq!(body["fields"], Value::Null, "log.* is told elsewhere");
        assert_eq!(body["span"]["path"], "sync");
    })
    .well();
}

#[test]
fn f044_a_rule_applies_to_the_target_of_a_log_record() {
    child::run("capture::spans::f044_a_rule_applies_to_the_target_of_a_log_record", &[], || {
        let filter = "error,noisy_log=off,till_log=warn,misspelt_log=off";
        let rig = rig_with(|builder| builder.filter(filter));
        everywhere(&rig);
        log::error!(target: "noisy_log::db", "off");
        log::warn!(target: "till_log", "drawer is stuck");
        log::info!(target: "till_log", "drawer is open");
        log::warn!(target: "other_log", "too low");
        log::error!(target: "other_log", "drawer is gone");
        rig.flush();
        let incidents = rig.sandbox.incidents();
        let titles: Vec<_> = incidents.iter().map(|incident| incident.title()).collect();
        assert_eq!(titles, ["drawer is stuck in till_log", "drawer is gone in other_log"]);
        assert_eq!(rig.stats().unmatched_rules, ["misspelt_log=off"]);
    })
    .well();
}
