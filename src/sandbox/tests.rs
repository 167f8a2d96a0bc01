//! The server over real sockets.
//!
//! Owns the proof that what the model decides reaches a client and the ledger. No test sleeps
//! to let something happen; every read and every wait has a deadline.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{Effect, Fault, Incident, Request, Sandbox, Status, Unknowns};

mod client;
mod faults;
mod inbox;

use client::{Reply, connect, post, post_on, request, title};

/// Everything here happens at once; this is only how long a broken test may take.
const SOON: Duration = Duration::from_secs(10);

fn effects(sandbox: &Sandbox) -> Vec<Effect> {
    sandbox.requests().iter().map(Request::effect).collect()
}

#[test]
fn a_trigger_is_answered_as_documented() {
    let sandbox = Sandbox::start().unwrap();
    let reply = post(&sandbox.webhook_url(), r#"{"title":"a","body":{"k":[1]},"priority":"p1"}"#);
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"Ok":true}"#));
    assert_eq!(reply.header("content-type"), Some("application/json"));

    let incidents = sandbox.wait_for(1, SOON).unwrap();
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].title(), "a");
    assert_eq!(incidents[0].status(), Status::Open);
    assert_eq!(incidents[0].priority(), Some("p1"));
    assert_eq!(incidents[0].body()["k"][0], 1);
    assert!(incidents[0].first_at().elapsed().unwrap() < SOON);
    assert!(incidents[0].came_to(&sandbox.webhook_url()));
    assert!(!incidents[0].came_to(&sandbox.url_for("another-token")));
}

#[test]
fn a_whole_life_over_one_kept_connection() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let mut stream = connect(&url);
    for json in [
        r#"{"title":"a"}"#,
        r#"{"title":"a"}"#,
        r#"{"title":"a","status":"resolve"}"#,
        r#"{"title":"a","status":"resolve"}"#,
        r#"{"title":"a"}"#,
        "no json",
    ] {
        post_on(&mut stream, &url, json);
    }
    let expected = [
        Effect::Opened,
        Effect::Repeated,
        Effect::Resolved,
        Effect::NothingOpen,
        Effect::Opened,
        Effect::Rejected("the body is not JSON"),
    ];
    assert_eq!(effects(&sandbox), expected);
    assert_eq!(sandbox.connections(), 1);
    assert_eq!(sandbox.open().len(), 1);
    assert_eq!((sandbox.opened(), sandbox.received()), (2, 6));
    assert_eq!(sandbox.resolve_by_person("a"), 1);
    assert!(sandbox.open().is_empty());
}

#[test]
fn the_ledger_has_the_raw_bytes_in_order_of_arrival() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for("second-token");
    let raw = [&b"\x00\xff{"[..], b"", b"{ \"title\" :\t\"spaced\", \"status\":\"resolve\" }\n"];
    let mut stream = connect(&url);
    for body in raw {
        stream.write_all(b"POST /second-token/push-events?x=1 HTTP/1.1\r\nhost: h\r\n").unwrap();
        stream.write_all(b"X-Twice: 1\r\nx-twice: \xe9\r\n").unwrap();
        write!(stream, "content-length: {}\r\n\r\n", body.len()).unwrap();
        stream.write_all(body).unwrap();
        Reply::read(&mut stream);
    }
    let requests = sandbox.wait_for_requests(3, SOON).unwrap();
    let bodies: Vec<&[u8]> = requests.iter().map(Request::body).collect();
    assert_eq!(bodies, raw);
    let numbers: Vec<u64> = requests.iter().map(Request::number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert!(requests.is_sorted_by_key(Request::at));
    assert!(requests[0].json().is_none());

    let last = &requests[2];
    assert_eq!((last.method(), last.raw_path()), ("POST", "/second-token/push-events?x=1"));
    assert_eq!((last.title(), last.is_resolve()), (Some("spaced"), true));
    assert_eq!(last.json().unwrap()["title"], "spaced");
    assert_eq!(last.header("X-TWICE"), Some("1"));
    assert_eq!(last.headers().filter(|(name, _)| *name == "x-twice").count(), 2);
    assert_eq!((last.status(), last.fault()), (Some(200), None));
    assert!(last.came_to(&url) && !last.came_to(&sandbox.webhook_url()));
}

#[test]
fn paths_and_methods_that_spike_does_not_have() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let path = url.split_once("//").unwrap().1.split_once('/').unwrap().1;
    let status = |method: &str, path: &str| request(&url, method, path, "{}").status;
    assert_eq!(status("GET", &format!("/{path}")), 405);
    assert_eq!(status("PUT", &format!("/{path}")), 405);
    assert_eq!(status("POST", "/"), 404);
    assert_eq!(status("POST", &format!("/{path}/")), 404);
    assert_eq!(status("POST", "/short/push-events"), 404);
    assert_eq!(status("GET", "/favicon.ico"), 404);
    assert!(effects(&sandbox).iter().all(|effect| matches!(effect, Effect::Rejected(_))));
    assert_eq!((sandbox.received(), sandbox.opened()), (6, 0));
}

#[test]
fn a_request_that_breaks_off_is_in_the_ledger_with_what_came() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let mut stream = connect(&url);
    let path = url.split_once("//").unwrap().1.split_once('/').unwrap().1;
    write!(stream, "POST /{path} HTTP/1.1\r\nhost: h\r\ncontent-length: 99\r\n\r\n{{\"ti").unwrap();
    drop(stream);
    let requests = sandbox.wait_for_requests(1, SOON).unwrap();
    assert_eq!(requests[0].body(), b"{\"ti");
    assert_eq!(requests[0].status(), None);
    assert_eq!(requests[0].effect(), Effect::Rejected("the request broke off"));
}

