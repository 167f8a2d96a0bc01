//! How often a title has occurred that pages only when it occurs often: `Rule::after`.
//!
//! Pure: time is an argument. Invariants: the table never grows, and of its titles the least
//! recently used goes; room for a title's times is taken once, and never for more than
//! [`MOST`] of them; no lock is held while anybody else's code runs.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use crate::{clock::millis, lock::lock, rule::Threshold};

/// Occurrences that a rule may ask for, at most.
pub(crate) const MOST: usize = 100;

/// Titles known at most: `SETS * WAYS`, 256.
const SETS: usize = 64;
const WAYS: usize = 4;

/// The bounded table of titles that have not paged yet.
#[derive(Debug)]
pub(crate) struct Waiting {
    sets: Box<[Mutex<Set>]>,
}

#[derive(Debug, Default)]
struct Set {
    /// Counts uses, to tell which title was used last.
    turn: u64,
    titles: [Title; WAYS],
}

#[derive(Debug, Default)]
struct Title {
    /// 0 while the place in the table is free.
    key: u64,
    used: u64,
    /// When it occurred, oldest first, in milliseconds.
    times: VecDeque<u64>,
    /// How many of the oldest the gate has counted.
    counted: usize,
}

/// The occurrences that were waiting for this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Those that the gate has not counted.
    pub(crate) earlier: u64,
    /// When the first of them all was.
    pub(crate) first: Duration,
}

impl Waiting {
    pub(crate) fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::new(Set::default())).collect() }
    }

    /// The title `key` occurs; `None` when that is not often enough yet.
    pub(crate) fn occurs(&self, key: u64, threshold: Threshold, now: Duration) -> Option<Reached> {
        let (key, now, within) = (key.max(1), millis(now), millis(threshold.within));
        let mut set = lock(self.set(key)?);
        let title = set.title(key)?;
        let most = usize::try_from(threshold.n).unwrap_or(MOST).clamp(1, MOST);
        title.make_room(most);
        while title.times.front().is_some_and(|at| now.saturating_sub(*at) > within) {
            title.forget_first();
        }
        title.times.push_back(now);
        let Title { times, counted, .. } = title;
        let first = *times.front().filter(|_| times.len() >= most)?;
        let earlier = times.len().saturating_sub(1).saturating_sub(*counted);
        let earlier = u64::try_from(earlier).unwrap_or(u64::MAX);
        Some(Reached { earlier, first: Duration::from_millis(first) })
    }

    /// The gate has counted what waited, though the title is not open.
    pub(crate) fn counted(&self, key: u64) {
        self.change(key, |title| title.counted = title.times.len());
    }

    /// The title has paged: it begins anew.
    pub(crate) fn clear(&self, key: u64) {
        self.change(key, Title::clear);
    }

    fn change(&self, key: u64, change: impl FnOnce(&mut Title)) {
        let key = key.max(1);
        let Some(set) = self.set(key) else { return };
        let mut set = lock(set);
        if let Some(title) = set.titles.iter_mut().find(|title| title.key == key) {
            change(title);
        }
    }

    fn set(&self, key: u64) -> Option<&Mutex<Set>> {
        // `SETS` is a power of two.
        let index = usize::try_from(key & (SETS as u64).wrapping_sub(1)).ok()?;
        self.sets.get(index)
    }
}

impl Set {
    /// The place of a title; a new one gets a free one, or that of the least recently used.
    fn title(&mut self, key: u64) -> Option<&mut Title> {
        self.turn = self.turn.saturating_add(1);
        let known = self.titles.iter().position(|title| title.key == key);
        let title = match known {
            Some(way) => self.titles.get_mut(way)?,
            None => self.titles.iter_mut().min_by_key(|title| title.used)?,
        };
        if known.is_none() {
            title.key = key;
            title.clear();
        }
        title.used = self.turn;
        Some(title)
    }
}

impl Title {
    /// Makes room for one more time, of so many at most.
    fn make_room(&mut self, most: usize) {
        if self.times.capacity() < most {
            self.times.reserve_exact(most.saturating_sub(self.times.len()));
        }
        if self.times.len() >= most {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        self.times.pop_front();
        self.counted = self.counted.saturating_sub(1);
    }

    fn clear(&mut self) {
        self.times.clear();
        self.counted = 0;
    }
}

#[cfg(test)]
mod tests;
