//! Each fault as a client on a raw socket sees it.
//!
//! Owns the proof that a fault does to the bytes what it says, and that the ledger and the
//! model say whether the request was applied.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use super::client::{Reply, connect, post, post_on, read_all, send, sent, title};
use super::{SOON, effects, time_to_drop};
use crate::sandbox::{Effect, Fault, Request, Sandbox};

/// Long enough for an answer over loopback to have come.
const SILENCE: Duration = Duration::from_millis(60);

/// A sandbox whose every request meets a fault.
fn faulty(fault: Fault) -> (Sandbox, String) {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(fault);
    let url = sandbox.webhook_url();
    (sandbox, url)
}

/// The only request there is.
fn only(sandbox: &Sandbox) -> Request {
    let mut requests = sandbox.wait_for_requests(1, SOON).unwrap();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

/// Nothing more comes, and the connection stays.
fn assert_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    let error = stream.read(&mut [0]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
    stream.set_read_timeout(Some(SOON)).unwrap();
}

/// The connection ends in a reset, not in an orderly close.
fn assert_reset(stream: &mut TcpStream) {
    let error = stream.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

/// A new connection ends in a reset, seen by `connect` itself or by the first read.
fn assert_turned_away(url: &str) {
    let address = url.split('/').nth(2).unwrap();
    let read = TcpStream::connect(address).and_then(|mut stream| {
        stream.set_read_timeout(Some(SOON))?;
        stream.read(&mut [0])
    });
    assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

/// When the client goes, the sandbox lets go of the connection too.
fn assert_let_go(stream: &mut TcpStream) {
    stream.shutdown(Shutdown::Write).unwrap();
    let ended = stream.read(&mut [0]);
    assert!(ended.as_ref().map_or_else(|e| e.kind() == ErrorKind::ConnectionReset, |n| *n == 0));
}

#[test]
fn a_status_is_answered_and_not_applied() {
    for status in [200, 204, 400, 401, 404, 408, 413, 425, 429, 500, 503, 527, 599, 999] {
        let (sandbox, url) = faulty(Fault::Status(status));
        assert_eq!(post(&url, &title("a")).status, status);
        let request = only(&sandbox);
        assert_eq!((request.status(), request.effect()), (Some(status), Effect::NotApplied));
        assert_eq!(request.title(), Some("a"));
        assert_eq!(sandbox.opened(), 0);
    }
}

#[test]
fn a_status_keeps_the_connection() {
    let (sandbox, url) = faulty(Fault::Status(500));
    let mut stream = connect(&url);
    assert_eq!(post_on(&mut stream, &url, &title("a")).status, 500);
    sandbox.clear_faults();
    assert_eq!(post_on(&mut stream, &url, &title("a")).status, 200);
    assert_eq!(sandbox.connections(), 1);
}

#[test]
fn retry_after_takes_any_text() {
    for value in ["1", "86400", "-1", "", "abc", "1e309", "Wed, 21 Oct 2026 07:28:00 GMT"] {
        let (_sandbox, url) = faulty(Fault::retry_after(429, value));
        let reply = post(&url, &title("a"));
        assert_eq!(reply.status, 429);
        assert_eq!(reply.header("retry-after").unwrap_or_default(), value);
    }
}

#[test]
fn a_redirect_and_any_body() {
    let (sandbox, url) = faulty(Fault::redirect(307, "http://127.0.0.1:9/elsewhere"));
    let reply = post(&url, &title("a"));
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), Some("http://127.0.0.1:9/elsewhere"));
    sandbox.fault(Fault::body(200, "application/json", r#"{"Ok":false}"#));
    assert_eq!(post(&url, &title("a")).body, r#"{"Ok":false}"#);
    sandbox.fault(Fault::body(502, "text/html", "<h1>Bad Gateway</h1>"));
    let reply = post(&url, &title("a"));
    assert_eq!((reply.status, reply.header("content-type")), (502, Some("text/html")));
    assert_eq!(reply.body, "<h1>Bad Gateway</h1>");
}

#[test]
fn what_http_forbids_goes_out_as_it_is() {
    let (sandbox, url) = faulty(Fault::redirect(302, "/a\r\nx-injected: 1"));
    let bytes = read_all(&mut sent(&url, &title("a")));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 302 "), "{text}");
    assert!(text.contains("location: /a\r\nx-injected: 1\r\n"), "{text}");
    assert!(text.ends_with("connection: close\r\n\r\n{}"), "{text}");

    let headers = vec![("Content-Length".to_owned(), "-5".to_owned())];
    sandbox.fault(Fault::StatusWith { status: 99, headers, body: "x".to_owned() });
    let bytes = read_all(&mut sent(&url, &title("a")));
    assert_eq!(bytes, b"HTTP/1.1 99 X\r\nContent-Length: -5\r\nconnection: close\r\n\r\nx");

    sandbox.fault(Fault::StatusWith { status: 204, headers: Vec::new(), body: "x".to_owned() });
    let bytes = read_all(&mut sent(&url, &title("a")));
    assert!(bytes.ends_with(b"content-length: 1\r\nconnection: close\r\n\r\nx"));
}

#[test]
fn hang_reads_and_never_answers() {
    let (sandbox, url) = faulty(Fault::Hang);
    let mut stream = sent(&url, &title("a"));
    let request = only(&sandbox);
    assert_eq!(request.json().unwrap()["title"], "a");
    assert_eq!((request.status(), request.effect()), (None, Effect::NotApplied));
    assert_eq!(request.fault(), Some(&Fault::Hang));
    assert_silent(&mut stream);
    assert_let_go(&mut stream);
}

#[test]
fn applied_then_hang_opens_the_incident() {
    let (sandbox, url) = faulty(Fault::AppliedThenHang);
    let mut stream = sent(&url, &title("a"));
    assert_eq!(sandbox.wait_for(1, SOON).unwrap().len(), 1);
    let request = only(&sandbox);
    assert_eq!((request.status(), request.effect()), (None, Effect::Opened));
    assert_silent(&mut stream);
    assert_let_go(&mut stream);
}

#[test]
fn hang_before_read_leaves_the_request_unread() {
    let (sandbox, url) = faulty(Fault::HangBeforeRead);
    let mut stream = sent(&url, &title("a"));
    sandbox.wait_for_connections(1, SOON).unwrap();
    assert_silent(&mut stream);
    assert_eq!(sandbox.received(), 0);
    // The receive buffer fills up: a client that goes on writing gets stuck.
    stream.set_write_timeout(Some(SILENCE)).unwrap();
    let stuck = stream.write_all(&vec![b' '; 64 << 20]).unwrap_err();
    assert!(matches!(stuck.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stuck}");
}

#[test]
fn hang_before_read_on_a_kept_connection_hangs() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let mut stream = connect(&url);
    assert_eq!(post_on(&mut stream, &url, &title("a")).status, 200);
    sandbox.fault(Fault::HangBeforeRead);
    let (_, path) = url.rsplit_once(':').unwrap();
    send(&mut stream, &url, "POST", path.trim_start_matches(char::is_numeric), &title("a"));
    sandbox.wait_for_requests(2, SOON).unwrap();
    assert_silent(&mut stream);
    assert_eq!(effects(&sandbox), [Effect::Opened, Effect::NotApplied]);
}

#[test]
fn hang_mid_head_sends_half_a_status_line() {
    let (sandbox, url) = faulty(Fault::HangMidHead);
    let mut stream = sent(&url, &title("a"));
    let mut bytes = [0; 10];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"HTTP/1.1 2");
    assert_silent(&mut stream);
    assert_let_go(&mut stream);
    assert_eq!((only(&sandbox).status(), sandbox.opened()), (None, 0));
}

#[test]
fn hang_after_head_promises_a_body() {
    let (sandbox, url) = faulty(Fault::HangAfterHead);
    let mut stream = sent(&url, &title("a"));
    let expected = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n";
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    assert_silent(&mut stream);
    assert_let_go(&mut stream);
    let request = only(&sandbox);
    assert_eq!((request.status(), request.effect()), (Some(200), Effect::Opened));
}

#[test]
fn reset_comes_after_the_request_was_read() {
    let (sandbox, url) = faulty(Fault::Reset);
    assert_reset(&mut sent(&url, &title("a")));
    let request = only(&sandbox);
    assert_eq!((request.title(), request.effect()), (Some("a"), Effect::NotApplied));
}

#[test]
fn applied_then_reset_opens_the_incident() {
    let (sandbox, url) = faulty(Fault::AppliedThenReset);
    assert_reset(&mut sent(&url, &title("a")));
    assert_eq!((only(&sandbox).effect(), sandbox.opened()), (Effect::Opened, 1));
}

#[test]
fn reset_on_accept_needs_no_request() {
    let (sandbox, url) = faulty(Fault::ResetOnAccept);
    assert_turned_away(&url);
    assert_eq!((sandbox.wait_for_connections(1, SOON).unwrap(), sandbox.received()), (1, 0));
}

#[test]
fn reset_before_body_does_not_wait_for_it() {
    let (sandbox, url) = faulty(Fault::ResetBeforeBody);
    let mut stream = connect(&url);
    write!(stream, "POST /long-enough/push-events HTTP/1.1\r\nhost: h\r\n").unwrap();
    write!(stream, "content-length: 9999\r\n\r\n").unwrap();
    assert_reset(&mut stream);
    let request = only(&sandbox);
    assert_eq!((request.effect(), request.body()), (Effect::NotApplied, &b""[..]));
}

#[test]
fn slow_is_applied_at_once_and_answered_later() {
    let delay = Duration::from_millis(150);
    let (sandbox, url) = faulty(Fault::Slow(delay));
    let begun = Instant::now();
    let mut stream = sent(&url, &title("a"));
    sandbox.wait_for(1, SOON).unwrap();
    let reply = Reply::read(&mut stream);
    assert!(begun.elapsed() >= delay);
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"Ok":true}"#));
    assert_eq!(only(&sandbox).effect(), Effect::Opened);
}

#[test]
fn slow_does_not_hold_up_others() {
    let (sandbox, url) = faulty(Fault::Slow(Duration::from_secs(60)));
    let _slow = sent(&url, &title("a"));
    sandbox.wait_for(1, SOON).unwrap();
    sandbox.clear_faults();
    assert_eq!(post(&url, &title("b")).status, 200);
}

#[test]
fn drip_sends_one_byte_at_a_time() {
    let every = Duration::from_millis(2);
    let (sandbox, url) = faulty(Fault::Drip(every));
    let begun = Instant::now();
    let mut stream = sent(&url, &title("a"));
    let mut largest = 0;
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        let read = stream.read(&mut buffer).unwrap();
        bytes.extend_from_slice(&buffer[..read]);
        largest = largest.max(read);
        if read == 0 {
            break;
        }
    }
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("{\"Ok\":true}"), "{text}");
    assert!(begun.elapsed() >= every * u32::try_from(text.len()).unwrap());
    // A reader that was scheduled late may find a few bytes together.
    assert!(largest < text.len() / 2, "{largest} at once");
    assert_eq!(only(&sandbox).effect(), Effect::Opened);
}

