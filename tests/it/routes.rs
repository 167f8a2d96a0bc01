//! Rules and routes: how grave, where to, and that no endpoint knows anything of another.

use std::{thread, time::Duration};

use serde_json::Value;
use tracing::{Dispatch, dispatcher::with_default, error, info, warn};
use tracing_spike::{
    Builder, Guard, Incident, Priority, Rule, Severity,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Layer, Registry, prelude::*};

use crate::{
    child,
    rig::{DEADLINE, OTHER_TOKEN, Rig, TOKEN, closed, eventually, rig_with},
};

mod said;

/// A rig whose target `billing` has a webhook at a sandbox of its own.
fn routed() -> Rig {
    routed_with(|builder| builder)
}

fn routed_with(set: impl FnOnce(Builder) -> Builder) -> Rig {
    let other = Sandbox::start().unwrap();
    let rule = Rule::target("billing").webhook(other.url_for(OTHER_TOKEN));
    let mut rig = rig_with(|builder| set(builder.rule(rule)));
    rig.others.push(other);
    rig
}

impl Rig {
    /// The titles at the default endpoint and at the other one, in order of the alphabet.
    fn titles(&self) -> [Vec<String>; 2] {
        [&self.sandbox, &self.others[0]].map(|sandbox| {
            let titles = sandbox.incidents().into_iter().map(|one| one.title().to_owned());
            let mut titles: Vec<_> = titles.collect();
            titles.sort();
            titles
        })
    }

    /// How many are open at each.
    fn open(&self) -> [usize; 2] {
        self.flush();
        [&self.sandbox, &self.others[0]].map(|sandbox| sandbox.open().len())
    }
}

// === how grave ===

#[test]
fn an_event_beats_its_rules_and_they_beat_the_builder() {
    let rules = |builder: Builder| {
        builder
            .severity(Severity::Sev3)
            .priority(Priority::P4)
            .rule(Rule::target("billing").severity(Severity::Sev2))
            .rule(Rule::target("billing::cards").priority(Priority::P2))
            .rule(Rule::target("billing::cards::visa").severity(Severity::Sev1))
    };
    let rig = rig_with(rules);
    rig.run(|| {
        error!(target: "shop", "1 of the builder");
        error!(target: "billings", "2 of the builder");
        error!(target: "billing", "3 of the rule");
        error!(target: "billing::tax", "4 of the rule above");
        error!(target: "billing::cards", "5 of two rules");
        error!(target: "billing::cards::visa", "6 of the longest that sets it");
        error!(target: "billing", { spike.severity = "sev1" }, "7 of the event");
        error!(target: "billing::cards", { spike.priority = "p1" }, "8 of the event");
        error!(target: "billing", { spike.severity = "none" }, "9 mistyped");
    });
    rig.flush();
    let mut grades: Vec<_> = rig.sandbox.incidents().iter().map(grade).collect();
    grades.sort_by_key(|(number, ..)| *number);
    let expected = [
        (1, "sev3", "p4"),
        (2, "sev3", "p4"),
        (3, "sev2", "p4"),
        (4, "sev2", "p4"),
        (5, "sev2", "p2"),
        (6, "sev1", "p2"),
        (7, "sev1", "p4"),
        (8, "sev2", "p1"),
        (9, "sev2", "p4"),
    ];
    let expected = expected.map(|(n, severity, priority)| (n, severity.into(), priority.into()));
    assert_eq!(grades, expected);
}

fn grade(incident: &tracing_spike::sandbox::Incident) -> (u64, String, String) {
    let message = incident.body()["message"].as_str().unwrap();
    let number = message.split(' ').next().unwrap().parse().unwrap();
    let word = |word: Option<&str>| word.unwrap_or("none").to_owned();
    (number, word(incident.severity()), word(incident.priority()))
}

#[test]
fn a_record_of_the_log_crate_has_the_rules_of_its_own_target() {
    const TEST: &str = "routes::a_record_of_the_log_crate_has_the_rules_of_its_own_target";
    child::run(TEST, &[], || {
        let sandbox = Sandbox::start().unwrap();
        let guard = tracing_spike::builder(sandbox.url_for(TOKEN))
            .rule(Rule::target("billing").severity(Severity::Sev1))
            .rule(Rule::target("shop").webhook(sandbox.url_for(OTHER_TOKEN)))
            .rule(Rule::target("bilings").severity(Severity::Sev1))
            .init()
            .unwrap();
        log::error!(target: "billing::cards", "payment failed");
        log::error!(target: "shop::cart", "cart is gone");
        let handle = guard.handle();
        assert!(handle.flush(DEADLINE).is_complete());
        let incidents = sandbox.incidents();
        let of = |title: &str| incidents.iter().find(|one| one.title() == title).unwrap();
        let billing = of("payment failed in billing::cards");
        assert_eq!(billing.severity(), Some("sev1"));
        assert!(billing.came_to(&sandbox.url_for(TOKEN)));
        assert!(of("cart is gone in shop::cart").came_to(&sandbox.url_for(OTHER_TOKEN)));
        assert_eq!(handle.stats().unmatched_rules, ["rule bilings"]);
    })
    .well();
}

