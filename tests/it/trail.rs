//! The trail: what was going on in a root span before something in it paged.

use std::{
    cell::Cell,
    fmt,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tracing::{Dispatch, Instrument, debug, error, info, info_span, warn};
use tracing_spike::{
    Builder, Incident as ByHand,
    sandbox::{Fault, Incident, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child,
    context::alone,
    rig::{DEADLINE, Rig, TOKEN, closed, rig_with},
    spool::directory,
};

fn recorder(events: usize) -> Rig {
    rig_with(|builder| builder.trail(events))
}

/// The lines of an incident's trail, without the times.
fn told(incident: &Incident) -> Vec<String> {
    let trail = &incident.body()["trail"];
    let lines = trail.as_array().unwrap_or_else(|| panic!("no trail: {}", incident.body()));
    lines.iter().map(|line| untimed(line.as_str().unwrap())).collect()
}

fn untimed(line: &str) -> String {
    let (time, rest) = line.split_once("s ").unwrap();
    let (seconds, millis) = time.strip_prefix('-').unwrap().split_once('.').unwrap();
    assert!(seconds.parse::<u64>().is_ok() && millis.len() == 3, "{line}");
    assert!(millis.parse::<u64>().is_ok(), "{line}");
    rest.to_owned()
}

#[test]
fn the_last_events_of_the_root_span_are_told_oldest_first() {
    let rig = recorder(4);
    let incident = rig.paged_one(|| {
        let _request = info_span!("request", id = 7).entered();
        info!("too long ago");
        info!(order = 4711, shelf = "b-17", warm = true, share = 0.5, "3 seats reserved");
        debug!("not told");
        {
            let _pay = info_span!("pay").entered();
            warn!(attempt = 2, error = %"timed out", "no answer, trying again");
        }
        info!(r#type = ?Some(-1));
        error!(spike = false, "gave up");
        error!("card payment failed");
    });
    let expected = [
        "INFO it::trail: 3 seats reserved order=4711 shelf=b-17 warm=true share=0.5",
        "WARN it::trail: no answer, trying again attempt=2 error=timed out",
        "INFO it::trail: type=Some(-1)",
        "ERROR it::trail: gave up",
    ];
    assert_eq!(told(&incident), expected);
    assert_eq!(incident.body()["notes"], Value::Null);
    // What is only recorded is in no count.
    assert_eq!(rig.stats().seen, 2);
}

#[test]
fn nothing_is_recorded_nor_looked_at_unless_it_is_asked_for() {
    // In a process of its own: what one subscriber wants, all are asked about.
    const TEST: &str = "trail::nothing_is_recorded_nor_looked_at_unless_it_is_asked_for";
    child::run(TEST, &[], || {
        let looked = |set: fn(Builder) -> Builder| {
            let alone = alone(set);
            let looks = Cell::new(0);
            alone.run(|| {
                let _request = info_span!("request").entered();
                info!(looks = looks.replace(looks.get() + 1), "reserved");
                error!("card payment failed");
            });
            (looks.get(), alone.delivered()[0].body()["trail"].clone())
        };
        assert_eq!(looked(|builder| builder), (0, Value::Null));
        let (looks, trail) = looked(|builder| builder.trail(1));
        assert_eq!((looks, trail.as_array().map(Vec::len)), (1, Some(1)));
    })
    .well();
}

#[test]
fn what_is_in_no_span_has_no_trail() {
    let rig = recorder(8);
    let incidents = rig.paged(|| {
        info!("before");
        error!("outside of all");
        let _request = info_span!("request").entered();
        error!("the first of its span");
        error!(parent: None, "without a parent");
        rig.handle().trigger(ByHand::new("by hand")).unwrap();
        // The twin.
        error!("the second");
    });
    let trails = incidents.iter().map(|one| one.body().get("trail").is_some());
    assert_eq!(trails.collect::<Vec<_>>(), [false, false, false, false, true]);
}

#[test]
fn requests_that_take_turns_on_one_thread_have_trails_of_their_own() {
    let rig = recorder(8);
    let incidents = rig.paged(|| {
        let request = |name: &'static str| {
            let work = async move {
                for step in 0..3 {
                    info!(name, step, "at it");
                    tokio::task::yield_now().await;
                    let query = async { info!(name, "asked") };
                    query.instrument(info_span!("query")).await;
                }
                error!(spike.title = name, "failed");
            };
            work.instrument(info_span!("request", name))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::join!(request("a"), request("b"), request("c")) });
    });
    assert_eq!(incidents.len(), 3);
    for incident in &incidents {
        let name = incident.title();
        let turn = |step| {
            [
                format!("INFO it::trail: at it name={name} step={step}"),
                format!("INFO it::trail: asked name={name}"),
            ]
        };
        assert_eq!(told(incident), [turn(0), turn(1), turn(2)].concat());
    }
}

#[test]
fn one_request_on_several_threads_has_one_trail() {
    let rig = recorder(8);
    let incidents = rig.paged(|| {
        let request = info_span!("request");
        let part = |name: &'static str| {
            let (dispatch, request) = (rig.dispatch.clone(), request.clone());
            let work = move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    request.in_scope(|| info!(name, "part done"));
                });
            };
            thread::spawn(work).join().unwrap();
        };
        part("seats");
        info_span!("another").in_scope(|| info!("of another"));
        part("card");
        error!(parent: &request, "request failed");
    });
    let line = |name| format!("INFO it::trail: part done name={name}");
    assert_eq!(told(&incidents[0]), [line("seats"), line("card")]);
}

