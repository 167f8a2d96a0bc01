//! `std::process::exit` where `tracing_spike::exit` belongs: what its moment is good for.

use std::{
    thread,
    time::{Duration, Instant},
};

use tracing::error;
use tracing_spike::sandbox::{Fault, Sandbox};

use crate::{
    child,
    rig::{TOKEN, eventually},
    spool::{directory, records},
};

/// On a thread of the main one's name: logs an error, and exits on the next line.
fn fails_and_exits() {
    let fails = || {
        let _spike = tracing_spike::init().unwrap();
        error!("configuration is unreadable");
        std::process::exit(1);
    };
    thread::Builder::new().name("main".to_owned()).spawn(fails).unwrap().join().unwrap();
}

#[test]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn f066_an_error_right_before_an_exit_is_delivered_by_the_next_run() {
    const TEST: &str =
        "exit::process::f066_an_error_right_before_an_exit_is_delivered_by_the_next_run";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    let left: Vec<_> = (0..5)
        .map(|_| {
            let dir = directory();
            let spool = dir.to_str().unwrap();
            let variables = [("SPIKE_WEBHOOK_URL", url.as_str()), ("SPIKE_SPOOL", spool)];
            let ended = child::run(TEST, &variables, fails_and_exits);
            assert_eq!((ended.status.code(), sandbox.opened()), (Some(1), 0), "{ended:?}");
            dir
        })
        .collect();
    // On a busy machine the moment may not do, as it is meant to end.
    let kept: Vec<_> = left.iter().filter(|dir| records(dir) == 1).collect();
    assert!(kept.len() >= 4, "{kept:?}");
    sandbox.clear_faults();
    let (_layer, guard) = tracing_spike::builder(&url)
        .spool(kept[0])
        .build::<tracing_subscriber::Registry>()
        .unwrap();
    eventually("it is delivered", || (guard.handle().stats().delivered == 1).then_some(()));
    assert_eq!(sandbox.incidents()[0].title(), "configuration is unreadable in it::exit::process");
    drop(guard);
    for dir in left {
        std::fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn f066_without_a_spool_an_exit_is_not_delayed() {
    const TEST: &str = "exit::process::f066_without_a_spool_an_exit_is_not_delayed";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    let start = Instant::now();
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", url.as_str())], fails_and_exits);
    let took = start.elapsed();
    assert_eq!((ended.status.code(), sandbox.opened()), (Some(1), 0), "{ended:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}
