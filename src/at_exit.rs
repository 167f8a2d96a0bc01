//! The moment between `std::process::exit` on the main thread and the end of the process.
//!
//! `exit` runs no destructor of a value, but it runs those of the calling thread's thread-locals
//! (glibc's does; elsewhere none is watched). Invariant: it delays the end by [`MOMENT`]
//! at most, and not at all without a spool or when nothing is pending.

use std::{thread, time::Duration};

use crate::guard::{GRACE, Live};

/// What an exit is delayed by at most, while the workers write into the spool, and deliver if they
/// can, what is pending.
const MOMENT: Duration = Duration::from_millis(50);

/// Watches a thread's end.
struct Watch;

thread_local! {
    static WATCH: Watch = const { Watch };
}

/// Has the calling thread's end watched, if it is the main thread.
pub(crate) fn watch() {
    // Elsewhere they may run when the workers are gone already, or under a lock of the loader's.
    if cfg!(all(target_os = "linux", target_env = "gnu")) {
        WATCH.try_with(|_| ()).ok();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // The end of another thread is not that of the process.
        if thread::current().name() != Some("main") {
            return;
        }
        let mut live = Live::here().pipelines();
        live.retain(|shared| shared.pipeline().has_spool());
        let timeout = MOMENT.saturating_sub(GRACE);
        let waiting: Vec<_> = live.iter().filter_map(|live| live.begin_flush(timeout)).collect();
        for waiting in waiting {
            drop(waiting.finish());
        }
    }
}