#[test]
fn a_huge_body_comes_in_full_and_takes_no_memory() {
    let body = (3 << 20) + 5;
    let (sandbox, url) = faulty(Fault::HugeBody(body));
    let bytes = read_all(&mut sent(&url, &title("a")));
    let head =
        b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\
                 connection: close\r\n\r\n4000\r\n...";
    assert!(bytes.starts_with(head));
    assert!(bytes.ends_with(b"\r\n5\r\n.....\r\n0\r\n\r\n"));
    let dots = bytes.iter().filter(|byte| **byte == b'.').count() as u64;
    // One more in "HTTP/1.1".
    assert_eq!(dots, body + 1);
    assert_eq!(only(&sandbox).effect(), Effect::Opened);

    // Without an end: the client leaves when it has enough.
    sandbox.fault(Fault::HugeBody(u64::MAX));
    let mut stream = sent(&url, &title("a"));
    stream.read_exact(&mut vec![0; 1 << 20]).unwrap();
    drop(stream);
    sandbox.clear_faults();
    assert_eq!(post(&url, &title("a")).status, 200);
}

#[test]
fn garbage_is_sent_as_it_is() {
    for garbage in [&b"\x00\xff\x80nonsense"[..], b"HTTP/0.9 hello", b"PRI * HTTP/2.0\r\n\r\n"] {
        let (sandbox, url) = faulty(Fault::Garbage(garbage.to_vec()));
        assert_eq!(read_all(&mut sent(&url, &title("a"))), garbage);
        assert_eq!(only(&sandbox).effect(), Effect::NotApplied);
    }
    // Nothing at all: the connection just closes.
    let (_sandbox, url) = faulty(Fault::Garbage(Vec::new()));
    assert_eq!(read_all(&mut sent(&url, &title("a"))), b"");
}

