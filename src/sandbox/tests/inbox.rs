//! The inbox over real sockets: its files, its JSON, its events, and who is turned away.
//!
//! Owns the pins of what `/api` answers. What a browser makes of it is shown by `.ci/inbox`.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::SOON;
use super::client::{Reply, connect, get, post, request, request_as, title};
use crate::sandbox::{Effect, Fault, Sandbox, Status};

fn page() -> Sandbox {
    Sandbox::start().unwrap()
}

fn at(sandbox: &Sandbox, path: &str) -> String {
    format!("{}{path}", sandbox.page_url())
}

/// What the API answers to a `GET`.
fn told(sandbox: &Sandbox, path: &str) -> Value {
    let reply = get(&at(sandbox, path));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    serde_json::from_str(&reply.body).unwrap()
}

fn ask(sandbox: &Sandbox, method: &str, path: &str) -> Reply {
    request(&sandbox.page_url(), method, path, "")
}

/// The words of an answer that is none.
fn error(reply: &Reply) -> Value {
    serde_json::from_str::<Value>(&reply.body).unwrap()["error"].clone()
}

/// The same with each time as `T`, which is checked to be one, so that it can be compared.
fn timeless(value: Value) -> Value {
    match value {
        Value::String(text) if humantime::parse_rfc3339(&text).is_ok() => json!("T"),
        Value::Array(all) => all.into_iter().map(timeless).collect(),
        Value::Object(all) => {
            Value::Object(all.into_iter().map(|(key, value)| (key, timeless(value))).collect())
        }
        other => other,
    }
}

