//! What the rules say about a target: how grave, where to, and after how many.
//!
//! Pure but for a mark on each rule that was in use. Invariants: for each setting by itself, the
//! longest matching rule that sets it wins; a look-up allocates nothing, and without rules it does
//! nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{
    capture::targets::ByTarget,
    incident::{Priority, Severity},
    rule::Threshold,
};

/// The rules of the builder; those for one target in its order.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    rules: ByTarget<Vec<Routing>>,
}

/// One rule, with its webhook as the number of an endpoint, and its runbook as a number.
#[derive(Debug)]
pub(crate) struct Routing {
    pub(crate) target: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) endpoint: Option<usize>,
    pub(crate) threshold: Option<Threshold>,
    pub(crate) runbook: Option<usize>,
    pub(crate) matched: AtomicBool,
}

/// What all rules together say about one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    /// `None`: the default one.
    pub(crate) endpoint: Option<usize>,
    pub(crate) threshold: Option<Threshold>,
    /// The number of its runbook.
    pub(crate) runbook: Option<usize>,
}

impl Routes {
    pub(crate) fn new(rules: Vec<Routing>) -> Self {
        let mut routes = Self::default();
        for rule in rules {
            routes.rules.entry(rule.target.clone()).or_default().push(rule);
        }
        routes
    }

    /// What the rules say about `target`.
    #[inline]
    pub(crate) fn find(&self, target: &str) -> Route {
        if self.rules.is_empty() { Route::default() } else { self.look_up(target) }
    }

    fn look_up(&self, target: &str) -> Route {
        let mut route = Route::default();
        for rule in self.matching(target) {
            route.severity = route.severity.or(rule.severity);
            route.priority = route.priority.or(rule.priority);
            route.endpoint = route.endpoint.or(rule.endpoint);
            route.threshold = route.threshold.or(rule.threshold);
            route.runbook = route.runbook.or(rule.runbook);
        }
        route
    }

    /// Remembers that the rules for this target are in use.
    pub(crate) fn mark(&self, target: &str) {
        for rule in self.matching(target) {
            // Read first: what is marked already stays in every processor's cache.
            if !rule.matched.load(Ordering::Relaxed) {
                rule.matched.store(true, Ordering::Relaxed);
            }
        }
    }

    /// The targets of the rules that say something about `target`, longest first.
    pub(crate) fn targets_of(&self, target: &str) -> impl Iterator<Item = &str> {
        self.matching(target).map(|rule| rule.target.as_str())
    }

    /// The rules that have matched no callsite or `log` target so far.
    pub(crate) fn unmatched(&self) -> impl Iterator<Item = String> {
        let rules = self.rules.iter().flat_map(|(_, rules)| rules);
        let unmatched = rules.filter(|rule| !rule.matched.load(Ordering::Relaxed));
        unmatched.map(|rule| format!("rule {}", rule.target))
    }

    fn matching(&self, target: &str) -> impl Iterator<Item = &Routing> {
        self.rules.matching(target).flatten()
    }
}

#[cfg(test)]
mod tests;
