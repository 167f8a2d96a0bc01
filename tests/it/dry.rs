//! The dry run: for a person at a terminal, and for what reads a pipe.

#![expect(clippy::print_stderr, reason = "why a test does not run is for a person")]

use std::{env, fs, process::Command};

use tracing::{error, info, warn};
use tracing_spike::{Rule, Severity};

use crate::{
    child::{self, Ended},
    rig::{DEADLINE, eventually},
};

const DRY: (&str, &str) = ("SPIKE_MODE", "dry-run");

/// Plays `test` on a terminal: `script` makes one, and shows what it shows.
fn on_a_terminal(test: &str, variables: &[(&str, &str)]) -> Ended {
    let mut command = Command::new("sh");
    command.args(["-c", "exec script -qec \"$*\" /dev/null", "sh"]);
    command.arg(env::current_exe().unwrap());
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    child::run_with(test, variables, &mut command)
}

/// Whether there is what makes a terminal; CI must have it.
fn has_script(test: &str) -> bool {
    let Err(why) = Command::new("script").arg("--version").output() else { return true };
    assert!(env::var_os("CI").is_none(), "CI must look at a terminal: {why}");
    eprintln!("not run: {test}: script does not start: {why}");
    false
}

fn page() {
    let rule = Rule::target("billing").severity(Severity::Sev1);
    let spike = tracing_spike::from_env().rule(rule).init().unwrap();
    for order in 0..3 {
        error!(target: "billing", order, "card payment failed");
    }
    info!(spike = true, "night is over");
    // What is over before it was sent would be cancelled.
    assert!(spike.handle().flush(DEADLINE).is_complete());
    info!(target: "billing", { spike.status = "resolve" }, "card payment failed");
}

#[test]
fn a_terminal_shows_what_somebody_would_see_and_why() {
    const TEST: &str = "dry::a_terminal_shows_what_somebody_would_see_and_why";
    if child::is_child(TEST) {
        page();
        std::process::exit(0);
    }
    if !has_script(TEST) {
        return;
    }
    let shown = on_a_terminal(TEST, &[DRY, ("NO_COLOR", "1")]).well().stdout.replace('\r', "");
    for expected in [
        "▌ PAGE  sev1\n▌ sms   card payment failed in billing\n",
        "▌ why   ERROR, filter `error`, rule billing (tests/it/dry.rs:",
        "▌ body  message       card payment failed\n▌       fields.order  0\n",
        "▌ PAGE\n▌ sms   night is over in it::dry\n",
        "▌ why   INFO, by its field spike (tests/it/dry.rs:",
        "▌ RESOLVE\n▌ title  card payment failed in billing\n▌ why    its field spike.status\n",
        "▌ did not page \"card payment failed in billing\", 2 times: a repeat of an open incident",
    ] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
    assert!(!shown.contains("dry run, would"), "{shown}");
    // Twin: in colour, unless somebody wants none.
    let red = "\u{1b}[1;31mPAGE\u{1b}[0m";
    assert!(on_a_terminal(TEST, &[DRY]).well().stdout.contains(red));
    assert!(!shown.contains(red) && !shown.contains("\u{1b}[2m"), "{shown}");
}

#[test]
fn a_pipe_is_told_what_did_not_page_at_rest_and_at_the_end() {
    const TEST: &str = "dry::a_pipe_is_told_what_did_not_page_at_rest_and_at_the_end";
    let said = "tracing-spike: dry run, did not page \"import failed in it::dry\"";
    let reason = ": a repeat of an open incident, told with the next repeat\n";
    child::run(TEST, &[DRY], || {
        let file = tempfile::NamedTempFile::new().unwrap();
        rustix::stdio::dup2_stderr(&file).unwrap();
        let printed = || fs::read_to_string(file.path()).unwrap();
        let spike = tracing_spike::from_env().init().unwrap();
        for _ in 0..3 {
            error!("import failed");
        }
        let at_rest = format!("{said}, 2 times{reason}");
        eventually("it is told at rest", || printed().ends_with(&at_rest).then_some(()));
        error!("import failed");
        drop(spike);
        let at_the_end = format!("{said}{reason}");
        eventually("it is told at the end", || printed().ends_with(&at_the_end).then_some(()));
    })
    .well();
}

#[test]
fn the_filter_that_is_told_is_the_one_in_force() {
    const TEST: &str = "dry::the_filter_that_is_told_is_the_one_in_force";
    if child::is_child(TEST) {
        let spike = tracing_spike::from_env().init().unwrap();
        error!(target: "billing", "card payment failed");
        assert!(spike.handle().flush(DEADLINE).is_complete());
        spike.handle().set_filter("off,billing=warn").unwrap();
        warn!(target: "billing", "invoice is late");
        std::process::exit(spike.handle().flush(DEADLINE).pending.try_into().unwrap());
    }
    if !has_script(TEST) {
        return;
    }
    let shown = on_a_terminal(TEST, &[DRY, ("NO_COLOR", "1")]).well().stdout;
    for expected in ["why   ERROR, filter `error` (", "why   WARN, filter `billing=warn` ("] {
        assert!(shown.contains(expected), "{expected}\n{shown}");
    }
}
