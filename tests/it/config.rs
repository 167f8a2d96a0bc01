//! What the environment says, and what a person is told of it. Each case is a process of its own.

#![expect(clippy::print_stderr, reason = "how a child reports to the test")]

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, process::Command};

use serde_json::Value as Json;
use tracing::{error, info, subscriber::NoSubscriber};
use tracing_spike::{Error, Mode, sandbox::Sandbox};
use tracing_subscriber::Registry;

use crate::{
    child::{self, Ended},
    rig::{HAS_TLS, TOKEN},
};

type Variables<'a> = &'a [(&'a str, &'a str)];

const URL: &str = "SPIKE_WEBHOOK_URL";
const FILE: &str = "SPIKE_WEBHOOK_URL_FILE";

/// What the child does: one line of `init`, one error, and a report.
fn page() {
    report(tracing_spike::init().map(|guard| {
        error!("card payment failed");
        info!("a line of the log");
        let handle = guard.handle();
        drop(guard);
        handle.stats().delivered
    }));
}

fn report(result: Result<u64, Error>) {
    match result {
        Ok(delivered) => eprintln!("RESULT: {delivered} delivered"),
        Err(error) => {
            assert!(error.is_config() && !error.is_full() && !error.is_closed());
            eprintln!("RESULT: {error}");
            eprintln!("DEBUG: {error:?}");
        }
    }
}

trait Read {
    fn result(&self) -> &str;
    fn start_lines(&self) -> Vec<&str>;
}

impl Read for Ended {
    fn result(&self) -> &str {
        let line = self.stderr.lines().find_map(|line| line.strip_prefix("RESULT: "));
        line.unwrap_or_else(|| panic!("no result: {}", self.stderr))
    }

    fn start_lines(&self) -> Vec<&str> {
        let lines = self.stderr.lines().filter_map(|line| line.strip_prefix("tracing-spike: "));
        lines.filter(|line| line.starts_with("paging") || line.starts_with("dry run")).collect()
    }
}

fn paged(test: &str, variables: Variables<'_>) -> Ended {
    child::run(test, variables, page).well()
}

