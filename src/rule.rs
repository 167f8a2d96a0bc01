//! The public [`Rule`]: what the incidents of a target get, and what a target is.
//!
//! Invariant: its webhook is in no `Debug` and no error.

use std::{fmt, time::Duration};

use secrecy::SecretString;

use crate::{
    error::{Error, Kind, shown},
    incident::{Priority, Severity},
    link::Template,
};

/// How many occurrences [`Rule::after`] may want.
const AFTER: std::ops::RangeInclusive<u32> = 1..=100;
/// Within what time [`Rule::after`] may want them.
const WITHIN: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);

/// What the incidents of a target get, for [`Builder::rule`](crate::Builder::rule): a severity, a
/// priority, a webhook of their own, a runbook, or a number of occurrences that it takes to page.
///
/// A target matches itself and what is below it: `billing` and `billing::cards`, never
/// `billings`. For each setting by itself, the longest matching target that sets it wins. What an
/// event says itself (`spike.severity`, `spike.priority`) beats its rules, and they beat the
/// builder's [`severity`](crate::Builder::severity) and
/// [`priority`](crate::Builder::priority). Which events page is no matter of rules but of
/// [`Builder::filter`](crate::Builder::filter).
///
/// Setters never fail; [`Builder::build`](crate::Builder::build) checks what they were given.
///
/// ```
/// use std::time::Duration;
/// use tracing_spike::{Mode, Priority, Rule, Severity};
/// let (spike, _guard) = tracing_spike::from_env()
///     .rule(
///         Rule::target("billing")
///             .severity(Severity::Sev1)
///             .webhook("https://hooks.spike.sh/0123456789ab/push-events"),
///     )
///     // Goes to the webhook of `billing`, too.
///     .rule(Rule::target("billing::cards").priority(Priority::P1))
///     .rule(Rule::target("shop::cache").after(5, Duration::from_secs(60)))
/// #   .mode(Mode::Off)
///     .build::<tracing_subscriber::Registry>()?;
/// # drop(spike);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "a rule does nothing until it is given to `Builder::rule`"]
pub struct Rule {
    pub(crate) target: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) webhook: Option<SecretString>,
    pub(crate) threshold: Option<Threshold>,
    pub(crate) runbook: Option<String>,
}

/// How many occurrences of a title, within what time, it takes to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Threshold {
    pub(crate) n: u32,
    pub(crate) within: Duration,
}

impl Rule {
    /// A rule for this target and what is below it: a module's path, such as `billing::cards`, or
    /// what an event or a `log` record gives as its `target`.
    ///
    /// ```
    /// # use tracing_spike::{Rule, Severity};
    /// let rule = Rule::target("billing").severity(Severity::Sev1);
    /// # drop(rule);
    /// ```
    pub fn target(target: impl Into<String>) -> Self {
        Self {
            target: target.into(),
            severity: None,
            priority: None,
            webhook: None,
            threshold: None,
            runbook: None,
        }
    }

    /// The severity of incidents that don't say one. Default: that of a shorter rule, else the
    /// builder's.
    ///
    /// ```
    /// # use tracing_spike::{Rule, Severity};
    /// let rule = Rule::target("billing").severity(Severity::Sev1);
    /// # drop(rule);
    /// ```
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The priority of incidents that don't say one. Default: that of a shorter rule, else the
    /// builder's.
    ///
    /// ```
    /// # use tracing_spike::{Priority, Rule};
    /// let rule = Rule::target("billing").priority(Priority::P1);
    /// # drop(rule);
    /// ```
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Pages through this webhook, `https://hooks.spike.sh/{token}/push-events`: another service
    /// or escalation policy at Spike. Default: that of a shorter rule, else the webhook of the
    /// builder. The URL is a secret, as that one is.
    ///
    /// Each webhook has titles, budgets, repeats, a queue and retries of its own, so one that takes
    /// nothing does not hold up the others. Rules with the same URL share them. At most 16
    /// different webhooks, the builder's included.
    ///
    /// ```
    /// # use tracing_spike::Rule;
    /// let url = "https://hooks.spike.sh/0123456789ab/push-events";
    /// let rule = Rule::target("billing").webhook(url);
    /// # drop(rule);
    /// ```
    pub fn webhook(mut self, url: impl Into<String>) -> Self {
        self.webhook = Some(SecretString::from(url.into()));
        self
    }

