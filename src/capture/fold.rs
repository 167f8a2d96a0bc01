//! How many kinds of incident one callsite has opened, and whether it may open another.
//!
//! What a title rule misses gives a callsite a new title with each event. So a callsite that has
//! opened [`KINDS`] titles within [`WINDOW`] folds what else is new into one.
//!
//! Pure: time is an argument. Invariants: of one callsite, at most [`KINDS`] different kinds are
//! opened within any [`WINDOW`], as long as the table holds it; the table never grows, and of its
//! callsites the least recently used goes; no lock is held while anybody else's code runs.

use std::{array, sync::Mutex, time::Duration};

use crate::{
    capture::title::{Folding, MAX_CHARS},
    clock::millis,
    lock::lock,
};

/// Kinds that a callsite may open within [`WINDOW`].
pub(crate) const KINDS: usize = 5;
/// How long an opening counts.
pub(crate) const WINDOW: Duration = Duration::from_secs(600);

/// Callsites known at most: `SETS * WAYS`, 256.
const SETS: usize = 64;
const WAYS: usize = 4;

/// Bytes of the longest title.
const TITLE_BYTES: usize = MAX_CHARS * 4;

/// The bounded table of callsites.
#[derive(Debug)]
pub(crate) struct Fold {
    sets: Box<[Mutex<Set>]>,
}

/// Under which title a new kind goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    Own(Opening),
    /// Under that of the callsite's first title, whose place begins at this byte.
    Folded {
        place: usize,
    },
}

/// A kind that was counted, for [`take_back`](Fold::take_back).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening {
    site: u64,
    kind: u64,
    at: u64,
    /// When it was opened before.
    before: Option<u64>,
    /// Its title is the callsite's first.
    is_first: bool,
}

#[derive(Debug, Default)]
struct Set {
    /// Counts uses, to tell which callsite was used last.
    turn: u64,
    sites: [Site; WAYS],
}

/// What one callsite has opened.
#[derive(Debug, Default)]
struct Site {
    /// 0 while the place in the table is free.
    key: u64,
    used: u64,
    /// `title` is that of a kind that was opened.
    has_title: bool,
    /// The callsite's first title. Allocated once, at its full size.
    title: String,
    /// Where the place begins in `title`.
    place: usize,
    kinds: [Option<Opened>; KINDS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Opened {
    kind: u64,
    /// When it was opened last, in milliseconds.
    at: u64,
}

impl Fold {
    pub(crate) fn new() -> Self {
        Self { sets: (0..SETS).map(|_| Mutex::new(Set::default())).collect() }
    }

    /// A title of `kind` is about to be opened by the callsite `site`. When it is to be folded,
    /// the callsite's first title is appended to what `folding` begins.
    pub(crate) fn open(
        &self,
        site: u64,
        kind: u64,
        folding: &mut Folding<'_>,
        now: Duration,
    ) -> Opens {
        let (site, now) = (site.max(1), millis(now));
        let mut opening = Opening { site, kind, at: now, before: None, is_first: false };
        let Some(set) = self.set(site) else { return Opens::Own(opening) };
        let mut set = lock(set);
        let Some(found) = set.take(site) else { return Opens::Own(opening) };
        let Some(room) = found.room(kind, now) else {
            folding.begin().push_str(&found.title);
            return Opens::Folded { place: found.place };
        };
        opening.before = room.filter(|opened| opened.kind == kind).map(|opened| opened.at);
        *room = Some(Opened { kind, at: now });
        if !found.has_title {
            opening.is_first = true;
            found.begin(folding);
        }
        Opens::Own(opening)
    }

    /// The opening did not go out: as if it had not been counted.
    pub(crate) fn take_back(&self, opening: Opening) {
        let Some(set) = self.set(opening.site) else { return };
        let mut set = lock(set);
        let Some(site) = set.sites.iter_mut().find(|site| site.key == opening.site) else { return };
        let Opening { kind, at, before, is_first, .. } = opening;
        let counted = Some(Opened { kind, at });
        if let Some(place) = site.kinds.iter_mut().find(|place| **place == counted) {
            *place = before.map(|at| Opened { kind, at });
            // The next one to be opened is the first.
            site.has_title &= !is_first;
        }
    }

    fn set(&self, site: u64) -> Option<&Mutex<Set>> {
        // `SETS` is a power of two.
        let index = usize::try_from(site & (SETS as u64).wrapping_sub(1)).ok()?;
        self.sets.get(index)
    }
}

impl Set {
    /// What is known of the callsite; a new one gets a free place, or that of the least recently
    /// used.
    fn take(&mut self, key: u64) -> Option<&mut Site> {
        self.turn = self.turn.saturating_add(1);
        let known = self.sites.iter().position(|site| site.key == key);
        let site = match known {
            Some(way) => self.sites.get_mut(way)?,
            None => self.sites.iter_mut().min_by_key(|site| site.used)?,
        };
        if known.is_none() {
            site.key = key;
            site.has_title = false;
            site.kinds = array::from_fn(|_| None);
        }
        site.used = self.turn;
        Some(site)
    }
}

impl Site {
    /// The place for `kind`: its own, else a free one, else that of the oldest, once that counts
    /// no longer.
    fn room(&mut self, kind: u64, now: u64) -> Option<&mut Option<Opened>> {
        let is_known = |place: &Option<Opened>| place.is_some_and(|opened| opened.kind == kind);
        if let Some(known) = self.kinds.iter().position(is_known) {
            return self.kinds.get_mut(known);
        }
        let oldest = self.kinds.iter_mut().min_by_key(|place| place.map(|opened| opened.at))?;
        let counts = |opened: Opened| now.saturating_sub(opened.at) < millis(WINDOW);
        if oldest.is_some_and(counts) { None } else { Some(oldest) }
    }

    fn begin(&mut self, folding: &Folding<'_>) {
        self.has_title = true;
        self.place = folding.place;
        self.title.clear();
        self.title.reserve_exact(TITLE_BYTES);
        self.title.push_str(folding.kind);
    }
}

#[cfg(test)]
mod tests;
