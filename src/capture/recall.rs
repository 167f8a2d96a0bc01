//! What a thread's last messages have become, so that a message that comes again word for word is
//! neither looked through for secrets nor made a title of once more.
//!
//! Invariants: what is recalled is what would be made again: it is known by its layer, its call
//! site and all of its bytes, and was made by rules that look at nothing else; a message with
//! anything to redact or to cut is never remembered.

use tracing::callsite::Identifier;

/// Messages that are remembered, one for each remainder of a hash.
const PLACES: usize = 16;
/// The longest message that is remembered, in bytes, and the longest title.
const MESSAGE: usize = 192;
const TITLE: usize = 256;

/// Where a message comes from: a layer, by its number, and a call site.
pub(crate) type Source = (u64, Identifier);

/// One thread's memory.
#[derive(Debug)]
pub(crate) struct Recall {
    slots: Box<[Slot; PLACES]>,
    /// Where the message of the event at hand is, or is going to be; whose it is.
    at: Option<(usize, Source)>,
    /// It is the one that was there.
    known: bool,
}

#[derive(Debug)]
struct Slot {
    source: Option<Source>,
    message: Text<MESSAGE>,
    title: Text<TITLE>,
    /// Where the place begins in the title.
    place: usize,
    /// The title's key, in the layer's pipeline.
    key: u64,
}

impl Default for Recall {
    fn default() -> Self {
        let slot =
            |_| Slot { source: None, message: Text::new(), title: Text::new(), place: 0, key: 0 };
        Self { slots: Box::new(std::array::from_fn(slot)), at: None, known: false }
    }
}

impl Recall {
    /// The next event's messages come from there; `None`: they can't be told by that.
    pub(crate) fn begin(&mut self, source: Option<Source>) {
        self.at = source.map(|source| (0, source));
        self.known = false;
    }

    /// Whether a message, as it was formatted, is one that has nothing to redact and whose title
    /// is known.
    pub(crate) fn knows(&mut self, message: &str) -> bool {
        let Some((at, source)) = &mut self.at else { return false };
        if message.len() > MESSAGE {
            self.at = None;
            return false;
        }
        *at = hash(message) % PLACES;
        let slot = self.slots.get(*at);
        self.known = slot
            .is_some_and(|slot| slot.source.as_ref() == Some(source) && slot.message.is(message));
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

    /// The title of the message at hand, where the place begins in it, and its key, if they are
    /// known.
    pub(crate) fn title(&self) -> Option<(&str, usize, u64)> {
        let (at, _) = self.at.as_ref().filter(|_| self.known)?;
        let slot = self.slots.get(*at)?;
        Some((slot.title.get()?, slot.place, slot.key))
    }

    /// Remembers the message at hand, which has nothing to redact, and its title.
    pub(crate) fn remember(&mut self, message: &str, title: &str, place: usize, key: u64) {
        let Some((at, source)) = self.at.take() else { return };
        let Some(slot) = self.slots.get_mut(at) else { return };
        let fits = slot.message.set(message) && slot.title.set(title);
        slot.source = fits.then_some(source);
        (slot.place, slot.key) = (place, key);
    }
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

    fn is(&self, text: &str) -> bool {
        self.bytes.get(..self.length) == Some(text.as_bytes())
    }
}

/// A few instructions for each eight bytes; that two are the same costs no more than time.
fn hash(text: &str) -> usize {
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash = words
        .iter()
        .fold(text.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)).rotate_left(29));
    let hash = rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)));
    (hash >> 40) as usize
}

#[cfg(test)]
mod tests;
