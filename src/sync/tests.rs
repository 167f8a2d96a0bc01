//! Loom's primitives, which can be made to break: a model that can't fail proves nothing.
//!
//! All threads of a model run on the thread of its test, so a seeded bug is this test's alone.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        PoisonError, TryLockError,
        atomic::{AtomicU64 as Plain, Ordering::SeqCst},
    },
};

pub(crate) use loom::sync::{Mutex, atomic::Ordering};
use loom::sync::{MutexGuard, atomic as shared};

/// What may be seeded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bug {
    /// What reads and writes is a load, and then a store.
    Torn,
    /// Who has counted a repeat does not look whether the slot was still the title's.
    Unchecked,
    /// A count is told, and read anew to be remembered as told.
    ReadTwice,
    /// A title is folded before it is known into which storm.
    TooEarly,
    /// A resolve is held back, and occurrences are counted without the lock as before.
    NotShown,
}

loom::lazy_static! {
    /// Touched with every access. Loom swaps two accesses only where it takes them for dependent,
    /// and overlooks some: of a load, and then a load and a change by another thread, say.
    static ref TOUCHED: shared::AtomicUsize = shared::AtomicUsize::new(0);
}

fn touch() {
    TOUCHED.fetch_add(1, Ordering::Relaxed);
}

/// As loom numbers the threads of a model, while they are apart; else one for all.
pub(crate) fn thread_number() -> usize {
    if !APART.get() {
        return 0;
    }
    let id = format!("{:?}", loom::thread::current().id());
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap()
}

thread_local! {
    static SEEDED: Cell<Option<Bug>> = const { Cell::new(None) };
    /// Each thread of the model counts in a place of its own.
    static APART: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn is_seeded(bug: Bug) -> bool {
    SEEDED.get() == Some(bug)
}

/// Tries every interleaving that takes at most so many preemptions; tells how many there were.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) -> u64 {
    let runs = std::sync::Arc::new(Plain::new(0));
    let counted = std::sync::Arc::clone(&runs);
    let mut checker = loom::model::Builder::new();
    checker.preemption_bound = Some(preemptions);
    checker.max_branches = 10_000;
    checker.check(move || {
        counted.fetch_add(1, SeqCst);
        model();
    });
    runs.load(SeqCst)
}

/// As [`explore`], and prints what it came to; each of `bugs`, seeded, must be found. First threads
/// count in one place, then each in its own, where what is torn is torn by nobody.
/// `SPIKE_MORE_PREEMPTIONS` asks for more.
pub(crate) fn holds(name: &str, preemptions: usize, bugs: &[Bug], model: fn()) {
    let more = std::env::var("SPIKE_MORE_PREEMPTIONS").ok();
    let preemptions = preemptions + more.map_or(0, |more| more.parse::<usize>().unwrap());
    for apart in [false, true] {
        APART.set(apart);
        let started = std::time::Instant::now();
        let runs = explore(preemptions, model);
        let how = if apart { "apart" } else { "in one place" };
        println!("{name}, {how}: {runs} interleavings, {} ms", started.elapsed().as_millis());
        assert!(runs > 1, "{name} has one interleaving only");
        for bug in bugs.iter().filter(|bug| !apart || **bug != Bug::Torn) {
            SEEDED.set(Some(*bug));
            let found = catch_unwind(AssertUnwindSafe(|| explore(preemptions, model))).is_err();
            SEEDED.set(None);
            assert!(found, "{name}, {how}: {bug:?} was not found");
        }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    touch();
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    touch();
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

macro_rules! atomic {
    ($name:ident, $of:ty) => {
        #[derive(Debug, Default)]
        pub(crate) struct $name(shared::$name);

        #[expect(dead_code, reason = "not all of it is used of each")]
        impl $name {
            pub(crate) fn new(value: $of) -> Self {
                Self(shared::$name::new(value))
            }

            pub(crate) fn load(&self, order: Ordering) -> $of {
                touch();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $of, order: Ordering) {
                touch();
                self.0.store(value, order);
            }

            fn change(&self, change: impl Fn($of) -> Option<$of>) -> Result<$of, $of> {
                touch();
                let was = self.0.load(Ordering::Relaxed);
                touch();
                self.0.store(change(was).ok_or(was)?, Ordering::Relaxed);
                Ok(was)
            }

            pub(crate) fn fetch_add(&self, value: $of, order: Ordering) -> $of {
                touch();
                match is_seeded(Bug::Torn) {
                    true => self.change(|was| Some(was.wrapping_add(value))).unwrap_or(0),
                    false => self.0.fetch_add(value, order),
                }
            }

            pub(crate) fn fetch_sub(&self, value: $of, order: Ordering) -> $of {
                touch();
                match is_seeded(Bug::Torn) {
                    true => self.change(|was| Some(was.wrapping_sub(value))).unwrap_or(0),
                    false => self.0.fetch_sub(value, order),
                }
            }

            pub(crate) fn fetch_max(&self, value: $of, order: Ordering) -> $of {
                touch();
                match is_seeded(Bug::Torn) {
                    true => self.change(|was| Some(was.max(value))).unwrap_or(0),
                    false => self.0.fetch_max(value, order),
                }
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                change: impl Fn($of) -> Option<$of>,
            ) -> Result<$of, $of> {
                touch();
                match is_seeded(Bug::Torn) {
                    true => self.change(change),
                    false => self.0.fetch_update(set, fetch, change),
                }
            }

            pub(crate) fn compare_exchange(
                &self,
                was: $of,
                next: $of,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$of, $of> {
                touch();
                match is_seeded(Bug::Torn) {
                    true => self.change(|now| (now == was).then_some(next)),
                    false => self.0.compare_exchange(was, next, success, failure),
                }
            }
        }
    };
}

atomic!(AtomicU8, u8);
atomic!(AtomicU64, u64);