    /// Pages only when a title has occurred `n` times `within` this time: 1 to 100 times, 1 s to
    /// 24 h. Default: that of a shorter rule, else at the first occurrence. The page tells of all
    /// of them; after a resolve it takes as many again.
    ///
    /// An event with `spike = true` pages the first time all the same. Of more than 256 titles that
    /// wait for their number, the one that has not occurred for longest is forgotten.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use tracing_spike::Rule;
    /// let rule = Rule::target("shop::cache").after(5, Duration::from_secs(60));
    /// # drop(rule);
    /// ```
    pub fn after(mut self, n: u32, within: Duration) -> Self {
        self.threshold = Some(Threshold { n, within });
        self
    }

    /// What to do about it: a link that the incidents have as `body.links.runbook`. Default: that
    /// of a shorter rule, else what [`Builder::link`](crate::Builder::link) says of `runbook`, else
    /// none. What may be in it is said there.
    ///
    /// ```
    /// # use tracing_spike::Rule;
    /// let rule = Rule::target("billing").runbook("https://wiki.example/billing");
    /// # drop(rule);
    /// ```
    pub fn runbook(mut self, url: impl Into<String>) -> Self {
        self.runbook = Some(url.into());
        self
    }

    /// What its runbook is.
    pub(crate) fn read_runbook(&self) -> Result<Option<Template>, Error> {
        let read = |text: &String| Template::parse(text, shown);
        self.runbook.as_ref().map(read).transpose().map_err(|bad| {
            let (target, found) = (self.target.clone(), bad.found);
            let expected = format!("runbook(url) with {}", bad.expected).into();
            Error::new(Kind::Rule { target, expected, found })
        })
    }

    /// Checks all but the webhook. Its target is checked first: an error may name only a good one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if let Some(found) = bad_target(&self.target) {
            let expected = "a target such as billing::cards";
            return Err(Error::new(Kind::Setting { name: "rule", expected, found }));
        }
        let fail = |expected: &'static str, found| {
            let expected = expected.into();
            Err(Error::new(Kind::Rule { target: self.target.clone(), expected, found }))
        };
        if let Some(Threshold { n, within }) = self.threshold {
            if !AFTER.contains(&n) {
                return fail("after(n, within) with 1 to 100 for n", n.to_string());
            }
            if !WITHIN.contains(&within) {
                return fail("after(n, within) with 1 s to 24 h for within", format!("{within:?}"));
            }
        }
        self.read_runbook()?;
        let Rule { target: _, severity, priority, webhook, threshold, runbook } = self;
        let sets_nothing = severity.is_none()
            && priority.is_none()
            && webhook.is_none()
            && threshold.is_none()
            && runbook.is_none();
        if sets_nothing {
            return fail(
                "a severity, priority, webhook, runbook or after",
                "none of them".to_owned(),
            );
        }
        Ok(())
    }
}

/// As an error and a line for a person name a rule.
pub(crate) fn named(target: &str) -> String {
    format!("rule(\"{target}\")")
}

/// What was found where no target is.
pub(crate) fn bad_target(target: &str) -> Option<String> {
    if target.is_empty() {
        return Some("nothing".to_owned());
    }
    if target.starts_with("::") || target.ends_with("::") {
        return Some("a :: at its beginning or end".to_owned());
    }
    let bad = |c: char| c.is_whitespace() || c.is_control() || "[]{}*\"'/,=".contains(c);
    target.chars().find(|c| bad(*c)).map(|c| format!("the character {c:?} in it"))
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What is no target may be a webhook in the wrong place.
        let target = if bad_target(&self.target).is_none() { self.target.as_str() } else { "?" };
        f.debug_struct("Rule")
            .field("target", &target)
            .field("severity", &self.severity)
            .field("priority", &self.priority)
            .field("webhook", &self.webhook.as_ref().map(|_| "[REDACTED]"))
            .field("runbook", &self.runbook.is_some())
            .field("after", &self.threshold.map(|Threshold { n, within }| (n, within)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Rule, bad_target};
    use std::time::Duration;

    #[test]
    fn what_matches_no_target_is_none() {
        for target in ["", "billing::", "::billing", "::", "billing::*", "billing=warn", "a b"] {
            assert!(bad_target(target).is_some(), "{target}");
        }
        for target in ["billing", "billing::cards", "my-crate", "r#mod"] {
            assert_eq!(bad_target(target), None);
        }
    }

    #[test]
    fn after_is_told_its_bounds() {
        let check = |n, secs| Rule::target("a").after(n, Duration::from_secs(secs)).check();
        for (n, secs) in [(1, 1), (100, 86_400)] {
            check(n, secs).unwrap();
        }
        for (n, secs) in [(0, 1), (101, 1), (1, 0), (1, 86_401)] {
            let error = check(n, secs).unwrap_err();
            assert!(error.is_config() && error.to_string().starts_with("rule(\"a\"): "), "{error}");
        }
    }
}
