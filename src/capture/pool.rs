//! Buffers that the worker has done with, for the next incidents: a thread that allocates what
//! another frees makes the two wait for one another inside the allocator.
//!
//! Invariants: nobody waits for it, a thread that finds it in use does without; what it keeps is
//! bounded.

use std::sync::{Mutex, TryLockError};

use crate::fields::Fields;

/// Sets that are kept at most, and the most that one of them may hold, in bytes.
const SETS: usize = 128;
const LARGEST: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<Fields>>);

impl Pool {
    /// A copy, in buffers from here if there are any.
    pub(crate) fn copy(&self, fields: &Fields) -> Fields {
        let mut copy = self.open(Vec::pop).flatten().unwrap_or_default();
        copy.copy_from(fields);
        copy
    }

    /// Takes buffers that nobody needs any more.
    pub(crate) fn give(&self, fields: Fields) {
        if fields.room() <= LARGEST {
            self.open(|sets| {
                if sets.len() < SETS {
                    sets.push(fields);
                }
            });
        }
    }

    fn open<T>(&self, work: impl FnOnce(&mut Vec<Fields>) -> T) -> Option<T> {
        match self.0.try_lock() {
            Ok(mut sets) => Some(work(&mut sets)),
            Err(TryLockError::Poisoned(sets)) => Some(work(&mut sets.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, Pool, SETS};
    use crate::fields::Fields;

    fn fields(length: usize) -> Fields {
        let mut fields = Fields::default();
        fields.push_text("field", |out| {
            out.push_str(&"x".repeat(length));
            false
        });
        fields
    }

    #[test]
    fn a_copy_is_that_and_nothing_of_what_was_there_before() {
        let (pool, one) = (Pool::default(), fields(20));
        pool.give(fields(100));
        for _ in 0..2 {
            let copy = pool.copy(&one);
            let texts: Vec<_> = copy.iter().map(|field| copy.text(field.value)).collect();
            assert_eq!((texts, copy.weight()), (vec!["x".repeat(20).as_str()], one.weight()));
        }
    }

    #[test]
    fn it_keeps_few_and_small_ones() {
        let pool = Pool::default();
        pool.give(fields(LARGEST + 1));
        assert_eq!(pool.open(|sets| sets.len()), Some(0));
        (0..2 * SETS).for_each(|_| pool.give(fields(10)));
        assert_eq!(pool.open(|sets| sets.len()), Some(SETS));
    }
}
