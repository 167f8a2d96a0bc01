//! What the rules say of each callsite, so that they are asked once and not at every event.
//!
//! Invariant: knows a callsite by where its metadata lies, which is constant, and so nothing of a
//! `log` record, whose metadata is made for it; may not know one, and knows none of a target that
//! is off and may resolve.

use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::Metadata;

use crate::capture::filter::Concern;

/// Callsites that are remembered: enough for all above DEBUG in a large program.
const PLACES: usize = 2048;
/// Places that one may have: where it belongs, and behind that.
const NEAR: usize = 4;
/// The bits of an address that are 0, and hold what is known instead.
const CONCERN: usize = 3;

#[derive(Debug)]
pub(crate) struct Known(Box<[AtomicUsize; PLACES]>);

impl Default for Known {
    fn default() -> Self {
        Self(Box::new([const { AtomicUsize::new(0) }; PLACES]))
    }
}

impl Known {
    /// Whether events from there concern us, if that is known.
    #[inline]
    pub(crate) fn get(&self, meta: &Metadata<'_>) -> Option<Concern> {
        let address = address(meta);
        let first = self.place(address, 0).load(Ordering::Relaxed) ^ address;
        if first <= CONCERN { Some(concern(first)) } else { self.get_near(address) }
    }

    #[cold]
    fn get_near(&self, address: usize) -> Option<Concern> {
        let known = (1..NEAR).map(|near| self.place(address, near).load(Ordering::Relaxed));
        known.map(|known| known ^ address).find(|&rest| rest <= CONCERN).map(concern)
    }

    /// Remembers it, if there is a place left, in the place of what was known before.
    pub(crate) fn note(&self, meta: &'static Metadata<'static>, concern: Concern) {
        let address = address(meta);
        if concern as usize > CONCERN {
            return self.forget(address);
        }
        let known = address | concern as usize;
        let is_its = |place: &&AtomicUsize| {
            let taken = place.compare_exchange(0, known, Ordering::Relaxed, Ordering::Relaxed);
            taken.is_ok() || taken.is_err_and(|found| found & !CONCERN == address)
        };
        if let Some(place) = (0..NEAR).map(|near| self.place(address, near)).find(is_its) {
            place.store(known, Ordering::Relaxed);
        }
    }

    /// Two threads may have noted it in two places.
    fn forget(&self, address: usize) {
        for place in (0..NEAR).map(|near| self.place(address, near)) {
            let is_its = |found| (found & !CONCERN == address).then_some(0);
            place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_its).ok();
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "a remainder is less, and nothing is checked here")]
    fn place(&self, address: usize, near: usize) -> &AtomicUsize {
        // Constants lie side by side.
        let hash = (address >> 3).wrapping_mul(0x9e37_79b9) >> 12;
        &self.0[hash.wrapping_add(near) % PLACES]
    }
}

#[inline]
fn address(meta: &Metadata<'_>) -> usize {
    std::ptr::from_ref(meta).addr()
}

/// What the bits say.
#[inline]
fn concern(bits: usize) -> Concern {
    match bits {
        0 => Concern::Level,
        1 => Concern::Field,
        2 => Concern::Recorded,
        _ => Concern::No,
    }
}

/// The bits are 0: else this does not compile.
const _: usize = align_of::<Metadata<'static>>() - (CONCERN + 1);

#[cfg(test)]
mod tests;
