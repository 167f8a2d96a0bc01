//! Delivery over real HTTP, against the sandbox and its faults.

use std::{
    io::Read,
    net::TcpStream,
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tracing::{error, info};
use tracing_spike::{
    Builder, Incident, Severity,
    sandbox::{Effect, Fault, Sandbox},
};

use crate::{
    child,
    rig::{DEADLINE, Rig, TOKEN, eventually, rig, rig_with},
};

/// A rig whose sandbox can be stopped and started again. The system gives none of these ports to
/// anybody who asks for any.
fn rig_with_a_port(set: impl FnOnce(Builder) -> Builder) -> (Rig, u16) {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = (std::process::id() % 1000) as u16 * 10;
    let find = || offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
    let sandbox = (0..1000).find_map(|_| Sandbox::start_on(20_000 + find()).ok()).unwrap();
    let builder = tracing_spike::builder(sandbox.url_for(TOKEN)).service("it");
    let mut rig = rig_with(move |_| set(builder));
    let port = sandbox.port();
    rig.sandbox = sandbox;
    (rig, port)
}

/// The port is closed, and what hung is cut off.
fn stop(rig: &mut Rig) {
    rig.sandbox = Sandbox::start().unwrap();
}

fn start(rig: &mut Rig, port: u16) {
    rig.sandbox = Sandbox::start_on(port).unwrap();
    rig.sandbox.url_for(TOKEN);
}

fn trigger(rig: &Rig, title: &str) {
    rig.handle().trigger(Incident::new(title)).unwrap();
}

#[test]
fn a_request_is_a_post_of_json_and_tells_nothing_more() {
    let rig = rig();
    rig.paged_one(|| error!("card payment failed"));
    let requests = rig.sandbox.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?}") };
    assert_eq!((request.method(), request.path().as_str()), ("POST", "/{token}/push-events"));
    assert!(request.came_to(&rig.sandbox.url_for(TOKEN)));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert!(request.header("user-agent").unwrap().starts_with("tracing-spike/"));
    let known = ["accept", "content-length", "content-type", "host", "user-agent"];
    let mut names: Vec<_> = request.headers().map(|(name, _)| name.to_owned()).collect();
    names.sort();
    assert_eq!(names, known);
}

#[test]
fn many_occurrences_are_one_request_and_counted() {
    let rig = rig_with(|builder| builder.repeat_every(Duration::from_secs(10)));
    let incident = rig.paged_one(|| (0..100).for_each(|n| error!("card payment {n} failed")));
    assert_eq!((incident.repeats(), rig.sandbox.received()), (0, 1));
    assert_eq!((rig.stats().seen, rig.stats().suppressed.repeat), (100, 99));
}

#[test]
fn f001_what_a_closed_port_refuses_is_kept_and_delivered_once_when_it_opens() {
    let (mut rig, port) = rig_with_a_port(|builder| builder);
    stop(&mut rig);
    trigger(&rig, "database is down");
    trigger(&rig, "queue is down");
    eventually("two attempts", || (rig.stats().retries >= 2).then_some(()));
    assert_eq!((rig.stats().pending, rig.stats().undelivered()), (2, 0));
    start(&mut rig, port);
    rig.flush();
    let effects: Vec<_> = rig.sandbox.requests().iter().map(|one| one.effect()).collect();
    assert_eq!(effects, [Effect::Opened, Effect::Opened]);
}

#[test]
fn f002_a_reset_connection_is_tried_again() {
    for fault in [Fault::Reset, Fault::ResetOnAccept, Fault::ResetBeforeBody] {
        let rig = rig();
        rig.sandbox.fault_next(2, fault.clone());
        rig.paged_one(|| error!("card payment failed"));
        assert_eq!((rig.stats().delivered, rig.stats().undelivered()), (1, 0), "{fault:?}");
        assert!(rig.stats().retries >= 1, "{fault:?}");
    }
}