#[test]
fn a_body_over_the_cap_is_refused() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let mut stream = connect(&url);
    let path = url.split_once("//").unwrap().1.split_once('/').unwrap().1;
    let length = (4 << 20) + 1;
    write!(stream, "POST /{path} HTTP/1.1\r\nhost: h\r\ncontent-length: {length}\r\n\r\n").unwrap();
    // The sandbox may answer and close before it has all of it.
    stream.write_all(&vec![b' '; length]).ok();
    let requests = sandbox.wait_for_requests(1, SOON).unwrap();
    assert_eq!(requests[0].status(), Some(413));
    assert!(requests[0].body().len() <= 4 << 20);
}

#[test]
fn thirty_two_at_once() {
    let sandbox = Sandbox::start().unwrap();
    std::thread::scope(|scope| {
        for number in 0..32 {
            let url = sandbox.webhook_url();
            scope.spawn(move || {
                let reply = post(&url, &title(&format!("t{}", number % 8)));
                assert_eq!(reply.status, 200);
            });
        }
    });
    let incidents = sandbox.wait_for(8, SOON).unwrap();
    assert_eq!(incidents.len(), 8);
    assert!(incidents.iter().all(|incident| incident.repeats() == 3));
    assert_eq!((sandbox.connections(), sandbox.received()), (32, 32));
    assert!(sandbox.requests().is_sorted_by_key(Request::at));
}

#[test]
fn twenty_at_once_over_http_limit_their_title_only() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    sandbox.assume(Unknowns { limiter_answers_429: true, ..Unknowns::default() });
    let mut stream = connect(&url);
    for _ in 0..19 {
        assert_eq!(post_on(&mut stream, &url, &title("busy")).status, 200);
    }
    let reply = post_on(&mut stream, &url, &title("busy"));
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("60")));
    assert_eq!(post_on(&mut stream, &url, &title("calm")).status, 200);
    assert_eq!(sandbox.requests()[19].effect(), Effect::RateLimited);
}

#[test]
fn a_wait_says_what_came() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    post(&url, &title("only this"));
    sandbox.fault(Fault::Status(500));
    post(&url, &title("not that"));
    let moment = Duration::from_millis(1);
    assert_eq!(
        sandbox.wait_for(2, moment).unwrap_err().to_string(),
        "expected 2 incidents within 1ms, found 1: \"only this\" (open, 0 repeats)"
    );
    assert_eq!(
        format!("{:?}", sandbox.wait_for_requests(3, moment).unwrap_err()),
        "expected 3 requests within 1ms, found 2: trigger of \"only this\" (Opened), \
         trigger of \"not that\" (Status(500), NotApplied)"
    );
    let error = sandbox.wait_until(moment, |_| false).unwrap_err();
    assert!(error.to_string().starts_with("expected incidents that meet the condition"));
    assert!(sandbox.wait_for_connections(9, moment).is_err());
    assert!(sandbox.wait_for(1, Duration::MAX).is_ok());
}

#[test]
fn a_wait_ends_when_it_happens() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let both = |incidents: &[Incident]| {
                // The closure may use the sandbox: no lock is held.
                incidents.len() == 2 && sandbox.open().len() <= 2
            };
            sandbox.wait_until(Duration::MAX, both)
        });
        post(&url, &title("a"));
        post(&url, &title("b"));
        assert_eq!(waiting.join().unwrap().unwrap().len(), 2);
    });
}

#[test]
fn a_port_in_use_is_said_in_words() {
    let sandbox = Sandbox::start().unwrap();
    let port = sandbox.port();
    let error = Sandbox::start_on(port).map(drop).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    let text = error.to_string();
    assert!(text.contains(&format!("127.0.0.1:{port}, found the port in use")), "{text}");
    drop(sandbox);
    let again = Sandbox::start_on(port).unwrap();
    assert_eq!(again.port(), port);
}

#[test]
fn dropping_closes_the_port_and_ends_the_connections() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let mut kept = connect(&url);
    assert_eq!(post_on(&mut kept, &url, &title("a")).status, 200);
    drop(sandbox);
    assert_eq!(kept.read(&mut [0]).unwrap_or(0), 0);
    let address = url.split_once("//").unwrap().1.split_once('/').unwrap().0;
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn dropping_inside_an_async_context_is_fine() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let url = runtime.block_on(async {
        let sandbox = Sandbox::start().unwrap();
        let url = sandbox.webhook_url();
        post(&url, &title("a"));
        url
    });
    let address = url.split_once("//").unwrap().1.split_once('/').unwrap().0;
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn sandboxes_are_apart_and_can_be_shared() {
    fn shareable<T: Send + Sync>(_: &T) {}
    let (one, two) = (Sandbox::start().unwrap(), Sandbox::start().unwrap());
    shareable(&one);
    assert_ne!(one.webhook_url(), two.webhook_url());
    post(&one.webhook_url(), &title("a"));
    assert_eq!((one.opened(), two.opened(), two.connections()), (1, 0, 0));
}

#[test]
fn no_debug_output_has_the_token() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let token = url.rsplit('/').nth(1).unwrap();
    assert!(token.len() >= 24 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    post(&url, &title("a"));
    request(&url, "POST", &format!("/x/{token}?{token}"), "{}");
    let error = sandbox.wait_for_requests(9, Duration::ZERO).unwrap_err();
    let requests = sandbox.requests();
    let text = format!("{sandbox:?} {:?} {requests:?} {error:?} {error}", sandbox.incidents());
    assert!(!text.contains(token), "{text}");
    assert!(text.contains("/{token}/push-events"), "{text}");
    assert!(requests[0].raw_path().contains(token));
}

/// How long a drop takes.
fn time_to_drop(sandbox: Sandbox) -> Duration {
    let begun = Instant::now();
    drop(sandbox);
    begun.elapsed()
}
