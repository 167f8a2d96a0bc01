//! The worker when our own code fails; what it does otherwise is in `tests/it`.

use std::sync::{Arc, Mutex};

/// Where the worker can be made to panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has taken over what arrived.
    Received,
    /// It has begun what attempts there are to begin.
    Begun,
    /// It is about to take over what became of an attempt.
    Finished,
}

/// The places where it will panic, next first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fails(pub(crate) Arc<Mutex<Vec<Place>>>);

impl Fails {
    pub(crate) fn here(&self, place: Place) {
        let mut places = self.0.lock().unwrap();
        if places.first() == Some(&place) {
            places.remove(0);
            drop(places);
            panic!("seeded at {place:?}");
        }
    }
}