#[test]
fn f004_f005_an_attempt_ends_after_ten_seconds_and_a_complete_head_is_an_answer() {
    let attempt = |fault: Fault, requests, retries| {
        let rig = rig();
        rig.sandbox.fault_next(1, fault.clone());
        let start = Instant::now();
        rig.paged_one(|| error!("card payment failed"));
        let (took, stats) = (start.elapsed(), rig.stats());
        assert!((10..15).contains(&took.as_secs()), "{fault:?} took {took:?}");
        assert_eq!((rig.sandbox.received(), stats.retries), (requests, retries), "{fault:?}");
        assert_eq!((stats.delivered, stats.unverified), (1, 1 - retries), "{fault:?}");
    };
    thread::scope(|scope| {
        scope.spawn(|| attempt(Fault::Hang, 2, 1));
        // Nothing was read, so nothing is in the ledger.
        scope.spawn(|| attempt(Fault::HangBeforeRead, 1, 1));
        scope.spawn(|| attempt(Fault::HangMidHead, 2, 1));
        scope.spawn(|| attempt(Fault::HangAfterHead, 1, 0));
    });
}

#[test]
fn f012_a_burst_of_500_is_retried_and_the_title_behind_it_is_not_blocked() {
    for burst in [1, 3] {
        let rig = rig();
        rig.sandbox.fault_next(burst, Fault::Status(500));
        trigger(&rig, "card payment failed");
        rig.flush();
        assert_eq!((rig.sandbox.received(), rig.stats().retries), (burst + 1, burst));
        assert_eq!(rig.stats().delivered, 1);
    }
    let rig = rig();
    rig.sandbox.fault_title("first", Fault::Status(500));
    trigger(&rig, "first");
    trigger(&rig, "second");
    assert_eq!(rig.sandbox.wait_for(1, DEADLINE).unwrap()[0].title(), "second");
    eventually("one is left", || (rig.stats().pending == 1).then_some(()));
    assert_eq!(rig.stats().undelivered(), 0);
    rig.sandbox.clear_faults();
    rig.flush();
    assert_eq!((rig.sandbox.open().len(), rig.stats().delivered), (2, 2));
}

#[test]
fn f014_what_may_pass_is_retried() {
    let rig = rig();
    let codes = [408, 425, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527];
    for (n, code) in (1..).zip(codes) {
        rig.sandbox.fault_next(1, Fault::Status(code));
        trigger(&rig, &format!("status {code}"));
        rig.flush();
        assert_eq!((rig.stats().delivered, rig.stats().retries), (n, n), "{code}");
    }
    assert_eq!(rig.sandbox.open().len(), codes.len());
}

#[test]
fn f009_what_the_server_asks_to_wait_is_waited_even_by_a_flush() {
    let rig = rig();
    rig.sandbox.fault_next(1, Fault::retry_after(429, "1"));
    trigger(&rig, "card payment failed");
    rig.flush();
    let at: Vec<_> = rig.sandbox.requests().iter().map(|request| request.at()).collect();
    assert!(at[1] - at[0] >= Duration::from_millis(990), "{at:?}");
}

#[test]
fn f015_what_is_rejected_is_counted_at_once_and_the_rest_goes_on() {
    let rig = rig();
    for (n, code) in (1..).zip([400, 405, 411, 415, 422]) {
        rig.sandbox.fault_next(1, Fault::Status(code));
        trigger(&rig, &format!("status {code}"));
        trigger(&rig, &format!("behind {code}"));
        // Either may have come to its end before the flush begins.
        let report = rig.handle().flush(DEADLINE);
        assert!(report.lost <= 1 && report.delivered <= 1 && report.pending == 0, "{report:?}");
        let stats = rig.stats();
        assert_eq!((stats.lost.rejected, stats.delivered, stats.retries), (n, n, 0), "{code}");
    }
    assert_eq!(rig.sandbox.open().len(), 5);
}

