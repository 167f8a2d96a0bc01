//! The command `spike`, run as a person or a script runs it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tracing_spike::sandbox::{Effect, Sandbox, Unknowns};

use crate::rig::{TOKEN, leaks};

mod check;
mod forecast;
mod post;

const PATIENCE: Duration = Duration::from_secs(20);

/// The command with these arguments and nothing of ours in its environment.
fn spike(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spike"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("SPIKE_") || text == "OTEL_SERVICE_NAME" || text == "COLUMNS" {
            command.env_remove(&name);
        }
    }
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What it has printed, and its exit code.
fn run(command: &mut Command) -> (String, String, Option<i32>) {
    ended(command.output().unwrap())
}

fn ended(output: Output) -> (String, String, Option<i32>) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!((leaks(&stdout), leaks(&stderr)), (None, None), "{stdout}\n{stderr}");
    // What is for programs has lines of any length.
    let shown = if stdout.starts_with("{\n") { "" } else { stdout.as_str() };
    for line in shown.lines().chain(stderr.lines()) {
        assert!(line.chars().count() <= 80 || line.contains("://"), "too wide: {line}");
        assert!(!line.contains('\x1b'), "colour without a terminal: {line}");
    }
    (stdout, stderr, output.status.code())
}

/// Types these lines into it.
fn typed(command: &mut Command, lines: &str) -> (String, String, Option<i32>) {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    ended(child.wait_with_output().unwrap())
}

/// A text without its lines: a sentence may be wrapped anywhere.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Ends what runs until somebody ends it.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_sandbox_prints_the_one_line_to_set() {
    let child = spike(&["sandbox", "--port", "0"]).spawn().unwrap();
    let mut sandbox = Killed(child);
    let mut line = String::new();
    let stdout = sandbox.0.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let url = line.strip_prefix("export SPIKE_WEBHOOK_URL=").unwrap().trim_end();
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", url));
    assert_eq!((stdout.matches(": accepted").count(), code), (2, Some(0)), "{stdout}");
    let port = url.split(['/', ':']).nth(4).unwrap();
    // The page says the same.
    let mut page = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let request = format!("GET /api/incidents HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n");
    page.write_all(request.as_bytes()).unwrap();
    let mut list = String::new();
    page.read_to_string(&mut list).unwrap();
    assert!(list.contains(&format!("\"webhook_url\":\"{url}\"")), "{list}");
    let (_, stderr, code) = run(&mut spike(&["sandbox", "--port", port]));
    assert!(stderr.contains("is taken") && code == Some(2), "{stderr}");
}

#[test]
fn the_sandbox_listens_where_it_is_told() {
    let (_, stderr, code) = run(&mut spike(&["sandbox", "--address", "192.0.2.1", "--port", "0"]));
    assert!(words(&stderr).contains("listen on port 0 of 192.0.2.1"), "{stderr}");
    assert_eq!(code, Some(2));
    let args = ["sandbox", "--address", "0.0.0.0", "--port", "0"];
    let mut sandbox = Killed(spike(&args).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(sandbox.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("listens on 0.0.0.0:"), "{line}");
}

#[test]
fn a_test_page_is_sent_and_resolved() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let args = ["test", "--title", "does it ring?"];
    let (stdout, _, code) = run(spike(&args).env("SPIKE_WEBHOOK_URL", &url));
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("\"does it ring?\"") && stdout.contains("status 200"), "{stdout}");
    let requests = sandbox.wait_for_requests(2, PATIENCE).unwrap();
    let kinds: Vec<_> = requests.iter().map(|one| (one.title(), one.is_resolve())).collect();
    assert_eq!(kinds, [(Some("does it ring?"), false), (Some("does it ring?"), true)]);
    assert!(sandbox.open().is_empty());
}

#[test]
fn a_test_page_that_is_not_taken_says_what_to_do() {
    let sandbox = Sandbox::start().unwrap();
    let refuses = Unknowns { unregistered_token: Some(404), ..Unknowns::default() };
    sandbox.assume(refuses);
    let url = sandbox.webhook_url();
    let wrong = url.replace("/push-events", "x/push-events");
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", wrong));
    assert!(stdout.contains("status 404") && stdout.contains("copy the webhook"), "{stdout}");
    assert_eq!((code, sandbox.opened()), (Some(1), 0));
    let (_, stderr, code) = run(&mut spike(&["test"]));
    assert!(stderr.contains("expected a webhook in SPIKE_WEBHOOK_URL"), "{stderr}");
    assert_eq!(code, Some(2));
    drop(sandbox);
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", url));
    assert!(stdout.contains("no answer (Connection refused"), "{stdout}");
    assert_eq!(code, Some(1));
}

#[test]
fn the_contract_is_found_out_with_a_persons_answers() {
    let kind = Unknowns::default();
    let unkind = Unknowns {
        unregistered_token: Some(401),
        resolve_with_nothing_open_opens: true,
        size_limit: Some(100_000),
        titles_are_normalised: true,
        ..Unknowns::default()
    };
    let unsure = Unknowns { resolve_with_nothing_open_opens: true, ..Unknowns::default() };
    for (unknowns, typing, requests, found) in [
        (
            unsure,
            "y\n\n\n\n",
            11,
            ["not known; answered", "answered status 200", "not known; answered", "not known"],
        ),
        (
            kind,
            "y\nn\ny\ny\n",
            10,
            ["dropped; answered", "answered status 200", "taken; answered", "two titles"],
        ),
        (
            unkind,
            "y\ny\nn\n",
            8,
            ["opens an incident", "answered status 401", "answered status 413", "one title"],
        ),
    ] {
        let sandbox = Sandbox::start().unwrap();
        sandbox.assume(unknowns);
        let url = sandbox.webhook_url();
        let command = &mut spike(&["contract"]);
        let (stdout, _, code) = typed(command.env("SPIKE_WEBHOOK_URL", url), typing);
        let (_, table) = stdout.split_once("What was found").unwrap();
        for found in found {
            assert!(table.contains(found), "{found}: {stdout}");
        }
        assert_eq!((sandbox.received(), code), (requests, Some(0)), "{stdout}");
        assert!(sandbox.open().is_empty(), "{:?}", sandbox.open());
    }
}

