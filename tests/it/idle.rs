//! A worker that has nothing to do is not woken.

use std::{env, fs, thread, time::Duration};

use tracing::error;

use crate::{
    child,
    rig::{eventually, rig},
};

/// How often the worker has gone to sleep: each time that it was woken, once more.
fn naps() -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let ours: Vec<String> =
        statuses.filter(|status| status.starts_with("Name:\tspike-worker\n")).collect();
    assert_eq!(ours.len(), 1, "the worker's thread was not found");
    let line = ours[0].lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.unwrap().trim().parse().unwrap()
}

/// `.ci/long idle` looks for 10 s.
#[test]
#[expect(clippy::print_stdout, reason = "the figure is what .ci/long shows")]
fn a_worker_with_nothing_due_is_not_woken() {
    let secs = env::var("SPIKE_IDLE_SECONDS").unwrap_or_else(|_| "2".to_owned());
    let variables = [("SPIKE_IDLE_SECONDS", secs.as_str())];
    let ended = child::run("idle::a_worker_with_nothing_due_is_not_woken", &variables, || {
        let rig = rig();
        rig.run(|| error!("disk is full"));
        rig.sandbox.wait_for(1, Duration::from_secs(20)).unwrap();
        let mut before = naps();
        eventually("it has come to rest", || {
            let after = naps();
            let rests = after == before;
            before = after;
            thread::sleep(Duration::from_millis(200));
            (rests && naps() == before).then_some(())
        });
        let before = naps();
        // What is measured is that nothing happens meanwhile.
        thread::sleep(Duration::from_secs(secs.parse().unwrap()));
        let woken = naps() - before;
        println!("idle: woken {woken} times in {secs} s");
        assert_eq!(woken, 0);
        // The twin.
        rig.run(|| error!("disk is gone"));
        eventually("it is woken", || (naps() > before).then_some(()));
    });
    let ended = ended.well();
    print!("{}", ended.stdout);
}