#[test]
fn the_webhook_comes_from_one_of_three_variables() {
    const TEST: &str = "config::the_webhook_comes_from_one_of_three_variables";
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let name = format!("spike-url-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    for (n, (name, text)) in (1..).zip([
        (URL, url.clone()),
        (FILE, url.clone()),
        (FILE, format!("{url}\n")),
        (FILE, format!("{url}\r\n\n")),
    ]) {
        let value = if name == FILE { path.to_str().unwrap() } else { &text };
        if !child::is_child(TEST) {
            fs::write(&path, &text).unwrap();
        }
        let ended = paged(TEST, &[(name, value)]);
        assert_eq!(ended.result(), "1 delivered");
        let start = format!("paging on, to http://127.0.0.1:{} ({name}), as it-", sandbox.port());
        let lines = ended.start_lines();
        assert!(lines.len() == 1 && lines[0].starts_with(&start), "{lines:?}");
        assert_eq!((sandbox.received(), sandbox.opened()), (n, 1));
        // What `fmt` prints beside it.
        assert_eq!(ended.said(" INFO it::config: a line of the log"), 1, "{}", ended.stderr);
    }
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_bare_token_means_spike_itself() {
    const TEST: &str = "config::a_bare_token_means_spike_itself";
    let ended = child::run(TEST, &[("SPIKE_TOKEN", TOKEN)], || {
        report(tracing_spike::from_env().build::<Registry>().map(|_| 0));
    });
    let ended = ended.well();
    if HAS_TLS {
        let line = ended.start_lines()[0].split(", as ").next();
        assert_eq!(line, Some("paging on, to https://hooks.spike.sh (SPIKE_TOKEN)"));
    } else {
        let told = "an https webhook needs one of tracing-spike's features";
        assert!(ended.result().starts_with(told), "{}", ended.stderr);
    }
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_what_to_do() {
    const TEST: &str = "config::what_cannot_be_used_is_an_error_that_says_what_to_do";
    let url = format!("http://127.0.0.1:1/{TOKEN}/push-events");
    let url = url.as_str();
    let twice = |one: &str, two: &str| {
        format!("the webhook is named twice, by {one} and by {two}; unset one")
    };
    let mode = "SPIKE_MODE: expected live, dry-run or off, found ";
    let table: [(Variables<'_>, String); 15] = [
        (&[(URL, url), (FILE, "/x")], twice(URL, FILE)),
        (&[(URL, url), ("SPIKE_TOKEN", TOKEN)], twice(URL, "SPIKE_TOKEN")),
        (&[(FILE, "/x"), ("SPIKE_TOKEN", TOKEN)], twice(FILE, "SPIKE_TOKEN")),
        (&[(FILE, "/does/not/exist")], format!("the file that {FILE} names could not be read")),
        (&[(FILE, "/")], format!("the file that {FILE} names could not be read")),
        (&[(FILE, "/dev/null")], format!("webhook url from {FILE}: ")),
        (&[("SPIKE_TOKEN", url)], "webhook url from SPIKE_TOKEN: expected a token".to_owned()),
        (&[("SPIKE_MODE", "dryrun")], format!("{mode}\"dryrun\"")),
        (&[("SPIKE_MODE", TOKEN)], format!("{mode}another value (21 characters, not shown)")),
        (&[("SPIKE_MODE", "live")], "SPIKE_MODE: expected a webhook for mode live, in ".to_owned()),
        (&[(URL, url), ("SPIKE_FILTER", "error,billing=loud")], {
            "SPIKE_FILTER, character 15: expected off, error, warn or info, found \"loud\""
                .to_owned()
        }),
        (&[(URL, url), ("SPIKE_FILTER", "debug")], {
            "SPIKE_FILTER, character 1: expected off, error, warn or info, found \"debug\""
                .to_owned()
        }),
        (&[(URL, url), ("SPIKE_SPOOL", "/dev/null")], {
            "spool from SPIKE_SPOOL: expected a directory, found something else".to_owned()
        }),
        (&[(URL, &format!(" {url}"))], format!("webhook url from {URL}: expected visible ASCII")),
        (&[(URL, "http://localhost:4000/abcdefgh/push-events")], {
            format!("webhook url from {URL}: localhost may lead elsewhere; write 127.0.0.1")
        }),
    ];
    for (variables, expected) in table {
        let ended = paged(TEST, variables);
        assert!(ended.result().starts_with(&expected), "{}, not {expected}", ended.result());
        assert!(ended.start_lines().is_empty(), "{}", ended.stderr);
        for (_, value) in variables.iter().filter(|(_, value)| value.contains(TOKEN)) {
            assert_eq!(ended.said(value), 0);
        }
    }
}

#[test]
fn without_a_webhook_paging_is_off_and_said_once() {
    const TEST: &str = "config::without_a_webhook_paging_is_off_and_said_once";
    let url = format!("http://127.0.0.1:1/{TOKEN}/push-events");
    let table: [(Variables<'_>, &str); 5] = [
        (&[], "paging off: no webhook; set SPIKE_WEBHOOK_URL to page"),
        (&[(URL, "")], "paging off: SPIKE_WEBHOOK_URL is set, but empty"),
        (&[("SPIKE_TOKEN", "")], "paging off: SPIKE_TOKEN is set, but empty"),
        (&[(URL, &url), ("SPIKE_MODE", "off")], "paging off: SPIKE_MODE is off"),
        (&[("SPIKE_MODE", "")], "paging off: no webhook; "),
    ];
    for (variables, expected) in table {
        let ended = child::run(TEST, variables, || {
            drop(tracing_spike::from_env().build::<Registry>().unwrap());
            page();
            drop(tracing_spike::from_env().build::<Registry>().unwrap());
        })
        .well();
        let lines = ended.start_lines();
        assert!(lines.len() == 1 && lines[0].starts_with(expected), "{lines:?}");
        assert_eq!(ended.result(), "0 delivered");
        // The program's log is what it was.
        assert_eq!(ended.said("ERROR it::config: card payment failed"), 1, "{}", ended.stderr);
    }
}

#[test]
fn a_dry_run_prints_what_would_be_sent_and_sends_nothing() {
    const TEST: &str = "config::a_dry_run_prints_what_would_be_sent_and_sends_nothing";
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    paged(TEST, &[(URL, &url), ("SPIKE_MODE", "live")]);
    let mut sent = sandbox.requests()[0].json().unwrap();
    let connections = sandbox.connections();
    for variables in
        [vec![(URL, url.as_str()), ("SPIKE_MODE", "dry-run")], vec![("SPIKE_MODE", "dry-run")]]
    {
        let ended = paged(TEST, &variables);
        assert_eq!(ended.result(), "1 delivered");
        assert_eq!(ended.start_lines().len(), 2, "{}", ended.stderr);
        assert!(ended.start_lines()[0].contains("printed here, not sent"));
        let said = "dry run, would trigger \"card payment failed in it::config\" with\n";
        let (_, printed) = ended.stderr.split_once(said).unwrap();
        let mut printed: Json = serde_json::Deserializer::from_str(printed)
            .into_iter::<Json>()
            .next()
            .unwrap()
            .unwrap();
        for payload in [&mut sent, &mut printed] {
            payload["body"]["source"]["pid"] = 0.into();
            payload["body"]["occurrences"]["first"] = "then".into();
            payload["body"]["occurrences"]["last"] = "then".into();
        }
        assert_eq!(printed, sent);
    }
    assert_eq!((sandbox.connections(), sandbox.received()), (connections, 1));
}

#[test]
fn service_and_environment_are_told_with_each_incident() {
    const TEST: &str = "config::service_and_environment_are_told_with_each_incident";
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let (spike, otel) = (("SPIKE_SERVICE", "checkout"), ("OTEL_SERVICE_NAME", "from-otel"));
    let place = ("SPIKE_ENVIRONMENT", "prod");
    let table: [(Variables<'_>, &str, Option<&str>); 4] = [
        (&[spike, otel, place], "checkout", Some("prod")),
        (&[otel], "from-otel", None),
        (&[("SPIKE_SERVICE", ""), otel], "from-otel", None),
        (&[("OTEL_SERVICE_NAME", "")], "it-", None),
    ];
    for (variables, service, environment) in table {
        let mut all = vec![(URL, url.as_str())];
        all.extend(variables);
        paged(TEST, &all);
        let body = sandbox.requests().last().unwrap().json().unwrap()["body"].take();
        let said = body["source"]["service"].as_str().unwrap();
        assert!(said == service || service == "it-" && said.starts_with(service), "{said}");
        assert_eq!(body["source"]["environment"].as_str(), environment);
    }
}

#[test]
fn what_the_program_sets_wins_over_the_environment() {
    const TEST: &str = "config::what_the_program_sets_wins_over_the_environment";
    let variables = [
        (URL, "not a url"),
        ("SPIKE_MODE", "not a mode"),
        ("SPIKE_FILTER", "not a filter"),
        ("SPIKE_SPOOL", "/not/a/spool"),
        ("SPIKE_SERVICE", "of-the-environment"),
    ];
    child::run(TEST, &variables, || {
        let sandbox = Sandbox::start().unwrap();
        // `builder(url)` reads none of it.
        let guard = tracing_spike::builder(sandbox.url_for(TOKEN)).init().unwrap();
        error!("card payment failed");
        drop(guard);
        let body = sandbox.incidents()[0].body().clone();
        assert_ne!(body["source"]["service"], "of-the-environment");
        let error = tracing_spike::from_env().mode(Mode::Off).build::<Registry>().map(drop);
        assert!(error.unwrap_err().to_string().starts_with("SPIKE_FILTER, character"));
    })
    .well();
}

#[test]
fn bytes_that_are_no_text_are_an_error_that_names_the_variable() {
    const TEST: &str = "config::bytes_that_are_no_text_are_an_error_that_names_the_variable";
    if child::is_child(TEST) {
        return page();
    }
    let names = [
        URL,
        FILE,
        "SPIKE_TOKEN",
        "SPIKE_MODE",
        "SPIKE_FILTER",
        "SPIKE_SERVICE",
        "SPIKE_ENVIRONMENT",
        "OTEL_SERVICE_NAME",
    ];
    for name in names {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env(name, OsStr::from_bytes(b"Tk7\xff"));
        let ended = child::run_with(TEST, &[], &mut command).well();
        assert_eq!(ended.result(), format!("{name}: expected UTF-8 text, found other bytes"));
    }
}

#[test]
fn rust_log_filters_what_is_printed_and_nothing_else() {
    const TEST: &str = "config::rust_log_filters_what_is_printed_and_nothing_else";
    if child::is_child(TEST) {
        return page();
    }
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    for (n, (rust_log, printed)) in (1..).zip([("warn", [1, 0]), ("off", [0, 0]), ("", [1, 1])]) {
        let ended = with_rust_log(TEST, rust_log, &url);
        let said = ["card payment failed", "a line of the log"].map(|line| ended.said(line));
        assert_eq!((said, sandbox.received()), (printed, n), "{rust_log:?}");
    }
    let ended = with_rust_log(TEST, "it=loud", &url);
    let expected = "RUST_LOG: expected levels and target=level, such as info,shop=debug, found ";
    assert!(ended.result().starts_with(expected), "{}", ended.result());
    assert!(ended.start_lines().is_empty(), "{}", ended.stderr);
}

fn with_rust_log(test: &str, rust_log: &str, url: &str) -> Ended {
    let mut command = Command::new("env");
    command.arg(format!("RUST_LOG={rust_log}")).arg(std::env::current_exe().unwrap());
    child::run_with(test, &[(URL, url)], &mut command).well()
}

#[test]
fn a_second_init_says_what_to_do_instead() {
    const TEST: &str = "config::a_second_init_says_what_to_do_instead";
    let ended = child::run(TEST, &[("SPIKE_MODE", "dry-run")], || {
        let _spike = tracing_spike::init().unwrap();
        page();
    })
    .well();
    let expected = "a global subscriber is set already; call init() first, or add the layer of \
                    from_env().build() to your own subscriber";
    assert_eq!(ended.result(), expected);
    assert_eq!(ended.start_lines().len(), 1, "{}", ended.stderr);
}

#[test]
fn init_after_a_logger_is_an_error_and_does_not_claim_to_page() {
    struct Logger;
    impl log::Log for Logger {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            false
        }
        fn log(&self, _: &log::Record<'_>) {}
        fn flush(&self) {}
    }
    const TEST: &str = "config::init_after_a_logger_is_an_error_and_does_not_claim_to_page";
    let url = format!("http://127.0.0.1:1/{TOKEN}/push-events");
    let ended = child::run(TEST, &[(URL, &url)], || {
        log::set_logger(&Logger).unwrap();
        page();
    })
    .well();
    assert!(ended.result().starts_with("a global logger is set already; "), "{}", ended.stderr);
    assert!(ended.start_lines().is_empty(), "{}", ended.stderr);
}

#[test]
fn init_after_a_subscriber_of_one_thread_that_is_gone_is_fine() {
    const TEST: &str = "config::init_after_a_subscriber_of_one_thread_that_is_gone_is_fine";
    let ended = child::run(TEST, &[("SPIKE_MODE", "dry-run")], || {
        tracing::subscriber::with_default(NoSubscriber::default(), || error!("while starting"));
        page();
    });
    assert_eq!(ended.well().result(), "1 delivered");
}
