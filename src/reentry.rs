//! Who is calling: a program's thread, a nested call from inside our own code, or our own thread.
//!
//! Invariant: an event that we caused ourselves never becomes an incident. The mark is a plain
//! byte per thread without a destructor, so it can be read even while a thread is being torn down.

use std::cell::Cell;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Outside,
    Inside,
    OwnThread,
}

thread_local! {
    static MARK: Cell<Mark> = const { Cell::new(Mark::Outside) };
    /// Whether this thread runs the panic hook of somebody else.
    static IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Proof that this thread is inside our code, until it is dropped.
pub(crate) struct Entered(());

/// Enters our code, or `None` when this thread is ours or is inside already.
pub(crate) fn enter() -> Option<Entered> {
    MARK.try_with(|mark| {
        (mark.get() == Mark::Outside).then(|| {
            mark.set(Mark::Inside);
            Entered(())
        })
    })
    .ok()
    .flatten()
}

/// Marks the calling thread as one of ours, for as long as it lives.
pub(crate) fn mark_own_thread() {
    MARK.try_with(|mark| mark.set(Mark::OwnThread)).ok();
}

/// Has the calling thread be one of ours for the time of `work`.
#[cfg(feature = "testing")]
pub(crate) fn as_own_thread(work: impl FnOnce()) {
    /// Restores the mark, whatever becomes of the work.
    struct Before(Option<Mark>);
    impl Drop for Before {
        fn drop(&mut self) {
            if let Some(before) = self.0 {
                MARK.try_with(|mark| mark.set(before)).ok();
            }
        }
    }
    let _before = Before(MARK.try_with(|mark| mark.replace(Mark::OwnThread)).ok());
    work();
}

/// Whether the calling thread is inside our code: a flush in a field's `Debug`, say.
pub(crate) fn is_inside() -> bool {
    MARK.try_with(|mark| mark.get() == Mark::Inside).unwrap_or(false)
}

/// Whether the calling thread is one of ours.
pub(crate) fn is_own_thread() -> bool {
    MARK.try_with(|mark| mark.get() == Mark::OwnThread).unwrap_or(false)
}

/// Runs somebody else's panic hook. If it panics, the process ends.
pub(crate) fn run_hook(hook: impl FnOnce()) {
    IN_HOOK.try_with(|is_in_hook| is_in_hook.set(true)).ok();
    hook();
    IN_HOOK.try_with(|is_in_hook| is_in_hook.set(false)).ok();
}

/// Whether the calling thread runs somebody else's panic hook, with ours to follow.
pub(crate) fn is_in_hook() -> bool {
    IN_HOOK.try_with(Cell::get).unwrap_or(false)
}

impl Drop for Entered {
    fn drop(&mut self) {
        MARK.try_with(|mark| mark.set(Mark::Outside)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::{enter, is_own_thread, mark_own_thread};

    #[test]
    fn f040_a_second_entry_is_refused_until_the_first_is_left() {
        let first = enter();
        assert!(first.is_some());
        assert!(enter().is_none());
        drop(first);
        assert!(enter().is_some());
    }

    #[test]
    fn an_own_thread_never_enters() {
        std::thread::spawn(|| {
            assert!(!is_own_thread());
            mark_own_thread();
            assert!(is_own_thread());
            assert!(enter().is_none());
        })
        .join()
        .unwrap();
    }
}
