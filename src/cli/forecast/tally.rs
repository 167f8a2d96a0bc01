//! What is counted while a log is read.
//!
//! Invariant: each table is bounded; what is dropped from one is in the sums still.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use super::{
    clock::LogTime,
    line::Event,
    replay::{Fate, Onlooker, Taken},
    time::{DAY, SECOND},
};
use crate::{
    incident::{Detail, Op, Status, StormDetail},
    stats::Count,
};

/// Titles that are told apart.
const TITLES: usize = 16_384;
/// Titles whose being open is remembered.
const OPEN: usize = 1 << 18;
/// Slots of the chart, before it gets coarser, and days.
const SLOTS: usize = 1 << 16;
/// The finest slot of the chart, in microseconds.
const FINEST: i64 = 300 * SECOND;
/// Bytes of a sample.
const SAMPLE: usize = 400;

/// One title.
#[derive(Clone, Debug, Default)]
pub(super) struct Title {
    pub(super) title: String,
    /// The message of its first event.
    pub(super) sample: String,
    pub(super) target: String,
    /// File and line, hashed; 0 if the log does not tell.
    pub(super) site: u64,
    /// Events that asked to page.
    pub(super) events: u64,
    /// Events that its pages and repeats have told of.
    pub(super) told: u64,
    /// Incidents opened.
    pub(super) pages: u64,
    /// Repeats told.
    pub(super) repeats: u64,
    /// Events that went into a storm incident.
    pub(super) in_storms: u64,
    /// Incidents that are left if it takes several occurrences.
    pub(super) pages_after: u64,
    pub(super) first: i64,
    pub(super) last: i64,
}

/// A storm incident.
#[derive(Clone, Debug, Default)]
pub(super) struct Storm {
    pub(super) at: i64,
    pub(super) events: u64,
    pub(super) titles: u64,
    pub(super) sample: Vec<String>,
}

/// All that is counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) titles: HashMap<u64, Title>,
    /// Titles that were dropped from the table.
    pub(super) dropped: u64,
    pub(super) events: u64,
    pub(super) pages: u64,
    pub(super) repeats: u64,
    pub(super) resolves: u64,
    pub(super) pages_after: u64,
    pub(super) storms: Vec<Storm>,
    /// Counted on a storm incident that is not sent yet.
    unsent: Storm,
    /// The key of the newest storm, until it is resolved.
    open_storm: Option<u64>,
    /// Pages by day, and by slot.
    pub(super) days: BTreeMap<i64, u64>,
    pub(super) slots: BTreeMap<i64, u64>,
    /// How long a slot is.
    pub(super) slot: i64,
    open: HashSet<u64>,
    open_after: HashSet<u64>,
}

impl Title {
    /// Events under this title, its own or what was folded into it.
    pub(super) fn occurrences(&self) -> u64 {
        self.events.max(self.told)
    }

    /// The title without its place.
    pub(super) fn text(&self) -> &str {
        let place = self.title.strip_suffix(self.target.as_str());
        place.and_then(|text| text.strip_suffix(" in ")).unwrap_or(&self.title)
    }

    /// How much it matters.
    pub(super) fn weight(&self) -> (u64, u64) {
        (self.pages, self.occurrences())
    }
}

/// Titles of a storm that are told.
const SAMPLES: usize = 3;
/// Storms that are told one by one.
const STORMS: usize = 100;

impl Tally {
    pub(super) fn new() -> Self {
        Self { slot: FINEST, ..Self::default() }
    }

    /// The table's entry of a title, made if there is room.
    fn title(&mut self, key: u64, title: &str) -> &mut Title {
        if self.titles.len() >= TITLES && !self.titles.contains_key(&key) {
            self.prune();
        }
        self.titles
            .entry(key)
            .or_insert_with(|| Title { title: title.to_owned(), ..Title::default() })
    }

    /// Drops the half that matters least.
    fn prune(&mut self) {
        let mut weights: Vec<_> = self.titles.values().map(Title::weight).collect();
        let middle = weights.len() / 2;
        let (_, least, _) = weights.select_nth_unstable(middle);
        let least = *least;
        let before = self.titles.len();
        self.titles.retain(|_, title| title.weight() > least);
        self.dropped = self.dropped.saturating_add(before.saturating_sub(self.titles.len()) as u64);
    }

    /// An event was counted on the storm incident.
    fn fold(&mut self, title: &str, is_new: bool) {
        let is_open = self.open_storm.is_some();
        let unsent = &mut self.unsent;
        let storm = if is_open { self.storms.last_mut().unwrap_or(unsent) } else { unsent };
        storm.events = storm.events.saturating_add(1);
        storm.titles = storm.titles.saturating_add(u64::from(is_new));
        if is_new && storm.sample.len() < SAMPLES {
            storm.sample.push(title.to_owned());
        }
    }

    /// The storm incident was sent, with the event that made it go out.
    fn storm(&mut self, detail: &StormDetail, at: i64, is_page: bool) {
        if is_page && self.storms.len() < STORMS {
            let Storm { events, titles, sample, .. } = std::mem::take(&mut self.unsent);
            self.storms.push(Storm { at, events, titles: titles.saturating_add(1), sample });
        }
        let Some(storm) = self.storms.last_mut() else { return };
        storm.events = storm.events.saturating_add(1);
        storm.titles = storm.titles.max(detail.titles);
        if storm.sample.is_empty() {
            storm.sample.clone_from(&detail.sample);
        }
    }

