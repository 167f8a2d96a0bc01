//! The runtime under the worker, and how often it is started again.

use std::{thread, time::Duration};

use tokio::task::spawn_blocking;

use super::{RESTARTS, Restarts, WINDOW, runtime};
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

#[test]
fn f062_it_is_started_five_times_a_minute_and_again_when_that_is_over() {
    let (mut restarts, second) = (Restarts::default(), Duration::from_secs(1));
    for number in 0..RESTARTS as u32 {
        let now = second * number;
        assert_eq!(restarts.again_at(now), now, "at once");
        restarts.note(now);
    }
    assert_eq!(restarts.again_at(second * 5), WINDOW, "a minute after the first");
    restarts.note(WINDOW);
    assert_eq!(restarts.again_at(WINDOW), WINDOW + second, "a minute after the second");
}