#[test]
fn the_contract_asks_before_it_sends_and_never_sends_more_than_twenty() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.webhook_url();
    let (_, stderr, code) = typed(spike(&["contract"]).env("SPIKE_WEBHOOK_URL", &url), "\n");
    assert!(stderr.contains("nothing was sent") && code == Some(1), "{stderr}");
    assert_eq!(sandbox.received(), 0);
    sandbox.assume(Unknowns { limiter_answers_429: true, ..Unknowns::default() });
    let args = ["contract", "--limit", "--yes"];
    let (stdout, _, code) = typed(spike(&args).env("SPIKE_WEBHOOK_URL", &url), "y\n");
    assert!(stdout.contains("dropped; answered status 429"), "{stdout}");
    assert_eq!((sandbox.received(), code), (20, Some(0)));
    let requests = sandbox.requests();
    let dropped = requests.iter().filter(|one| one.effect() == Effect::RateLimited);
    assert_eq!(dropped.count(), 1);
}

#[test]
fn a_check_says_what_pages_and_where_to() {
    let url = format!("https://hooks.spike.sh/{TOKEN}/push-events");
    let mut command = spike(&["check"]);
    command.env("SPIKE_WEBHOOK_URL", &url).env("SPIKE_SERVICE", "checkout");
    command.env("SPIKE_FILTER", "error,billing=warn,noisy=off");
    let (stdout, _, code) = run(&mut command);
    for said in [
        "on, to https://hooks.spike.sh (SPIKE_WEBHOOK_URL)",
        "billing: WARN and ERROR",
        "noisy: nothing; resolves go out",
        "checkout (SPIKE_SERVICE)",
        "nothing is wrong, nothing is odd",
    ] {
        assert!(stdout.contains(said), "{said}: {stdout}");
    }
    assert_eq!(code, Some(0));
}

#[test]
fn a_check_finds_what_is_wrong_and_what_is_odd() {
    let url = |token: &str| format!("https://hooks.spike.sh/{token}/push-events");
    let eaten = url(&format!("${{{TOKEN}}}"));
    let cases: [(&str, &str, &str, i32); 12] = [
        ("SPIKE_WEBHOOK_URL", "", "SPIKE_WEBHOOK_URL is set, but empty", 1),
        ("SPIKE_WEBHOOK_URL", &url("{token}"), "your token in the place of {token}", 1),
        ("SPIKE_WEBHOOK_URL", &url(""), "has no token: a shell", 1),
        ("SPIKE_WEBHOOK_URL", &eaten, "has a $ in it", 1),
        ("SPIKE_WEBHOOK_URL", "https://hooks.spike.sh", "/{token}/push-events", 1),
        ("SPIKE_TOKEN", "", "SPIKE_TOKEN is set, but empty", 1),
        ("SPIKE_MODE", "on", "expected live, dry-run or off", 1),
        ("SPIKE_FILTER", "billing=debug", "debug and trace never page", 1),
        ("SPIKE_FILTER", "error,shop-api=off", "shop_api", 1),
        ("SPIKE_FILTER", "error,shop=error", "changes nothing", 1),
        ("SPIKE_FLITER", "error", "SPIKE_FLITER is no variable of ours", 1),
        ("SPIKE_MODE", "off", "off (SPIKE_MODE)", 0),
    ];
    for (name, value, said, expected) in cases {
        let (stdout, _, code) = run(spike(&["check"]).env(name, value));
        assert!(words(&stdout).contains(said), "{name}: {said}: {stdout}");
        assert_eq!(code, Some(expected), "{name}: {stdout}");
    }
    // What is odd and not wrong is a failure only if one wants that.
    let odd = |args: &[&str]| {
        let mut command = spike(args);
        command.env("SPIKE_WEBHOOK_URL", url(TOKEN)).env("SPIKE_FILTER", "error,shop=error");
        run(&mut command).2
    };
    assert_eq!((odd(&["check"]), odd(&["check", "--strict"])), (Some(0), Some(1)));
}

#[test]
fn what_is_not_known_is_said_and_help_is_no_failure() {
    let (stdout, _, code) = run(&mut spike(&["--help"]));
    assert_eq!(code, Some(0));
    for command in ["sandbox", "test", "check", "contract", "forecast"] {
        assert!(stdout.contains(&format!("\n  {command} ")), "{command}: {stdout}");
        let (help, _, code) = run(&mut spike(&[command, "--help"]));
        assert!(help.contains(&format!("Usage: spike {command}")) && code == Some(0), "{help}");
    }
    let (_, stderr, code) = run(&mut spike(&["forcast"]));
    assert!(stderr.contains("a similar subcommand exists: 'forecast'"), "{stderr}");
    assert_eq!(code, Some(2));
}
