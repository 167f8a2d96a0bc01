//! Storms, for real: a million events, one title or a million, from many threads.

#![expect(clippy::print_stdout, reason = "it tells its figures")]

use std::{
    env,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use tracing::{error, info};
use tracing_log::{
    format_trace,
    log::{Level, Record},
};
use tracing_spike::{Incident, Rule, sandbox};
use tracing_subscriber::prelude::*;

use crate::{
    child,
    context::{Alone, alone, titles},
    rig::{DEADLINE, eventually, rig, rig_with},
};

const MILLION: u64 = 1_000_000;
const THREADS: u64 = 8;
const STORM: &str = "error storm in it";

/// All titles are of letters only, so no rule of titles makes them one.
fn letters(mut number: u64) -> String {
    const WORDS: [&str; 10] =
        ["bar", "cor", "den", "fal", "gol", "han", "lam", "mar", "nor", "pel"];
    let mut name = String::new();
    for _ in 0..6 {
        name.push_str(WORDS[(number % 10) as usize]);
        name.push(' ');
        number /= 10;
    }
    name
}

/// For how many seconds a storm goes on, a million or more: none, but for `.ci/long minute`.
const SECONDS: &str = "SPIKE_STORM_SECONDS";
/// Events of a thread between two looks at the clock.
const CHUNK: u64 = 1_000;
/// Events before the storm: 0, 1 and so on.
const FIRST: u64 = 5;

/// Calls of `fail` with 0 to 999,999, from eight threads: once, or over and over until the time is
/// up. How many they were.
fn a_million_times(rig: &Alone, fail: impl Fn(u64) + Sync) -> u64 {
    let start = Instant::now();
    let length =
        env::var(SECONDS).map_or(Duration::ZERO, |text| Duration::from_secs(text.parse().unwrap()));
    let storm = |thread: u64| {
        let mut called = 0;
        while called < MILLION / THREADS || start.elapsed() < length {
            let chunk = called..called + CHUNK;
            called = chunk.end;
            chunk.for_each(|call| fail((call * THREADS + thread) % MILLION));
        }
        called
    };
    thread::scope(|scope| {
        let storm = |thread| scope.spawn(move || rig.run(|| storm(thread)));
        let threads: Vec<_> = (0..THREADS).map(storm).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn count(incident: &sandbox::Incident) -> u64 {
    incident.last_body()["occurrences"]["count"].as_u64().unwrap()
}

/// Resident memory in KiB, and the most that it ever was.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let field = |name: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    (field("VmRSS:"), field("VmHWM:"))
}

/// In a process of its own, `fail` a million times; `check` is told how many events there were.
fn storm(test: &str, openings: u64, fail: impl Fn(u64) + Sync, check: impl FnOnce(&Alone, u64)) {
    let seconds = env::var(SECONDS).ok();
    let variables: Vec<_> = seconds.iter().map(|seconds| (SECONDS, seconds.as_str())).collect();
    let ended = child::run(test, &variables, || {
        let rig = alone(|builder| builder.budget(10, 2));
        // What a first event allocates for good is no growth.
        rig.run(|| (0..FIRST).for_each(&fail));
        rig.delivered();
        let (before, _) = memory();
        let events = FIRST + a_million_times(&rig, fail);
        rig.delivered();
        let (_, most) = memory();
        let (opened, received) = (rig.sandbox.incidents().len() as u64, rig.sandbox.received());
        let grew = most - before;
        println!(
            "figures: {events} events, {received} requests, {opened} openings, grew by {grew} KiB"
        );
        assert!(grew <= 16 * 1024, "G6: from {before} to {most} KiB");
        assert!(opened <= openings, "G8: {opened} openings");
        check(&rig, events);
    });
    let figures = ended.well().stdout;
    let figures = figures.lines().find_map(|line| line.split_once("figures: ")).unwrap().1;
    println!("{test}: {figures}");
}

#[test]
fn f081_a_million_identical_errors_are_two_requests_and_an_exact_count() {
    let test = "storms::f081_a_million_identical_errors_are_two_requests_and_an_exact_count";
    let fail = |number| error!(number, "disk is full");
    storm(test, 1, fail, |rig, events| {
        let stats = rig.handle.stats();
        assert_eq!(stats.suppressed.repeat + stats.delivered, events, "{stats:?}");
        assert!(rig.sandbox.received() <= 2, "{}", rig.sandbox.received());
        // The next one that goes out tells them all; more severe, it goes at once.
        rig.run(|| error!(spike.severity = "sev1", "disk is full"));
        assert_eq!(count(&rig.delivered()[0]), events + 1);
    });
}

#[test]
fn f097_a_million_ids_in_a_message_are_one_incident() {
    let test = "storms::f097_a_million_ids_in_a_message_are_one_incident";
    let fail = |id: u64| error!("user {id} failed: {:032x}", u128::from(id).pow(3));
    storm(test, 1, fail, |rig, events| {
        assert_eq!(rig.sandbox.incidents()[0].title(), "user # failed: # in it::storms");
        let stats = rig.handle.stats();
        assert_eq!(stats.suppressed.repeat + stats.delivered, events, "{stats:?}");
    });
}

#[test]
fn f080_a_million_titles_of_one_callsite_are_six_incidents_with_exact_counts() {
    let test = "storms::f080_a_million_titles_of_one_callsite_are_six_incidents_with_exact_counts";
    let of_the_first = AtomicU64::new(0);
    let fail = |number| {
        of_the_first.fetch_add((number < FIRST).into(), Ordering::Relaxed);
        let severity = (number > MILLION).then_some("sev1");
        error!(spike.severity = severity, "{} is broken", letters(number));
    };
    storm(test, 6, fail, |rig, events| {
        let stats = rig.handle.stats();
        // The first five titles have incidents of their own.
        assert_eq!(stats.folded + of_the_first.load(Ordering::Relaxed), events, "{stats:?}");
        // The next one that goes out tells them all; more severe, it goes at once.
        rig.run(|| fail(MILLION + 777_777));
        let incidents = rig.delivered();
        let folded = incidents.iter().find(|one| one.title().starts_with("more kinds of: "));
        assert_eq!(count(folded.unwrap()), stats.folded + 1);
    });
}

#[test]
fn f080_a_million_titles_of_a_thousand_callsites_are_a_storm_with_exact_counts() {
    let test =
        "storms::f080_a_million_titles_of_a_thousand_callsites_are_a_storm_with_exact_counts";
    // Call sites of the `log` crate, which are told by file and line.
    let fail = |number: u64| {
        let mut record = Record::builder();
        record.level(Level::Error).target("shop").file(Some("src/shop.rs"));
        record.line(Some((number % 1_000) as u32));
        format_trace(&record.args(format_args!("{} is broken", letters(number))).build()).unwrap();
    };
    storm(test, 50, fail, |rig, events| {
        let incidents = rig.sandbox.incidents();
        let stats = rig.handle.stats();
        let own = |one: &&sandbox::Incident| one.title() != STORM;
        let own = incidents.iter().filter(own).count() as u64;
        assert!((10..=14).contains(&own), "the burst, and two a minute: {:?}", titles(&incidents));
        // The next one that goes out tells them all; more severe, it goes at once.
        rig.run(|| error!(spike.severity = "sev1", spike.title = "one more", "x"));
        let told = rig.delivered();
        let storm = told.iter().find(|one| one.title() == STORM).unwrap();
        let sent = rig.sandbox.requests();
        let sent = sent.iter().filter(|one| one.title() == Some(STORM)).count() as u64;
        let folded = stats.suppressed.storm + sent;
        assert_eq!(count(storm), folded, "{stats:?}");
        let others = stats.suppressed.repeat + stats.delivered - (sent - 1);
        assert_eq!(folded - 1 + others, events, "{stats:?}");
        let about = storm.last_body()["storm"]["titles"].as_u64().unwrap();
        assert!(about.abs_diff(MILLION) <= MILLION / 10, "about {about} titles");
        assert!(!storm.body()["storm"]["sample"].as_array().unwrap().is_empty());
    });
}

#[test]
fn a_rare_first_occurrence_in_a_storm_of_one_title_goes_out() {
    let rig = alone(|builder| builder);
    a_million_times(&rig, |number| {
        error!("disk {number} is full");
        if number == 777_777 {
            error!("order book is closed");
        }
    });
    let incidents = rig.delivered();
    assert_eq!(
        titles(&incidents),
        ["disk # is full in it::storms", "order book is closed in it::storms"]
    );
}

#[test]
fn what_is_beyond_the_budget_is_one_incident_that_is_resolved_like_any_other() {
    let rig = rig_with(|builder| builder.budget(10, 2));
    let fail = |number| error!(spike.title = letters(number), "failed");
    let incidents = rig.paged(|| (0..30).for_each(fail));
    assert_eq!((incidents.len(), incidents[10].title()), (11, STORM));
    let body = incidents[10].body();
    // It tells all that had come by the time that it was sent.
    assert_eq!(body["storm"]["events"], 20);
    assert_eq!(body["occurrences"]["count"], 20);
    assert!((18..=22).contains(&body["storm"]["titles"].as_u64().unwrap()), "{body}");
    assert_eq!(body["storm"]["sample"][0], letters(10).trim());
    assert_eq!(body["storm"]["sample"].as_array().unwrap().len(), 5);
    assert_eq!(rig.stats().suppressed.storm, 19);
    rig.handle().resolve(STORM).unwrap();
    rig.flush();
    assert!(!rig.sandbox.incidents()[10].is_open());
    // The twin: a new storm is a new incident.
    let incidents = rig.paged(|| fail(40));
    assert_eq!((incidents.len(), incidents[11].title()), (12, STORM));
}

#[test]
fn what_is_meant_to_page_has_a_budget_of_its_own() {
    let rig = rig_with(|builder| builder.budget(10, 2));
    let incidents = rig.paged(|| {
        (0..30).for_each(|number| error!(spike.title = letters(number), "failed"));
        (100..110).for_each(|n| info!(spike = true, spike.title = letters(n), "look"));
    });
    assert_eq!((incidents.len(), rig.stats().suppressed.storm), (10 + 1 + 10, 19));
    let incidents = rig.paged(|| {
        info!(spike = true, spike.title = "one too many", "look");
        rig.handle().trigger(Incident::new("by hand")).unwrap();
    });
    assert_eq!((incidents.len(), rig.stats().suppressed.storm), (21, 21));
}

#[test]
fn the_budget_is_ten_and_can_be_set() {
    let fail = |number| error!(spike.title = letters(number), "failed");
    let sandbox = sandbox::Sandbox::start().unwrap();
    let built = tracing_spike::builder(sandbox.webhook_url()).service("it").build().unwrap();
    let (spike, guard) = built;
    let subscriber = tracing_subscriber::registry().with(spike);
    tracing::subscriber::with_default(subscriber, || (0..30).for_each(fail));
    assert!(guard.handle().flush(DEADLINE).is_complete());
    assert_eq!(sandbox.incidents().len(), 10 + 1);
    let rig = rig_with(|builder| builder.budget(25, 2));
    assert_eq!(rig.paged(|| (0..30).for_each(fail)).len(), 25 + 1);
}

#[test]
fn a_title_that_flaps_pages_three_times_and_ends_with_the_last_word() {
    let rig = rig();
    let turn = || {
        error!("link is down");
        // The worker may be behind: then the two cancel each other, and nobody is paged.
        info!(spike.status = "resolve", "link is down");
    };
    let pages = |most: usize, is_open: bool| {
        rig.flush();
        let incidents = rig.sandbox.incidents();
        assert!((1..=most).contains(&incidents.len()), "{incidents:?}");
        assert_eq!(incidents.iter().filter(|one| one.is_open()).count(), usize::from(is_open));
        assert_eq!(rig.stats().refused.full, 0, "nothing filled the queue");
        let requests = rig.sandbox.requests();
        let triggers = requests.iter().filter(|one| !one.is_resolve()).count();
        assert!(triggers < 10, "{triggers} triggers");
    };
    rig.run(|| (0..50_000).for_each(|_| turn()));
    // A flush sends the resolve that is held back, if that is the last word.
    pages(3, false);
    rig.run(|| (0..50_000).for_each(|_| turn()));
    rig.run(|| error!("link is down"));
    pages(5, true);
    rig.run(|| info!(spike.status = "resolve", "link is down"));
    pages(5, false);
}

#[test]
fn one_failure_on_its_way_up_is_one_page() {
    let rig = rig();
    let failed = std::io::Error::other("connection refused");
    let request = |logs: &dyn Fn()| tracing::info_span!("request").in_scope(logs);
    let fail = || {
        tracing::info_span!("query").in_scope(|| error!(error = %failed, "query failed"));
        error!(error = &failed as &dyn std::error::Error, "order not loaded");
        error!(%failed, e = %failed, "request failed");
    };
    let incidents = rig.paged(|| {
        request(&fail);
        request(&fail);
    });
    assert_eq!(titles(&incidents), ["query failed in it::storms"]);
    assert_eq!((rig.stats().suppressed.same_cause, rig.stats().suppressed.repeat), (4, 1));
    // Who followed is told with the next one that goes out.
    rig.paged(|| request(&|| error!(spike.severity = "sev1", error = %failed, "query failed")));
    let noted = rig.sandbox.incidents()[0].last_body()["notes"]["same_cause"].clone();
    let place = "in it::storms";
    assert_eq!(noted, format!("order not loaded {place}; request failed {place}"));
    // Twins: another error, no span, one that is meant, and one that is more severe.
    let other = std::io::Error::other("disk full");
    let incidents = rig.paged(|| {
        request(&|| error!(error = %other, "order not saved"));
        error!(error = %other, "backup not saved");
        request(&|| {
            error!(error = %other, "order not saved");
            error!(spike = true, error = %other, "shop is closed");
            error!(spike.severity = "sev1", error = %other, "all is lost");
        });
    });
    let mut paged = titles(&incidents);
    paged.sort_unstable();
    let expected =
        ["all is lost", "backup not saved", "order not saved", "query failed", "shop is closed"];
    assert_eq!(paged, expected.map(|title| format!("{title} {place}")));
}

#[test]
fn a_rule_may_want_several_occurrences_before_it_pages() {
    let rule = Rule::target("shop").after(3, Duration::from_secs(60));
    let rig = rig_with(|builder| builder.rule(rule));
    let late = |order: u64| error!(target: "shop::orders", order, "order {order} is late");
    let incidents = rig.paged(|| {
        late(1);
        late(2);
        error!(target: "shop", "shop is closed");
        error!(target: "shops", "another target");
        rig.handle().trigger(Incident::new("by hand")).unwrap();
    });
    assert_eq!(titles(&incidents), ["another target in shops", "by hand"]);
    assert_eq!(rig.stats().suppressed.threshold, 3);
    let incidents = rig.paged(|| late(3));
    assert_eq!(incidents[2].title(), "order # is late in shop::orders");
    assert_eq!(incidents[2].body()["occurrences"]["count"], 3);
    assert_eq!(incidents[2].body()["occurrences"]["since_last"], 3);
    // It is open now: the next one is a repeat, and after a resolve it takes three again.
    rig.run(|| late(4));
    assert_eq!(rig.stats().suppressed.repeat, 1);
    rig.run(|| info!(target: "shop::orders", { spike.status = "resolve" }, "order 4 is late"));
    let incidents = rig.paged(|| (5..7).for_each(late));
    assert_eq!((incidents.len(), rig.stats().suppressed.threshold), (3, 5));
    assert_eq!(rig.paged(|| late(7)).len(), 4);
}

#[test]
fn f007_what_was_applied_without_an_answer_is_sent_again_and_no_third_time() {
    let rig = rig();
    rig.sandbox.fault_next(1, sandbox::Fault::AppliedThenReset);
    let incident = rig.paged_one(|| error!("disk is full"));
    assert_eq!((incident.repeats(), rig.sandbox.received()), (1, 2));
    let stats = rig.stats();
    assert_eq!((stats.delivered, stats.retries, stats.asserted), (1, 1, 0), "{stats:?}");
}

/// A request that the server applies only after the answer to a later one: the newest state is
/// asserted once more, 60 s after the change. This test waits for that, in real time.
#[test]
fn f008_what_arrives_late_does_not_have_the_last_word() {
    let rig = rig();
    let late = Duration::from_secs(14);
    rig.sandbox.fault_next(1, sandbox::Fault::AppliedLate(late));
    rig.run(|| error!("disk is full"));
    // The attempt ends after 10 s, and the next one is accepted.
    rig.flush();
    rig.run(|| info!(spike.status = "resolve", "disk is full"));
    rig.flush();
    let resolved = |incidents: &[sandbox::Incident]| {
        // Resolved, opened again by the late one, and resolved once more.
        incidents.len() == 2 && incidents.iter().all(|one| !one.is_open())
    };
    rig.sandbox.wait_until(Duration::from_secs(90), resolved).unwrap();
    eventually("the worker counts it", || (rig.stats().asserted == 1).then_some(()));
}

#[test]
fn one_failure_is_one_page_though_the_budget_is_spent() {
    let rig = rig_with(|builder| builder.budget(1, 1));
    let incidents = rig.paged(|| {
        let _request = tracing::info_span!("request").entered();
        error!(error = "connection refused", "query failed");
        error!(error = "connection refused", "request failed");
    });
    assert_eq!((incidents.len(), rig.stats().suppressed.same_cause), (1, 1));
    // The twin: another failure is too much for the budget.
    assert_eq!(rig.paged(|| error!(error = "disk is full", "order not stored")).len(), 2);
}
