//! Several runs with one spool: what is whose, and who is told.

use std::{
    env, fs,
    sync::{Barrier, Mutex},
    thread,
    time::Duration,
};

use tracing_spike::{
    Problem, ProblemKind,
    sandbox::{Fault, Sandbox},
};

use super::{
    all_records, directory, files, records,
    replayed::{leave, next, open},
    run_with,
};
use crate::rig::{OTHER_TOKEN, TOKEN, eventually, leaks};

/// Between two looks for dead runs, with a margin.
const LOOK: Duration = Duration::from_secs(35);

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn tell(problem: &Problem) {
    if problem.kind() == ProblemKind::Spool {
        TOLD.lock().unwrap().push(problem.to_string());
    }
}

#[test]
fn f109_records_of_another_webhook_or_a_later_version_stay_and_are_told_once() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    leave(&sandbox, &dir, 1, |handle| open(handle, "mine"));
    leave(&sandbox, &dir.join("later"), 1, |handle| open(handle, "of a later version"));
    let (path, _) = all_records(&dir.join("later")).remove(0);
    let bytes = fs::read_to_string(&path).unwrap().replacen("spool 1 ", "spool 2 ", 1);
    fs::write(&path, bytes).unwrap();
    for entry in fs::read_dir(dir.join("later")).unwrap() {
        let path = entry.unwrap().path();
        fs::rename(&path, dir.join(path.file_name().unwrap())).unwrap();
    }
    fs::remove_dir(dir.join("later")).unwrap();
    sandbox.fault(Fault::Status(503));
    let (_dispatch, other) = run_with(&sandbox, OTHER_TOKEN, &dir, |builder| builder);
    open(&other.handle(), "of another webhook");
    eventually("it is in the spool", || (records(&dir) == 3).then_some(()));
    drop(other);
    sandbox.clear_faults();

    let (_dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| builder.on_problem(tell));
    let handle = guard.handle();
    eventually("what is ours is delivered", || (handle.stats().delivered == 1).then_some(()));
    eventually("the rest is told", || (!TOLD.lock().unwrap().is_empty()).then_some(()));
    assert!(handle.flush(Duration::from_secs(5)).is_complete());
    let told = TOLD.lock().unwrap().clone();
    let sentence = "2 records in the spool are of another webhook or a later version, and are left \
                    alone";
    assert_eq!(told, [sentence]);
    assert_eq!(sandbox.incidents().len(), 1);
    assert_eq!(sandbox.incidents()[0].title(), "mine");
    let stats = handle.stats();
    assert_eq!((stats.replayed, stats.set_aside, stats.spool_errors), (1, 0, 0), "{stats:?}");
    drop(guard);
    assert_eq!(records(&dir), 2);

    let (_dispatch, other) = run_with(&sandbox, OTHER_TOKEN, &dir, |builder| builder);
    eventually("its own run delivers it", || (other.handle().stats().delivered == 1).then_some(()));
    let request = sandbox.requests().pop().unwrap();
    assert!(request.came_to(&sandbox.url_for(OTHER_TOKEN)), "{request:?}");
    drop(other);
    for (path, bytes) in files(&dir) {
        assert_eq!(leaks(&String::from_utf8_lossy(&bytes)), None, "{path:?}");
    }
    assert_eq!(records(&dir), 1, "the later version's");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f108_a_live_run_takes_over_what_a_dead_one_leaves_as_things_stand_by_then() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let live = next(&sandbox, &dir);
    let handle = live.handle();
    open(&handle, "queue is stuck");
    eventually("it is open", || (handle.stats().delivered == 1).then_some(()));
    leave(&sandbox, &dir, 3, |handle| {
        open(handle, "disk is full");
        open(handle, "import did not finish");
        handle.resolve("queue is stuck").unwrap();
    });
    // What is resolved before it is found is not opened any more.
    handle.resolve("import did not finish").unwrap();
    let start = std::time::Instant::now();
    let stats = loop {
        let stats = handle.stats();
        if stats.replayed == 3 && stats.pending == 0 {
            break stats;
        }
        assert!(start.elapsed() < LOOK, "{stats:?}");
        thread::sleep(Duration::from_millis(50));
    };
    assert_eq!((stats.delivered, stats.suppressed.cancelled), (3, 2), "{stats:?}");
    let requests = sandbox.requests();
    let accepted = requests.iter().filter(|request| request.status() == Some(200));
    let resolved: Vec<_> = accepted.filter(|one| one.is_resolve()).map(|one| one.title()).collect();
    assert_eq!(resolved, [Some("import did not finish")]);
    let mut titles: Vec<_> = sandbox.open().iter().map(|one| one.title().to_owned()).collect();
    titles.sort();
    assert_eq!(titles, ["disk is full", "queue is stuck"]);
    drop(live);
    eventually("nothing is left behind", || files(&dir).is_empty().then_some(()));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f108_of_several_runs_that_start_at_once_one_sends_each_record() {
    const RUNS: usize = 3;
    let rounds = env::var("SPIKE_STARTS").map_or(50, |rounds| rounds.parse().unwrap());
    for round in 0..rounds {
        let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
        leave(&sandbox, &dir, 3, |handle| {
            ["one failed", "two failed", "three failed"].iter().for_each(|one| open(handle, one));
        });
        let barrier = Barrier::new(RUNS);
        let guards: Vec<_> = thread::scope(|scope| {
            let start = || {
                barrier.wait();
                next(&sandbox, &dir)
            };
            let starting: Vec<_> = (0..RUNS).map(|_| scope.spawn(start)).collect();
            starting.into_iter().map(|starting| starting.join().unwrap()).collect()
        });
        let handles: Vec<_> = guards.iter().map(|guard| guard.handle()).collect();
        let delivered = || handles.iter().map(|handle| handle.stats().delivered).sum::<u64>();
        eventually("all is delivered", || (delivered() == 3).then_some(()));
        drop(guards);
        let sent = sandbox.requests().iter().filter(|one| one.status() == Some(200)).count();
        assert_eq!((sent, delivered()), (3, 3), "round {round}");
        eventually("nothing is left behind", || files(&dir).is_empty().then_some(()));
        fs::remove_dir_all(dir).unwrap();
    }
}
