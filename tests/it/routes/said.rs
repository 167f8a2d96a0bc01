//! What a person is told of several endpoints, and that no token is in any of it.

#![expect(clippy::print_stderr, reason = "how a child reports to the test")]

use std::{fmt, time::Duration};

use tracing::{Dispatch, dispatcher::with_default, error, error_span, info};
use tracing_spike::{
    Builder, Error, Guard, Incident, Mode, Rule, Severity,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child::{self, Ended},
    rig::{DEADLINE, OTHER_TOKEN, TOKEN, leaks},
};

const URL: &str = "SPIKE_WEBHOOK_URL";
/// What a child takes for the webhook of its rules.
const OTHER_URL: &str = "OTHER_WEBHOOK_URL";

/// From the environment, with two rules that lead elsewhere and one that does not.
fn builder() -> Builder {
    let url = std::env::var(OTHER_URL).unwrap();
    tracing_spike::from_env()
        .service("checkout")
        .rule(Rule::target("shop::ops").webhook(&url))
        .rule(Rule::target("billing").webhook(url))
        .rule(Rule::target("quiet").severity(Severity::Sev3))
}

fn report(result: Result<Guard, Error>) {
    match result {
        Err(error) => eprintln!("RESULT: {error}"),
        Ok(guard) => {
            error!(target: "billing::cards", "card declined");
            error!(target: "shop", "no route");
            info!(target: "shop::ops", { spike.status = "resolve" }, "no route");
            let handle = guard.handle();
            drop(guard);
            eprintln!("RESULT: {} delivered", handle.stats().delivered);
        }
    }
}

