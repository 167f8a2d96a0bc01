//! From the builder's rules to routes, and to the endpoints they lead to.
//!
//! Invariants: endpoint 0 is the default one, whether or not it has a webhook; no two endpoints are
//! one integration at Spike; what a person is told of an endpoint holds no token.

use std::sync::atomic::AtomicBool;

use secrecy::ExposeSecret;

use crate::{
    capture::routes::{Routes, Routing},
    delivery::{kept::Home, transport},
    error::{Error, Kind},
    link::Template,
    rule::{Rule, named},
    webhook::{Tokens, Webhook},
};

/// Endpoints of a pipeline at most.
const MOST: usize = 16;

/// The endpoints, by number.
pub(super) struct Endpoints {
    /// Never empty: the first is the default one.
    list: Vec<Endpoint>,
    /// Those of the rules, by number.
    runbooks: Vec<Template>,
}

struct Endpoint {
    /// `None` for the default one when there is no webhook.
    webhook: Option<Webhook>,
    /// The targets of the rules with this webhook.
    targets: Vec<String>,
}

/// Checks rules, but for their webhooks.
pub(super) fn check(rules: &[Rule]) -> Result<(), Error> {
    for (at, rule) in rules.iter().enumerate() {
        rule.check()?;
        if rules.iter().take(at).any(|earlier| earlier.target == rule.target) {
            return Err(Error::new(Kind::Rule {
                target: rule.target.clone(),
                expected: "one rule for a target".into(),
                found: "two".to_owned(),
            }));
        }
    }
    Ok(())
}

impl Endpoints {
    /// The default endpoint, and those of the rules. Off is off: then no webhook is looked at.
    pub(super) fn of(
        rules: Vec<Rule>,
        default: Option<Webhook>,
        is_off: bool,
    ) -> Result<(Self, Routes), Error> {
        let first = Endpoint { webhook: default, targets: Vec::new() };
        let mut endpoints = Self { list: vec![first], runbooks: Vec::new() };
        let mut routes = Vec::new();
        for rule in rules {
            let endpoint = match &rule.webhook {
                Some(url) if !is_off => {
                    let webhook = Webhook::parse(url.expose_secret(), named(&rule.target))?;
                    Some(endpoints.number(webhook, &rule.target)?)
                }
                _ => None,
            };
            let runbook = rule.read_runbook()?.map(|runbook| {
                endpoints.runbooks.push(runbook);
                endpoints.runbooks.len().saturating_sub(1)
            });
            let Rule { target, severity, priority, threshold, webhook: _, runbook: _ } = rule;
            let matched = AtomicBool::new(false);
            let routing =
                Routing { target, severity, priority, endpoint, threshold, runbook, matched };
            routes.push(routing);
        }
        let tokens = endpoints.tokens();
        // A rule's target is shown to people.
        if routes.iter().any(|rule| tokens.are_in(&rule.target)) {
            return Err(Error::new(Kind::Setting {
                name: "rule",
                expected: "a target such as billing::cards",
                found: "a token in it".to_owned(),
            }));
        }
        Ok((endpoints, Routes::new(routes)))
    }

    /// The number of the endpoint with this webhook, which has it from now on.
    fn number(&mut self, webhook: Webhook, target: &str) -> Result<usize, Error> {
        let is_it = |endpoint: &Endpoint| {
            endpoint.webhook.as_ref().is_some_and(|known| known.is_same(&webhook))
        };
        let number = self.list.iter().position(is_it).unwrap_or(self.list.len());
        if let Some(endpoint) = self.list.get_mut(number) {
            endpoint.targets.push(target.to_owned());
            return Ok(number);
        }
        if number >= MOST {
            return Err(Error::new(Kind::Rule {
                target: target.to_owned(),
                expected: "16 different webhooks at most, with the default one".into(),
                found: "one more".to_owned(),
            }));
        }
        self.list.push(Endpoint { webhook: Some(webhook), targets: vec![target.to_owned()] });
        Ok(number)
    }

    /// How many there are; at least 1.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// What the rules' runbooks are, by number.
    pub(super) fn runbooks(&self) -> Vec<Template> {
        self.runbooks.clone()
    }

    /// How the spool knows them.
    pub(super) fn homes(&self) -> Vec<Option<Home>> {
        self.list.iter().map(|one| one.webhook.as_ref().map(Home::of)).collect()
    }

    pub(super) fn tokens(&self) -> Tokens {
        let webhooks = self.list.iter().filter_map(|endpoint| endpoint.webhook.as_ref());
        Tokens::new(webhooks.map(|webhook| webhook.token().clone()).collect())
    }

    /// The targets of the rules that lead elsewhere than to the default one.
    pub(super) fn routed(&self) -> Vec<String> {
        let others = self.list.iter().skip(1);
        others.flat_map(|endpoint| &endpoint.targets).cloned().collect()
    }

    /// The endpoints with their names: the place, which is what may be shown of a webhook, and
    /// their rules as well where two have the same place, or `in_full`.
    pub(super) fn named(self, in_full: bool) -> Vec<transport::Endpoint> {
        let places: Vec<String> = self.list.iter().map(Endpoint::place).collect();
        let alike = |place: &String| places.iter().filter(|other| *other == place).count() > 1;
        let named = |(at, endpoint): (usize, Endpoint)| {
            let place = endpoint.place();
            let name = match endpoint.targets.as_slice() {
                _ if !in_full && !alike(&place) => place,
                _ if at == 0 => format!("{place} (default)"),
                [one] => format!("{place} (rule {one})"),
                several => format!("{place} (rules {})", several.join(", ")),
            };
            transport::Endpoint { name, webhook: endpoint.webhook }
        };
        self.list.into_iter().enumerate().map(named).collect()
    }
}

impl Endpoint {
    fn place(&self) -> String {
        self.webhook.as_ref().map_or("no webhook", Webhook::place).to_owned()
    }
}

#[cfg(test)]
mod tests;
