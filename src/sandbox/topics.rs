//! What Spike remembers of a title, with or without an open incident.
//!
//! Owns the count towards the rate limit, the remembered severity and priority, and the bound
//! on how many titles are remembered: 10,000 and 16 MiB, those not seen for longest going
//! first. Pure: `now` is an argument.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::model::KEPT;
use super::payload::Payload;

/// So many triggers of one title within [`WINDOW`] limit it (Spike's documentation on rate limits).
pub(super) const LIMIT: usize = 20;
/// The window of [`LIMIT`], and how long a title stays limited.
const WINDOW: Duration = Duration::from_secs(60);
/// Bytes of titles kept.
const KEPT_BYTES: usize = 16 << 20;

/// What decides that two triggers belong to one incident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) token: Arc<str>,
    pub(super) title: String,
}

/// What is remembered of one title.
#[derive(Default)]
pub(super) struct Topic {
    /// Number of the open incident.
    pub(super) open: Option<u64>,
    pub(super) severity: Option<String>,
    pub(super) priority: Option<String>,
    /// Arrivals that count towards the limit, oldest first, at most [`LIMIT`].
    recent: VecDeque<Duration>,
    limited_until: Option<Duration>,
    last_seen: Duration,
}

impl Topic {
    /// Counts an arrival and tells for how long the title is limited now. The arrival that
    /// makes 20 within 60 s is itself dropped; dropped ones do not prolong the minute.
    pub(super) fn count(&mut self, now: Duration) -> Option<Duration> {
        let left = self.limited_until.and_then(|until| until.checked_sub(now));
        if let Some(left) = left.filter(|left| !left.is_zero()) {
            return Some(left);
        }
        self.limited_until = None;
        self.recent.retain(|then| now.saturating_sub(*then) < WINDOW);
        self.recent.push_back(now);
        if self.recent.len() < LIMIT {
            return None;
        }
        self.recent.clear();
        self.limited_until = Some(now.saturating_add(WINDOW));
        Some(WINDOW)
    }

    /// How long ago each arrival was that counts now, and how much longer the title is limited.
    pub(super) fn window(&self, now: Duration) -> (Vec<Duration>, Option<Duration>) {
        let ages = self.recent.iter().map(|then| now.saturating_sub(*then));
        let left = self.limited_until.and_then(|until| until.checked_sub(now));
        (ages.filter(|age| *age < WINDOW).collect(), left.filter(|left| !left.is_zero()))
    }

    /// Forgets the count, and the limit if there is one.
    pub(super) fn lift_limit(&mut self) {
        self.limited_until = None;
        self.recent.clear();
    }

    /// Takes over the severity and priority of a payload.
    pub(super) fn remember(&mut self, payload: &Payload) {
        overwrite(&mut self.severity, &payload.severity);
        overwrite(&mut self.priority, &payload.priority);
    }
}

/// The titles that are remembered.
pub(super) struct Topics {
    by_key: HashMap<Key, Topic>,
    /// Sum of the lengths of the titles.
    bytes: usize,
}

impl Topics {
    pub(super) fn new() -> Self {
        Self { by_key: HashMap::new(), bytes: 0 }
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Topic> {
        self.by_key.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Topic> {
        self.by_key.get_mut(key)
    }

    /// Those with this title, one per token.
    pub(super) fn with_title(&mut self, title: &str) -> impl Iterator<Item = &mut Topic> {
        let entries = self.by_key.iter_mut();
        entries.filter(move |(key, _)| key.title == title).map(|(_, topic)| topic)
    }

    /// What is known of a title that is seen now; makes room first if it is a new one.
    pub(super) fn see(&mut self, key: Key, now: Duration) -> &mut Topic {
        if !self.by_key.contains_key(&key) {
            let full = self.by_key.len() >= KEPT;
            if full || self.bytes.saturating_add(key.title.len()) > KEPT_BYTES {
                self.forget_oldest();
            }
            self.bytes = self.bytes.saturating_add(key.title.len());
        }
        let topic = self.by_key.entry(key).or_default();
        topic.last_seen = now;
        topic
    }

    /// Drops the half of the titles that was not seen for longest: a half, so that a flood of
    /// titles does not pay for a search each.
    fn forget_oldest(&mut self) {
        let mut seen: Vec<Duration> = self.by_key.values().map(|topic| topic.last_seen).collect();
        if seen.is_empty() {
            return;
        }
        let middle = seen.len() / 2;
        let (_, median, _) = seen.select_nth_unstable(middle);
        let median = *median;
        self.by_key.retain(|_, topic| topic.last_seen > median);
        self.bytes = self.by_key.keys().map(|key| key.title.len()).sum();
    }
}

/// What a payload says overwrites; what it leaves out stays.
pub(super) fn overwrite(known: &mut Option<String>, said: &Option<String>) {
    if said.is_some() {
        known.clone_from(said);
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Duration, KEPT, KEPT_BYTES, Key, Topics};

    fn key(title: String) -> Key {
        Key { token: Arc::from("token-of-this-test"), title }
    }

    #[test]
    fn a_flood_of_titles_is_bounded_and_the_newest_stay() {
        let mut topics = Topics::new();
        for number in 0..3 * KEPT {
            let now = Duration::from_millis(number as u64);
            topics.see(key(format!("title {number}")), now).open = Some(1);
            assert!(topics.by_key.len() <= KEPT);
        }
        assert!(topics.get(&key(format!("title {}", 3 * KEPT - 1))).is_some());
        assert!(topics.get(&key("title 0".to_owned())).is_none());
    }

    #[test]
    fn long_titles_are_bounded_by_bytes() {
        let mut topics = Topics::new();
        for number in 0..100 {
            let title = format!("{number} {}", "x".repeat(1 << 20));
            topics.see(key(title), Duration::from_millis(number));
            assert!(topics.bytes <= KEPT_BYTES);
        }
        assert!(topics.by_key.len() > 4);
    }
}
