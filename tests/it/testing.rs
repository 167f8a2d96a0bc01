//! The test kit: what it says is what the layer would do, and what it says when a test fails.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    thread,
    time::{Duration, Instant},
};

use tracing::{debug, dispatcher, error, info, instrument::WithSubscriber, warn};
use tracing_spike::{
    Builder, Handle, Incident, Priority, Rule, Severity, assert_not_paged, assert_paged,
    testing::Spike,
};
use tracing_subscriber::prelude::*;

mod recorded;
mod said;
mod same;
mod scoped;

/// What a program would share between production and its tests.
pub(crate) fn paging(builder: Builder) -> Builder {
    builder
        .filter("error,billing=warn,noisy=off")
        .rule(Rule::target("billing").severity(Severity::Sev1))
        .rule(Rule::target("shop::cache").after(3, Duration::from_secs(60)))
        .service("shop")
}

pub(crate) fn spike() -> Spike {
    Spike::new(paging).unwrap()
}

#[test]
fn what_pages_is_there_at_once_with_all_that_would_be_sent() {
    let spike = spike();
    let _inside = spike.enter();
    error!(order = 4711, spike.priority = "p2", "card of order {} declined", 4711);
    warn!(target: "billing", tenant = "acme", "invoice is late");
    assert_paged!(spike, "card of order # declined in it::testing", priority(Priority::P2));
    assert_paged!(spike, "card of order 4711 declined", body("fields.order", 4711), times(1));
    assert_paged!(
        spike,
        "invoice is late",
        severity(Severity::Sev1),
        body("/fields/tenant", "acme"),
        body("source.service", "shop"),
        endpoint("default"),
        repeats(0),
        open(),
    );
    let pages = spike.pages();
    assert_eq!(pages.len(), 2);
    assert_eq!((pages[0].severity(), pages[0].priority()), (None, Some(Priority::P2)));
    assert_eq!(pages[0].body()["message"], "card of order 4711 declined");
    assert_eq!((pages[0].at(), pages[0].is_repeat()), (Duration::ZERO, false));
    let stats = spike.handle().stats();
    assert_eq!((stats.delivered, stats.pending, stats.accounted()), (2, 0, stats.seen));
}

#[test]
fn what_does_not_page_does_not() {
    let spike = spike();
    let _inside = spike.enter();
    warn!("cache is cold");
    error!(target: "noisy", "again");
    error!(spike = false, "never mind");
    info!(spike.status = "resolved", "typo");
    debug!(spike = true, "too low");
    error!(target: "shop::cache", "no node");
    for title in ["cache is cold", "again", "never mind", "typo", "too low", "no node"] {
        assert_not_paged!(spike, title, occurred());
    }
    assert_not_paged!(spike);
    // Twins.
    info!(spike = true, "cache is cold");
    error!(target: "shop::cache", "no node");
    error!(target: "shop::cache", "no node");
    assert_paged!(spike, "cache is cold");
    assert_paged!(spike, "no node", body("occurrences.count", 3));
    assert_not_paged!(spike, "no node", severity(Severity::Sev1));
}

#[test]
fn repeats_come_when_the_clock_is_moved_and_not_before() {
    let spike = spike();
    let _inside = spike.enter();
    let began = Instant::now();
    let fails = || error!("import failed");
    for _ in 0..5 {
        fails();
    }
    assert_paged!(spike, "import failed", times(1), repeats(0));
    spike.advance(Duration::from_secs(29));
    fails();
    assert_paged!(spike, "import failed", repeats(0));
    spike.advance(Duration::from_secs(1));
    fails();
    assert_paged!(spike, "import failed", times(1), repeats(1), body("occurrences.since_last", 6));
    spike.advance(Duration::from_secs(86_400));
    assert_paged!(spike, "import failed", times(1), repeats(1), open());
    let ats: Vec<_> =
        spike.pages().iter().map(|page| (page.at().as_secs(), page.is_repeat())).collect();
    assert_eq!(ats, [(0, false), (30, true)]);
    assert!(began.elapsed() < Duration::from_secs(5), "a day is no wait");
}

#[test]
fn what_was_resolved_pages_again_and_a_quiet_title_is_resolved() {
    let spike =
        Spike::new(|builder| paging(builder).resolve_after(Duration::from_secs(600))).unwrap();
    let _inside = spike.enter();
    let over = || info!(spike.status = "resolve", "import failed");
    let fails = || error!("import failed");
    fails();
    spike.advance(Duration::from_secs(599));
    assert_paged!(spike, "import failed", open());
    spike.advance(Duration::from_secs(1));
    assert_paged!(spike, "import failed", times(1), resolved());
    assert_eq!(spike.pages().last().unwrap().at(), Duration::from_secs(600));
    fails();
    assert_paged!(spike, "import failed", times(2), open());
    over();
    assert_paged!(spike, "import failed", times(2), resolved());
}

#[test]
fn a_title_that_flaps_has_its_resolve_held_back() {
    let spike = spike();
    let _inside = spike.enter();
    for _ in 0..3 {
        error!("link is down");
        spike.handle().resolve("link is down in it::testing").unwrap();
    }
    assert_paged!(spike, "link is down", times(3), open());
    spike.advance(Duration::from_secs(301));
    assert_paged!(spike, "link is down", times(3), resolved());
}

