//! What was going on in a root span before something in it pages: its last events, as they were.
//!
//! A fixed table of rings, one for each root span. Invariants: it never grows, the root that was
//! quiet for longest makes room; nobody waits for it, in a forked child neither, and what could not
//! be written for that is told; no lock is held while anybody else's code runs; a ring begins
//! empty, so that no root has what happened in another.

use std::{
    cell::Cell,
    hint,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tracing::{Event, Subscriber, span::Id};
use tracing_subscriber::{layer::Context, registry::LookupSpan};

use crate::{
    capture::{
        scratch::Taker,
        trail::{recording::Recording, ring::Ring},
    },
    incident::Trail,
    lock::try_lock,
};

pub(crate) use recording::LOG_TARGET;

mod recording;
mod ring;

/// Events of a root span that may be asked for.
pub(crate) const EVENTS: std::ops::RangeInclusive<usize> = 1..=64;
/// Root spans that have a trail at most: so many sets, by hash, of so many.
const SETS: usize = 128;
const ROOTS: usize = 8;
/// How often a lock that somebody has is asked for again: who has it copies some bytes.
const TRIES: usize = 100;

/// The trails of one layer.
#[derive(Debug)]
pub(crate) struct Trails {
    /// Events of each.
    most: usize,
    sets: Box<[Set]>,
}

#[derive(Debug, Default)]
struct Set {
    /// Whose the rings are, 0 for nobody's. Set under the lock, and cleared without.
    roots: [AtomicU64; ROOTS],
    /// Roots of which something could not be written, and the place of the next one.
    missed: [AtomicU64; ROOTS],
    next: AtomicUsize,
    rings: Mutex<Rings>,
}

#[derive(Debug, Default)]
struct Rings {
    rings: [Ring; ROOTS],
    /// When each was written last, by what was written into the set.
    used: [u64; ROOTS],
    writes: u64,
}

thread_local! {
    static RECORDING: Cell<Option<Box<Recording>>> = const { Cell::new(None) };
}

impl Trails {
    /// Of so many events each.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, sets: (0..SETS).map(|_| Set::default()).collect() }
    }

    /// Records an event, if it is in a span.
    pub(crate) fn note<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        taker: Taker<'_>,
        now: Duration,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(root) = root(event, ctx) else { return };
        let meta = event.metadata();
        // Lent, since a value's `Debug` may record an event of another subscriber's.
        let lent = RECORDING.try_with(Cell::take).ok().flatten();
        let mut recording = lent.unwrap_or_else(|| Box::new(Recording::new(meta)));
        recording.read(event, taker);
        self.set(root).write(root, &recording, now, self.most);
        RECORDING.try_with(|cell| cell.set(Some(recording))).ok();
    }

    /// What was recorded in a root span.
    pub(crate) fn of(&self, root: &Id, now: Duration) -> Option<Box<Trail>> {
        let root = root.into_u64();
        self.set(root).copy(root, now).map(Box::new)
    }

    /// A span has ended: if it was a root, its ring is nobody's.
    pub(crate) fn forget(&self, span: &Id) {
        let span = span.into_u64();
        let Set { roots, missed, .. } = self.set(span);
        for root in roots.iter().chain(missed).filter(|root| is(root, span)) {
            root.compare_exchange(span, 0, Ordering::Relaxed, Ordering::Relaxed).ok();
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder is less than what there is")]
    fn set(&self, root: u64) -> &Set {
        // The registry counts its spans from 1 on each thread, whose number is in the upper bits:
        // only the uppermost bits of the product depend on all of it.
        let hash =
            root.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS.saturating_sub(SETS.ilog2()));
        &self.sets[hash as usize % SETS]
    }
}

impl Set {
    fn write(&self, root: u64, recording: &Recording, now: Duration, most: usize) {
        let Some(mut rings) = self.open() else {
            return self.miss(root);
        };
        let place = self.place_of(root).unwrap_or_else(|| self.claim(root, &mut rings));
        let Rings { rings, used, writes } = &mut *rings;
        *writes = writes.wrapping_add(1);
        if let (Some(ring), Some(used)) = (rings.get_mut(place), used.get_mut(place)) {
            *used = *writes;
            ring.push(recording, now, most);
        }
    }

    /// A ring for a root that has none: nobody's, or that of the root that was quiet for longest.
    fn claim(&self, root: u64, rings: &mut Rings) -> usize {
        let quiet = |(_, used): &(usize, &u64)| **used;
        let place = self.place_of(0);
        let place = place.or_else(|| Some(rings.used.iter().enumerate().min_by_key(quiet)?.0));
        let place = place.unwrap_or(0);
        rings.rings.get_mut(place).into_iter().for_each(Ring::clear);
        let forgotten = self.roots.get(place).map(|of| of.swap(root, Ordering::Relaxed));
        if let Some(forgotten) = forgotten.filter(|root| *root != 0) {
            self.miss(forgotten);
        }
        place
    }

    fn copy(&self, root: u64, now: Duration) -> Option<Trail> {
        let missed = self.has_missed(root);
        if self.place_of(root).is_none() && !missed {
            return None;
        }
        let Some(rings) = self.open() else {
            return Some(Trail { missed: true, ..Trail::default() });
        };
        let ring = self.place_of(root).and_then(|place| rings.rings.get(place));
        let trail = ring.map(|ring| ring.copy(now)).unwrap_or_default();
        Some(Trail { missed, ..trail })
    }

    fn miss(&self, root: u64) {
        if !self.has_missed(root) {
            let next = self.next.fetch_add(1, Ordering::Relaxed) % ROOTS;
            self.missed.get(next).into_iter().for_each(|of| of.store(root, Ordering::Relaxed));
        }
    }

    fn has_missed(&self, root: u64) -> bool {
        self.missed.iter().any(|of| is(&of, root))
    }

    fn place_of(&self, root: u64) -> Option<usize> {
        self.roots.iter().position(|of| is(&of, root))
    }

    fn open(&self) -> Option<MutexGuard<'_, Rings>> {
        (0..TRIES).find_map(|tried| {
            if tried > 0 {
                hint::spin_loop();
            }
            try_lock(&self.rings)
        })
    }
}

fn is(of: &&AtomicU64, root: u64) -> bool {
    of.load(Ordering::Relaxed) == root
}

/// The outermost of an event's spans.
fn root<S>(event: &Event<'_>, ctx: &Context<'_, S>) -> Option<u64>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let root = ctx.event_span(event)?.scope().last()?;
    Some(root.id().into_u64())
}

#[cfg(test)]
mod tests;