#[test]
fn threads_that_record_at_once_lose_nothing_in_silence() {
    const THREADS: u64 = 4;
    let rig = recorder(64);
    let barrier = Arc::new(Barrier::new(THREADS as usize));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, rig) = (Arc::clone(&barrier), &rig);
            scope.spawn(move || {
                barrier.wait();
                rig.run(|| {
                    for turn in 0..500 {
                        let _request = info_span!("request").entered();
                        for step in 0..4 {
                            info!(number, turn, step, "at it");
                        }
                        if turn % 10 == 0 {
                            error!(spike.title = %format!("{number} {turn}"), "failed");
                        }
                    }
                });
            });
        }
    });
    rig.flush();
    let incidents = rig.sandbox.incidents();
    assert_eq!(incidents.len(), 200);
    for incident in incidents {
        let (number, turn) = incident.title().split_once(' ').unwrap();
        let line = |step| format!("INFO it::trail: at it number={number} turn={turn} step={step}");
        let lines = if incident.body().get("trail").is_some() { told(&incident) } else { vec![] };
        let all: Vec<_> = (0..4).map(line).collect();
        let is_cut = incident.body()["notes"]["cut"] == "trail";
        assert!(lines == all || is_cut, "{}", incident.body());
        assert!(lines.iter().all(|line| all.contains(line)), "{lines:?}");
    }
}

#[test]
fn roots_that_began_on_many_threads_have_their_trails() {
    const THREADS: usize = 32;
    let rig = recorder(8);
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (barrier, rig) = (&barrier, &rig);
            scope.spawn(move || {
                rig.run(|| {
                    let _request = info_span!("request").entered();
                    info!(number, "begun");
                    barrier.wait();
                    info!(number, "at it");
                    barrier.wait();
                    error!(spike.title = %format!("request {number}"), "failed");
                    // No root ends, and gives its place away, before all have failed.
                    barrier.wait();
                });
            });
        }
    });
    rig.flush();
    let incidents = rig.sandbox.incidents();
    let is_whole = |one: &Incident| one.body().get("trail").is_some() && told(one).len() == 2;
    let is_told = |one: &Incident| one.body()["notes"]["cut"] == "trail";
    assert!(incidents.iter().all(|one| is_whole(one) || is_told(one)), "{incidents:?}");
    assert!(incidents.iter().filter(|one| is_whole(one)).count() > 24, "{incidents:?}");
}

#[test]
fn of_very_many_open_roots_those_that_were_quiet_for_long_are_forgotten() {
    let rig = recorder(64);
    let incidents = rig.paged(|| {
        let roots: Vec<_> = (0..20_000).map(|number| info_span!("request", number)).collect();
        for (number, root) in roots.iter().enumerate() {
            root.in_scope(|| info!(number, "{}", "x".repeat(200)));
        }
        for number in [0, 19_999] {
            let title = format!("root {number}");
            roots[number].in_scope(|| error!(spike.title = title, "failed"));
        }
    });
    assert_eq!(incidents[0].body()["trail"], Value::Null);
    let line = format!("INFO it::trail: {} number=19999", "x".repeat(200));
    assert_eq!(told(&incidents[1]), [line]);
}

#[test]
fn f091_what_is_secret_is_redacted_and_counted() {
    let alone = alone(|builder| builder.trail(8).redact(["badge"]));
    alone.run(|| {
        let _request = info_span!("request").entered();
        info!(password = "hunter2", pin = 4711, attempt = 4711, "signing in with token={TOKEN}");
        info!(badge = "blue-77", user = "ann", "Authorization: Bearer abcdef.0123456789.xyz");
        info!("{}password=hunter3 {}", "x".repeat(240), "y".repeat(1_000));
        info!(client_secret = %format!("{}hunter4", "z".repeat(300)));
        info!(url = "https://app:hunter5@db.example/shop", "asking");
        error!("sign-in failed");
    });
    let incident = &alone.delivered()[0];
    let lines = told(incident);
    let expected = [
        "INFO it::trail: signing in with token=REDACTED password=[redacted] pin=[redacted] \
         attempt=4711",
        "INFO it::trail: Authorization: [redacted] badge=[redacted] user=ann",
        &format!("INFO it::trail: {}password=[redact …", "x".repeat(240)),
        "INFO it::trail: client_secret=[redacted]",
        "INFO it::trail: asking url=https://app:[redacted]@db.example/shop",
    ];
    assert_eq!(lines, expected, "{lines:#?}");
    assert_eq!(incident.body()["notes"], json!({ "redacted": 8 }));
}

