//! Every kind of place from which a program calls: the same there as on a plain thread.

use std::{
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::{Builder, Runtime},
    task::{LocalSet, spawn_blocking},
};
use tracing::error;
use tracing_spike::sandbox::Fault;

use super::{alone, titles};

/// Builds, pages, flushes, drops the guard, and pages once more, all in the place it is called.
fn whole_life() {
    let mut spike = alone(|builder| builder);
    spike.run(|| error!(attempt = 1, "import failed"));
    assert_eq!(titles(&spike.delivered()), ["import failed in it::context::runtimes"]);
    spike.run(|| error!("export failed"));
    let stats = spike.finish();
    assert_eq!((stats.delivered, stats.seen), (2, 2), "dropping the guard delivers: {stats:?}");
    spike.run(|| error!("too late"));
    let stats = spike.handle.stats();
    assert_eq!((stats.refused.closed, stats.seen, stats.accounted()), (1, 3, 3), "{stats:?}");
    hung();
}

/// A server that never answers holds the flush and the drop up for as long as they were told.
fn hung() {
    let mut spike = alone(|builder| builder.shutdown_timeout(Duration::from_millis(50)));
    spike.sandbox.fault(Fault::Hang);
    spike.run(|| error!("nobody answers"));
    let start = Instant::now();
    let report = spike.handle.flush(Duration::from_millis(50));
    assert_eq!(report.pending, 1, "{report:?}");
    let stats = spike.finish();
    let took = start.elapsed();
    assert_eq!((stats.lost.shutdown, stats.seen, stats.accounted()), (1, 1, 1), "{stats:?}");
    assert!(took < Duration::from_secs(2), "{took:?}: an attempt alone may take 10 s");
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn one_worker() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn f053_outside_of_any_runtime() {
    thread::spawn(whole_life).join().unwrap();
}

#[test]
fn f053_inside_block_on_of_a_current_thread_runtime() {
    one_thread().block_on(async { whole_life() });
}

#[test]
fn f053_in_a_task_of_a_current_thread_runtime() {
    one_thread().block_on(async { tokio::spawn(async { whole_life() }).await.unwrap() });
}

#[test]
fn f053_inside_block_on_of_a_runtime_with_one_worker() {
    one_worker().block_on(async { whole_life() });
}

#[test]
fn f053_in_a_task_of_a_runtime_with_one_worker() {
    one_worker().block_on(async { tokio::spawn(async { whole_life() }).await.unwrap() });
}

#[test]
fn f053_in_a_local_set() {
    let local = LocalSet::new();
    local.block_on(&one_thread(), async {
        tokio::task::spawn_local(async { whole_life() }).await.unwrap();
    });
}

#[test]
fn f053_on_a_blocking_thread_of_a_runtime() {
    one_thread().block_on(async { spawn_blocking(whole_life).await.unwrap() });
}

#[test]
fn f053_between_two_runtimes() {
    let runtime = one_worker();
    let _entered = runtime.enter();
    whole_life();
}