/// Plays `test` with these variables: the lines that are ours, and the result.
fn said(test: &str, variables: &[(&str, &str)], work: impl FnOnce()) -> (Vec<String>, String) {
    let Ended { stderr, .. } = child::run(test, variables, work).well();
    let lines = |prefix: &str| -> Vec<String> {
        stderr.lines().filter_map(|line| line.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    (lines("tracing-spike: "), lines("RESULT: ").remove(0))
}

#[test]
fn the_start_line_names_the_rules_with_webhooks_of_their_own() {
    const TEST: &str = "routes::said::the_start_line_names_the_rules_with_webhooks_of_their_own";
    let sandbox = Sandbox::start().unwrap();
    let (url, other) = (sandbox.url_for(TOKEN), sandbox.url_for(OTHER_TOKEN));
    let work = || report(builder().init());
    let start = format!("paging on, to http://127.0.0.1:{} ({URL}), as checkout", sandbox.port());
    let (lines, result) = said(TEST, &[(URL, &url), (OTHER_URL, &other)], work);
    let routed = format!("{start}; rules with webhooks of their own: shop::ops, billing");
    assert_eq!((lines, result.as_str()), (vec![routed], "3 delivered"));
    // Twin: the webhook of the rules is the default one.
    let (lines, _) = said(TEST, &[(URL, &url), (OTHER_URL, &url)], work);
    assert_eq!(lines, [start]);
}

#[test]
fn rules_with_webhooks_and_none_for_the_rest_are_off_and_say_so() {
    const TEST: &str = "routes::said::rules_with_webhooks_and_none_for_the_rest_are_off_and_say_so";
    let sandbox = Sandbox::start().unwrap();
    let other = sandbox.url_for(OTHER_TOKEN);
    let work = || report(builder().init());
    let (lines, result) = said(TEST, &[(OTHER_URL, &other)], work);
    let why = "rules have webhooks, but there is none for the rest; set SPIKE_WEBHOOK_URL to page";
    assert_eq!((lines, result.as_str()), (vec![format!("paging off: {why}")], "0 delivered"));
    let live = [(OTHER_URL, other.as_str()), ("SPIKE_MODE", "live")];
    let (lines, result) = said(TEST, &live, work);
    assert!(result.starts_with("SPIKE_MODE: expected a webhook for mode live, in "), "{result}");
    assert!(lines.is_empty(), "{lines:?}");
    // Off is off: the webhook of a rule is not looked at.
    let (lines, result) = said(TEST, &[(OTHER_URL, ""), ("SPIKE_MODE", "off")], work);
    assert_eq!(
        (lines, result.as_str()),
        (vec!["paging off: SPIKE_MODE is off".into()], { "0 delivered" })
    );
    // Twin: without that it is.
    let (_, result) = said(TEST, &[(OTHER_URL, "")], work);
    assert!(result.starts_with("webhook url from rule(\"shop::ops\"): expected"), "{result}");
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_dry_run_says_where_each_would_go_when_there_are_several() {
    const TEST: &str = "routes::said::a_dry_run_says_where_each_would_go_when_there_are_several";
    let sandbox = Sandbox::start().unwrap();
    let (url, other) = (sandbox.url_for(TOKEN), sandbox.url_for(OTHER_TOKEN));
    let work = || report(builder().init());
    let place = format!("http://127.0.0.1:{}", sandbox.port());
    let dry = ("SPIKE_MODE", "dry-run");
    for variables in [vec![(URL, url.as_str()), (OTHER_URL, &other), dry], {
        vec![(OTHER_URL, other.as_str()), dry]
    }] {
        let (lines, result) = said(TEST, &variables, work);
        let default = if variables.len() == 3 { place.as_str() } else { "no webhook" };
        let mut would: Vec<_> = lines[1..].iter().filter(|line| line.contains("would")).collect();
        would.sort();
        let rules = format!("{place} (rules shop::ops, billing)");
        assert_eq!(
            would,
            [
                &format!("dry run, would resolve \"no route in shop::ops\" at {rules} with"),
                &format!(
                    "dry run, would trigger \"card declined in billing::cards\" at {rules} with"
                ),
                &format!("dry run, would trigger \"no route in shop\" at {default} (default) with"),
            ]
        );
        assert!(lines[0].ends_with("; rules with webhooks of their own: shop::ops, billing"));
        assert_eq!(result, "3 delivered");
    }
    // Twin: when there is one, it is not said.
    let (lines, _) = said(TEST, &[(URL, &url), (OTHER_URL, &url), dry], work);
    assert!(lines[1..].iter().all(|line| !line.contains(" at ")), "{lines:?}");
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_dead_endpoint_is_named_by_its_place_and_where_two_have_one_by_its_rule() {
    const TEST: &str =
        "routes::said::a_dead_endpoint_is_named_by_its_place_and_where_two_have_one_by_its_rule";
    for is_alike in [true, false] {
        let (one, other) = (Sandbox::start().unwrap(), Sandbox::start().unwrap());
        let at = if is_alike { &one } else { &other };
        at.fault_title("card declined", Fault::Status(404));
        let (url, dead) = (one.url_for(TOKEN), at.url_for(OTHER_TOKEN));
        let (lines, result) = said(TEST, &[(URL, &url), (OTHER_URL, &dead)], || {
            report(builder().shutdown_timeout(Duration::from_millis(500)).init());
        });
        let rules = if is_alike { " (rules shop::ops, billing)" } else { "" };
        let place = format!("http://127.0.0.1:{}{rules}", at.port());
        let refuses = format!("{place} refuses this webhook (status 404): check the token");
        assert!(lines.iter().any(|line| line.starts_with(&refuses)), "{lines:?}");
        // Twin: the other endpoint has got its own.
        assert!(one.open()[0].title() == "no route in shop", "{result}");
    }
}

#[derive(Debug)]
struct Failed(String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "posting to {} failed", self.0)
    }
}

impl std::error::Error for Failed {}

#[test]
fn f094_no_endpoint_is_told_the_token_of_any() {
    let (default, other) = (Sandbox::start().unwrap(), Sandbox::start().unwrap());
    let tokens = [TOKEN, OTHER_TOKEN];
    let (spike, guard) = tracing_spike::builder(default.url_for(TOKEN))
        .rule(Rule::target("billing").webhook(other.url_for(OTHER_TOKEN)))
        .service("it")
        .build()
        .unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(spike));
    with_default(&dispatch, || {
        for (n, token) in tokens.into_iter().enumerate() {
            let span = error_span!("request", hook = token);
            let _entered = span.enter();
            error!(target: "billing", n, hook = token, "posting to /{token}/ failed");
            error!(target: "shop", n, hook = token, "posting to /{token}/ failed");
            let error = Failed(token.to_owned());
            let error: &dyn std::error::Error = &error;
            error!(target: "billing", { error, spike.title = %format!("{n} {token}") }, "x");
            error!(target: "shop", { error, spike.title = %format!("{n} {token}") }, "x");
            let incident = Incident::new(format!("by hand {n} {token}")).field(token, token);
            guard.handle().trigger(incident).unwrap();
        }
    });
    assert!(guard.handle().flush(DEADLINE).is_complete());
    for token in tokens {
        guard.handle().resolve(&format!("0 {token}")).unwrap();
    }
    let handle = guard.handle();
    drop(guard);
    let requests: Vec<_> = [&default, &other].into_iter().flat_map(Sandbox::requests).collect();
    for request in &requests {
        let body = String::from_utf8(request.body().to_vec()).unwrap();
        assert_eq!(leaks(&body), None, "{body}");
        // Twin: one was in each of them.
        assert!(body.contains("REDACTED"), "{body}");
    }
    let stats = handle.stats();
    assert_eq!(requests.len() as u64, stats.delivered, "{stats:?}");
    assert!(requests.len() >= 9, "{requests:?}");
    for shown in [format!("{stats:?}"), format!("{handle:?}"), format!("{requests:?}")] {
        assert_eq!(leaks(&shown), None, "{shown}");
    }
}

#[test]
fn no_debug_and_no_error_shows_a_rules_webhook() {
    let url = format!("https://hooks.spike.sh/{OTHER_TOKEN}/push-events");
    let rules = [
        Rule::target("billing").webhook(&url),
        Rule::target("billing").webhook(format!("{url}?")),
        Rule::target(&url).webhook(&url),
        Rule::target(OTHER_TOKEN).webhook(&url),
    ];
    for (n, rule) in rules.into_iter().enumerate() {
        let rule_shown = format!("{rule:?} {rule:#?}");
        let builder = tracing_spike::builder("http://127.0.0.1:1/some-token/push-events");
        let builder = builder.mode(Mode::DryRun).rule(rule);
        let shown = format!("{builder:?}");
        let error = builder.build::<Registry>().map(drop).err();
        assert_eq!(error.is_none(), n == 0, "{error:?}");
        let told = error.map_or(String::new(), |error| format!("{error} {error:?}"));
        assert_eq!(leaks(&told), None, "{told}");
        // But for a token that is given as a target.
        if n < 3 {
            assert_eq!(leaks(&format!("{rule_shown} {shown}")), None, "{rule_shown} {shown}");
        }
    }
}
