//! What the gate's threads share: atomics and the mutex, as `std` has them. A test build with
//! `--cfg spike_loom` has loom's in their place, which try every interleaving.

#[cfg(not(all(test, spike_loom)))]
use std::sync::atomic::AtomicUsize;

#[cfg(not(all(test, spike_loom)))]
pub(crate) use {
    crate::lock::{lock, try_lock},
    std::sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

#[cfg(all(test, spike_loom))]
pub(crate) use tests::{AtomicU8, AtomicU64, Mutex, Ordering, lock, thread_number, try_lock};

/// The number of this thread, for what threads write to in places of their own. Those that follow
/// one another have numbers that follow one another.
#[cfg(not(all(test, spike_loom)))]
pub(crate) fn thread_number() -> usize {
    thread_local! {
        static NUMBER: usize = {
            static THREADS: AtomicUsize = AtomicUsize::new(0);
            THREADS.fetch_add(1, Ordering::Relaxed)
        };
    }
    // A thread that ends has no thread-locals any more.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

#[cfg(all(test, spike_loom))]
pub(crate) mod tests;
