//! Our own code fails on the worker's thread: the worker is started again and nothing is lost, or
//! it rests, says so, and holds nobody up.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tracing_subscriber::Registry;

use crate::{
    Builder, Guard, Incident, Problem, ProblemKind, Stats, WorkerState,
    delivery::worker::tests::Place,
};

const DEADLINE: Duration = Duration::from_secs(20);

/// A server that accepts all: its webhook, and how many requests it has read.
fn server() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url =
        format!("http://{}/Tk7spikeTestTokenQ9zX/push-events", listener.local_addr().unwrap());
    let count = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&count);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                let (mut read, mut bytes) = (Vec::new(), [0; 4096]);
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    read.extend_from_slice(&bytes[..length]);
                    if !is_whole(&read) {
                        continue;
                    }
                    read.clear();
                    counter.fetch_add(1, Ordering::SeqCst);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"Ok\":true}";
                    if stream.write_all(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, count)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.is_some_and(|length| body.len() >= length.parse().unwrap())
}

static PROBLEMS: Mutex<Vec<Problem>> = Mutex::new(Vec::new());

/// A pipeline whose worker will panic at these places.
fn failing(url: String, places: &[Place]) -> Guard {
    let builder: Builder = crate::builder(url).shutdown_timeout(Duration::from_millis(300));
    *builder.fails.0.lock().unwrap() = places.to_vec();
    let told = |problem: &Problem| {
        PROBLEMS.lock().unwrap().push(problem.clone());
        panic!("the callback panics, too");
    };
    builder.on_problem(told).build::<Registry>().unwrap().1
}

fn trigger(guard: &Guard, titles: &[&str]) {
    for title in titles {
        guard.handle().trigger(Incident::new(*title)).unwrap();
    }
}

fn balanced(stats: &Stats) {
    assert_eq!(stats.seen, stats.accounted(), "{stats:?}");
}

#[test]
fn f062_a_worker_that_panics_is_started_again_and_loses_nothing() {
    for place in [Place::Received, Place::Begun, Place::Finished] {
        let (url, requests) = server();
        let guard = failing(url, &[place, place]);
        trigger(&guard, &["one thing", "another thing", "a third thing"]);
        let report = guard.handle().flush(DEADLINE);
        let stats = guard.handle().stats();
        assert!(report.is_complete(), "{place:?}: {report:?} {stats:?}");
        assert_eq!((stats.delivered, stats.restarts, stats.undelivered()), (3, 2, 0), "{place:?}");
        let requests = requests.load(Ordering::SeqCst);
        // What was in flight is sent again: nobody knows what became of it.
        assert!((3..=5).contains(&requests), "{place:?}: {requests} requests");
        assert_eq!(guard.handle().health().worker, WorkerState::Runs);
        drop(guard);
        let problems = PROBLEMS.lock().unwrap();
        let of_worker = problems.iter().filter(|problem| problem.kind() == ProblemKind::Worker);
        assert!(of_worker.count() >= 2, "{problems:?}");
    }
}

#[test]
fn f062_a_worker_that_panics_again_and_again_rests_and_holds_nobody_up() {
    let (url, requests) = server();
    let guard = failing(url, &[Place::Received; 6]);
    let handle = guard.handle();
    let deadline = Instant::now() + DEADLINE;
    // On a busy machine the worker may have panicked six times before it is looked at.
    trigger(&guard, &["a thing"]);
    while handle.health().worker != WorkerState::Degraded {
        assert!(Instant::now() < deadline, "{:?}", handle.health());
        // Each is woken by the one before.
        trigger(&guard, &["a thing"]);
        thread::yield_now();
    }
    assert!(!handle.health().is_good());
    trigger(&guard, &["another thing"]);
    let start = Instant::now();
    let report = handle.flush(Duration::from_millis(200));
    assert!(!report.is_complete() && !report.worker_gone, "{report:?}");
    drop(guard);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    let stats = handle.stats();
    assert_eq!((stats.delivered, stats.restarts, stats.pending), (0, 6, 0), "{stats:?}");
    assert_eq!((stats.lost.shutdown, requests.load(Ordering::SeqCst)), (2, 0), "{stats:?}");
    assert_eq!(handle.health().worker, WorkerState::Ended);
    balanced(&stats);
}
