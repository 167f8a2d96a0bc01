//! The runtime under the worker; what the worker does is in `tests/it`.

use std::thread;

use tokio::task::spawn_blocking;

use super::runtime;
use crate::reentry;

/// Name and mark of the calling thread.
fn place() -> (Option<String>, bool) {
    (thread::current().name().map(str::to_owned), reentry::is_own_thread())
}

#[test]
fn f043_a_thread_that_looks_names_up_is_our_own() {
    // What a lookup runs on, without a name that has to be looked up.
    let lookup = |runtime: &tokio::runtime::Runtime| {
        runtime.block_on(async { spawn_blocking(place).await.unwrap() })
    };
    let ours = runtime().unwrap();
    assert_eq!(lookup(&ours), (Some("spike-dns".to_owned()), true));
    // Twins: such a thread of another runtime, an ordinary one, and the one that asked.
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(!lookup(&other).1);
    assert!(!thread::spawn(place).join().unwrap().1);
    assert!(!reentry::is_own_thread());
}