#[test]
fn rules_that_have_matched_nothing_are_listed() {
    let rig = rig_with(|builder| {
        builder
            .filter("error,shop=warn,shops=warn")
            .rule(Rule::target("billing").severity(Severity::Sev1))
            .rule(Rule::target("billing::cards").severity(Severity::Sev1))
            .rule(Rule::target("bilings").severity(Severity::Sev1))
    });
    rig.run(|| {
        error!(target: "billing::cards", "payment failed");
        warn!(target: "shop", "cart is slow");
    });
    assert_eq!(rig.stats().unmatched_rules, ["shops=warn", "rule bilings"]);
}

#[test]
fn rules_do_not_change_which_events_page() {
    let rig = routed_with(|builder| builder.filter("error,billing::noisy=off"));
    rig.run(|| {
        warn!(target: "billing", "slow");
        error!(target: "billing::noisy", "noise");
    });
    rig.flush();
    assert_eq!(rig.titles(), [[""; 0]; 2]);
    rig.run(|| error!(target: "billing", "down"));
    rig.flush();
    assert_eq!(rig.titles()[1], ["down in billing"]);
}

// === where to ===

#[test]
fn each_webhook_has_titles_of_its_own() {
    let rig = routed();
    rig.run(|| {
        for _ in 0..3 {
            error!(target: "billing", { spike.title = "payments are down" }, "x");
            error!(target: "shop", { spike.title = "payments are down" }, "x");
        }
        error!(target: "billing::cards", "declined");
        error!(target: "billings", "declined");
    });
    rig.handle().trigger(Incident::new("by hand")).unwrap();
    rig.flush();
    let expected = [
        vec!["by hand", "declined in billings", "payments are down"],
        vec!["declined in billing::cards", "payments are down"],
    ];
    assert_eq!(rig.titles(), expected);
    let stats = rig.stats();
    assert_eq!((stats.delivered, stats.suppressed.repeat), (5, 4), "{stats:?}");
}

#[test]
fn rules_with_one_webhook_share_its_titles_also_with_the_default_one() {
    let other = Sandbox::start().unwrap();
    let url = other.url_for(OTHER_TOKEN);
    let mut rig = rig_with(|builder| {
        builder.rule(Rule::target("a").webhook(&url)).rule(Rule::target("b").webhook(&url))
    });
    rig.others.push(other);
    let fail = || {
        error!(target: "a", { spike.title = "down" }, "x");
        error!(target: "b", { spike.title = "down" }, "x");
    };
    rig.run(fail);
    rig.flush();
    assert_eq!((rig.titles(), rig.stats().suppressed.repeat), ([vec![], vec!["down".into()]], 1));
    // Twin: that of the default one.
    let same = Sandbox::start().unwrap();
    let url = same.url_for(TOKEN);
    let (spike, guard) = tracing_spike::builder(&url)
        .rule(Rule::target("a").webhook(&url))
        .build::<Registry>()
        .unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(spike));
    with_default(&dispatch, fail);
    let stats = closed(guard);
    assert_eq!((stats.delivered, stats.suppressed.repeat), (1, 1), "{stats:?}");
}

#[test]
fn a_resolve_goes_where_its_title_was_opened() {
    let rig = routed();
    let fail = || {
        error!(target: "billing", { spike.title = "down" }, "x");
        error!(target: "shop", { spike.title = "down" }, "x");
        error!(target: "billing", { spike.title = "declined" }, "x");
        error!(target: "billing", "no route");
        error!(target: "shop", "no route");
    };
    rig.run(fail);
    assert_eq!(rig.open(), [2, 3]);
    rig.handle().resolve("declined").unwrap();
    assert_eq!(rig.open(), [2, 2]);
    // From anywhere, and at both.
    let before = rig.stats();
    rig.run(|| info!(target: "ops", { spike.status = "resolve", spike.title = "down" }, "x"));
    assert_eq!(rig.open(), [1, 1]);
    let stats = rig.stats();
    assert_eq!((stats.seen, stats.delivered), (before.seen + 2, before.delivered + 2), "{stats:?}");
    // Without a title: its own route, whatever is open elsewhere.
    rig.run(|| info!(target: "billing", { spike.status = "resolve" }, "no route"));
    assert_eq!(rig.open(), [1, 0]);
    rig.handle().resolve("no route in shop").unwrap();
    assert_eq!(rig.open(), [0, 0]);
    // It is open for a new first occurrence at both.
    rig.run(fail);
    assert_eq!(rig.open(), [2, 3]);
    rig.handle().resolve("down").unwrap();
    assert_eq!(rig.open(), [1, 2]);
}

