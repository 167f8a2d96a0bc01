//! Other rules while the program runs.

use std::{
    fmt,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use tracing::{Dispatch, Metadata, error, info, subscriber::Interest, trace, warn};
use tracing_spike::{Handle, Mode, Rule, Severity};
use tracing_subscriber::{
    layer::{Context, Filter},
    prelude::*,
};

use crate::{
    child,
    context::{alone, beside, titles},
    rig::{Rig, Written, eventually, rig, rig_with},
};

/// An event of each level that can page, a record, and one that asks by a field.
fn everything() {
    error!(target: "shop", "failed");
    warn!(target: "shop", "slow");
    info!(target: "shop", "sold");
    info!(target: "shop", { spike = true }, "asked for");
    log::error!(target: "shop", "recorded");
    trace!(target: "shop", "traced");
}

/// What of that is new and pages, by message.
fn paged(spike: &crate::context::Alone, rules: &str) -> Vec<String> {
    spike.handle.set_filter(rules).unwrap();
    for title in ["failed", "slow", "sold", "asked for", "recorded"] {
        // What was open before opens again.
        spike.handle.resolve(&format!("{title} in shop")).unwrap();
    }
    spike.delivered();
    everything();
    let open = spike.delivered().into_iter().filter(|one| one.is_open());
    let mut open: Vec<_> = open.map(|one| one.title().replace(" in shop", "")).collect();
    open.sort_unstable();
    open
}

#[test]
fn another_filter_raises_and_lowers_what_pages_at_the_same_callsites() {
    const TEST: &str =
        "set_filter::another_filter_raises_and_lowers_what_pages_at_the_same_callsites";
    child::run(TEST, &[], || {
        let written = Written::default();
        let fmt = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
        let spike = beside(|builder| builder, fmt).everywhere();
        tracing_log::LogTracer::init().unwrap();
        everything();
        for _ in 0..2 {
            assert_eq!(paged(&spike, "off"), [] as [&str; 0]);
            assert_eq!(paged(&spike, "error"), ["asked for", "failed", "recorded"]);
            let lower = ["asked for", "failed", "recorded", "slow"];
            assert_eq!(paged(&spike, "off,shop=warn"), lower);
            let all = ["asked for", "failed", "recorded", "slow", "sold"];
            assert_eq!(paged(&spike, "info,shops=off"), all);
            assert_eq!(paged(&spike, "info,shop=off"), [] as [&str; 0]);
        }
        let text = written.text();
        let lines = |part: &str| text.lines().filter(|line| line.ends_with(part)).count();
        assert_eq!(["failed", "slow", "recorded", "traced"].map(lines), [11; 4], "{text}");
    })
    .well();
}

#[test]
fn a_filter_that_cannot_be_used_is_named_and_the_one_before_stays() {
    let mut rig = rig_with(|builder| builder.filter("off,shop=error"));
    let handle = rig.handle();
    for (rules, expected) in [
        ("error,billing=wran", "character 15: expected off, error, warn or info, found \"wran\""),
        ("debug", "character 1: expected off, error, warn or info, found \"debug\": debug and"),
        ("a=warn,a=off", "character 8: target \"a\" a second time"),
    ] {
        let error = handle.set_filter(rules).unwrap_err();
        assert!(error.is_config());
        assert!(error.to_string().starts_with(&format!("set_filter, {expected}")), "{error}");
    }
    let incidents = rig.paged(|| {
        error!(target: "billing", "not ours");
        error!(target: "shop", "ours");
    });
    assert_eq!(titles(&incidents), ["ours in shop"]);
    // Its twin.
    handle.set_filter("off,billing=error").unwrap();
    let incidents = rig.paged(|| {
        error!(target: "billing", "ours now");
        error!(target: "shop", "no longer");
    });
    assert_eq!(titles(&incidents)[1..], ["ours now in billing"]);
    rig.drop_guard();
    assert!(handle.set_filter("error").unwrap_err().is_closed());
}

#[test]
fn rules_that_matched_nothing_are_those_of_the_new_filter_and_its_rules_stay() {
    let mut rig = rig_with(|builder| {
        builder.filter("error,bilings=off").rule(Rule::target("shop").severity(Severity::Sev1))
    });
    let handle = rig.handle();
    let fail =
        |n: usize| error!(target: "shop", { spike.title = ["first", "second"][n] }, "failed");
    rig.run(|| fail(0));
    assert_eq!(handle.stats().unmatched_rules, ["bilings=off"]);
    handle.set_filter("off,shop=error,invoices=warn").unwrap();
    assert_eq!(handle.stats().unmatched_rules, ["invoices=warn"]);
    rig.run(|| warn!(target: "invoices", "late"));
    assert_eq!(handle.stats().unmatched_rules, [] as [&str; 0]);
    let incidents = rig.paged(|| fail(1));
    let mut severities: Vec<_> =
        incidents.iter().map(|one| (one.title(), one.severity())).collect();
    // The more severe go first, unless a less severe one is on its way already.
    severities.sort();
    let sev1 = Some("sev1");
    assert_eq!(severities, [("first", sev1), ("late in invoices", None), ("second", sev1)]);
    rig.finish();
}

#[test]
fn with_paging_off_the_rules_are_checked_and_nothing_else() {
    let spike = alone(|builder| builder.mode(Mode::Off));
    spike.handle.set_filter("info").unwrap();
    assert!(spike.handle.set_filter("loud").unwrap_err().is_config());
    spike.run(everything);
    assert_eq!(spike.handle.stats().seen, 0);
}

#[test]
fn a_thread_without_a_subscriber_may_set_it_and_so_may_one_inside_an_event() {
    const TEST: &str =
        "set_filter::a_thread_without_a_subscriber_may_set_it_and_so_may_one_inside_an_event";
    // Alone in its process: `tracing` asks the calling thread's subscriber then, and no other.
    child::run(TEST, &[], || {
        let spike = alone(|builder| builder);
        let fail = || spike.run(|| error!("{:?}", Sets(&spike.handle, "error,x=off")));
        fail();
        spike.handle.set_filter("error").unwrap();
        fail();
        thread::scope(|scope| {
            scope.spawn(|| spike.handle.set_filter("error,x=off").unwrap());
        });
        fail();
        assert_eq!(spike.handle.stats().seen, 3);
    })
    .well();
}

/// Changes of the filter while others log.
const CHANGES: u64 = 300;

/// Logs until `ends`, and counts the events that were in a phase that is on, and those of which
/// nobody knows.
fn log_on(rig: &Rig, phase: &AtomicU64, ends: &AtomicBool, sure: &AtomicU64, unsure: &AtomicU64) {
    rig.run(|| {
        while !ends.load(SeqCst) {
            let before = phase.load(SeqCst);
            error!(target: "flip", "failed");
            match before % 4 {
                _ if phase.load(SeqCst) != before => unsure.fetch_add(1, SeqCst),
                0 => sure.fetch_add(1, SeqCst),
                2 => 0,
                _ => unsure.fetch_add(1, SeqCst),
            };
        }
    });
}

#[test]
fn while_threads_log_each_event_is_judged_by_the_rules_before_or_those_after() {
    let rig = rig();
    let handle = rig.handle();
    let [phase, sure, unsure] = [const { AtomicU64::new(0) }; 3];
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| log_on(&rig, &phase, &ends, &sure, &unsure));
        }
        let logged = |more: u64| {
            let judged = handle.stats().seen;
            eventually("they log", || (handle.stats().seen >= judged + more).then_some(()));
        };
        for change in 0..CHANGES {
            // On, changing, off, changing, on.
            logged(if change % 2 == 0 { 8 } else { 0 });
            phase.fetch_add(1, SeqCst);
            let rules = if change % 2 == 0 { "off" } else { "error" };
            handle.set_filter(rules).unwrap();
            phase.fetch_add(1, SeqCst);
        }
        ends.store(true, SeqCst);
    });
    let stats = rig.stats();
    let judged = stats.seen - stats.ignored.unwanted;
    let (sure, unsure) = (sure.load(SeqCst), unsure.load(SeqCst));
    assert!((sure..=sure + unsure).contains(&judged), "{judged}: {sure} and {unsure}: {stats:?}");
    assert!(sure >= CHANGES, "{sure}");
    rig.flush();
}

