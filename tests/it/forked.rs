//! Case 65: a child that was forked has no worker and no spool, and can't hang on the parent's locks.

#![expect(unsafe_code, reason = "only libc can fork")]
#![expect(clippy::print_stdout, reason = "the figures")]

use std::{
    env, fs, panic,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use tracing::{error, info, info_span};
use tracing_spike::{
    Guard, Handle, WorkerState,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::prelude::*;

use crate::{
    child,
    rig::{DEADLINE, TOKEN, eventually},
    spool::{all_records, directory, files, records},
};

const STORM: &str = "forked::f065_a_forked_child_counts_and_neither_sends_nor_hangs";
const LETS_GO: &str = "forked::f065_a_forked_child_that_has_logged_does_not_keep_the_run_alive";
/// Forks, without `SPIKE_FORKS`.
const FORKS: u64 = 300;
/// A forked child that runs longer hangs.
const WATCHDOG: Duration = Duration::from_secs(20);

/// What went wrong in a forked child, as its exit code.
const COUNTED: i32 = 1;
const FLUSHED: i32 = 2;
const SLOW: i32 = 4;
const WELL: i32 = 8;

/// Forks; `child` runs in the child alone, which ends with what it returns.
fn fork(child: impl FnOnce() -> i32) -> libc::pid_t {
    // SAFETY: the child calls what a program would that logs after a fork, and ends by `_exit`,
    // which runs nothing of the parent's. That it can is what is tested.
    match unsafe { libc::fork() } {
        0 => {
            let code = child();
            // SAFETY: it ends the process, and touches no memory.
            unsafe { libc::_exit(code) }
        }
        child => {
            assert!(child > 0, "no child could be forked");
            child
        }
    }
}

/// The exit code of a forked child; `None` when it hangs.
fn wait(child: libc::pid_t) -> Option<i32> {
    let deadline = Instant::now() + WATCHDOG;
    while Instant::now() < deadline {
        let mut status = 0;
        // SAFETY: `status` is ours, and lives as long as the call.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return Some(libc::WEXITSTATUS(status));
        }
        thread::sleep(Duration::from_micros(200));
    }
    // SAFETY: it is our child, and was not waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    None
}

fn variable(name: &str) -> String {
    env::var(name).unwrap()
}

/// A pipeline for the whole process.
fn install() -> (Guard, Handle) {
    let (spike, guard) = tracing_spike::builder(variable("FORKED_URL"))
        .service("it")
        .spool(variable("FORKED_SPOOL"))
        .shutdown_timeout(Duration::from_millis(200))
        .panics()
        .trail(8)
        .build()
        .unwrap();
    let handle = guard.handle();
    tracing_subscriber::registry().with(spike).init();
    (guard, handle)
}

/// What a forked child does; ends it, and tells whether that went as it should.
fn in_child(guard: Guard, handle: &Handle) -> ! {
    let start = Instant::now();
    let request = info_span!("request").entered();
    info!("in a child");
    error!("first in a child");
    (0..100).for_each(|_| error!("again and again in a child"));
    drop(request);
    panic::catch_unwind(|| panic!("in a child")).unwrap_err();
    let muted = handle.mute_scope(Duration::from_secs(60));
    handle.mute(Duration::from_secs(60));
    let well = if handle.health().worker == WorkerState::Ended { 0 } else { WELL };
    let flushed = handle.flush(Duration::from_secs(10));
    drop((muted, guard));
    error!("last in a child");
    let counted = handle.stats().refused.forked == 101;
    let closed = handle.stats().refused.closed >= 1;
    let counted = if counted && closed { 0 } else { COUNTED };
    let flushed = if flushed.worker_gone { 0 } else { FLUSHED };
    // Far less than any of its time-outs.
    let slow = if start.elapsed() < Duration::from_secs(5) { 0 } else { SLOW };
    // As a program would: the hooks at its end run.
    tracing_spike::exit(counted | flushed | slow | well)
}

/// Six threads log, panic, and ask without end, and the main one forks.
fn fork_in_a_storm() {
    static ENDS: AtomicBool = AtomicBool::new(false);
    // What the panics say is of no interest.
    panic::set_hook(Box::new(|_| {}));
    let (guard, handle) = install();
    let mut guard = Some(guard);
    let asks = &handle;
    let forks = env::var("SPIKE_FORKS").unwrap_or_else(|_| variable("FORKED_FORKS"));
    let forks: u64 = forks.parse().unwrap();
    thread::scope(|scope| {
        for number in 0..4_u64 {
            scope.spawn(move || {
                let mut count = number;
                while !ENDS.load(Ordering::Relaxed) {
                    let _request = info_span!("request").entered();
                    info!(count, "at it");
                    error!("storm");
                    // Some take the slow path, with all its locks.
                    let title = format!("storm {}", "x".repeat(count as usize % 50));
                    error!(spike.title = title, "fresh");
                    count += 7;
                }
            });
        }
        scope.spawn(|| {
            while !ENDS.load(Ordering::Relaxed) {
                panic::catch_unwind(|| panic!("in a parent")).unwrap_err();
            }
        });
        scope.spawn(move || {
            while !ENDS.load(Ordering::Relaxed) {
                drop((asks.health(), asks.mute_scope(Duration::ZERO)));
            }
        });
        for fork_number in 0..forks {
            let child = fork(|| in_child(guard.take().unwrap(), &handle));
            let code = wait(child);
            if code != Some(0) {
                ENDS.store(true, Ordering::Relaxed);
                // The hook is silent.
                println!("fork {fork_number}: {code:?} (1: counts, 2: flush, 4: slow, 8: health)");
                std::process::exit(1);
            }
        }
        ENDS.store(true, Ordering::Relaxed);
    });
    assert_eq!(handle.stats().refused.forked, 0, "that is the child's");
    println!("\nforks: {forks}, none hung");
}

#[test]
fn f065_a_forked_child_counts_and_neither_sends_nor_hangs() {
    if child::is_child(STORM) {
        child::run(STORM, &[], fork_in_a_storm).well();
        return;
    }
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault(Fault::Status(503));
    let (asked, few) = (env::var("SPIKE_FORKS"), FORKS.to_string());
    // A child that is given that variable may take its time.
    let (name, forks) = match &asked {
        Ok(asked) => ("SPIKE_FORKS", asked),
        Err(_) => ("FORKED_FORKS", &few),
    };
    let variables = [
        ("FORKED_URL", sandbox.url_for(TOKEN)),
        ("FORKED_SPOOL", dir.to_string_lossy().into_owned()),
        (name, forks.clone()),
    ];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = child::run(STORM, &variables, fork_in_a_storm).well();
    assert_eq!(ended.said("panicked"), 0, "{}", ended.stderr);
    ended.stdout.lines().filter(|line| line.starts_with("forks:")).for_each(|line| {
        println!("{line}");
    });
    let requests = sandbox.requests();
    assert!(!requests.is_empty(), "the parent sends");
    let of_child = |title: &str| title.contains("in a child");
    assert!(!requests.iter().any(|request| request.title().is_some_and(of_child)));
    let kept = all_records(&dir);
    assert!(!kept.is_empty(), "the parent's");
    assert!(!kept.iter().any(|(_, record)| record["title"].as_str().is_some_and(of_child)));
    fs::remove_dir_all(dir).unwrap();
}

fn flag(name: &str) -> PathBuf {
    PathBuf::from(variable("FORKED_SPOOL")).with_extension(name)
}

/// Leaves an incident in the spool and a forked child that lives on.
fn leave_a_child() {
    let (_guard, _handle) = install();
    error!("disk is full");
    let dir = PathBuf::from(variable("FORKED_SPOOL"));
    eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
    let logs = variable("FORKED_FORKS") == "logs";
    fork(|| {
        if logs {
            error!("in a child");
        }
        // Else the test waits for the end of the streams.
        // SAFETY: nobody in this process uses them any more.
        (0..3).for_each(|stream| assert_eq!(unsafe { libc::close(stream) }, 0));
        fs::write(flag("ready"), "").ok();
        let deadline = Instant::now() + DEADLINE;
        while !flag("end").exists() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        0
    });
    eventually("the child lives", || flag("ready").exists().then_some(()));
    // No guard is dropped: what is left is for the next run.
    // SAFETY: it ends the process, and touches no memory.
    unsafe { libc::_exit(0) }
}

#[test]
fn f065_a_forked_child_that_has_logged_does_not_keep_the_run_alive() {
    if child::is_child(LETS_GO) {
        child::run(LETS_GO, &[], leave_a_child).well();
        return;
    }
    for logs in ["logs", "says nothing"] {
        let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
        let (url, spool) = (sandbox.url_for(TOKEN), dir.to_str().unwrap());
        sandbox.fault(Fault::Status(503));
        let variables =
            [("FORKED_URL", url.as_str()), ("FORKED_SPOOL", spool), ("FORKED_FORKS", logs)];
        let ended = child::run(LETS_GO, &variables, leave_a_child);
        assert!(ended.status.success(), "{ended:?}");
        sandbox.clear_faults();
        let next = || {
            let builder = tracing_spike::builder(&url).spool(&dir);
            let (_layer, guard) = builder.build::<tracing_subscriber::Registry>().unwrap();
            // It has looked for dead runs once what came after that is delivered.
            guard.handle().resolve("nothing").unwrap();
            assert!(guard.handle().flush(DEADLINE).is_complete());
            guard.handle().stats().replayed
        };
        if logs == "logs" {
            assert_eq!(next(), 1, "the child lives, and has let go");
        } else {
            assert_eq!(next(), 0, "the twin: who has not logged since holds the lock still");
            fs::write(dir.with_extension("end"), "").unwrap();
            eventually("once it has ended, it does not", || (next() == 1).then_some(()));
        }
        fs::write(dir.with_extension("end"), "").unwrap();
        eventually("nothing is left behind", || {
            assert_eq!(next(), 0);
            files(&dir).is_empty().then_some(())
        });
        for path in [dir.clone(), dir.with_extension("end"), dir.with_extension("ready")] {
            fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).unwrap();
        }
    }
}