#[test]
fn a_resolve_of_what_is_open_nowhere_goes_to_its_own_route_once() {
    let rig = routed();
    let resolve = || {
        info!(target: "billing", { spike.status = "resolve", spike.title = "one" }, "x");
        info!(target: "shop", { spike.status = "resolve", spike.title = "two" }, "x");
    };
    rig.run(resolve);
    rig.handle().resolve("three").unwrap();
    rig.flush();
    let count = || [&rig.sandbox, &rig.others[0]].map(|sandbox| sandbox.received());
    assert_eq!(count(), [2, 1]);
    rig.run(resolve);
    rig.flush();
    assert_eq!((count(), rig.stats().suppressed.repeat), ([2, 1], 2));
}

// === apart ===

#[test]
fn an_endpoint_that_hangs_or_refuses_does_not_delay_the_other() {
    let faults = [Fault::Hang, Fault::HangBeforeRead, Fault::Status(401), Fault::Status(503)];
    thread::scope(|scope| {
        for fault in faults {
            for default_is_dead in [true, false] {
                let fault = fault.clone();
                scope.spawn(move || one_is_dead(fault, default_is_dead));
            }
        }
    });
}

fn one_is_dead(fault: Fault, default_is_dead: bool) {
    let rig = routed_with(|builder| builder.shutdown_timeout(Duration::from_millis(100)));
    let (dead, alive) = if default_is_dead {
        (&rig.sandbox, &rig.others[0])
    } else {
        (&rig.others[0], &rig.sandbox)
    };
    dead.fault(fault.clone());
    let fail = |n: usize| {
        error!(target: "billing", { spike.title = %format!("a {n}") }, "x");
        error!(target: "shop", { spike.title = %format!("b {n}") }, "x");
    };
    rig.run(|| (0..3).for_each(fail));
    // The first request to the dead one ends after 10 s.
    alive.wait_for(3, Duration::from_secs(5)).unwrap();
    rig.run(|| (3..5).for_each(fail));
    alive.wait_for(5, Duration::from_secs(5)).unwrap();
    let stats = eventually("its own are settled", || {
        let stats = rig.stats();
        (stats.delivered == 5).then_some(stats)
    });
    assert_eq!((stats.pending, stats.undelivered()), (5, 0), "{stats:?}");
    assert!(dead.incidents().is_empty());
    if fault == Fault::Status(503) {
        // Twin: it comes back, and gets all of its own.
        dead.clear_faults();
        assert_eq!(rig.open(), [5, 5]);
    }
}

#[test]
fn a_flush_waits_for_all_endpoints_and_a_shutdown_ends_all() {
    let mut rig = routed();
    rig.others[0].fault_next(1, Fault::Slow(Duration::from_millis(300)));
    rig.sandbox.fault_next(2, Fault::Status(503));
    rig.run(|| {
        error!(target: "billing", "down");
        error!(target: "shop", "down");
    });
    let report = rig.handle().flush(DEADLINE);
    assert_eq!((report.delivered, report.is_complete()), (2, true), "{report:?}");
    rig.others[0].fault_next(1, Fault::Slow(Duration::from_millis(300)));
    rig.run(|| {
        error!(target: "billing", "late");
        error!(target: "shop", "late");
    });
    rig.drop_guard();
    assert_eq!(rig.titles()[1], ["down in billing", "late in billing"]);
    assert_eq!((rig.stats().delivered, rig.stats().pending), (4, 0));
}

#[test]
fn what_one_lost_is_told_once_at_each() {
    let rig = routed();
    rig.others[0].fault_next(1, Fault::Status(400));
    let told = |is_billing: bool, title: &str| {
        if is_billing {
            error!(target: "billing", { spike.title = title }, "x");
        } else {
            error!(target: "shop", { spike.title = title }, "x");
        }
        assert_eq!(rig.handle().flush(DEADLINE).pending, 0);
        let sandbox = if is_billing { &rig.others[0] } else { &rig.sandbox };
        sandbox.incidents().last().map(|one| one.body()["notes"]["undelivered"].clone())
    };
    rig.run(|| {
        assert_eq!(told(true, "lost"), None);
        for is_billing in [true, false] {
            assert_eq!(told(is_billing, "one"), Some("1 rejected".into()));
            assert_eq!(told(is_billing, "two"), Some(Value::Null), "said already");
        }
    });
}

