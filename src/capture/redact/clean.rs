//! Which constants of the program were found to hold no secret, or to be the names of none, so that
//! each is looked through once and not at every event.
//!
//! Invariant: knows constants by where they begin and how long they are, which no other text does;
//! may forget one.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many are remembered, one for each remainder of an address.
const PLACES: usize = 256;

/// Constants without a secret.
#[derive(Debug)]
pub(crate) struct Clean([AtomicU64; PLACES]);

impl Default for Clean {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; PLACES])
    }
}

impl Clean {
    /// Whether `text` has no secret; `look` tells of one that is not known.
    pub(crate) fn is(&self, text: &'static str, look: impl FnOnce() -> bool) -> bool {
        let (start, length) = (text.as_ptr().addr(), text.len());
        // Its length, too: of two that begin at one address, one is a part of the other. An
        // address has 48 bits, or 57 on machines that a program has to ask for it.
        let (Ok(start), Ok(length)) = (u64::try_from(start), u16::try_from(length)) else {
            return look();
        };
        if start >> 48 != 0 {
            return look();
        }
        let mark = (start << 16) | u64::from(length);
        // Constants lie side by side.
        let hash = mark.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let place = usize::try_from(hash).unwrap_or(0) % PLACES;
        let Some(place) = self.0.get(place) else { return look() };
        if place.load(Ordering::Relaxed) == mark {
            return true;
        }
        let clean = look();
        if clean {
            place.store(mark, Ordering::Relaxed);
        }
        clean
    }
}