/// Wants nothing, and holds up the first callsite of a target while that registers itself.
struct HoldsUp(Mutex<Option<(mpsc::Sender<()>, mpsc::Receiver<()>)>>);

impl<S> Filter<S> for HoldsUp {
    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        let held = || self.0.lock().unwrap().take();
        if let Some((here, go)) = (meta.target() == "held").then(held).flatten() {
            here.send(()).unwrap();
            go.recv().unwrap();
        }
        Interest::never()
    }

    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        false
    }
}

#[test]
fn a_callsite_that_was_registering_itself_follows_too() {
    const TEST: &str = "set_filter::a_callsite_that_was_registering_itself_follows_too";
    child::run(TEST, &[], || {
        let (here, at_it) = mpsc::channel();
        let (go, goes) = mpsc::channel();
        let holds_up = HoldsUp(Mutex::new(Some((here, goes))));
        let sandbox = tracing_spike::sandbox::Sandbox::start().unwrap();
        let builder = tracing_spike::builder(sandbox.url_for(crate::rig::TOKEN)).filter("off");
        let (spike, guard) = builder.build().unwrap();
        let held = tracing_subscriber::fmt::layer().with_filter(holds_up);
        // The last one is asked first.
        let subscriber = tracing_subscriber::registry().with(held).with(spike);
        tracing::dispatcher::set_global_default(Dispatch::new(subscriber)).unwrap();
        let fail = || error!(target: "held", "failed");
        let first = thread::spawn(fail);
        at_it.recv().unwrap();
        guard.handle().set_filter("error").unwrap();
        go.send(()).unwrap();
        first.join().unwrap();
        eventually("it pages", || {
            fail();
            (guard.handle().stats().seen > 0).then_some(())
        });
    })
    .well();
}

