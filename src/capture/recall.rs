//! What a thread's last messages have become, so that of a message that comes again, but for its
//! numbers, no title is made once more.
//!
//! Invariants: what is recalled is what would be made again: it is known by its layer, its call
//! site and its shape, and was made by rules that look at nothing else; a message with anything to
//! redact or to cut is never remembered. That one of its shape had no secret says nothing of the
//! digits of this one: whoever shows it has to look.

use tracing::callsite::Identifier;

use shape::Shape;

mod shape;

/// Messages that are remembered, one for each remainder of a hash.
const PLACES: usize = 16;
/// The longest title that is remembered, in bytes.
const TITLE: usize = 256;

/// Where a message comes from: a layer, by its number, and a call site.
pub(crate) type Source = (u64, Identifier);

/// One thread's memory.
#[derive(Debug)]
pub(crate) struct Recall {
    slots: Box<[Slot; PLACES]>,
    /// That of the message at hand.
    shape: Shape,
    /// Where the message of the event at hand is, or is going to be; whose it is.
    at: Option<(usize, Source)>,
    /// It is the one that was there.
    known: bool,
}

#[derive(Debug)]
struct Slot {
    source: Option<Source>,
    shape: Shape,
    title: String,
    /// Where the place begins in the title.
    place: usize,
    /// The title's key, in the layer's pipeline.
    key: u64,
}

impl Default for Recall {
    fn default() -> Self {
        let slot = |_| Slot {
            source: None,
            shape: Shape::new(),
            title: String::with_capacity(TITLE),
            place: 0,
            key: 0,
        };
        let slots = Box::new(std::array::from_fn(slot));
        Self { slots, shape: Shape::new(), at: None, known: false }
    }
}

impl Recall {
    /// The next event's messages come from there; `None`: they can't be told by that.
    pub(crate) fn begin(&mut self, source: Option<Source>) {
        self.at = source.map(|source| (0, source));
        self.known = false;
    }

    /// Whether the title of a message, as it was formatted, is known.
    pub(crate) fn knows(&mut self, message: &str) -> bool {
        let Some((at, source)) = &mut self.at else { return false };
        if !self.shape.set(message) {
            self.at = None;
            return false;
        }
        let shape = self.shape.bytes();
        *at = hash(self.shape.blocks()) % PLACES;
        self.known = self.slots.get(*at).is_some_and(|slot| {
            slot.source.as_ref() == Some(source) && slot.shape.bytes() == shape
        });
        self.known
    }

    /// The event at hand has no such message after all.
    pub(crate) fn forget(&mut self) {
        (self.at, self.known) = (None, false);
    }

    /// Whether the title of the message at hand is known.
    pub(crate) fn is_known(&self) -> bool {
        self.known
    }

    /// The key of the title of the message at hand, if it is known.
    pub(crate) fn key(&self) -> Option<u64> {
        self.title().map(|(_, _, key)| key)
    }

    /// The title of the message at hand, where the place begins in it, and its key, if they are
    /// known.
    pub(crate) fn title(&self) -> Option<(&str, usize, u64)> {
        let (at, _) = self.at.as_ref().filter(|_| self.known)?;
        let slot = self.slots.get(*at)?;
        Some((&slot.title, slot.place, slot.key))
    }

    /// Remembers the shape of the message at hand, which has nothing to redact, and its title.
    pub(crate) fn remember(&mut self, title: &str, place: usize, key: u64) {
        let Some((at, source)) = self.at.take() else { return };
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.shape.copy(&self.shape);
        slot.title.clear();
        if title.len() > TITLE {
            return slot.source = None;
        }
        slot.title.push_str(title);
        slot.source = Some(source);
        (slot.place, slot.key) = (place, key);
    }
}

/// A few instructions for each eight bytes; that two are the same costs no more than time.
fn hash(blocks: &[[u8; 8]]) -> usize {
    let mix = |hash: u64, block: &[u8; 8]| {
        let mixed = (hash ^ u64::from_le_bytes(*block)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.rotate_left(29)
    };
    (blocks.iter().fold(0, mix) >> 40) as usize
}

#[cfg(test)]
mod tests;