// === several layers (f071) ===

type Spike = Box<dyn Layer<Registry> + Send + Sync>;

fn layer(url: &str) -> (Spike, Guard) {
    let (spike, guard) = tracing_spike::builder(url).build().unwrap();
    (Box::new(spike), guard)
}

fn shared() {
    error!("database is down");
}

/// What came to each webhook: requests, and incidents.
fn came(sandbox: &Sandbox, url: &str) -> (usize, usize) {
    let requests = sandbox.requests().iter().filter(|one| one.came_to(url)).count();
    (requests, sandbox.incidents().iter().filter(|one| one.came_to(url)).count())
}

#[test]
fn f071_two_layers_send_one_request_each_also_with_the_same_token() {
    for other in [TOKEN, OTHER_TOKEN] {
        let sandbox = Sandbox::start().unwrap();
        let urls = [TOKEN, other].map(|token| sandbox.url_for(token));
        let ((first, one), (second, two)) = (layer(&urls[0]), layer(&urls[1]));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(vec![first, second]));
        with_default(&dispatch, || (0..5).for_each(|_| shared()));
        let handles = [one.handle(), two.handle()];
        drop((one, two));
        for handle in &handles {
            let stats = handle.stats();
            assert_eq!((stats.delivered, stats.suppressed.repeat, stats.seen), (1, 4, 5));
        }
        let expected = if other == TOKEN { [(2, 1), (2, 1)] } else { [(1, 1), (1, 1)] };
        assert_eq!(urls.map(|url| came(&sandbox, &url)), expected);
    }
}

#[test]
fn f071_one_layers_mute_close_and_resolve_leave_the_other_as_it_was() {
    let sandbox = Sandbox::start().unwrap();
    let urls = [TOKEN, OTHER_TOKEN].map(|token| sandbox.url_for(token));
    let ((first, one), (second, two)) = (layer(&urls[0]), layer(&urls[1]));
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(vec![first, second]));
    let (muted, other) = (one.handle(), two.handle());
    muted.mute(Duration::from_secs(3600));
    with_default(&dispatch, shared);
    drop(one);
    with_default(&dispatch, shared);
    assert!(other.flush(DEADLINE).is_complete());
    other.resolve("database is down in it::routes").unwrap();
    assert!(other.flush(DEADLINE).is_complete());
    with_default(&dispatch, shared);
    drop(two);
    assert_eq!(urls.map(|url| came(&sandbox, &url)), [(0, 0), (3, 2)]);
    let (muted, other) = (muted.stats(), other.stats());
    assert_eq!((muted.suppressed.mute, muted.refused.closed), (1, 2), "{muted:?}");
    assert_eq!((other.suppressed.repeat, other.delivered, other.seen), (1, 3, 4), "{other:?}");
}

#[test]
fn f071_a_threads_own_layer_and_the_global_one_do_not_meet() {
    const TEST: &str = "routes::f071_a_threads_own_layer_and_the_global_one_do_not_meet";
    const OWN: &str = "SPIKE_TEST_OWN";
    for own in [TOKEN, OTHER_TOKEN] {
        let work = || {
            let sandbox = Sandbox::start().unwrap();
            let own = std::env::var(OWN).unwrap();
            let urls = [TOKEN, &own].map(|token| sandbox.url_for(token));
            let ((global, one), (own, two)) = (layer(&urls[0]), layer(&urls[1]));
            let subscriber = |spike: Spike| tracing_subscriber::registry().with(spike);
            tracing::subscriber::set_global_default(subscriber(global)).unwrap();
            nested(&Dispatch::new(subscriber(own)));
            assert_apart(&one, &two, &sandbox, &urls);
        };
        child::run(TEST, &[(OWN, own)], work).well();
    }
}

fn nested(dispatch: &Dispatch) {
    shared();
    with_default(dispatch, || (0..3).for_each(|_| shared()));
    shared();
}

fn assert_apart(one: &Guard, two: &Guard, sandbox: &Sandbox, urls: &[String; 2]) {
    let handles = [one.handle(), two.handle()];
    for (handle, repeats) in handles.iter().zip([1, 2]) {
        assert!(handle.flush(DEADLINE).is_complete());
        let stats = handle.stats();
        assert_eq!((stats.delivered, stats.suppressed.repeat), (1, repeats), "{stats:?}");
        assert_eq!(stats.seen, stats.accounted(), "{stats:?}");
    }
    let expected = if urls[0] == urls[1] { (2, 1) } else { (1, 1) };
    assert_eq!(urls.each_ref().map(|url| came(sandbox, url)), [expected; 2]);
}
