//! A numbered list that keeps only its newest entries.
//!
//! Owns the bound on the sandbox's memory: a ring never holds more than its count or its
//! weight in bytes, and it always keeps the newest entry. Numbers start at 1, have no gaps,
//! and go on when entries are evicted. Does no I/O and reads no clock.

use std::collections::VecDeque;

/// The newest entries, each with a number and a weight in bytes.
pub(super) struct Ring<T> {
    /// Oldest first, each with its weight.
    entries: VecDeque<(usize, T)>,
    /// Entries ever pushed, which is also the number of the newest.
    total: u64,
    /// Sum of the weights of `entries`.
    weight: usize,
    max_entries: usize,
    max_weight: usize,
}

impl<T> Ring<T> {
    /// An empty ring with these bounds.
    pub(super) fn new(max_entries: usize, max_weight: usize) -> Self {
        Self { entries: VecDeque::new(), total: 0, weight: 0, max_entries, max_weight }
    }

    /// Entries ever pushed, evicted ones included.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// The number that the next entry will get.
    pub(super) fn next_number(&self) -> u64 {
        self.total.saturating_add(1)
    }

    /// Appends an entry and returns its number.
    pub(super) fn push(&mut self, entry: T, weight: usize) -> u64 {
        self.entries.push_back((weight, entry));
        self.total = self.next_number();
        self.weight = self.weight.saturating_add(weight);
        self.evict();
        self.total
    }

    /// The entry with this number, unless it was evicted.
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = self.index(number)?;
        self.entries.get_mut(index).map(|(_, entry)| entry)
    }

    /// Tells the ring that an entry has another weight now; may evict older ones.
    pub(super) fn reweigh(&mut self, number: u64, weight: usize) {
        let Some(index) = self.index(number) else {
            return;
        };
        let Some((old, _)) = self.entries.get_mut(index) else {
            return;
        };
        self.weight = self.weight.saturating_sub(*old).saturating_add(weight);
        *old = weight;
        self.evict();
    }

    /// Drops all entries; the numbers go on.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.weight = 0;
    }

    /// The entry with this number, unless it was evicted.
    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.entries.get(self.index(number)?).map(|(_, entry)| entry)
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    fn index(&self, number: u64) -> Option<usize> {
        let behind_newest = usize::try_from(self.total.checked_sub(number)?).ok()?;
        self.entries.len().checked_sub(1)?.checked_sub(behind_newest)
    }

    fn evict(&mut self) {
        let over =
            |ring: &Self| ring.entries.len() > ring.max_entries || ring.weight > ring.max_weight;
        while self.entries.len() > 1 && over(self) {
            let Some((weight, _)) = self.entries.pop_front() else {
                return;
            };
            self.weight = self.weight.saturating_sub(weight);
        }
    }
}

#[cfg(test)]
mod tests {

    use super::Ring;

    fn kept(ring: &Ring<u32>) -> Vec<u32> {
        ring.iter().copied().collect()
    }

    #[test]
    fn numbers_go_on_when_old_entries_leave() {
        let mut ring = Ring::new(3, 100);
        let numbers: Vec<u64> = (10..15).map(|entry| ring.push(entry, 1)).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert_eq!(kept(&ring), [12, 13, 14]);
        assert_eq!(ring.total(), 5);
        assert_eq!(ring.get_mut(2), None);
        assert_eq!(*ring.get_mut(3).unwrap(), 12);
        assert_eq!(*ring.get_mut(5).unwrap(), 14);
        assert_eq!(ring.get_mut(6), None);
        assert_eq!(ring.get_mut(0), None);
    }

    #[test]
    fn weight_evicts_but_never_the_newest() {
        let mut ring = Ring::new(10, 10);
        ring.push(1, 6);
        ring.push(2, 6);
        assert_eq!(kept(&ring), [2]);
        ring.push(3, 1_000);
        assert_eq!(kept(&ring), [3]);
        ring.push(4, 4);
        ring.push(5, 4);
        assert_eq!(kept(&ring), [4, 5]);
        ring.reweigh(5, 7);
        assert_eq!(kept(&ring), [5]);
    }
}
