//! What rules say, by the target that they are for.
//!
//! Pure. Invariants: a target matches itself and what is below it, at `::` only; looking one up
//! allocates nothing, and does not take longer for the number of rules than for their names.

use std::{
    collections::{BTreeMap, btree_map},
    iter,
};

/// Rules by target.
#[derive(Debug)]
pub(crate) struct ByTarget<T>(BTreeMap<String, T>);

impl<T> Default for ByTarget<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T> ByTarget<T> {
    pub(crate) fn entry(&mut self, target: String) -> btree_map::Entry<'_, String, T> {
        self.0.entry(target)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(target, rule)| (target.as_str(), rule))
    }

    /// Those that a target matches, the longest first.
    pub(crate) fn matching(&self, target: &str) -> impl Iterator<Item = &T> {
        self.ends(target).filter_map(|end| self.0.get(end))
    }

    /// The same, with the targets that they are for.
    pub(crate) fn named(&self, target: &str) -> impl Iterator<Item = (&str, &T)> {
        let rules = self.ends(target).filter_map(|end| self.0.get_key_value(end));
        rules.map(|(target, rule)| (target.as_str(), rule))
    }

    /// What a rule that a target matches may be for, the longest first.
    fn ends<'a>(&self, target: &'a str) -> impl Iterator<Item = &'a str> + use<'a, T> {
        let longest = (!self.0.is_empty()).then_some(target.len());
        let above = |&end: &usize| {
            let before = target.as_bytes().get(..=end).unwrap_or(target.as_bytes());
            before.windows(2).rposition(|two| two == b"::").filter(|&above| above < end)
        };
        let ends = iter::successors(longest, above);
        ends.filter_map(|end| target.get(..end))
    }
}

#[cfg(test)]
mod tests {
    use super::ByTarget;

    fn matching(rules: &[&str], target: &str) -> Vec<String> {
        let mut by_target = ByTarget::default();
        for rule in rules {
            by_target.entry((*rule).to_owned()).or_insert((*rule).to_owned());
        }
        by_target.matching(target).cloned().collect()
    }

    #[test]
    fn a_target_matches_itself_and_what_is_above_it_the_longest_first() {
        let rules = ["a", "a::b", "a::b::c", "a::bc", "b"];
        assert_eq!(matching(&rules, "a::b::cd"), ["a::b", "a"]);
        assert_eq!(matching(&rules, "a::b"), ["a::b", "a"]);
        assert_eq!(matching(&rules, "a:b"), [] as [&str; 0]);
        assert_eq!(matching(&rules, "ab"), [] as [&str; 0]);
    }

    #[test]
    fn it_does_so_wherever_colons_stand() {
        let covers = |rule: &str, target: &str| {
            let rest = target.strip_prefix(rule);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let parts = ["a", "b", ":", "::", "é", ""];
        let texts: Vec<String> = (0..6_usize.pow(4))
            .map(|n| [0, 1, 2, 3].map(|place| parts[n / 6_usize.pow(place) % 6]).concat())
            .collect();
        for target in &texts {
            for rule in texts.iter().filter(|rule| (1..4).contains(&rule.len())) {
                assert_eq!(!matching(&[rule], target).is_empty(), covers(rule, target), "{target}");
            }
        }
    }
}