#[test]
fn what_was_lost_can_be_sent_again() {
    let rig = rig();
    let resolve = || rig.handle().resolve("disk full").unwrap();
    let flushed = || rig.handle().flush(DEADLINE).pending == 0;
    trigger(&rig, "disk full");
    rig.flush();
    rig.sandbox.fault_next(1, Fault::Status(400));
    resolve();
    assert!(flushed() && rig.stats().lost.rejected == 1);
    resolve();
    rig.flush();
    assert!(rig.sandbox.open().is_empty());
    // Twin: once it is accepted, a second one has nothing to say.
    resolve();
    assert_eq!((rig.stats().suppressed.repeat, rig.sandbox.received()), (1, 3));
    // A lost escalation does not make the open incident forgotten.
    trigger(&rig, "disk full");
    rig.flush();
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.handle().trigger(Incident::new("disk full").severity(Severity::Sev1)).unwrap();
    assert!(flushed() && rig.stats().lost.rejected == 2);
    resolve();
    rig.flush();
    assert!(rig.sandbox.open().is_empty(), "{:?}", rig.stats());
}

#[test]
fn a_resolve_closes_what_was_escalated_behind_a_slow_request() {
    let rig = rig();
    for title in ["disk full", "disk full"] {
        trigger(&rig, title);
        rig.flush();
        rig.handle().resolve(title).unwrap();
        rig.flush();
    }
    trigger(&rig, "disk full");
    rig.flush();
    let received = rig.sandbox.received();
    rig.sandbox.fault_title("slow", Fault::Slow(Duration::from_millis(300)));
    trigger(&rig, "slow");
    rig.sandbox.wait_for_requests(received + 1, DEADLINE).unwrap();
    rig.handle().trigger(Incident::new("disk full").severity(Severity::Sev1)).unwrap();
    rig.handle().resolve("disk full").unwrap();
    rig.flush();
    let open: Vec<_> = rig.sandbox.open().iter().map(|one| one.title().to_owned()).collect();
    assert_eq!(open, ["slow"]);
}

#[test]
fn f016_a_refused_webhook_is_said_once_and_incidents_are_kept() {
    const TEST: &str = "delivery::f016_a_refused_webhook_is_said_once_and_incidents_are_kept";
    for code in [401, 403, 404, 410] {
        let ended = child::run(TEST, &[("CODE", &code.to_string())], || {
            let code = std::env::var("CODE").unwrap().parse().unwrap();
            let rig = rig_with(|builder| builder.shutdown_timeout(Duration::ZERO));
            rig.sandbox.fault(Fault::Status(code));
            for title in ["one", "two", "three"] {
                trigger(&rig, title);
            }
            rig.sandbox.wait_for_requests(1, DEADLINE).unwrap();
            for _ in 0..3 {
                let report = rig.handle().flush(Duration::from_millis(50));
                assert_eq!((report.pending, report.lost), (3, 0));
            }
            assert_eq!((rig.sandbox.received(), rig.stats().undelivered()), (1, 0));
        })
        .well();
        assert_eq!(ended.said(&format!("refuses this webhook (status {code})")), 1);
        assert_eq!(ended.said("check the token"), 1, "{}", ended.stderr);
    }
}

#[test]
fn f017_what_is_too_large_comes_once_more_with_the_minimum() {
    let rig = rig();
    let long = "word ".repeat(300);
    rig.sandbox.fault_next(1, Fault::Status(413));
    rig.paged_one(|| error!(spike.severity = "sev1", attempt = 1, "card payment failed: {long}"));
    let requests = rig.sandbox.requests();
    let [whole, minimal] = requests.as_slice() else { panic!("{requests:?}") };
    let (whole, minimal) = (whole.json().unwrap(), minimal.json().unwrap());
    for key in ["title", "severity"] {
        assert_eq!(whole[key], minimal[key], "{key}");
    }
    let message = |payload: &Value| payload["body"]["message"].as_str().unwrap().len();
    assert!(message(&whole) > 1_000 && (400..=512).contains(&message(&minimal)), "{minimal}");
    assert!(whole["body"]["fields"].is_object() && minimal["body"]["fields"].is_null());
    assert!(minimal["body"]["notes"]["cut"].as_str().unwrap().contains("413"), "{minimal}");
    // A second time is for good.
    rig.sandbox.fault_next(2, Fault::Status(413));
    rig.run(|| error!("card refund failed"));
    assert_eq!(rig.handle().flush(DEADLINE).lost, 1);
    assert_eq!((rig.stats().lost.rejected, rig.stats().delivered), (1, 1));
}

