//! A process that is told to stop: the recipe, and what happens without one.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tracing::error;
use tracing_spike::sandbox::{Fault, Sandbox};

use crate::{
    child,
    rig::{TOKEN, eventually},
};

/// The recipe itself, as the README shows it.
#[path = "../../../examples/graceful.rs"]
mod graceful;

/// Sends this process a SIGTERM.
fn terminate() {
    let own = std::process::id().to_string();
    assert!(Command::new("kill").args(["-TERM", &own]).status().unwrap().success());
}

/// Whether this process does something of its own at SIGTERM, the 15th bit.
fn handles_sigterm() -> Option<()> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    let caught = u64::from_str_radix(caught.trim(), 16).unwrap();
    (caught >> 14 & 1 == 1).then_some(())
}

#[test]
fn f067_the_example_pages_what_happens_after_sigterm_and_ends_well_within_two_seconds() {
    const TEST: &str = "panics::signals::\
        f067_the_example_pages_what_happens_after_sigterm_and_ends_well_within_two_seconds";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Slow(Duration::from_millis(300)));
    let url = sandbox.url_for(TOKEN);
    child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
        let told = thread::spawn(|| {
            eventually("a handler", handles_sigterm);
            let at = Instant::now();
            terminate();
            at
        });
        graceful::main().unwrap();
        let took = told.join().unwrap().elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    })
    .well();
    let incidents = sandbox.incidents();
    let titles: Vec<_> = incidents.iter().map(|incident| incident.title()).collect();
    assert_eq!(titles, ["orders are left in the outbox in it::panics::signals::graceful"]);
}

#[test]
fn f067_without_a_handler_sigterm_ends_the_process_as_it_stands() {
    const TEST: &str =
        "panics::signals::f067_without_a_handler_sigterm_ends_the_process_as_it_stands";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
        let _spike = tracing_spike::init().unwrap();
        error!("card payment failed");
        terminate();
        thread::sleep(Duration::from_secs(20));
    });
    assert!(ended.status.code().is_none(), "{ended:?}");
    assert_eq!(ended.said("not delivered"), 0, "nobody was left to say so: {}", ended.stderr);
}
