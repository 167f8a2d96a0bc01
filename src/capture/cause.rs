//! One failure on its way up: the same error in the same root span, soon after, under other titles.
//!
//! Pure: time is an argument. Invariants: the tables never grow, the oldest goes; whether a repeat
//! has to be noted is one atomic load; no lock is held while anybody else's code runs.

use std::{
    array,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{clock::millis, lock::lock};

/// The same error again within this time is the same failure.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// Causes known at most.
const CAUSES: usize = 64;
/// Leading titles whose followers wait to be told, at most, and followers of each.
const LEADERS: usize = 16;
const FOLLOWERS: usize = 3;
/// Words of the set of titles that lead: a bit each, by hash.
const WORDS: usize = 64;

/// Which failures were seen a moment ago.
#[derive(Debug)]
pub(crate) struct Causes {
    /// Titles that have led before, so that their repeats have to be noted, too.
    leading: [AtomicU64; WORDS],
    recent: Mutex<Recent>,
}

#[derive(Debug)]
struct Recent {
    causes: [Cause; CAUSES],
    leaders: [Leader; LEADERS],
}

/// A failure under one title.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Failure {
    /// Of its error and root span.
    pub(crate) hash: u64,
    /// The title's key.
    pub(crate) title: u64,
    /// How severe it is, 0 for unsaid.
    pub(crate) rank: u8,
}

/// A failure, and when it was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Cause {
    failure: Failure,
    /// The time and 1; 0 is never.
    at: u64,
}

/// A title and those that followed it, until somebody is told.
#[derive(Debug, Default)]
struct Leader {
    title: u64,
    at: u64,
    followers: Vec<String>,
}

impl Causes {
    pub(crate) fn new() -> Self {
        Self {
            leading: array::from_fn(|_| AtomicU64::new(0)),
            recent: Mutex::new(Recent {
                causes: [Cause::default(); CAUSES],
                leaders: array::from_fn(|_| Leader::default()),
            }),
        }
    }

    /// Whether the title (or one with its bit) was followed by another before.
    pub(crate) fn leads(&self, title: u64) -> bool {
        let (word, bit) = place(title);
        self.leading.get(word).is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }

    /// The failure went out, or was counted.
    pub(crate) fn note(&self, failure: Failure, now: Duration) {
        let cause = Cause { failure, at: millis(now).saturating_add(1) };
        let Failure { hash, title, .. } = failure;
        let mut recent = lock(&self.recent);
        let of_it = |Cause { failure, .. }: &Cause| failure.hash == hash && failure.title == title;
        let known = recent.causes.iter().position(of_it);
        let place = match known {
            Some(known) => recent.causes.get_mut(known),
            None => recent.causes.iter_mut().min_by_key(|cause| cause.at),
        };
        if let Some(place) = place {
            *place = cause;
        }
    }

    /// Whether the failure, which would open the title of the name `name` now, was noted a moment
    /// ago under another title and as no milder. If so, that one's next op tells of it.
    pub(crate) fn follows(&self, failure: Failure, name: &str, now: Duration) -> bool {
        let oldest = millis(now).saturating_sub(millis(WINDOW));
        let mut recent = lock(&self.recent);
        let leads = |cause: &&Cause| {
            let Failure { hash, title, rank } = cause.failure;
            let is_same = hash == failure.hash && title != failure.title && rank >= failure.rank;
            is_same && cause.at > oldest && cause.at > 0
        };
        let Some(leader) = recent.causes.iter().find(leads).map(|cause| cause.failure.title) else {
            return false;
        };
        let (word, bit) = place(leader);
        if let Some(word) = self.leading.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
        recent.follow(leader, name, millis(now));
        true
    }

    /// The names of the titles that have followed this one since that was told last.
    pub(crate) fn followers(&self, title: u64) -> Option<String> {
        if !self.leads(title) {
            return None;
        }
        let mut recent = lock(&self.recent);
        let leader = recent.leaders.iter_mut().find(|leader| leader.title == title)?;
        let followers = std::mem::take(&mut leader.followers);
        Some(followers.join("; ")).filter(|names| !names.is_empty())
    }
}

impl Recent {
    fn follow(&mut self, title: u64, name: &str, now: u64) {
        let known = self.leaders.iter().position(|leader| leader.title == title);
        let place = match known {
            Some(known) => self.leaders.get_mut(known),
            None => self.leaders.iter_mut().min_by_key(|leader| leader.at),
        };
        let Some(leader) = place else { return };
        if leader.title != title {
            leader.title = title;
            leader.followers.clear();
        }
        leader.at = now;
        if leader.followers.len() < FOLLOWERS && !leader.followers.iter().any(|known| known == name)
        {
            leader.followers.push(name.to_owned());
        }
    }
}

/// The word and the bit of a title in the set of those that lead.
fn place(title: u64) -> (usize, u64) {
    // `WORDS` is a power of two.
    let word = usize::try_from((title >> 6) & (WORDS as u64).wrapping_sub(1)).unwrap_or(0);
    (word, 1_u64.rotate_left((title & 63) as u32))
}

#[cfg(test)]
mod tests;
