//! Links: what a template becomes in a body, and what is no template.

use serde_json::{Value, json};
use tracing::{error, info, info_span};
use tracing_spike::{Builder, Incident as ByHand, Rule, builder};
use tracing_subscriber::Registry;

use crate::rig::{OTHER_TOKEN, TOKEN, rig_with};

#[test]
fn a_template_is_filled_with_what_the_incident_says() {
    let rig = rig_with(|builder| {
        builder
            .environment("prod eu")
            .version("1.4.2")
            .link("logs", "https://logs.example/{service}/{environment}?from={first}&to={last_ms}")
            .link("order", "http://shop.example/orders/{fields.order}#{span.fields.request_id}")
            .link(
                "code",
                "https://code.example/{version}/{location}?q={title}&l={level}&t={target}",
            )
            .link("plain", "https://wiki.example/on-call")
    });
    let incident = rig.paged_one(|| {
        let _request = info_span!("request", request.id = "r/1 ü").entered();
        error!(order = 4711, "card payment failed");
    });
    let body = incident.body();
    let first = body["occurrences"]["first"].as_str().unwrap().replace(':', "%3A");
    let links = &body["links"];
    let logs = links["logs"].as_str().unwrap();
    let (head, millis) = logs.rsplit_once('=').unwrap();
    assert_eq!(head, format!("https://logs.example/it/prod%20eu?from={first}&to"));
    assert!(millis.len() == 13 && millis.bytes().all(|byte| byte.is_ascii_digit()), "{logs}");
    assert_eq!(links["order"], "http://shop.example/orders/4711#r%2F1%20%C3%BC");
    let code = links["code"].as_str().unwrap();
    assert!(code.starts_with("https://code.example/1.4.2/tests%2Fit%2Flinks.rs%3A"), "{code}");
    assert!(
        code.ends_with("?q=card%20payment%20failed%20in%20it%3A%3Alinks&l=ERROR&t=it%3A%3Alinks")
    );
    assert_eq!(links["plain"], "https://wiki.example/on-call");
}

#[test]
fn a_link_without_its_value_is_left_out() {
    let rig = rig_with(|builder| {
        let builder = builder.link("trace", "https://traces.example/{trace_id}");
        let builder = builder.link("order", "https://shop.example/{fields.order}");
        builder.link("long", "https://shop.example/{fields.long}{fields.long}{fields.long}")
    });
    let incidents = rig.paged(|| {
        error!("without");
        error!(order = "", "with an empty one");
        error!(order = true, long = "ü".repeat(1_000), "with one");
        rig.handle().trigger(ByHand::new("by hand").field("order", 4711)).unwrap();
    });
    let links: Vec<_> = incidents.iter().map(|one| one.body()["links"].clone()).collect();
    let order = |order| json!({ "order": format!("https://shop.example/{order}") });
    assert_eq!(links, [Value::Null, Value::Null, order("true"), order("4711")]);
}

#[test]
fn the_longest_rule_with_a_runbook_gives_it() {
    let rig = rig_with(|builder| {
        builder
            .link("runbook", "https://wiki.example/all")
            .panics()
            .rule(Rule::target("billing").runbook("https://wiki.example/{target}"))
            .rule(Rule::target("billing::cards").severity(tracing_spike::Severity::Sev1))
            .rule(Rule::target("billing::tax").runbook("https://wiki.example/{fields.state}"))
            .rule(Rule::target("panic").runbook("https://wiki.example/panics"))
    });
    let incidents = rig.paged(|| {
        error!(target: "billing::cards", "card payment failed");
        error!(target: "billing::tax", state = "HH", "tax not known");
        error!(target: "billing::tax", "state not known");
        error!(target: "shop", "sold out");
        info!(target: "billing", { spike = true }, "night is over");
    });
    let runbooks: Vec<_> =
        incidents.iter().map(|one| one.body()["links"]["runbook"].as_str().unwrap()).collect();
    let pages = ["billing%3A%3Acards", "HH", "all", "all", "billing"];
    assert_eq!(runbooks, pages.map(|page| format!("https://wiki.example/{page}")));
}

/// Why a builder is refused.
fn refused(set: impl FnOnce(Builder) -> Builder) -> String {
    let url = format!("https://hooks.spike.sh/{TOKEN}/push-events");
    let error = set(builder(url)).build::<Registry>().err().unwrap();
    assert!(error.is_config());
    let (said, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!said.contains("://") && !debug.contains("://"), "{said} {debug}");
    assert!(!said.contains(TOKEN) && !debug.contains(TOKEN));
    said
}

#[test]
fn what_is_no_link_is_an_error_that_names_it_and_shows_no_url() {
    let link = |name: &'static str, url: &'static str| refused(move |it| it.link(name, url));
    let known = "a placeholder of environment, first, first_ms, host, last, last_ms, level, \
                 location, service, span_id, target, title, trace_id, version, fields.… and \
                 span.fields.…";
    assert_eq!(
        link("logs", "https://logs.example/?trace={trase_id}"),
        format!("link(\"logs\"): expected {known}, found \"trase_id\" at character 29")
    );
    assert_eq!(
        link("logs", "logs.example"),
        "link(\"logs\"): expected an https or http URL, found another text"
    );
    assert_eq!(
        link("https://logs.example/", "logs"),
        "link: expected a name of 1 to 32 of a to z, 0 to 9 and _, found another value (21 \
         characters, not shown)"
    );
    let twice = |it: Builder| it.link("a", "https://a.example/").link("a", "https://b.example/");
    assert_eq!(refused(twice), "link(\"a\"): expected one link of a name, found two");
    let many = |it: Builder| {
        (0..9).fold(it, |it, number| it.link(format!("a{number}"), "https://a.example/"))
    };
    assert_eq!(refused(many), "link: expected 8 links at most, found 9");
    let runbook = |url: &str| {
        let rule = Rule::target("billing").runbook(url);
        refused(move |it| it.rule(rule))
    };
    assert_eq!(
        runbook("https://wiki.example/{"),
        "rule(\"billing\"): expected runbook(url) with each { with its }, and %7B and %7D for \
         braces of the URL itself, found one alone at character 22"
    );
    let own = "link: expected a URL without the token of a webhook, found one with";
    assert_eq!(runbook(&format!("https://wiki.example/{TOKEN}")), own);
    let of_rule = |it: Builder| {
        let url = format!("https://hooks.spike.sh/{OTHER_TOKEN}/push-events");
        let rule = Rule::target("billing").webhook(url);
        it.rule(rule).link("logs", format!("https://logs.example/?{OTHER_TOKEN}={{title}}"))
    };
    assert_eq!(refused(of_rule), own);
}
