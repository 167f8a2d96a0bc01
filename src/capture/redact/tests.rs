#![expect(clippy::print_stdout, reason = "what was measured is for people")]

use super::{Redaction, Scrubber};
use crate::webhook::Tokens;

mod bounds;
mod corpus;
mod cost;
mod properties;

/// What is left of a text, and how many secrets were in it.
fn scrubbed(text: &str) -> (String, u32) {
    let mut text = text.to_owned();
    let redacted = Scrubber::default().scrub_all(&mut text);
    (text, redacted)
}

#[test]
fn f094_our_own_tokens_are_removed_wherever_they_stand() {
    for redaction in [Redaction::On, Redaction::Off] {
        let tokens = ["abcdEFGH1234", "abcdEFGH", "12345678"].map(Into::into);
        let scrubber = Scrubber::new(Tokens::new(tokens.to_vec()), redaction, &[]);
        let mut text = "posting to /abcdEFGH1234/push-events, abcdEFGH1234abcdEFGH1234".to_owned();
        assert!(scrubber.scrub_all(&mut text) > 0);
        assert_eq!(text, "posting to /REDACTED/push-events, REDACTEDREDACTED");
        let mut text = "abcdEFGH, 12345678, abcdEFGH".to_owned();
        assert!(scrubber.scrub(&mut text, 1, 100).redacted > 0);
        assert_eq!(text, "abcdEFGH, REDACTED, REDACTED");
        let mut text = "abcdEFG123 1234567 is not it".to_owned();
        assert_eq!(scrubber.scrub_all(&mut text), 0);
        assert_eq!(text, "abcdEFG123 1234567 is not it");
    }
}

#[test]
fn what_is_left_says_where_a_secret_was() {
    let table = [
        ("login with password=hunter2 failed", "login with password=[redacted] failed"),
        ("postgres://app:hunter2@db:5432/shop", "postgres://app:[redacted]@db:5432/shop"),
        ("{\"user\":\"ann\",\"token\":\"abc-1\"}", "{\"user\":\"ann\",\"token\":\"[redacted]\"}"),
        ("Auth { token: Some(\"abc-1\"), n: 1 }", "Auth { token: Some(\"[redacted]\"), n: 1 }"),
        ("card 4111 1111 1111 1111 declined", "card [redacted] declined"),
        (
            "https://hooks.slack.com/services/T0/B0/xyz 404",
            "https://hooks.slack.com/services/[redacted] 404",
        ),
        ("a=1&token=abcdef1&b=2", "a=1&token=[redacted]&b=2"),
        ("Server=db;Password=x1;Encrypt=true", "Server=db;Password=[redacted];Encrypt=true"),
        ("password=a,b;c&d)e is wrong", "password=[redacted] is wrong"),
        ("{\\\"password\\\":\\\"a\\\\\\\"b\\\"}", "{\\\"password\\\":\\\"[redacted]\\\"}"),
        ("tokens: [\"abc-1\", \"abc-2\"], n: 1", "tokens: [[redacted]], n: 1"),
        ("Authorization: Basic YTpi\nHost: x", "Authorization: [redacted]\nHost: x"),
        ("run --password hunter2 --user ann", "run --password [redacted] --user ann"),
        ("pin=1234 pin=12 pins=1234", "pin=[redacted] pin=12 pins=1234"),
        ("token=123456 token=1234567", "token=123456 token=[redacted]"),
        ("ключ password=пароль пропал", "ключ password=[redacted] пропал"),
    ];
    for (text, expected) in table {
        assert_eq!(scrubbed(text).0, expected, "{text}");
    }
}

#[test]
fn what_is_a_secret_goes_and_what_is_nearly_one_stays() {
    // Texts, and what is left of them.
    let bot = format!("AA{}", "Fak".repeat(11));
    let texts = [
        (format!("bot 1234567:{bot} is down"), "bot 1234567:[redacted] is down".to_owned()),
        (format!("bot 123456:{bot} is down"), format!("bot 123456:{bot} is down")),
    ];
    let table = [
        ("token: Some(\"abcdefg\")", "token: Some(\"[redacted]\")"),
        ("token: Ident(\"abcdefg\")", "token: Ident(\"abcdefg\")"),
        ("token=abcdefgh", "token=[redacted]"),
        ("auth=basic", "auth=basic"),
        ("token == abc12345, token != abc12345", "token == abc12345, token != abc12345"),
        ("token := abc12345", "token := [redacted]"),
        ("token => \"abc12345\"", "token => \"[redacted]\""),
        ("token%3Dabc12345 failed", "token%3D[redacted] failed"),
        ("token%3dabc12345 failed", "token%3d[redacted] failed"),
        ("token%3Aabc12345 failed", "token%3Aabc12345 failed"),
        ("password=[1, 2, 3, 4, 5] is set", "password=[[redacted]] is set"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIFake\n-----END PRIVATE KEY----- and on",
            "[redacted] and on",
        ),
        ("https://Fake0123456789Fake0123@shop.test/x", "https://[redacted]@shop.test/x"),
        ("https://fakefakefakefakefake@shop.test/x", "https://fakefakefakefakefake@shop.test/x"),
        ("card 5018000000007 and 676100000000001", "card [redacted] and [redacted]"),
        ("card 5018000000007x and v5018000000007", "card 5018000000007x and v5018000000007"),
        ("took 1.5018000000007 or 5018000000007.5", "took 1.5018000000007 or 5018000000007.5"),
    ];
    let table = table.map(|(text, expected)| (text.to_owned(), expected.to_owned()));
    let wrong: Vec<_> = texts
        .into_iter()
        .chain(table)
        .map(|(text, expected)| (scrubbed(&text).0, expected))
        .filter(|(left, expected)| left != expected)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
