//! What others may ask of a title, as far as it is known here. Invariant: nothing is changed.

use std::time::Duration;

use super::{Gate, page::Page};
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

    fn is(&self, key: u64, so: impl FnOnce(&Page) -> bool) -> bool {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return false };
        let mut books = lock(&set.books);
        set.known(&mut books, key).is_some_and(|(_, book)| so(&book.now))
    }
}
