//! Bugs that the proofs seed, to show that they would be found.
//!
//! Invariant: outside tests there is none, and no way to have one.

/// A bug of the kind that a machine like this one is prone to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A title's newer state is sent while the older is in flight.
    TwoInFlight,
    /// What failed is sent again behind what is newer.
    Fifo,
    /// Nothing is sent once more.
    NoSecondAssertion,
    /// A resolve that there is no room for is dropped.
    ResolveDroppedWhenFull,
    /// The gate does not hear of a loss.
    NotReopenedAfterLoss,
}

/// Which of them an outbox has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bugs {
    #[cfg(test)]
    pub(super) seeded: Option<Bug>,
}

impl Bugs {
    #[cfg(test)]
    pub(super) fn has(self, bug: Bug) -> bool {
        self.seeded == Some(bug)
    }

    #[cfg(not(test))]
    pub(super) fn has(self, _: Bug) -> bool {
        false
    }
}
