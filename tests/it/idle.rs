//! A worker that has nothing to do is not woken.

use std::{env, fs, thread, time::Duration};

use tracing::error;

use crate::{
    child,
    rig::{eventually, rig},
};

/// Whether the worker sleeps, and how often it has gone to sleep: each time that it was woken, once
/// more.
fn worker() -> (bool, u64) {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let statuses = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let ours: Vec<String> =
        statuses.filter(|status| status.starts_with("Name:\tspike-worker\n")).collect();
    assert_eq!(ours.len(), 1, "the worker's thread was not found");
    let line = |name| ours[0].lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    let naps = line("voluntary_ctxt_switches:").parse().unwrap();
    (line("State:").starts_with('S'), naps)
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
        // Nothing is in flight any more, and nobody waits for an answer.
        rig.flush();
        let asleep = || {
            let (sleeps, naps) = worker();
            sleeps.then_some(naps)
        };
        let before = eventually("it sleeps", asleep);
        // What is measured is that nothing happens meanwhile.
        thread::sleep(Duration::from_secs(secs.parse().unwrap()));
        let woken = worker().1 - before;
        println!("idle: woken {woken} times in {secs} s");
        // With that feature, it tells the figures now and then.
        let metrics = u64::from(cfg!(feature = "metrics"));
        assert!(woken <= metrics * (secs.parse::<u64>().unwrap() / 5 + 1));
        // The twin.
        rig.run(|| error!("disk is gone"));
        eventually("it is woken", || (worker().1 > before).then_some(()));
    });
    let ended = ended.well();
    print!("{}", ended.stdout);
}