#[test]
fn where_all_fields_but_some_are_hidden_so_they_are_here() {
    let rig = rig_with(|builder| builder.trail(8).redact_all_but(["order"]));
    let incident = rig.paged_one(|| {
        let _request = info_span!("request").entered();
        info!(order = 4711, seats = 3, user = "ann", error = "timed out", "reserving");
        error!("card payment failed");
    });
    let line = "INFO it::trail: reserving order=4711 seats=[redacted] user=[redacted] \
                error=timed out";
    assert_eq!(told(&incident), [line]);
}

/// A value that misbehaves when it is shown.
struct Odd(&'static str);

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "panics" => panic!("no such luck"),
            "logs" => {
                info!("from inside");
                error!("from inside, too");
                f.write_str("logged")
            }
            _ => loop {
                f.write_str("more and more ")?;
            },
        }
    }
}

#[test]
fn f045_what_misbehaves_while_it_is_recorded_harms_nobody() {
    let alone = alone(|builder| builder.trail(8));
    alone.run(|| {
        let _request = info_span!("request").entered();
        info!(value = ?Odd("panics"), id = 1, "first");
        info!(value = ?Odd("logs"), id = 2, "second");
        info!(value = ?Odd("goes on"), id = 3, "third");
        error!("failed");
    });
    let incidents = alone.delivered();
    assert_eq!(incidents.len(), 1, "{incidents:?}");
    let lines = told(&incidents[0]);
    assert_eq!(lines[0], "INFO it::trail: first value=<panicked> id=1");
    assert_eq!(lines[1], "INFO it::trail: second value=logged id=2");
    assert!(lines[2].starts_with("INFO it::trail: third value=more and more"), "{lines:?}");
    assert!(lines[2].ends_with(" id=3 …") && lines[2].len() < 400, "{lines:?}");
    assert_eq!((lines.len(), alone.handle.stats().panicked_fields), (3, 1));
}

#[test]
fn a_target_that_is_off_is_not_recorded_and_what_is_muted_is() {
    let rig = rig_with(|builder| builder.trail(8).filter("error,noisy=off,noisy::ledger=error"));
    let incident = rig.paged_one(|| {
        let _request = info_span!("request").entered();
        info!(target: "noisy", "not told");
        error!(target: "noisy::polls", "not told");
        error!(target: "noisy", { spike.status = "resolve", spike.title = "no" }, "not told");
        info!(target: "noisy::ledger", "told");
        rig.handle().mute(Duration::from_secs(600));
        error!("muted");
        rig.handle().mute(Duration::ZERO);
        info!(spike.status = "resolve", "over");
        error!("failed");
    });
    let expected = ["INFO noisy::ledger: told", "ERROR it::trail: muted", "INFO it::trail: over"];
    assert_eq!(told(&incident), expected);
}

#[test]
fn other_rules_while_it_runs_leave_it_recording() {
    let rig = recorder(8);
    let incident = rig.paged_one(|| {
        let _request = info_span!("request").entered();
        let polled = |turn: u64| info!(target: "noisy", turn, "polled");
        polled(1);
        rig.handle().set_filter("error,noisy=off").unwrap();
        polled(2);
        info!("at it");
        rig.handle().set_filter("error").unwrap();
        polled(3);
        error!("failed");
    });
    let expected =
        ["INFO noisy: polled turn=1", "INFO it::trail: at it", "INFO noisy: polled turn=3"];
    assert_eq!(told(&incident), expected);
}

#[test]
fn a_resolve_has_no_trail() {
    let rig = recorder(8);
    rig.paged(|| {
        let _request = info_span!("request").entered();
        info!("at it");
        error!("card payment failed");
        rig.flush();
        info!(spike.status = "resolve", "card payment failed");
    });
    let bodies: Vec<Value> = rig
        .sandbox
        .requests()
        .iter()
        .map(|request| serde_json::from_slice(request.body()).unwrap())
        .collect();
    assert_eq!((bodies.len(), &bodies[1]["status"]), (2, &json!("resolve")));
    assert!(bodies[0]["body"]["trail"].is_array());
    assert_eq!(bodies[1]["body"]["trail"], Value::Null);
}

