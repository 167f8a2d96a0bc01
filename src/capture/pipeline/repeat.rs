//! The shortest way through: a repeat that nothing but a number comes of.
//!
//! Invariant: takes no lock and allocates nothing.

use super::{Pipeline, at};
use crate::{
    capture::gate::{Ask, rank},
    incident::Severity,
};

impl Pipeline {
    /// Counts a repeat of a title that is known by its key, if it is that and nothing else: what
    /// [`trigger_through`](Self::trigger_through) would do of it, before there is more than that.
    #[inline]
    pub(crate) fn counts_repeat(
        &self,
        (endpoint, key): (usize, u64),
        severity: Option<Severity>,
        meant: bool,
    ) -> bool {
        // Whoever watches is told of each by its title.
        if self.witness().is_some() {
            return false;
        }
        if self.causes.leads(at(endpoint, key)) || self.mute.left(|| self.clock.now()).is_some() {
            return false;
        }
        let rank = rank(severity.or(self.settings.severity));
        self.gate(endpoint).counts_repeat(Ask { key, rank, meant, before: None }, self.clock.now())
    }
}