#[test]
fn f018_a_redirect_is_never_followed() {
    let (rig, other) = (rig(), Sandbox::start().unwrap());
    let port = other.port();
    let mut locations: Vec<_> = [301, 302, 303, 307, 308]
        .map(|code| (code, format!("http://127.0.0.1:{port}/stolen-goods/push-events")))
        .into();
    locations.push((307, other.webhook_url()));
    locations.push((308, format!("//127.0.0.1:{port}/stolen-goods/push-events")));
    locations.push((302, format!("http://127.0.0.1:{port}/\r\nset-cookie: a=b")));
    locations.push((307, rig.sandbox.url_for(TOKEN)));
    locations.push((302, "/".to_owned()));
    locations.push((301, format!("https://127.0.0.1:{port}/stolen-goods/push-events")));
    locations.push((308, format!("http://localhost:{port}/stolen-goods/push-events")));
    for (n, (code, location)) in (1..).zip(&locations) {
        rig.sandbox.fault_next(1, Fault::redirect(*code, location));
        trigger(&rig, &format!("redirect {n}"));
        assert_eq!(rig.handle().flush(DEADLINE).lost, 1, "{code} to {location}");
        assert_eq!((rig.stats().lost.redirect, rig.sandbox.received()), (n, n));
    }
    assert_eq!(other.connections(), 0);
    // Twin: it would have noticed.
    drop(TcpStream::connect(("127.0.0.1", port)).unwrap());
    assert_eq!(other.wait_for_connections(1, DEADLINE).unwrap(), 1);
}

#[test]
fn f019_only_ok_false_is_a_failure_and_only_ok_true_is_verified() {
    let rig = rig();
    let html = "<html>not what Spike answers</html>";
    let accepted = [
        (200, "text/html", html),
        (200, "application/json", "{}"),
        (200, "application/json", ""),
        (202, "application/json", "{\"Ok\": null}"),
        (204, "text/plain", ""),
        (206, "text/plain", "Ok"),
    ];
    for (n, (code, kind, body)) in (1..).zip(accepted) {
        rig.sandbox.fault_next(1, Fault::body(code, kind, body));
        trigger(&rig, &format!("answer {n}"));
        rig.flush();
        assert_eq!((rig.stats().delivered, rig.stats().unverified), (n, n), "{code} {body}");
    }
    assert_eq!(rig.stats().retries, 0);
    rig.sandbox.fault_next(1, Fault::body(200, "application/json", "{\"Ok\": false}"));
    trigger(&rig, "a failure");
    rig.flush();
    assert_eq!((rig.stats().retries, rig.stats().delivered, rig.stats().unverified), (1, 7, 6));
}

#[test]
fn f020_an_endless_answer_costs_neither_time_nor_memory() {
    const TEST: &str = "delivery::f020_an_endless_answer_costs_neither_time_nor_memory";
    child::run(TEST, &[], || {
        let resident = || {
            let mut text = String::new();
            std::fs::File::open("/proc/self/statm").unwrap().read_to_string(&mut text).unwrap();
            text.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
        };
        let rig = rig();
        trigger(&rig, "warm");
        rig.flush();
        rig.sandbox.fault(Fault::HugeBody(u64::MAX));
        let (before, start) = (resident(), Instant::now());
        for n in 0..20 {
            trigger(&rig, &format!("huge {n}"));
        }
        rig.flush();
        assert_eq!(rig.stats().delivered, 21);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        let grown = resident().saturating_sub(before);
        assert!(grown < 1 << 20, "{grown} bytes");
    })
    .well();
}