#[test]
fn a_log_record_is_told_with_its_own_target() {
    const TEST: &str = "trail::a_log_record_is_told_with_its_own_target";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.trail(8).filter("error,noisy=off"));
        tracing::dispatcher::set_global_default(rig.dispatch.clone()).unwrap();
        tracing_log::LogTracer::init().unwrap();
        let incident = rig.paged_one(|| {
            let _request = info_span!("request").entered();
            log::info!(target: "ledger", "{} rows read", 3);
            log::info!(target: "noisy", "not told");
            log::debug!(target: "ledger", "not told");
            log::error!(target: "ledger", "rows are missing");
        });
        assert_eq!(told(&incident), ["INFO ledger: 3 rows read"]);
        assert_eq!(rig.stats().seen, 1);
    })
    .well();
}

#[test]
fn f085_what_is_too_much_is_cut_and_a_body_that_is_too_large_loses_its_trail_first() {
    let rig = recorder(64);
    let incidents = rig.paged(|| {
        let request = info_span!("request").entered();
        for number in 0..100 {
            info!(number, text = "y".repeat(200), more = "z".repeat(200), "{}", "x".repeat(80));
        }
        error!("failed");
        let long = "l".repeat(2_048);
        let [a, b, c, d, f, g, o] = [&*long; 7];
        let [h, i, j, k, l, m, n] = [&*long; 7];
        error!(a, b, c, d, f, g, o, h, i, j, k, l, m, n, "failed in full");
        drop(request);
    });
    let lines = told(&incidents[0]);
    let length: usize = lines.iter().map(String::len).sum();
    assert!((10..=20).contains(&lines.len()) && length <= 8 * 1024, "{} {length}", lines.len());
    assert!(lines.last().unwrap().contains("number=99 text=yyy"), "{lines:?}");
    assert_eq!(incidents[0].body()["notes"], Value::Null);
    assert_eq!(incidents[1].body()["trail"], Value::Null);
    assert_eq!(incidents[1].body()["notes"]["cut"], "trail");
    let fields = incidents[1].body()["fields"].as_object().map(serde_json::Map::len);
    assert_eq!(fields, Some(14), "{:?}", incidents[1].body()["notes"]);
}

#[test]
fn what_is_in_the_spool_keeps_its_trail() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let run = || {
        let builder = tracing_spike::builder(sandbox.url_for(TOKEN)).trail(8).spool(&dir);
        let builder = builder.shutdown_timeout(Duration::from_millis(200));
        let (spike, guard) = builder.build::<Registry>().unwrap();
        (Dispatch::new(tracing_subscriber::registry().with(spike)), guard)
    };
    sandbox.fault(Fault::HangBeforeRead);
    let (dispatch, guard) = run();
    tracing::dispatcher::with_default(&dispatch, || {
        let _request = info_span!("request").entered();
        info!("at it");
        error!("card payment failed");
    });
    assert_eq!(closed(guard).spooled, 1);
    sandbox.clear_faults();
    let (_dispatch, guard) = run();
    let incidents = sandbox.wait_for(1, DEADLINE).unwrap();
    assert_eq!(told(&incidents[0]), ["INFO it::trail: at it"]);
    closed(guard);
}

#[test]
fn f070_it_has_bounds() {
    for (events, found) in [(0, "0"), (65, "65"), (usize::MAX, "18446744073709551615")] {
        let builder = tracing_spike::builder("https://hooks.spike.sh/0123456789ab/push-events");
        let built = builder.trail(events).build::<Registry>();
        let error = built.err().unwrap();
        assert!(error.is_config());
        assert_eq!(error.to_string(), format!("trail: expected 1 to 64 events, found {found}"));
    }
    for events in [1, 64] {
        let rig = recorder(events);
        let incident = rig.paged_one(|| {
            let _request = info_span!("request").entered();
            (0..100).for_each(|number| info!(number));
            error!("failed");
        });
        assert_eq!(told(&incident).len(), events);
    }
}

#[test]
fn where_all_fields_but_some_are_hidden_so_are_numbers_with_an_errors_name() {
    let rig = rig_with(|builder| builder.trail(8).redact_all_but(["id"]));
    let incident = rig.paged_one(|| {
        let _request = info_span!("request").entered();
        info!(id = 1234, e = 4711, "said");
        error!(e = 4711, "failed");
    });
    let [fields, trail] = [&incident.body()["fields"], &incident.body()["trail"]];
    assert_eq!(fields["e"], "[redacted]");
    let trail = trail.to_string();
    assert!(!trail.contains("4711") && trail.contains("1234"), "{trail}");
}
