use super::{Endpoints, check};
use crate::{error::Error, incident::Severity, rule::Rule, webhook::Webhook};

const SPIKE: &str = "https://hooks.spike.sh";

fn url(token: &str) -> String {
    format!("{SPIKE}/{token}/push-events")
}

fn to(target: &str, url: impl Into<String>) -> Rule {
    Rule::target(target).webhook(url)
}

fn default() -> Webhook {
    Webhook::parse(&url("default-token"), "builder(url)").unwrap()
}

fn refused(rules: Vec<Rule>) -> Error {
    let of = |()| Endpoints::of(rules.clone(), Some(default()), false).map(drop);
    check(&rules).and_then(of).unwrap_err()
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_target_and_without_its_webhook() {
    let one = |target: &str| Rule::target(target).severity(Severity::Sev1);
    let bad = "http://example.com/secret-token/push-events";
    let table = [
        (vec![one("")], "rule: expected a target such as billing::cards, found nothing"),
        (vec![one("a b")], {
            "rule: expected a target such as billing::cards, found the character ' ' in it"
        }),
        (vec![one(&url("secret-token"))], {
            "rule: expected a target such as billing::cards, found the character '/' in it"
        }),
        (vec![one("billing"), one("shop"), one("billing")], {
            "rule(\"billing\"): expected one rule for a target, found two"
        }),
        (vec![Rule::target("billing")], {
            "rule(\"billing\"): expected a severity, priority, webhook, runbook or after, found none of them"
        }),
        (vec![to("billing", bad)], "webhook url from rule(\"billing\"): http would show"),
        (vec![to("billing", "")], "webhook url from rule(\"billing\"): expected https://hooks"),
        (vec![to("default-token", url("other-token"))], {
            "rule: expected a target such as billing::cards, found a token in it"
        }),
        (vec![one("of-secret-token"), to("billing", url("secret-token"))], {
            "rule: expected a target such as billing::cards, found a token in it"
        }),
    ];
    for (rules, expected) in table {
        let shown = format!("{rules:?}");
        let error = refused(rules);
        assert!(error.is_config() && error.to_string().starts_with(expected), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!shown.contains("secret-token/"), "{shown}");
    }
}

#[test]
fn rules_with_the_same_webhook_share_an_endpoint_also_with_the_default_one() {
    let rules = vec![
        to("billing", url("billing-token")),
        to("shop::tax", "https://HOOKS.spike.sh:443/billing-token/push-events"),
        to("shop", url("default-token")),
        to("ops", "http://127.0.0.1:80/billing-token/push-events"),
        Rule::target("quiet").severity(Severity::Sev3),
    ];
    let (endpoints, routes) = Endpoints::of(rules, Some(default()), false).unwrap();
    let to = |target| routes.find(target).endpoint;
    let found = ["billing", "shop::tax", "shop", "ops", "quiet", "x"].map(to);
    assert_eq!(found, [Some(1), Some(1), Some(0), Some(2), None, None]);
    assert_eq!(endpoints.routed(), ["billing", "shop::tax", "ops"]);
    let names: Vec<_> = endpoints.named(false).into_iter().map(|one| one.name).collect();
    let rules = format!("{SPIKE} (rules billing, shop::tax)");
    assert_eq!(names, [format!("{SPIKE} (default)"), rules, "http://127.0.0.1".to_owned()]);
}

#[test]
fn off_looks_at_no_webhook_and_a_dry_run_needs_no_default() {
    let bad = vec![to("billing", "not a url")];
    let (endpoints, routes) = Endpoints::of(bad, None, true).unwrap();
    assert_eq!((endpoints.len(), routes.find("billing").endpoint), (1, None));
    let good = vec![to("billing", url("billing-token"))];
    let (endpoints, _) = Endpoints::of(good, None, false).unwrap();
    let names: Vec<_> = endpoints.named(true).into_iter().map(|one| one.name).collect();
    assert_eq!(names, ["no webhook (default)".to_owned(), format!("{SPIKE} (rule billing)")]);
}

#[test]
fn there_are_sixteen_endpoints_at_most() {
    let rules = |n: usize| {
        (0..n).map(|n| to(&format!("a{n}"), url(&format!("token-{n:04}")))).collect::<Vec<_>>()
    };
    let (endpoints, _) = Endpoints::of(rules(15), Some(default()), false).unwrap();
    assert_eq!(endpoints.len(), 16);
    let error = refused(rules(16)).to_string();
    assert_eq!(
        error,
        "rule(\"a15\"): expected 16 different webhooks at most, with the default one, found one \
         more"
    );
}
