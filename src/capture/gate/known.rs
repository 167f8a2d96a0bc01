//! What others may ask of a title, as far as it is known here, and of the budget.
//!
//! Invariant: nothing is changed.

use std::time::Duration;

use super::{Ask, Gate, page::Page};
use crate::{clock::millis, sync::lock};

impl Gate {
    /// Whether the title is open.
    pub(crate) fn is_open(&self, key: u64) -> bool {
        self.is(key, |page| page.open)
    }

    /// Whether it was said that the title is over, later than `at`.
    pub(crate) fn was_over_after(&self, key: u64, at: Duration) -> bool {
        self.is(key, |page| page.was_over_after(millis(at)))
    }

    /// Whether an opening would be counted in a storm that goes on, and nothing else. Takes no
    /// lock.
    pub(crate) fn is_storming(&self, ask: Ask, now: Duration) -> bool {
        let now = millis(now);
        let goes_on = || self.set(self.storm.1)?.find(self.storm.1).map(|it| it.is_repeat(0, now));
        self.has_spent(Ask { key: ask.key.max(1), ..ask }, now) && goes_on().unwrap_or(false)
    }

    /// The same, of a key and a time as the gate has them.
    pub(super) fn has_spent(&self, ask: Ask, now: u64) -> bool {
        ask.key != self.storm.1 && self.budget(ask).is_spent(now)
    }

    fn is(&self, key: u64, so: impl FnOnce(&Page) -> bool) -> bool {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return false };
        let mut books = lock(&set.books);
        set.known(&mut books, key).is_some_and(|(_, book)| so(&book.now))
    }
}