#[test]
fn the_page_loads_its_own_files_and_nothing_else() {
    let sandbox = page();
    let html = get(&sandbox.page_url());
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                  img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let mut files = vec![("".to_owned(), "text/html; charset=utf-8")];
    for (mark, kind) in [("href=\"/", "text/css"), ("src=\"/", "text/javascript")] {
        let path = html.body.split_once(mark).unwrap().1.split_once('"').unwrap().0;
        let kind = if kind == "text/css" { "text/css; charset=utf-8" } else { SCRIPT };
        files.push((path.to_owned(), kind));
    }
    let script = get(&at(&sandbox, "inbox.js")).body + &get(&at(&sandbox, "detail.js")).body;
    for import in script.split(" from \"./").skip(1) {
        files.push((import.split_once('"').unwrap().0.to_owned(), SCRIPT));
    }
    assert!(files.len() >= 6, "{files:?}");
    for (path, kind) in files {
        let reply = get(&at(&sandbox, &path));
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(reply.header("content-security-policy"), Some(policy));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"));
        // Nothing that the policy would forbid, and no text that becomes markup.
        for bad in ["innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "style="]
        {
            assert!(!reply.body.contains(bad), "{bad} is in {path}");
        }
        let loads = ["src=\"http", "href=\"http", "url(http", "from \"http", "import("];
        assert!(!loads.iter().any(|from| reply.body.contains(from)), "{path}");
    }
    // What is asked here is not in the ledger, and meets no fault.
    sandbox.fault(Fault::Status(500));
    assert_eq!(get(&sandbox.page_url()).status, 200);
    assert_eq!(sandbox.received(), 0);
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

#[test]
fn the_list_is_as_documented() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    post(&url, r#"{"title":"gone","severity":"sev3"}"#);
    post(&url, r#"{"title":"gone","status":"resolve"}"#);
    post(&url, r#"{"title":"there","priority":"p2","body":{"a":1}}"#);
    post(&url, r#"{"title":"there","body":"again"}"#);
    let limit =
        |counted: &[&str]| json!({"counted": counted, "dropped": 0, "of": 20, "until": null});
    let there = json!({
        "acknowledged": null, "first": "T", "last": "T", "limit": limit(&["T", "T"]),
        "number": 2, "priority": "p2", "repeats": 1, "resolved": null, "severity": null,
        "status": "open", "title": "there",
    });
    let gone = json!({
        "acknowledged": null, "first": "T", "last": "T", "limit": limit(&[]),
        "number": 1, "priority": null, "repeats": 0, "resolved": "T", "severity": "sev3",
        "status": "resolved", "title": "gone",
    });
    let expected = json!({
        "fault": "off", "incidents": [there, gone], "loopback": true, "now": "T", "opened": 2,
        "listens": format!("127.0.0.1:{}", sandbox.port()), "received": 4, "webhook_url": url,
    });
    assert_eq!(timeless(told(&sandbox, "api/incidents")), expected);
}

#[test]
fn an_incident_is_told_with_its_requests_as_they_came() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    post(&url, r#"{"title":"there","priority":"p2","body":{"a":1}}"#);
    post(&url, r#"{"title":"another"}"#);
    post(&url, r#"{"title":"there","body":"again"}"#);
    let one = timeless(told(&sandbox, "api/incidents/1"));
    assert_eq!(one["body"], json!({"a": 1}));
    assert_eq!(one["last_body"], json!("again"));
    let line = json!([{"at": "T", "what": "opened"}, {"at": "T", "what": "repeated"}]);
    assert_eq!(one["timeline"], line);
    assert_eq!(one["requests"].as_array().map(Vec::len), Some(2));
    let host = format!("127.0.0.1:{}", sandbox.port());
    let expected = json!({
        "at": "T", "body": r#"{"title":"there","body":"again"}"#, "bytes": 32, "cut": false,
        "effect": "repeated", "fault": null, "incident": 1, "method": "POST", "number": 3,
        "headers": [["host", host], ["content-length", "32"]], "path": "/{token}/push-events",
        "reason": null, "resolve": false, "status": 200, "title": "there",
    });
    assert_eq!(one["requests"][1], expected);
    assert_eq!(timeless(told(&sandbox, "api/requests/3")), expected);

    sandbox.fault(Fault::Hang);
    let _hanging = super::client::sent(&url, &title("lost"));
    sandbox.wait_for_requests(4, SOON).unwrap();
    sandbox.clear_faults();
    request(&url, "POST", "/", "{}");
    let all = told(&sandbox, "api/requests");
    let of = |key: &str| -> Vec<Value> {
        all["requests"].as_array().unwrap().iter().map(|request| request[key].clone()).collect()
    };
    assert_eq!(of("number"), [5, 4, 3, 2, 1]);
    assert_eq!(of("fault")[..3], [Value::Null, json!("Hang"), Value::Null]);
    assert_eq!(of("status")[..3], [json!(404), Value::Null, json!(200)]);
    assert_eq!(of("effect")[..3], ["rejected", "not_applied", "repeated"]);
    let token = url.split('/').nth(3).unwrap();
    assert!(!all.to_string().contains(token) && !one.to_string().contains(token));
}

#[test]
fn a_person_acknowledges_and_resolves_by_number() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    post(&url, &title("a"));
    post(&url, "{}");
    let reply = ask(&sandbox, "POST", "/api/incidents/1/acknowledge");
    let one: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, one["status"].as_str()), (200, Some("acknowledged")));
    assert_eq!(sandbox.incidents()[0].status(), Status::Acknowledged);
    assert!(sandbox.incidents()[0].is_open());
    // A repeat stays one, and so does what a person has done.
    post(&url, &title("a"));
    assert_eq!(told(&sandbox, "api/incidents/1")["status"], "acknowledged");
    assert_eq!(sandbox.incidents()[0].repeats(), 1);

    for number in [1, 2] {
        let path = format!("/api/incidents/{number}/resolve");
        assert_eq!(ask(&sandbox, "POST", &path).status, 200);
        assert_eq!(sandbox.incidents()[number - 1].status(), Status::Resolved);
    }
    let first = sandbox.incidents()[0].resolved_at();
    ask(&sandbox, "POST", "/api/incidents/1/resolve");
    ask(&sandbox, "POST", "/api/incidents/1/acknowledge");
    assert_eq!(sandbox.incidents()[0].resolved_at(), first);
    assert_eq!(sandbox.incidents()[0].status(), Status::Resolved);
    // The next trigger opens a new one; the old one's number does not resolve it.
    post(&url, &title("a"));
    ask(&sandbox, "POST", "/api/incidents/1/resolve");
    assert_eq!(sandbox.open().len(), 1);
    assert_eq!(sandbox.open()[0].number(), 3);

    for number in ["4", "0", "-1", "x"] {
        let reply = ask(&sandbox, "POST", &format!("/api/incidents/{number}/resolve"));
        let words = format!("expected the number of a kept incident, found {number:?}");
        assert_eq!((reply.status, error(&reply)), (404, json!(words)));
    }
    assert_eq!(ask(&sandbox, "GET", "/api/requests/99").status, 404);
    assert_eq!(ask(&sandbox, "PUT", "/api/incidents/3").status, 405);
}

#[test]
fn the_limit_is_shown_while_it_counts() {
    let sandbox = page();
    for _ in 0..22 {
        post(&sandbox.webhook_url(), &title("busy"));
    }
    let one = told(&sandbox, "api/incidents/1");
    assert_eq!((&one["repeats"], &one["limit"]["dropped"]), (&json!(18), &json!(3)));
    let until = one["limit"]["until"].as_str().unwrap();
    let left =
        humantime::parse_rfc3339(until).unwrap().duration_since(sandbox.incidents()[0].last_at());
    assert!(left.unwrap() >= std::time::Duration::from_secs(59));
    let marks = one["timeline"].as_array().unwrap();
    assert_eq!(marks.iter().filter(|mark| mark["what"] == "limited").count(), 3);
    assert_eq!(told(&sandbox, "api/requests/22")["incident"], 1);
}

#[test]
fn what_is_cleared_is_forgotten_and_numbers_go_on() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    for _ in 0..20 {
        post(&url, r#"{"title":"busy","severity":"sev1"}"#);
    }
    assert_eq!(ask(&sandbox, "DELETE", "/api/incidents").status, 204);
    assert_eq!(told(&sandbox, "api/incidents")["incidents"], json!([]));
    assert_eq!(told(&sandbox, "api/requests")["requests"], json!([]));
    assert!(sandbox.incidents().is_empty() && sandbox.requests().is_empty());
    post(&url, &title("busy"));
    let one = told(&sandbox, "api/incidents/2");
    assert_eq!((&one["status"], &one["severity"]), (&json!("open"), &Value::Null));
    assert_eq!((sandbox.opened(), sandbox.received()), (2, 21));
}

#[test]
fn the_newest_are_shown() {
    let sandbox = page();
    let mut stream = connect(&sandbox.webhook_url());
    for number in 0..510 {
        super::client::post_on(&mut stream, &sandbox.webhook_url(), &title(&number.to_string()));
    }
    for (path, list) in [("api/incidents", "incidents"), ("api/requests", "requests")] {
        let all = told(&sandbox, path);
        let numbers = all[list].as_array().unwrap();
        assert_eq!((numbers.len(), &numbers[0]["number"]), (500, &json!(510)));
    }
    assert_eq!(told(&sandbox, "api/incidents/1")["title"], "0");
}

#[test]
fn faults_are_switched_by_their_words() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    for (word, status) in [("500", 500), ("429", 429), ("off", 200)] {
        let reply = ask(&sandbox, "PUT", &format!("/api/fault/{word}"));
        assert_eq!((reply.status, reply.body), (200, json!({ "fault": word }).to_string()));
        assert_eq!(told(&sandbox, "api/incidents")["fault"], word);
        let reply = post(&url, &title("a"));
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("retry-after"), (status == 429).then_some("5"));
    }
    ask(&sandbox, "PUT", "/api/fault/hang");
    let _hanging = super::client::sent(&url, &title("a"));
    let requests = sandbox.wait_for_requests(4, SOON).unwrap();
    assert_eq!(
        (requests[3].fault(), requests[3].effect()),
        (Some(&Fault::Hang), Effect::NotApplied)
    );

    let reply = ask(&sandbox, "PUT", "/api/fault/9");
    let words = "expected the fault off, 500, 429 or hang, found \"9\"";
    assert_eq!((reply.status, error(&reply)), (400, json!(words)));
    sandbox.fault_title("a", Fault::Reset);
    assert_eq!(told(&sandbox, "api/incidents")["fault"], "other");
    ask(&sandbox, "PUT", "/api/fault/off");
    assert_eq!(post(&url, &title("a")).status, 200);
}

/// An open stream of events.
struct Events {
    lines: BufReader<TcpStream>,
}

/// One of them.
#[derive(Debug)]
struct Told {
    id: String,
    name: String,
    numbers: Vec<u64>,
    data: Value,
}

impl Events {
    fn listen(sandbox: &Sandbox, last: Option<&str>) -> Self {
        let mut stream = connect(&sandbox.page_url());
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let host = format!("host: 127.0.0.1:{}\r\n", sandbox.port());
        write!(stream, "GET /api/events HTTP/1.1\r\n{host}{last}\r\n").unwrap();
        Self { lines: BufReader::new(stream) }
    }

    /// The next one; the lines of HTTP and of chunks have no such names.
    fn next(&mut self) -> Told {
        let mut told =
            Told { id: String::new(), name: String::new(), numbers: Vec::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "the stream ended");
            let line = line.trim_end_matches('\n');
            match line.split_once(": ") {
                Some(("id", id)) => told.id = id.to_owned(),
                Some(("event", name)) => told.name = name.to_owned(),
                Some(("data", data)) => {
                    told.data = serde_json::from_str(data).unwrap();
                    let all = told.data["incidents"].as_array().unwrap().iter();
                    told.numbers = all.map(|one| one["number"].as_u64().unwrap()).collect();
                }
                _ if line.is_empty() && !told.id.is_empty() && !told.data.is_null() => return told,
                _ => {}
            }
        }
    }

    /// The next one that has incidents.
    fn next_with_incidents(&mut self) -> Told {
        loop {
            let told = self.next();
            if !told.numbers.is_empty() {
                return told;
            }
        }
    }
}

#[test]
fn events_tell_what_changes_and_a_page_that_was_away_misses_nothing() {
    let sandbox = page();
    let url = sandbox.webhook_url();
    post(&url, &title("a"));
    post(&url, &title("b"));
    let mut events = Events::listen(&sandbox, None);
    let first = events.next();
    assert_eq!((first.name.as_str(), &first.numbers[..]), ("whole", &[2, 1][..]));
    assert_eq!(first.data["webhook_url"], url);

    post(&url, &title("a"));
    let second = events.next_with_incidents();
    assert_eq!((second.name.as_str(), &second.numbers[..]), ("changed", &[1][..]));
    ask(&sandbox, "PUT", "/api/fault/500");
    while events.next().data["fault"] != "500" {}
    ask(&sandbox, "PUT", "/api/fault/off");
    drop(events);

    // Away, and back.
    post(&url, &title("c"));
    ask(&sandbox, "POST", "/api/incidents/2/resolve");
    let back = Events::listen(&sandbox, Some(&second.id)).next();
    assert_eq!((back.name.as_str(), &back.numbers[..]), ("changed", &[3, 2][..]));
    let nothing = Events::listen(&sandbox, Some(&back.id)).next();
    assert_eq!((nothing.name.as_str(), &nothing.numbers[..]), ("changed", &[][..]));

    // From a sandbox before this one, from nowhere, and from before all were cleared.
    let other = Events::listen(&sandbox, Some("another-run.1")).next();
    assert_eq!((other.name.as_str(), other.numbers.len()), ("whole", 3));
    let run = back.id.split_once('.').unwrap().0;
    assert_eq!(Events::listen(&sandbox, Some(&format!("{run}.999"))).next().name, "whole");
    ask(&sandbox, "DELETE", "/api/incidents");
    let cleared = Events::listen(&sandbox, Some(&back.id)).next();
    assert_eq!((cleared.name.as_str(), &cleared.numbers[..]), ("whole", &[][..]));
}

#[test]
fn an_open_page_does_not_hold_up_the_end() {
    let sandbox = page();
    let mut events = Events::listen(&sandbox, None);
    events.next();
    assert!(super::time_to_drop(sandbox) < std::time::Duration::from_secs(1));
    // The end of the stream, and not the deadline of the read.
    std::io::copy(&mut events.lines, &mut std::io::sink()).unwrap();
}

#[test]
fn a_host_that_is_a_name_is_turned_away() {
    let sandbox = page();
    post(&sandbox.webhook_url(), &title("secret"));
    let port = sandbox.port();
    for path in ["/", "/inbox.js", "/api/incidents", "/api/events"] {
        for host in [format!("host: evil.example:{port}\r\n"), "host: \r\n".to_owned()] {
            let reply = request_as(&sandbox.page_url(), "GET", path, &host);
            assert_eq!(reply.status, 403, "{path} {host}");
            assert!(!reply.body.contains("secret"));
            assert!(reply.body.contains("expected an address or localhost"), "{}", reply.body);
        }
    }
    for host in ["127.0.0.1:1", "localhost", "[::1]:9"] {
        let host = format!("host: {host}\r\n");
        assert_eq!(request_as(&sandbox.page_url(), "GET", "/api/incidents", &host).status, 200);
    }
}

#[test]
fn a_page_of_another_origin_reads_and_changes_nothing() {
    let sandbox = page();
    post(&sandbox.webhook_url(), &title("a"));
    let own = format!("127.0.0.1:{}", sandbox.port());
    let with = |method: &str, path: &str, headers: &str| {
        let headers = format!("host: {own}\r\n{headers}");
        request_as(&sandbox.page_url(), method, path, &headers).status
    };
    let foreign = [
        "origin: http://evil.example\r\n".to_owned(),
        "origin: null\r\n".to_owned(),
        format!("origin: https://{own}\r\n"),
        format!("origin: http://localhost:{}\r\n", sandbox.port()),
        "origin: http://127.0.0.1:9\r\n".to_owned(),
        "sec-fetch-site: cross-site\r\n".to_owned(),
        "sec-fetch-site: same-site\r\n".to_owned(),
    ];
    let asked = [
        ("POST", "/api/incidents/1/resolve"),
        ("POST", "/api/incidents/1/acknowledge"),
        ("PUT", "/api/fault/500"),
        ("GET", "/api/incidents"),
        ("OPTIONS", "/api/incidents"),
        ("DELETE", "/api/incidents"),
    ];
    for headers in &foreign {
        for (method, path) in asked {
            assert_eq!(with(method, path, headers), 403, "{method} {path} {headers}");
        }
    }
    assert_eq!(sandbox.incidents()[0].status(), Status::Open);
    assert_eq!(told(&sandbox, "api/incidents")["fault"], "off");
    // It can't make up incidents either, under a token that it has guessed the shape of.
    let token = "/any-token-at-all/push-events";
    for headers in &foreign {
        assert_eq!(with("POST", token, headers), 403, "{headers}");
    }
    let rebound = "host: evil.example\r\norigin: http://evil.example\r\n";
    assert_eq!(request_as(&sandbox.page_url(), "POST", token, rebound).status, 403);
    assert_eq!(sandbox.opened(), 1);
    let refused = sandbox.requests().last().map(|request| request.effect());
    assert_eq!(refused, Some(Effect::Rejected("a web page sent it")));
    // A program is at any name, and has no origin: it gets as far as its empty body.
    let named = "host: sandbox.internal:4774\r\n";
    assert_eq!(request_as(&sandbox.page_url(), "POST", token, named).status, 500);
    // A link to the page from elsewhere is fine, and so are its own requests.
    assert_eq!(with("GET", "/", "sec-fetch-site: cross-site\r\n"), 200);
    let same = format!("origin: http://{own}\r\nsec-fetch-site: same-origin\r\n");
    assert_eq!(with("POST", "/api/incidents/1/resolve", &same), 200);
    assert_eq!(sandbox.incidents()[0].status(), Status::Resolved);
}

#[test]
fn beyond_loopback_it_says_so() {
    let sandbox = Sandbox::start_at("0.0.0.0:0".parse().unwrap()).unwrap();
    assert!(sandbox.page_url().starts_with("http://127.0.0.1:"), "{sandbox:?}");
    let told = told(&sandbox, "api/incidents");
    assert_eq!(told["loopback"], false);
    assert_eq!(told["listens"], format!("0.0.0.0:{}", sandbox.port()));
    assert_eq!(post(&sandbox.webhook_url(), &title("a")).status, 200);
    let nowhere = Sandbox::start_at("192.0.2.1:0".parse().unwrap()).map(drop).unwrap_err();
    assert!(
        nowhere.to_string().contains("192.0.2.1:0, found that this machine has no such address")
    );
}
