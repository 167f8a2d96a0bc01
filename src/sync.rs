//! What the gate's threads share: atomics and the mutex, as `std` has them. A test build with
//! `--cfg spike_loom` has loom's in their place, which try every interleaving.

#[cfg(not(all(test, spike_loom)))]
pub(crate) use {
    crate::lock::{lock, try_lock},
    std::sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
};

#[cfg(all(test, spike_loom))]
pub(crate) use tests::{AtomicU8, AtomicU64, Mutex, Ordering, lock, try_lock};

#[cfg(all(test, spike_loom))]
pub(crate) mod tests;
