//! `std::process::exit` where `tracing_spike::exit` belongs: what its moment is good for.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracing::error;
use tracing_spike::sandbox::{Fault, Sandbox};

use crate::{child, rig::TOKEN};

/// On the thread of this name: logs an error, and exits on the next line.
fn fails_and_exits(thread: &str) {
    let fails = || {
        let _spike = tracing_spike::init().unwrap();
        error!("configuration is unreadable");
        std::process::exit(1);
    };
    thread::Builder::new().name(thread.to_owned()).spawn(fails).unwrap().join().unwrap();
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn f066_an_exit_of_the_main_thread_leaves_the_worker_a_moment() {
    const TEST: &str = "exit::process::f066_an_exit_of_the_main_thread_leaves_the_worker_a_moment";
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    // On a busy machine the moment may not do, as it is meant to end.
    for attempt in 0..5 {
        let variables = [("SPIKE_WEBHOOK_URL", url.as_str())];
        let ended = child::run(TEST, &variables, || fails_and_exits("main"));
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        if sandbox.opened() > 0 {
            return;
        }
        assert!(attempt < 4, "{ended:?}");
    }
}

#[test]
fn f066_an_endpoint_that_hangs_delays_an_exit_by_a_moment() {
    const TEST: &str = "exit::process::f066_an_endpoint_that_hangs_delays_an_exit_by_a_moment";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    let start = Instant::now();
    let variables = [("SPIKE_WEBHOOK_URL", url.as_str())];
    let ended = child::run(TEST, &variables, || fails_and_exits("main"));
    let took = start.elapsed();
    assert_eq!((ended.status.code(), sandbox.opened()), (Some(1), 0), "{ended:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
