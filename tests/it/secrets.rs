//! The token stays inside: what a bad webhook is answered with, and what is never sent or printed.

#![expect(clippy::print_stderr, reason = "what a person would be told, for the child's output")]

use std::{error::Error as _, fmt};

use tracing::{Dispatch, dispatcher::with_default, error, error_span};
use tracing_spike::{Error, Incident, sandbox::Sandbox};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child,
    rig::{DEADLINE, HAS_TLS, TOKEN, leaks},
};

/// Webhooks that could leak the token or be misread, each with a word of what is said.
fn bad_urls() -> Vec<(String, &'static str)> {
    let spike = "https://hooks.spike.sh";
    vec![
        (format!("http://hooks.spike.sh/{TOKEN}/push-events"), "use https"),
        (format!("http://10.0.0.1/{TOKEN}/push-events"), "use https"),
        (format!("http://localhost:4000/{TOKEN}/push-events"), "write 127.0.0.1"),
        (format!("http://127.0.0.1.example/{TOKEN}/push-events"), "use https"),
        (format!("https://user:{TOKEN}@hooks.spike.sh/{TOKEN}/push-events"), "a user name"),
        (format!("{spike}/{TOKEN}/push-events?key={TOKEN}"), "a query"),
        (format!("{spike}/{TOKEN}/push-events#{TOKEN}"), "a fragment"),
        (format!("{spike}/{TOKEN}%2f..%2f/push-events"), "an escape"),
        (format!("{spike}/{TOKEN}/../push-events"), "expected the path"),
        (format!("{spike}/{TOKEN}"), "expected the path"),
        (format!("{spike}/{TOKEN}/push-events/"), "expected the path"),
        (format!("{spike}/{TOKEN}/push-events\r\nx: {TOKEN}"), "white space"),
        (format!("{spike}/{TOKEN}é/push-events"), "visible ASCII"),
        (format!("{spike}/{TOKEN}.{TOKEN}/push-events"), "letters, digits, - and _"),
        (format!("{spike}/{}/push-events", TOKEN.repeat(9)), "8 to 128 characters"),
        (format!("ftp://hooks.spike.sh/{TOKEN}/push-events"), "begin with https://"),
        (TOKEN.to_owned(), "begin with https://"),
    ]
}

/// Everything that an error shows.
fn said(error: &Error) -> String {
    let source = error.source().map(|source| format!("{source} {source:?}"));
    format!("{error} {error:?} {error:#?} {source:?}")
}

#[test]
fn f028_f029_a_bad_webhook_is_rejected_with_a_reason_and_without_its_value() {
    for (url, reason) in bad_urls() {
        let error = tracing_spike::builder(&url).build::<Registry>().map(drop).unwrap_err();
        let said = said(&error);
        assert!(said.contains(reason) && error.is_config(), "{url}: {said}");
        assert!(said.contains("builder(url)"), "{said}");
        assert_eq!(leaks(&said), None, "{said}");
    }
    // Twin: what is right.
    for place in ["http://127.0.0.1:1", "http://[::1]:1", "https://hooks.spike.sh"] {
        let built = tracing_spike::builder(format!("{place}/{TOKEN}/push-events"));
        let built = built.build::<Registry>().map(drop);
        assert_eq!(built.is_ok(), HAS_TLS || place.starts_with("http://"), "{built:?}");
    }
}

#[test]
fn f028_f029_a_bad_webhook_in_the_environment_is_named_and_not_shown() {
    const TEST: &str = "secrets::f028_f029_a_bad_webhook_in_the_environment_is_named_and_not_shown";
    for (url, reason) in bad_urls() {
        // That no output has the token is asserted of every child.
        let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
            let error = tracing_spike::init().map(drop).unwrap_err();
            eprintln!("{}", said(&error));
        })
        .well();
        let named = ended.said("webhook url from SPIKE_WEBHOOK_URL: ");
        assert!(named > 0 && ended.stderr.contains(reason), "{url}: {}", ended.stderr);
    }
}

#[derive(Debug)]
struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "posting to /{TOKEN}/push-events failed")
    }
}

impl std::error::Error for Failed {}

#[test]
fn f094_our_own_token_is_in_no_request() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let (spike, guard) =
        tracing_spike::builder(&url).service("it").budget(100, 100).build().unwrap();
    let handle = guard.handle();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(spike));
    with_default(&dispatch, || {
        let span = error_span!("request", hook = %url, token = TOKEN);
        let _entered = span.enter();
        error!("posting to {url} failed");
        error!(hook = %url, debug = ?url, token = TOKEN, "a field");
        error!(spike.title = %format!("hook {url} is down"), "a title");
        error!(spike.title = "a word", spike.severity = TOKEN, "a word");
        error!(error = &Failed as &dyn std::error::Error, "an error");
        // Meant, since they are one failure in one span.
        error!(spike = true, err = %Failed);
        error!(spike = true, error = &Failed as &dyn std::error::Error);
        error!("token {TOKEN} {TOKEN}{TOKEN} in Debug {:?}", Some(TOKEN));
        // Cut in the middle of the token, were it not removed first.
        for before in [2030, 2040, 2047] {
            let long = format!("{}{TOKEN}", "x".repeat(before));
            error!(spike.title = %format!("cut {before}"), long, "{long}");
        }
        error!(spike.title = %format!("{}{TOKEN}", "word ".repeat(38)), "a long title");
        let (one, two) = TOKEN.split_at(9);
        error!(spike.title = %format!("hid\u{200b}den {one}\u{200b}{two}"), "x");
    });
    let manual = Incident::new(format!("by hand {TOKEN}"))
        .field("hook", url.as_str())
        .field("nested", serde_json::json!({ TOKEN: [TOKEN] }));
    handle.trigger(manual).unwrap();
    assert!(handle.flush(DEADLINE).is_complete());
    handle.resolve(&format!("by hand {TOKEN}")).unwrap();
    drop(guard);
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 14, "{requests:?}");
    let mut redacted = 0;
    for request in &requests {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert_eq!(leaks(&body), None, "{body}");
        assert!(request.json().is_some(), "{body}");
        redacted += usize::from(body.contains("REDACTED"));
        for (name, value) in request.headers() {
            assert_eq!(leaks(&String::from_utf8_lossy(value)), None, "{name}");
        }
    }
    // Twin: it was in every one of them.
    assert_eq!(redacted, requests.len());
    let stats = handle.stats();
    assert_eq!((stats.delivered, stats.undelivered()), (requests.len() as u64, 0), "{stats:?}");
    for shown in [format!("{stats:?}"), format!("{handle:?}"), format!("{sandbox:?}")] {
        assert_eq!(leaks(&shown), None, "{shown}");
    }
}
