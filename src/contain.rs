//! Where panics end: nothing of ours unwinds into a program.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs `work`; `None` when it panicked.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work))
        // Dropping the payload could panic again.
        .map_err(mem::forget)
        .ok()
}
