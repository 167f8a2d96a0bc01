//! The rules in force: those that the pipeline began with, or that took their place since.
//!
//! Invariants: whoever asks waits for nobody, and a callsite that has asked before does not look at
//! the rules again; after a change every callsite is asked anew, so both say the same.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{Metadata, level_filters::LevelFilter};

use crate::capture::{
    filter::{Concern, Rules},
    known::Known,
};

/// Rules that can be exchanged while other threads log.
#[derive(Debug)]
pub(crate) struct InForce {
    rules: ArcSwap<Rules>,
    /// What they say of the callsites that have asked.
    known: Known,
}

impl InForce {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules: ArcSwap::from_pointee(rules), known: Known::default() }
    }

    /// From now on these are the rules. The callsites are to be asked anew.
    pub(crate) fn replace(&self, rules: Rules) {
        let rules = if self.rules.load().are_recording() { rules.recording() } else { rules };
        self.rules.store(Arc::new(rules));
    }

    /// As [`concern`](InForce::concern), if the callsite has asked before; never of a `log` record.
    #[inline]
    pub(crate) fn known(&self, meta: &Metadata<'_>) -> Option<Concern> {
        self.known.get(meta)
    }

    /// Remembers what they say of a callsite.
    pub(crate) fn note(&self, meta: &'static Metadata<'static>, concern: Concern) {
        self.known.note(meta, concern);
    }

    /// As [`Rules::concern`].
    pub(crate) fn concern(&self, meta: &Metadata<'_>) -> Concern {
        self.rules.load().concern(meta)
    }

    /// As [`Rules::mark`].
    pub(crate) fn mark(&self, target: &str) {
        self.rules.load().mark(target);
    }

    /// As [`Rules::is_off`].
    pub(crate) fn is_off(&self, target: &str) -> bool {
        self.rules.load().is_off(target)
    }

    /// As [`Rules::rule_of`].
    pub(crate) fn rule_of(&self, target: &str) -> (String, LevelFilter) {
        self.rules.load().rule_of(target)
    }

    /// As [`Rules::unmatched`].
    pub(crate) fn unmatched(&self) -> Vec<String> {
        self.rules.load().unmatched()
    }
}