#[test]
fn storms_budgets_and_mutes_are_those_of_production() {
    let spike = Spike::new(|builder| paging(builder).budget(2, 1)).unwrap();
    let _inside = spike.enter();
    for title in ["one", "two", "three", "four"] {
        error!(spike.title = title);
    }
    assert_not_paged!(spike, "three", occurred());
    assert_not_paged!(spike, "error storm in shop");
    spike.advance(Duration::from_secs(2));
    assert_paged!(spike, "error storm in shop", body("occurrences.count", 2));
    spike.handle().mute(Duration::from_secs(60));
    error!(spike = true, "meant");
    assert_not_paged!(spike, "meant", occurred());
    spike.advance(Duration::from_secs(60));
    error!(spike = true, "meant");
    assert_paged!(spike, "meant");
}

#[test]
fn rules_with_webhooks_tell_where_a_page_goes() {
    let other = "https://hooks.spike.sh/0123456789abcdef/push-events";
    let spike =
        Spike::new(|builder| builder.rule(Rule::target("shop::ops").webhook(other))).unwrap();
    let _inside = spike.enter();
    error!(target: "shop::ops", "disk is full");
    error!(target: "shop", "no route");
    assert_paged!(spike, "disk is full", endpoint("rule shop::ops"));
    assert_paged!(spike, "no route", endpoint("default"));
    assert_not_paged!(spike, "no route", endpoint("rule shop::ops"));
}

#[test]
fn a_text_is_not_taken_for_titles_that_share_only_what_varies() {
    let spike = spike();
    let _inside = spike.enter();
    error!("order {} is late", 17);
    error!("error");
    for text in ["4711", "4711 / 17", "10.0.0.7:5432", "\t", "\t\n"] {
        assert_not_paged!(spike, text);
    }
    // Twins.
    assert_paged!(spike, "order 4711 is late", times(1));
    assert_paged!(spike, "error", times(1));
    assert_paged!(spike, "#");
}

#[test]
fn a_page_with_another_condition_has_occurred() {
    let spike = spike();
    let _inside = spike.enter();
    error!(spike.severity = "sev2", "failed to load");
    assert_not_paged!(spike, "failed to load", severity(Severity::Sev1), occurred());
    info!(spike.status = "resolve", "failed to load");
    assert_not_paged!(spike, "failed to load", severity(Severity::Sev1), occurred());
}

#[test]
fn what_is_sent_is_the_same_in_each_run() {
    let run = || {
        let spike = Spike::new(paging).unwrap();
        let _inside = spike.enter();
        for _ in 0..2 {
            error!("import failed");
            spike.advance(Duration::from_secs(600));
        }
        spike.handle().resolve("import failed in it::testing").unwrap();
        spike.pages().iter().map(|page| page.json().clone()).collect::<Vec<_>>()
    };
    let pages = run();
    assert_eq!(pages.len(), 3);
    let repeat = &pages[1]["body"];
    assert_eq!(repeat["occurrences"]["first"], "2026-01-01T00:00:00.000Z");
    assert_eq!(repeat["occurrences"]["last"], "2026-01-01T00:10:00.000Z");
    assert_eq!((&repeat["source"]["host"], &repeat["source"]["pid"]), (&"test".into(), &1.into()));
    assert_eq!(run(), pages);
}

#[test]
fn settings_that_can_not_be_used_are_an_error_of_the_test() {
    let error = Spike::new(|builder| builder.filter("loud")).unwrap_err();
    assert!(error.is_config(), "{error}");
}

#[test]
fn what_waits_for_delivery_in_production_does_not_wait_here() {
    let spike = spike();
    let handle = spike.handle();
    let _inside = spike.enter();
    let began = Instant::now();
    error!("import failed");
    assert!(handle.flush(Duration::from_secs(60)).is_complete());
    assert!(handle.health().is_good());
    drop(spike);
    assert!(handle.trigger(Incident::new("late")).is_err_and(|e| e.is_closed()));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_program_that_asks_while_it_is_looked_at_waits_for_nobody() {
    static HANDLE: OnceLock<Handle> = OnceLock::new();
    fn ask() {
        error!("asked");
        if let Some(handle) = HANDLE.get() {
            assert!(handle.flush(Duration::from_secs(60)).pending == 0);
            handle.trigger(Incident::new("by who was told")).unwrap();
        }
    }
    struct Asks;
    impl fmt::Debug for Asks {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            ask();
            f.write_str("it asks")
        }
    }
    let began = Instant::now();
    let spike = Spike::new(|builder| paging(builder).on_problem(|_| ask())).unwrap();
    HANDLE.get_or_init(|| spike.handle());
    let _inside = spike.enter();
    info!(spike.status = "odd", "is told to on_problem");
    assert_paged!(spike, "by who was told", times(1));
    error!(value = ?Asks, "import failed");
    assert_paged!(spike, "import failed", body("fields.value", "it asks"));
    assert_not_paged!(spike, "asked");
    assert!(began.elapsed() < Duration::from_secs(5));
    let stats = spike.handle().stats();
    assert_eq!((stats.pending, stats.accounted()), (0, stats.seen));
}