    fn page(&mut self, at: i64) {
        self.pages = self.pages.saturating_add(1);
        add(&mut self.days, at.div_euclid(DAY));
        add(&mut self.slots, at.div_euclid(self.slot));
        if self.slots.len() > SLOTS {
            self.coarsen();
        }
    }

    fn coarsen(&mut self) {
        self.slot = self.slot.saturating_mul(12);
        let fine = std::mem::take(&mut self.slots);
        for (slot, count) in fine {
            let coarse = self.slots.entry(slot.div_euclid(12)).or_default();
            *coarse = coarse.saturating_add(count);
        }
    }

    /// The most pages of a day, and which day that is, in days since 1970.
    pub(super) fn worst_day(&self) -> Option<(i64, u64)> {
        self.days.iter().max_by_key(|(_, pages)| **pages).map(|(day, pages)| (*day, *pages))
    }
}

fn add(counts: &mut BTreeMap<i64, u64>, at: i64) {
    if counts.len() < SLOTS.saturating_mul(2) || counts.contains_key(&at) {
        let count = counts.entry(at).or_default();
        *count = count.saturating_add(1);
    }
}

/// Remembers that a title is open; tells whether it was not.
fn open(titles: &mut HashSet<u64>, key: u64) -> bool {
    if titles.len() >= OPEN {
        titles.clear();
    }
    titles.insert(key)
}

/// Counts for one event, or for what happens between two.
pub(super) struct Counting<'a> {
    pub(super) tally: &'a mut Tally,
    pub(super) clock: &'a LogTime,
    /// The event at hand, and when it was.
    pub(super) event: Option<(&'a Event<'a>, i64)>,
}

impl Counting<'_> {
    fn wall(&self, now: Duration) -> i64 {
        self.clock.wall(now)
    }
}

impl Onlooker for Counting<'_> {
    fn taken(&mut self, taken: Taken<'_>) {
        let Fate::Trigger(end) = taken.fate else { return };
        self.tally.events = self.tally.events.saturating_add(1);
        let Some((event, at)) = self.event else { return };
        let title = self.tally.title(taken.key, taken.title);
        let is_new = title.events == 0;
        if is_new {
            title.sample = sample(event);
            title.target = event.target.as_ref().to_owned();
            title.site = event.site();
            (title.first, title.last) = (at, at);
        }
        title.events = title.events.saturating_add(1);
        title.last = title.last.max(at);
        if end == Err(Count::SuppressedStorm) {
            title.in_storms = title.in_storms.saturating_add(1);
            self.tally.fold(taken.title, is_new);
        }
    }

    fn sent(&mut self, op: &Op, now: Duration) {
        let at = self.wall(now);
        match op.status {
            Status::Resolve { .. } => {
                self.tally.open.remove(&op.key);
                self.tally.open_storm.take_if(|storm| *storm == op.key);
                self.tally.resolves = self.tally.resolves.saturating_add(1);
                return;
            }
            Status::Trigger { .. } => {}
        }
        let is_page = open(&mut self.tally.open, op.key);
        if let Detail::Storm(detail) = &op.detail {
            self.tally.storm(detail, at, is_page);
            self.tally.open_storm = Some(op.key);
        }
        let event = self.event.map(|(event, _)| event);
        let title = self.tally.title(op.key, &op.title);
        if title.events == 0 && title.pages == 0 {
            // What others are folded into: its first event is the one at hand.
            title.target = event.map(|event| event.target.as_ref().to_owned()).unwrap_or_default();
            title.sample = event.map(sample).unwrap_or_default();
            title.first = at;
        }
        title.last = title.last.max(at);
        title.told = title.told.saturating_add(op.occurrences.since_last);
        if is_page {
            title.pages = title.pages.saturating_add(1);
            self.tally.page(at);
        } else {
            title.repeats = title.repeats.saturating_add(1);
            self.tally.repeats = self.tally.repeats.saturating_add(1);
        }
    }
}

/// Counts what would page if it took several occurrences, whatever the title.
pub(super) struct CountingAfter<'a> {
    pub(super) tally: &'a mut Tally,
}

impl Onlooker for CountingAfter<'_> {
    fn taken(&mut self, _: Taken<'_>) {}

    fn sent(&mut self, op: &Op, _: Duration) {
        if matches!(op.status, Status::Resolve { .. }) {
            self.tally.open_after.remove(&op.key);
        } else if open(&mut self.tally.open_after, op.key) {
            self.tally.pages_after = self.tally.pages_after.saturating_add(1);
            let title = self.tally.title(op.key, &op.title);
            title.pages_after = title.pages_after.saturating_add(1);
        }
    }
}

/// What a person recognises an event by: its message, else its fields.
fn sample(event: &Event<'_>) -> String {
    let mut text = match event.message() {
        Some(message) => message.to_owned(),
        None => {
            let pairs = event.fields.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        }
    };
    text.truncate(crate::fields::head(&text, SAMPLE).len());
    text
}
