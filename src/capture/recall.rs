//! What a thread's last messages have become that were not sent, so that of one that comes again,
//! but for its numbers, no title is made once more.
//!
//! Invariants: what is recalled is what would be made again: it is known by its layer, its call
//! site and its shape, and was made by rules that look at nothing else; a message with anything to
//! redact or to cut is never remembered. That one of its shape had no secret says nothing of the
//! digits of this one: whoever shows it has to look.

use tracing::Metadata;

use shape::Shape;

mod shape;

/// Messages that are remembered, one for each remainder of a hash.
const PLACES: usize = 16;
/// The longest title that is remembered, in bytes.
const TITLE: usize = 256;

/// Where a message comes from: a layer, by its number, and a call site.
pub(crate) type Source = (u64, &'static Metadata<'static>);

/// One thread's memory.
#[derive(Debug)]
pub(crate) struct Recall {
    /// None before there is [room](Recall::reserve).
    slots: Box<[Slot]>,
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
    title: Text<TITLE>,
    /// Where the place begins in the title.
    place: usize,
    /// The title's key, in the layer's pipeline.
    key: u64,
}

impl Default for Recall {
    fn default() -> Self {
        Self { slots: Box::default(), shape: Shape::new(), at: None, known: false }
    }
}

impl Slot {
    const fn new() -> Self {
        Self { source: None, shape: Shape::new(), title: Text::new(), place: 0, key: 0 }
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
            slot.source.is_some_and(|known| is_same(known, *source)) && slot.shape.bytes() == shape
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
        self.slot().map(|slot| slot.key)
    }

    fn slot(&self) -> Option<&Slot> {
        let (at, _) = self.at.as_ref().filter(|_| self.known)?;
        self.slots.get(*at)
    }

    /// The title of the message at hand, where the place begins in it, and its key, if they are
    /// known.
    pub(crate) fn title(&self) -> Option<(&str, usize, u64)> {
        let slot = self.slot()?;
        Some((slot.title.get()?, slot.place, slot.key))
    }

    /// Makes room for all that is going to be remembered, if the message at hand may be.
    pub(crate) fn reserve(&mut self) {
        if self.at.is_some() && self.slots.is_empty() {
            self.slots = (0..PLACES).map(|_| Slot::new()).collect();
        }
    }

    /// Remembers the shape of the message at hand, which has nothing to redact, and its title.
    pub(crate) fn remember(&mut self, title: &str, place: usize, key: u64) {
        let Some((at, source)) = self.at.take() else { return };
        let Some(slot) = self.slots.get_mut(at) else { return };
        slot.shape.copy(&self.shape);
        slot.source = slot.title.set(title).then_some(source);
        (slot.place, slot.key) = (place, key);
    }
}

/// Whether both are one call site of one layer.
fn is_same(one: Source, other: Source) -> bool {
    one.0 == other.0 && std::ptr::eq(one.1, other.1)
}

/// A text of at most `N` bytes, in place.
#[derive(Debug)]
struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    const fn new() -> Self {
        Self { bytes: [0; N], length: 0 }
    }

    /// Takes a text over, if it is not too long.
    fn set(&mut self, text: &str) -> bool {
        let Some(bytes) = self.bytes.get_mut(..text.len()) else { return false };
        bytes.copy_from_slice(text.as_bytes());
        self.length = text.len();
        true
    }

    fn get(&self) -> Option<&str> {
        self.bytes.get(..self.length).and_then(|bytes| str::from_utf8(bytes).ok())
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
