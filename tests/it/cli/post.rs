//! `spike test` and `spike contract`, when the answer is lost or is not what it seems.

use tracing_spike::sandbox::{Fault, Sandbox, Unknowns};

use super::{PATIENCE, run, spike, typed, words};
use crate::rig::TOKEN;

#[test]
fn what_may_have_been_opened_is_resolved() {
    for (fault, said) in [
        (Fault::AppliedThenReset, "no answer"),
        (Fault::Status(502), "status 502"),
        (Fault::Status(500), "status 500"),
    ] {
        let sandbox = Sandbox::start().unwrap();
        sandbox.fault_next(1, fault);
        let (stdout, _, code) =
            run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", sandbox.webhook_url()));
        assert!(stdout.contains(said) && stdout.contains("may have been opened"), "{stdout}");
        sandbox.wait_for_requests(2, PATIENCE).unwrap();
        assert_eq!((sandbox.open().len(), code), (0, Some(1)), "{stdout}");
    }
    // What was refused was not opened.
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault_next(1, Fault::Status(401));
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", sandbox.webhook_url()));
    assert!(!stdout.contains("may have been opened"), "{stdout}");
    assert_eq!((sandbox.received(), code), (1, Some(1)));
}

#[test]
fn a_long_answer_is_read_to_its_end() {
    let sandbox = Sandbox::start().unwrap();
    let body = format!("{{\"Why\":\"{}\",\"Ok\":false}}", "long ".repeat(100));
    sandbox.fault_next(1, Fault::StatusWith { status: 200, headers: Vec::new(), body });
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", sandbox.webhook_url()));
    assert!(stdout.contains("trigger: not accepted") && code == Some(1), "{stdout}");
}

#[test]
fn f028_no_answer_shows_the_token() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let (head, tail) = TOKEN.split_at(8);
    let fault = Fault::StatusWith {
        status: 429,
        headers: vec![("Retry-After".to_owned(), format!("{TOKEN} {}", "9".repeat(300)))],
        body: format!("{TOKEN} {head}\u{200b}{tail}"),
    };
    sandbox.fault_next(1, fault);
    let (stdout, _, code) = run(spike(&["test"]).env("SPIKE_WEBHOOK_URL", url));
    assert!(words(&stdout).contains("Retry-After: REDACTED 999"), "{stdout}");
    assert!(!stdout.contains(TOKEN) && stdout.len() < 600 && code == Some(1), "{stdout}");
}

#[test]
fn the_contract_finds_out_whether_resolves_count() {
    for (counts, typing, found) in
        [(false, "n\n", "they don't count"), (true, "y\n", "they count, and are lost")]
    {
        let sandbox = Sandbox::start().unwrap();
        let unknowns = Unknowns { resolves_count_towards_limit: counts, ..Unknowns::default() };
        sandbox.assume(unknowns);
        let command = &mut spike(&["contract", "--limit", "resolves", "--yes"]);
        let command = command.env("SPIKE_WEBHOOK_URL", sandbox.webhook_url());
        let (stdout, _, code) = typed(command, typing);
        assert!(words(&stdout).contains(found), "{stdout}");
        assert_eq!((sandbox.received(), code), (20, Some(0)), "{stdout}");
        assert_eq!(
            sandbox.open().len(),
            usize::from(counts),
            "the answers are those of the sandbox"
        );
    }
}

#[test]
fn a_large_body_whose_answer_is_lost_is_resolved() {
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault_title("large body", Fault::AppliedThenReset);
    let command = &mut spike(&["contract", "--yes"]);
    let (stdout, ..) = typed(command.env("SPIKE_WEBHOOK_URL", sandbox.webhook_url()), "n\ny\n");
    let resolves = sandbox.requests().into_iter().filter(|one| {
        one.is_resolve() && one.title().is_some_and(|title| title.contains("large body"))
    });
    assert_eq!((resolves.count(), sandbox.open().len()), (1, 0), "{stdout}");
}
