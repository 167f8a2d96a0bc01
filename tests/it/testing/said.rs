//! What a person is told whose test fails.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::child;

/// What an assertion that fails says, as lines, with `…` for the place of this module.
fn said(check: impl FnOnce()) -> Vec<String> {
    let payload = catch_unwind(AssertUnwindSafe(check)).unwrap_err();
    let text = payload.downcast_ref::<String>().unwrap();
    text.replace(" in it::testing::said", "…").lines().map(str::to_owned).collect()
}

#[test]
fn nothing_seen_at_all_is_told_with_what_to_do() {
    let spike = spike();
    let told = said(|| assert_paged!(spike, "card payment failed"));
    assert_eq!(
        told,
        [
            "expected a page \"card payment failed\", found none",
            "no event was seen at all: call the code behind `let _inside = spike.enter();`, and \
             give its own threads and tasks `spike.dispatch()`",
        ]
    );
}

#[test]
fn near_misses_are_told_each_with_its_reason() {
    let spike = spike();
    let _inside = spike.enter();
    warn!("cache is cold");
    error!(target: "noisy", "again");
    error!(spike = false, "never mind");
    info!(spike.status = "resolved", "over");
    let line = line!() - 1;
    debug!("too low");
    error!(target: "shop::cache", "no node");
    for order in 0..3 {
        error!(order, "card payment failed");
    }
    let told = said(|| assert_paged!(spike, "card payment faild"));
    assert_eq!(
        told,
        [
            "expected a page \"card payment faild\", found none",
            "what paged:",
            "  card payment failed…: paged at 0s",
            "what did not:",
            "  cache is cold…: WARN is below the filter `error`",
            "  again in noisy: off by the filter `noisy=off`",
            "  never mind…: spike = false",
            "  over…: spike.status is \"resolved\", expected \"resolve\"",
            "  too low…: DEBUG never pages",
            "  no node in shop::cache: not as often yet as its rule's after() wants",
            "  card payment failed…, 2 times: a repeat of an open incident, told with the next \
             repeat",
            "what it says of that:",
            &format!(
                "  spike.status at {}:{line} is neither \"resolve\" nor \"trigger\"; below ERROR \
                 nothing is sent for it",
                file!()
            ),
            "nearest to \"card payment faild\": \"card payment failed…\"",
        ]
    );
}

#[test]
fn what_is_not_as_expected_is_told_page_by_page() {
    let spike = spike();
    let _inside = spike.enter();
    error!(order = 17, spike.severity = "sev2", "card payment failed");
    let told = said(|| {
        assert_paged!(
            spike,
            "card payment failed",
            severity(Severity::Sev1),
            priority(Priority::P1),
            body("fields.order", 4711),
            body("/fields/tenant", "acme"),
            body("feilds.tenant", "acme"),
            endpoint("billing"),
        );
    });
    assert_eq!(
        told,
        [
            "\"card payment failed\" paged, but not as expected:",
            "  card payment failed…: paged at 0s, sev2",
            "    severity: expected sev1, found sev2",
            "    priority: expected p1, found none",
            "    endpoint: expected billing, found https://hooks.spike.sh (default)",
            "    body fields.order: expected 4711, found 17",
            "    body /fields/tenant: expected \"acme\", found none: fields has order",
            "    body feilds.tenant: expected \"acme\", found none: the body has fields, level, \
             location, message, occurrences, schema, source, target",
        ]
    );
    let told =
        said(|| assert_paged!(spike, "card payment failed", times(2), repeats(1), resolved()));
    assert_eq!(
        told,
        [
            "\"card payment failed\" paged, expected times(2), found 1",
            "\"card payment failed\" paged, expected repeats(1), found 0",
            "\"card payment failed\" paged, expected resolved(), found it open",
            "what paged:",
            "  card payment failed…: paged at 0s, sev2",
        ]
    );
    spike.advance(Duration::from_millis(1_500));
    info!(spike.status = "resolve", "card payment failed");
    let told = said(|| assert_paged!(spike, "card payment failed", open()));
    assert_eq!(told[0], "\"card payment failed\" paged, expected open(), found it resolved");
    assert_eq!(told[3], "  card payment failed…: resolved at 1s 500ms");
}

#[test]
fn fields_that_mean_nothing_are_told() {
    const TEST: &str = "testing::said::fields_that_mean_nothing_are_told";
    // The pipelines of other tests would be told, too.
    child::run(TEST, &[], || {
        let spike = spike();
        let _inside = spike.enter();
        warn!(spike.titel = "disk is full", "no room");
        assert_paged!(spike, "no room");
        let told = said(|| assert_paged!(spike, "disk is full"));
        let expected = "  unknown event field spike.titel at tests/it/testing/said.rs:";
        assert!(told[4].starts_with(expected), "{told:#?}");
    })
    .well();
}

#[test]
fn what_pages_and_should_not_is_told() {
    let spike = spike();
    let _inside = spike.enter();
    error!("card payment failed");
    error!(spike.priority = "p1", "disk is full");
    let told = said(|| assert_not_paged!(spike));
    assert_eq!(
        told,
        [
            "expected no page of anything, found 2",
            "  card payment failed…: paged at 0s",
            "  disk is full…: paged at 0s, p1",
        ]
    );
    let told = said(|| assert_not_paged!(spike, "disk", priority(Priority::P1)));
    assert_eq!(told[0], "expected no page of \"disk\", found 1");
    let told = said(|| assert_not_paged!(spike, "cache is cold", occurred()));
    assert_eq!(told[0], "\"cache is cold\" did not page, but nothing like it occurred");
    assert_not_paged!(spike, "cache is cold");
    let told = said(|| assert_not_paged!(spike, "cache is cold", times(1)));
    assert!(told[0].ends_with("are conditions of assert_paged!, not of assert_not_paged!"));
}

#[test]
fn of_many_the_nearest_are_told() {
    let spike = spike();
    let _inside = spike.enter();
    for name in ["ann", "bob", "eve", "joe", "kim", "lee", "max", "sue", "tom", "una"] {
        warn!("plan of {name} is gone");
    }
    let told = said(|| assert_paged!(spike, "plan of tom is gone"));
    assert_eq!(told[2], "  plan of tom is gone…: WARN is below the filter `error`");
    assert_eq!(told[10..], ["  and 2 more"]);
    for name in ["ann", "bob", "eve", "joe", "kim", "lee"] {
        error!("trip of {name} is late");
    }
    let told = said(|| assert_paged!(spike, "trip of lee"));
    let folded = "  trip of lee is late…: its call site has opened 5 titles in 10 min: it is in \
                  \"more kinds of: trip of ann is late…\"";
    assert!(told.iter().any(|line| line == folded), "{told:#?}");
}

#[test]
fn f091_what_did_not_page_is_told_without_its_secrets() {
    let spike = spike();
    let _inside = spike.enter();
    warn!("password: correcthorse was wrong");
    let told = said(|| assert_paged!(spike, "login failed")).join("\n");
    assert!(told.contains("[redacted]") && !told.contains("correcthorse"), "{told}");
}