/// Sets a filter while it is formatted.
struct Sets<'a>(&'a Handle, &'static str);

impl fmt::Debug for Sets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.set_filter(self.1).unwrap();
        f.write_str("set")
    }
}

#[test]
fn f048_a_debug_that_sets_the_filter_holds_nobody_up() {
    const TEST: &str = "set_filter::f048_a_debug_that_sets_the_filter_holds_nobody_up";
    child::run(TEST, &[], || {
        let spike = alone(|builder| builder).everywhere();
        let handle = spike.handle.clone();
        let fail = |rules| error!(field = ?Sets(&handle, rules), "{:?}", Sets(&handle, rules));
        fail("off");
        assert_eq!(titles(&spike.delivered()), ["set in it::set_filter"]);
        fail("off");
        assert_eq!(handle.stats().seen, 1, "it is off by then");
        handle.set_filter("error").unwrap();
        fail("error");
        assert_eq!((handle.stats().seen, handle.stats().suppressed.repeat), (2, 1));
    })
    .well();
}

#[test]
fn panics_follow_the_filter() {
    const TEST: &str = "set_filter::panics_follow_the_filter";
    child::run(TEST, &[], || {
        let spike = alone(|builder| builder.panics().filter("error,panic=off")).everywhere();
        let fail = |text: &'static str| {
            thread::spawn(move || panic!("{text}")).join().unwrap_err();
        };
        fail("first");
        spike.handle.set_filter("off,panic=error").unwrap();
        fail("second");
        spike.handle.set_filter("panic=off").unwrap();
        assert_eq!(spike.handle.stats().unmatched_rules, [] as [&str; 0], "it is in use");
        fail("third");
        let incidents = spike.delivered();
        assert_eq!(titles(&incidents), ["panic: second in tests/it/set_filter.rs"]);
        assert_eq!(spike.handle.stats().seen, 1);
    })
    .well();
}

#[cfg(feature = "testing")]
#[test]
fn a_test_may_set_it_too_and_is_told_of_the_new_rule() {
    let spike = tracing_spike::testing::Spike::new(|builder| builder).unwrap();
    let _inside = spike.enter();
    spike.handle().set_filter("error,billing=off").unwrap();
    error!(target: "billing", "invoice is late");
    tracing_spike::assert_not_paged!(spike, "invoice is late");
    let missing = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tracing_spike::assert_paged!(spike, "invoice is late");
    }));
    let why = *missing.unwrap_err().downcast::<String>().unwrap();
    assert!(why.contains("off by the filter `billing=off`"), "{why}");
    spike.handle().set_filter("billing=warn").unwrap();
    warn!(target: "billing", "invoice is late");
    tracing_spike::assert_paged!(spike, "invoice is late");
}

#[test]
fn a_target_that_is_off_from_now_on_resolves_and_does_not_page() {
    let rig = rig();
    let say = |status: &str, n: &str| {
        error!(target: "shop", { spike.status = status }, "{n} failed");
    };
    assert_eq!(rig.paged(|| say("trigger", "one")).len(), 1);
    rig.handle().set_filter("error,shop=off").unwrap();
    let incidents = rig.paged(|| {
        say("trigger", "another");
        say("resolve", "one");
    });
    let titles: Vec<_> = incidents.iter().map(|one| (one.title(), one.is_open())).collect();
    assert_eq!(titles, [("one failed in shop", false)]);
    // The twin.
    rig.handle().set_filter("error").unwrap();
    assert_eq!(rig.paged(|| say("trigger", "another")).len(), 2);
}
