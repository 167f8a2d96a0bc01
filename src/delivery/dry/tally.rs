//! What a dry run did not page, by title and reason, until it is told.
//!
//! Time is an argument. Invariant: all that was stopped is told, and once: by its title, or among
//! that of other titles.

use std::{sync::Mutex, time::Duration};

use crate::{lock::lock, stats::Count, witness::Witness};

/// It is told when nothing more has come for this long,
const REST: Duration = Duration::from_secs(1);
/// or when so long has passed since it was looked at first.
const LONGEST: Duration = Duration::from_secs(10);
/// Titles, each with a reason, that are told by name at most.
const TITLES: usize = 8;

/// What was stopped and is not told yet.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    held: Mutex<Held>,
    /// What the counter of those said last.
    cancelled: Mutex<u64>,
}

#[derive(Debug, Default)]
struct Held {
    stopped: Stopped,
    /// All of it.
    count: u64,
    looks: Option<Looks>,
}

/// How the worker has looked at it.
#[derive(Clone, Copy, Debug)]
struct Looks {
    first: Duration,
    /// When there was more than before, and how much.
    newest: Duration,
    count: u64,
}

/// What was stopped.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Stopped {
    pub(crate) titles: Vec<(String, Count, u64)>,
    /// Of other titles.
    pub(crate) more: u64,
    /// What the outbox has cancelled, which knows it by no title any more.
    pub(crate) cancelled: u64,
}

impl Tally {
    /// The outbox has cancelled so many since it began.
    pub(crate) fn cancelled(&self, count: u64) {
        let more = count.saturating_sub(std::mem::replace(&mut *lock(&self.cancelled), count));
        let mut held = lock(&self.held);
        held.count = held.count.saturating_add(more);
        held.stopped.cancelled = held.stopped.cancelled.saturating_add(more);
    }

    /// What is to be told now; else when there may be something to tell.
    pub(crate) fn look(&self, now: Duration) -> Result<Stopped, Option<Duration>> {
        let mut held = lock(&self.held);
        let count = held.count;
        if count == 0 {
            return Err(None);
        }
        let fresh = Looks { first: now, newest: now, count };
        let looks = held.looks.get_or_insert(fresh);
        if looks.count < count {
            (looks.newest, looks.count) = (now, count);
        }
        let rests = looks.newest.saturating_add(REST).min(looks.first.saturating_add(LONGEST));
        if now < rests {
            return Err(Some(rests));
        }
        Ok(std::mem::take(&mut *held).stopped)
    }

    /// All that is not told yet.
    pub(crate) fn rest(&self) -> Stopped {
        std::mem::take(&mut *lock(&self.held)).stopped
    }
}

impl Witness for Tally {
    fn stopped(&self, title: &str, why: Count) -> bool {
        let mut held = lock(&self.held);
        held.count = held.count.saturating_add(1);
        let Stopped { titles, more, .. } = &mut held.stopped;
        let has_room = titles.len() < TITLES;
        match titles.iter_mut().find(|(known, reason, _)| known == title && *reason == why) {
            Some((_, _, count)) => *count = count.saturating_add(1),
            None if has_room => titles.push((title.to_owned(), why, 1)),
            None => *more = more.saturating_add(1),
        }
        // What follows the first is found when that is told.
        held.count == 1
    }

    fn resolve_stopped(&self, _title: &str, _why: Count) {}

    fn folded(&self, _title: &str, _into: &str) {}
}

#[cfg(test)]
mod tests;
