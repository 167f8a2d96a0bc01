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

/// A failure: the hash of its error and root span, the title that it had first, and when.
#[derive(Clone, Copy, Debug, Default)]
struct Cause {
    hash: u64,
    title: u64,
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

    /// The failure `hash` went out, or was counted, under the title `title`.
    pub(crate) fn note(&self, hash: u64, title: u64, now: Duration) {
        let cause = Cause { hash, title, at: millis(now).saturating_add(1) };
        let mut recent = lock(&self.recent);
        let of_it = |known: &Cause| known.hash == hash && known.title == title;
        let known = recent.causes.iter().position(of_it);
        let place = match known {
            Some(known) => recent.causes.get_mut(known),
            None => recent.causes.iter_mut().min_by_key(|cause| cause.at),
        };
        if let Some(place) = place {
            *place = cause;
        }
    }

    /// Whether the failure was noted a moment ago under another title than this one, which has
    /// the name `name` and would be opened now. If so, that other title's next op tells of it.
    pub(crate) fn follows(&self, hash: u64, title: u64, name: &str, now: Duration) -> bool {
        let oldest = millis(now).saturating_sub(millis(WINDOW));
        let mut recent = lock(&self.recent);
        let leads = |cause: &&Cause| {
            cause.hash == hash && cause.title != title && cause.at > oldest && cause.at > 0
        };
        let Some(leader) = recent.causes.iter().find(leads).map(|cause| cause.title) else {
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
    let word = usize::try_from((title >> 6) % WORDS as u64).unwrap_or(0);
    (word, 1_u64.rotate_left((title & 63) as u32))
}

#[cfg(test)]
mod tests {
    use super::{CAUSES, Causes};
    use std::time::Duration;

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_same_error_soon_after_under_another_title_follows_the_first() {
        let causes = Causes::new();
        assert!(!causes.follows(9, 1, "query failed", millis(0)), "nobody before it");
        causes.note(9, 1, millis(0));
        assert!(!causes.follows(9, 1, "query failed", millis(1)), "its own title is a repeat");
        assert!(!causes.follows(8, 2, "order failed", millis(1)), "another error");
        assert!(!causes.leads(1));
        assert!(causes.follows(9, 2, "order failed", millis(1_000)) && causes.leads(1));
        assert!(causes.follows(9, 3, "request failed", millis(1_000)));
        assert!(causes.follows(9, 2, "order failed", millis(1_000)));
        assert!(!causes.follows(9, 2, "order failed", millis(1_001)), "a second later");
        assert_eq!(causes.followers(1).as_deref(), Some("order failed; request failed"));
        assert_eq!((causes.followers(1), causes.followers(2)), (None, None), "told once");
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let causes = Causes::new();
        for hash in 0..=CAUSES as u64 {
            causes.note(hash, 1, millis(hash));
        }
        assert!(!causes.follows(0, 2, "x", millis(100)));
        assert!(causes.follows(1, 2, "x", millis(100)));
    }
}