#[test]
fn applied_late_is_applied_after_what_came_later() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    post(&url, &title("a"));
    sandbox.fault_next(1, Fault::AppliedLate(Duration::from_millis(100)));
    let gone = sent(&url, &title("a"));
    sandbox.wait_for_requests(2, SOON).unwrap();
    // The client gives up, and resolves.
    drop(gone);
    assert_eq!(post(&url, r#"{"title":"a","status":"resolve"}"#).status, 200);
    assert_eq!(effects(&sandbox), [Effect::Opened, Effect::NotApplied, Effect::Resolved]);
    // Then the old trigger arrives after all, and opens a new one.
    let incidents = sandbox.wait_for(2, SOON).unwrap();
    assert!(!incidents[0].is_open() && incidents[1].is_open());
    assert_eq!(effects(&sandbox), [Effect::Opened, Effect::Opened, Effect::Resolved]);
}

#[test]
fn applied_late_answers_a_client_that_waits() {
    let (sandbox, url) = faulty(Fault::AppliedLate(Duration::from_millis(20)));
    let reply = post(&url, "no json");
    assert_eq!((reply.status, reply.body.as_str()), (500, "{}"));
    assert_eq!(only(&sandbox).effect(), Effect::Rejected("the body is not JSON"));
    assert_eq!(only(&sandbox).status(), Some(500));
}

#[test]
fn next_hits_so_many_and_title_hits_its_own() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    sandbox.fault_next(2, Fault::Status(503));
    sandbox.fault_next(1, Fault::ResetOnAccept);
    sandbox.fault_title("poison", Fault::Status(500));
    assert_eq!(post(&url, &title("a")).status, 503);
    assert_eq!(post(&url, &title("poison")).status, 503);
    assert_turned_away(&url);
    assert_eq!(post(&url, &title("the poison pill")).status, 500);
    assert_eq!(post(&url, &title("a")).status, 200);
    sandbox.fault_title("poison", Fault::HangBeforeRead);
    let mut stream = sent(&url, &title("poison"));
    sandbox.wait_for_requests(5, SOON).unwrap();
    assert_silent(&mut stream);
    sandbox.clear_faults();
    assert_eq!(post(&url, &title("poison")).status, 200);
}

#[test]
fn dropping_takes_no_time_whatever_hangs() {
    let faults = [
        Fault::Hang,
        Fault::HangBeforeRead,
        Fault::HangMidHead,
        Fault::HangAfterHead,
        Fault::AppliedThenHang,
        Fault::Slow(Duration::from_secs(600)),
        Fault::AppliedLate(Duration::from_secs(600)),
        Fault::Drip(Duration::from_secs(600)),
        Fault::HugeBody(u64::MAX),
    ];
    for fault in faults {
        let (sandbox, url) = faulty(fault.clone());
        let mut streams: Vec<TcpStream> = (0..8).map(|_| sent(&url, &title("a"))).collect();
        let mut unfinished = connect(&url);
        unfinished.write_all(b"POST /x").unwrap();
        sandbox.wait_for_connections(9, SOON).unwrap();
        if fault != Fault::HangBeforeRead {
            sandbox.wait_for_requests(8, SOON).unwrap();
        }
        let took = time_to_drop(sandbox);
        assert!(took < Duration::from_secs(1), "{fault:?}: {took:?}");
        // Not only let go of: the connections have ended.
        for stream in &mut streams {
            stream.read_to_end(&mut Vec::new()).ok();
        }
    }
}
