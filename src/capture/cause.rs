//! One failure on its way up: the same error in the same root span, soon after, under other titles;
//! or a panic, and soon after what tells of it.
//!
//! Pure: time is an argument. Invariants: the tables never grow, the oldest goes; whether a repeat
//! has to be noted, and whether there was a panic, is one atomic load each; no lock is held while
//! anybody else's code runs.

use std::{
    array,
    fmt::Write,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{clock::millis, fields::head, lock::lock};

/// The same error again within this time is the same failure.
pub(crate) const WINDOW: Duration = Duration::from_secs(1);

/// Causes known at most: so many sets, by hash, of so many.
const SETS: usize = 8;
const CAUSES: usize = 8;
/// Leading titles whose followers wait to be told, at most, and followers of each.
const LEADERS: usize = 16;
const FOLLOWERS: usize = 3;
/// Panics known at most; what they said, in bytes, that is looked for: shorter texts are in many.
const PANICS: usize = 8;
const PANIC_TEXT: std::ops::RangeInclusive<usize> = 8..=256;
/// Words of the set of titles that lead: a bit each, by hash.
const WORDS: usize = 64;

/// Which failures were seen a moment ago.
#[derive(Debug)]
pub(crate) struct Causes {
    /// Titles that have led before, so that their repeats have to be noted, too.
    leading: [AtomicU64; WORDS],
    /// Before when there is a panic to look for, in milliseconds.
    panics_until: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Debug)]
struct Recent {
    causes: [[Cause; CAUSES]; SETS],
    leaders: [Leader; LEADERS],
    panics: [Panic; PANICS],
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

/// A panic that was paged, or counted.
#[derive(Debug, Default)]
struct Panic {
    title: u64,
    /// What it said, and the same as `Debug` writes it, which is how a `JoinError` tells it.
    text: String,
    quoted: String,
    /// As a cause's.
    at: u64,
}

impl Causes {
    pub(crate) fn new() -> Self {
        Self {
            panics_until: AtomicU64::new(0),
            leading: array::from_fn(|_| AtomicU64::new(0)),
            recent: Mutex::new(Recent {
                causes: [[Cause::default(); CAUSES]; SETS],
                leaders: array::from_fn(|_| Leader::default()),
                panics: array::from_fn(|_| Panic::default()),
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
        let causes = recent.causes_of(hash);
        let known = causes.iter().position(of_it);
        let place = match known {
            Some(known) => causes.get_mut(known),
            None => causes.iter_mut().min_by_key(|cause| cause.at),
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
        let leader = recent.causes_of(failure.hash).iter().find(leads);
        let Some(leader) = leader.map(|cause| cause.failure.title) else { return false };
        self.lead(leader);
        recent.follow(leader, name, millis(now));
        true
    }

    /// A panic that said this went out, or was counted, under this title.
    pub(crate) fn note_panic(&self, text: &str, title: u64, now: Duration) {
        let text = head(text, *PANIC_TEXT.end());
        if text.len() < *PANIC_TEXT.start() {
            return;
        }
        let mut recent = lock(&self.recent);
        let known = recent.panics.iter().position(|panic| panic.title == title);
        let place = match known {
            Some(known) => recent.panics.get_mut(known),
            None => recent.panics.iter_mut().min_by_key(|panic| panic.at),
        };
        if let Some(panic) = place {
            panic.say(text);
            (panic.title, panic.at) = (title, millis(now).saturating_add(1));
        }
        let until = millis(now.saturating_add(WINDOW)).saturating_add(1);
        self.panics_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Whether there was a panic a moment ago.
    pub(crate) fn has_panic(&self, now: Duration) -> bool {
        millis(now) < self.panics_until.load(Ordering::Relaxed)
    }

    /// Whether the text of an event, which would open the title of the name `name` now, tells what
    /// a panic said a moment ago. If so, that one's next op tells of it.
    pub(crate) fn follows_panic(&self, text: &str, name: &str, now: Duration) -> bool {
        let oldest = millis(now).saturating_sub(millis(WINDOW));
        let mut recent = lock(&self.recent);
        let told = |panic: &&Panic| panic.at > oldest && panic.at > 0 && panic.is_in(text);
        let Some(leader) = recent.panics.iter().find(told).map(|panic| panic.title) else {
            return false;
        };
        self.lead(leader);
        recent.follow(leader, name, millis(now));
        true
    }

    fn lead(&self, title: u64) {
        let (word, bit) = place(title);
        if let Some(word) = self.leading.get(word) {
            word.fetch_or(bit, Ordering::Relaxed);
        }
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
    /// Where the causes with this hash are.
    fn causes_of(&mut self, hash: u64) -> &mut [Cause] {
        let set = usize::try_from(hash).unwrap_or_default() % SETS;
        self.causes.get_mut(set).map_or(&mut [], |causes| causes)
    }

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

impl Panic {
    fn say(&mut self, text: &str) {
        if self.text == text {
            return;
        }
        self.text.clear();
        self.text.push_str(text);
        self.quoted.clear();
        // Writing to a string does not fail.
        write!(self.quoted, "{text:?}").ok();
    }

    fn is_in(&self, text: &str) -> bool {
        let quoted = self.quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        text.contains(&self.text) || quoted.is_some_and(|quoted| text.contains(quoted))
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