#[test]
fn f023_garbage_is_no_answer_and_no_panic() {
    let garbage: [&[u8]; 6] = [
        b"\0\x01\xff",
        b"HTTP/0.9 fine",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
    ];
    for bytes in garbage {
        let rig = rig();
        rig.sandbox.fault_next(1, Fault::Garbage(bytes.to_vec()));
        rig.paged_one(|| error!("card payment failed"));
        assert_eq!((rig.stats().delivered, rig.stats().retries), (1, 1), "{bytes:?}");
    }
}

#[test]
fn a_full_queue_refuses_and_gives_the_title_back() {
    let (mut rig, port) = rig_with_a_port(|builder| builder.queue_capacity(1));
    rig.sandbox.fault(Fault::Hang);
    let handle = rig.handle();
    let push = |n| handle.trigger(Incident::new(format!("title {n}")));
    // 256 titles and one slot are all there is.
    let refused = (0..300).find(|n| push(*n).is_err_and(|error| error.is_full())).unwrap();
    assert_eq!((rig.stats().refused.full, rig.stats().pending), (1, refused));
    stop(&mut rig);
    start(&mut rig, port);
    rig.flush();
    push(refused).unwrap();
    rig.flush();
    let (stats, open) = (rig.stats(), rig.sandbox.open());
    assert_eq!((open.len() as u64, stats.delivered), (refused + 1, refused + 1));
    assert_eq!((stats.undelivered(), stats.suppressed.repeat), (1, 0));
}

#[test]
fn resolves_are_refused_when_too_many_wait_and_none_is_lost() {
    let (mut rig, port) = rig_with_a_port(|builder| builder);
    rig.sandbox.fault(Fault::Hang);
    let handle = rig.handle();
    let mut taken = 0;
    let error = loop {
        match handle.resolve(&format!("title {taken}")) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 1000, "{:?}", rig.stats());
        // The worker takes what it will before it answers.
        assert_eq!(handle.flush(Duration::ZERO).pending, taken);
    };
    assert!(error.is_full() && error.to_string().contains("resolve queue"), "{error}");
    assert!(taken >= 64 && rig.stats().refused.full == 1, "{:?}", rig.stats());
    stop(&mut rig);
    start(&mut rig, port);
    rig.flush();
    assert_eq!((rig.stats().delivered, rig.stats().undelivered()), (taken, 1));
}

#[test]
fn a_handle_is_closed_after_its_guard() {
    let mut rig = rig();
    rig.drop_guard();
    let handle = rig.handle();
    for refused in [handle.trigger(Incident::new("disk full")), handle.resolve("disk full")] {
        let error = refused.unwrap_err();
        assert!(error.is_closed() && !error.is_full() && !error.is_config(), "{error}");
    }
    assert_eq!(rig.stats().refused.closed, 2);
    assert!(handle.flush(DEADLINE).worker_gone);
}

#[test]
fn what_was_lost_is_told_by_a_trigger_and_not_by_a_resolve() {
    let rig = rig();
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.run(|| error!("lost"));
    assert_eq!(rig.handle().flush(DEADLINE).pending, 0);
    rig.paged(|| info!(spike.status = "resolve", spike.title = "of an earlier run", "x"));
    let told = rig.paged_one(|| error!("next")).body()["notes"]["undelivered"].clone();
    assert_eq!(told, "1 rejected");
    let requests = rig.sandbox.requests();
    let of_resolve = requests.iter().find(|request| request.is_resolve()).unwrap();
    assert_eq!(of_resolve.json().unwrap()["body"]["notes"], Value::Null);
}
