//! The dry run, as it looks.

use std::{sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use tracing::{Level, Metadata};

use super::{About, Dry, Kind, Look, tally::Stopped};
use crate::{
    incident::{Op, Status},
    stats::Count,
    witness::Explain,
};

#[derive(Debug)]
struct Rules;

impl Explain for Rules {
    fn why(&self, level: Level, target: &str, _: Option<&Metadata<'_>>) -> String {
        format!("{level} in {target}")
    }
}

fn dry(look: Look) -> Dry {
    Dry { look, explain: Arc::new(Rules), tally: Arc::default() }
}

fn payload() -> Json {
    json!({
        "title": "card payment failed in shop",
        "severity": "sev1",
        "priority": "p2",
        "body": {
            "fields": { "order": 4711, "tenant": "acme" },
            "level": "ERROR",
            "location": "src/cards.rs:42",
            "message": "card payment failed:\n\tno answer\u{9b}31m",
            "occurrences": { "count": 3, "since_last": 2 },
            "schema": 1,
            "source": { "service": "shop" },
            "trail": ["-0.214s INFO shop: reserved", "-0.012s WARN shop: no\tanswer"],
        },
    })
}

fn about(kind: Kind) -> About {
    About { kind, why: "ERROR, filter `error`".to_owned() }
}

#[test]
fn a_person_at_a_terminal_sees_the_sms_why_where_and_the_body() {
    let text = dry(Look::Terminal).page(&payload(), &about(Kind::Page), Some("https://a (rule b)"));
    let expected = "\
▌ PAGE  sev1 p2
▌ sms   card payment failed in shop
▌ why   ERROR, filter `error` (src/cards.rs:42)
▌ to    https://a (rule b)
▌ body  message        card payment failed:
▌                          no answer 31m
▌       fields.order   4711
▌       fields.tenant  acme
▌       level          ERROR
▌       location       src/cards.rs:42
▌       trail          -0.214s INFO shop: reserved
▌                      -0.012s WARN shop: no    answer
▌       occurrences    count 3, since_last 2
▌       source         service shop
";
    assert_eq!(text, expected);
}

#[test]
fn color_is_all_that_a_colored_one_has_more() {
    let plain = dry(Look::Terminal).page(&payload(), &about(Kind::Repeat), None);
    let colored = dry(Look::Color).page(&payload(), &about(Kind::Repeat), None);
    assert!(colored.starts_with("\u{1b}[33m▌\u{1b}[0m \u{1b}[1;33mREPEAT\u{1b}[0m  sev1 p2\n"));
    // Nobody gets a repeat as an SMS.
    assert!(plain.contains("\n▌ title  card payment failed in shop\n▌ why    ERROR"), "{plain}");
    assert!(plain.contains("failed:\n▌                           no answer"), "{plain}");
    let mut bare = String::new();
    for part in colored.split("\u{1b}[") {
        bare.push_str(
            part.split_once('m').filter(|(code, _)| code.len() < 5).map_or(part, |p| p.1),
        );
    }
    assert_eq!(bare, plain);
}

#[test]
fn a_pipe_gets_a_line_and_json() {
    let dry = dry(Look::Plain);
    let text = dry.page(&payload(), &about(Kind::Page), Some("here"));
    let (line, json) = text.split_once('\n').unwrap();
    let said = "tracing-spike: dry run, would trigger \"card payment failed in shop\" at here with";
    assert_eq!(line, said);
    assert_eq!(serde_json::from_str::<Json>(json).unwrap(), payload());
    let resolve = dry.page(&payload(), &about(Kind::Resolve), None);
    assert!(resolve.starts_with("tracing-spike: dry run, would resolve \"card payment failed in"));
}

#[test]
fn what_did_not_page_is_told_with_its_reason() {
    let titles =
        vec![("a".into(), Count::SuppressedRepeat, 2), ("b".into(), Count::SuppressedMute, 1)];
    let stopped = Stopped { titles, more: 7, cancelled: 3 };
    let expected = "\
▌ did not page \"a\", 2 times: a repeat of an open incident, told with the next repeat
▌ did not page \"b\": muted
▌ did not page 7 of other titles
▌ did not page 3 that were over, or had changed, before they were sent
";
    assert_eq!(dry(Look::Terminal).stopped(&stopped), expected);
    let plain = dry(Look::Plain).stopped(&stopped);
    assert_eq!(plain, expected.replace("▌", "tracing-spike: dry run,"));
    assert_eq!(dry(Look::Color).stopped(&Stopped::default()), "");
}

#[test]
fn an_op_tells_what_it_is_and_why() {
    let sample = |status| Op::sample(1, 1, status, Duration::ZERO);
    let dry = dry(Look::Terminal);
    for (status, kind) in [
        (Status::Trigger { opening: true }, Kind::Page),
        (Status::Trigger { opening: false }, Kind::Repeat),
        (Status::Resolve { first: true, not_before: Duration::ZERO }, Kind::Resolve),
    ] {
        let About { kind: found, why } = dry.about(&sample(status));
        assert_eq!((found, why.as_str()), (kind, "by hand, with a Handle"));
    }
    let panic = Op { panic: true, ..sample(Status::Trigger { opening: true }) };
    assert_eq!(dry.about(&panic).why, "a panic");
}
