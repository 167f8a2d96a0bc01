//! How paging is doing, as the program is told.

use std::{
    io::{self, Write},
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use tracing::{error, info};
use tracing_spike::{
    EndpointState, Guard, Incident, Problem, ProblemKind, WorkerState,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::Registry;

use crate::{
    child,
    rig::{TOKEN, eventually, rig, rig_with},
};

mod served;

static TOLD: Mutex<Vec<Problem>> = Mutex::new(Vec::new());

fn told(kind: ProblemKind) -> Vec<String> {
    let told = TOLD.lock().unwrap();
    told.iter().filter(|problem| problem.kind() == kind).map(ToString::to_string).collect()
}

#[test]
fn f016_health_and_problems_tell_that_an_endpoint_refuses_and_that_it_accepts_again() {
    let mut rig = rig_with(|builder| {
        builder.on_problem(|problem| TOLD.lock().unwrap().push(problem.clone()))
    });
    let handle = rig.handle();
    let health = handle.health();
    assert!(health.is_good(), "{health:?}");
    assert_eq!((health.last_accepted, health.oldest_pending), (None, None));
    assert_eq!(health.endpoints.len(), 1);
    assert_eq!(health.endpoints[0].name, format!("http://127.0.0.1:{}", rig.sandbox.port()));

    rig.sandbox.fault(Fault::Status(401));
    rig.run(|| error!("card payment failed"));
    let health = eventually("it refuses", || {
        let health = handle.health();
        (health.endpoints[0].state == EndpointState::Refuses).then_some(health)
    });
    assert!(!health.is_good() && health.worker == WorkerState::Runs, "{health:?}");
    assert!(health.oldest_pending.is_some() && health.last_accepted.is_none(), "{health:?}");
    let refused = eventually("it is told", || told(ProblemKind::Refused).pop());
    assert!(refused.contains("refuses this webhook (status 401): check the token"), "{refused}");

    // What a probe would find after five minutes.
    rig.sandbox.clear_faults();
    rig.run(|| error!("another thing failed"));
    rig.drop_guard();
    assert_eq!(handle.health().worker, WorkerState::Ended);
    rig.finish();
}

#[test]
fn what_is_rejected_for_good_is_told_and_what_is_accepted_is_seen() {
    static LOST: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let rig = rig_with(|builder| {
        builder.on_problem(|problem| {
            if problem.kind() == ProblemKind::Lost {
                LOST.lock().unwrap().push(problem.to_string());
            }
        })
    });
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.run(|| error!("card payment failed"));
    let lost = eventually("it is told", || LOST.lock().unwrap().pop());
    assert_eq!(lost, "not delivered: 1 rejected");
    rig.run(|| error!("another thing failed"));
    rig.flush();
    let health = rig.handle().health();
    assert!(health.last_accepted.is_some_and(|ago| ago < Duration::from_secs(20)), "{health:?}");
    assert_eq!(health.oldest_pending, None);
}

#[test]
fn what_is_lost_at_the_end_is_told_however_little_time_has_passed() {
    static LOST: Mutex<Vec<String>> = Mutex::new(Vec::new());
    let mut rig = rig_with(|builder| {
        builder.shutdown_timeout(Duration::from_millis(300)).on_problem(|problem| {
            if problem.kind() == ProblemKind::Lost {
                LOST.lock().unwrap().push(problem.to_string());
            }
        })
    });
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.run(|| error!("card payment failed"));
    eventually("it is told", || LOST.lock().unwrap().pop());
    // Less than a minute later.
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.run(|| error!("another thing failed"));
    eventually("it is lost", || (rig.stats().lost.rejected == 2).then_some(()));
    rig.sandbox.fault(Fault::Status(503));
    rig.run(|| error!("a third thing failed"));
    rig.drop_guard();
    let told = eventually("it is told", || LOST.lock().unwrap().pop());
    assert_eq!(told, "not delivered: 1 rejected, 1 pending when the program ended");
}

#[test]
fn f054_a_guard_that_is_dropped_while_a_problem_is_told_ends_paging() {
    static GUARD: Mutex<Option<Guard>> = Mutex::new(None);
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Status(401));
    let builder = tracing_spike::builder(sandbox.url_for(TOKEN))
        .shutdown_timeout(Duration::from_millis(100))
        .on_problem(|_| drop(GUARD.lock().unwrap().take()));
    let (_layer, guard) = builder.build::<Registry>().unwrap();
    let handle = guard.handle();
    *GUARD.lock().unwrap() = Some(guard);
    handle.trigger(Incident::new("card payment failed")).unwrap();
    eventually("it has ended", || (handle.stats().lost.shutdown == 1).then_some(()));
    assert_eq!(handle.health().worker, WorkerState::Ended);
    assert!(handle.trigger(Incident::new("another")).unwrap_err().is_closed());
}

#[test]
fn a_stderr_that_nobody_reads_holds_up_no_delivery() {
    const TEST: &str = "health::a_stderr_that_nobody_reads_holds_up_no_delivery";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault_next(1, Fault::Status(400));
    let url = sandbox.url_for(TOKEN);
    child::run(TEST, &[("URL", &url)], || {
        let builder = tracing_spike::builder(std::env::var("URL").unwrap());
        let (_layer, guard) = builder.build::<Registry>().unwrap();
        let handle = guard.handle();
        let (_reader, writer) = io::pipe().unwrap();
        rustix::stdio::dup2_stderr(&writer).unwrap();
        // It is full once that blocks, with the lock on stderr held.
        let (filled, fills) = mpsc::sync_channel(0);
        thread::spawn(move || {
            while io::stderr().write_all(&[b'.'; 4096]).is_ok() {
                filled.send(()).unwrap();
            }
        });
        while fills.recv_timeout(Duration::from_secs(1)).is_ok() {}
        for title in ["is rejected, which is said", "a", "b"] {
            handle.trigger(Incident::new(title)).unwrap();
        }
        eventually("they are delivered", || (handle.stats().delivered == 2).then_some(()));
        let start = Instant::now();
        drop(guard);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    })
    .well();
}

#[test]
fn a_stderr_that_is_slow_gets_the_last_line() {
    const TEST: &str = "health::a_stderr_that_is_slow_gets_the_last_line";
    let ended = child::run(TEST, &[], || {
        let mut rig = rig();
        let (locked, locks) = mpsc::sync_channel(0);
        thread::spawn(move || {
            let _lock = io::stderr().lock();
            locked.send(()).unwrap();
            // This is what is slow.
            thread::sleep(Duration::from_millis(60));
        });
        locks.recv().unwrap();
        rig.run(|| info!(spike.status = "resolved", "import ran"));
        rig.drop_guard();
        // At once, as a program may end.
        std::process::exit(0);
    })
    .well();
    assert_eq!(ended.said("is neither \"resolve\" nor \"trigger\""), 1, "{}", ended.stderr);
}
