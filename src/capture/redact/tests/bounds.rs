//! Where a secret begins and ends, to the byte: the shortest that goes, and what is one byte or one
//! sign away from it and stays.

use serde_json::{Value as Json, json};

use super::scrubbed;
use crate::{
    capture::redact::{Clean, LOOK_AHEAD, Redaction, Scrubber, Verdict},
    webhook::Tokens,
};

/// Each text has to become the other: `#` is [`PLACEHOLDER`](super::super::PLACEHOLDER).
fn expect(table: &[(&str, &str)]) {
    let wrong: Vec<_> = table
        .iter()
        .map(|(text, expected)| (scrubbed(text).0, expected.replace('#', "[redacted]")))
        .filter(|(left, expected)| left != expected)
        .collect();
    assert!(wrong.is_empty(), "left, and expected: {wrong:#?}");
}

#[test]
fn what_begins_like_a_key_stays_when_it_is_too_short_or_goes_on_too_long() {
    let hex = "0123456789abcdef0123456789abcdef";
    let (id, body) = ("FAKE".repeat(4), "Fake0".repeat(6));
    let (body, short) = (body.as_str(), body.get(1..).unwrap());
    let long = "a".repeat(70);
    expect(&[
        (&format!("id AKIA{id}."), "id #."),
        (&format!("id AKIA{id}5."), &format!("id AKIA{id}5.")),
        (&format!("to ghp_{body}, ghp_{short}"), &format!("to #, ghp_{short}")),
        ("in Bearer Fake0123456789x", "in Bearer #"),
        ("in Bearer Fake0123456789", "in Bearer Fake0123456789"),
        ("of eyJhbGciOiJI.abcdefgh", "of #"),
        ("of eyJhbGciOiJI.abcdefg", "of eyJhbGciOiJI.abcdefg"),
        ("of eyJhbGciOiJI.abc defgh", "of eyJhbGciOiJI.abc defgh"),
        ("of eyJhbGciOiJ.abcdefgh", "of eyJhbGciOiJ.abcdefgh"),
        ("of eyJhbGciOiJIUzI1NiJ9", "of eyJhbGciOiJIUzI1NiJ9"),
        (&format!("of eyJ{long}"), &format!("of eyJ{long}")),
        (&format!("of eyJ{long} abc"), &format!("of eyJ{long} abc")),
        (&format!("to {hex}-us123 "), "to # "),
        (&format!("to {hex}-us1234 "), &format!("to {hex}-us1234 ")),
        (&format!("to {hex}-usa1 "), &format!("to {hex}-usa1 ")),
        (&format!("to {hex}-eu12 "), &format!("to {hex}-eu12 ")),
        (&format!("to 0x{} -us12 ", "z".repeat(30)), &format!("to 0x{} -us12 ", "z".repeat(30))),
        (&format!("to 0x{}-us12 ", "z".repeat(30)), &format!("to 0x{}-us12 ", "z".repeat(30))),
    ]);
}

#[test]
fn what_is_behind_basic_is_the_base64_of_a_user_and_a_password_or_stays() {
    expect(&[
        // Of `>>>:…`, `???:…`, and of what has a byte that nobody types.
        ("in Basic Pj4+Omh1bnRlcjJodW50ZXIy", "in Basic #"),
        ("in Basic Pj4-Omh1bnRlcjJodW50ZXIy", "in Basic #"),
        ("in Basic Pz8/Omh1bnRlcjJodW50ZXIy", "in Basic #"),
        ("in Basic Pz8_Omh1bnRlcjJodW50ZXIy", "in Basic #"),
        ("in Basic YW5uOgFodW50ZXIyaHVudGVyMg==", "in Basic YW5uOgFodW50ZXIyaHVudGVyMg=="),
        ("authorization: basic auth\nHost: X", "authorization: basic auth\nHost: X"),
        ("authorization: bearer token, was refused", "authorization: bearer token, was refused"),
        ("Authorization: Basic aB3", "Authorization: Basic aB3"),
        ("Authorization: Basic aB34", "Authorization: #"),
        ("Cookie: redacted=yes; b=2 was set", "Cookie: redacted=yes; b=2 was set"),
        ("Cookie: visited=yes; b=2\nHost: X", "Cookie: #\nHost: X"),
    ]);
}

#[test]
fn what_stands_beside_a_card_or_between_its_groups_decides() {
    expect(&[
        ("paid by 4111.1111.1111.1111 now", "paid by 4111.1111.1111.1111 now"),
        ("paid by 4111-1111-1111-1111 now", "paid by # now"),
        ("7 of 5018000000007 7 times, 7 5018000000007", "7 of # 7 times, 7 #"),
        ("paid by no.5018000000007. 7", "paid by no.#. 7"),
        ("paid by 5000000000005", "paid by 5000000000005"),
        ("paid 4111111111111111_ now", "paid 4111111111111111_ now"),
        // What is found first is not what comes first.
        (&format!("4111-1111-1111-1111-ghp_{}", "Fake0".repeat(6)), "#-#"),
        (
            "order 12345678 password=hunter2 card 4111111111111111",
            "order 12345678 password=# card #",
        ),
        ("12345678;password=hunter2;n=4111111111111111", "12345678;password=#;n=#"),
        // A key without an end goes so far, and what is behind it is no part of a word.
        (
            &format!("-----BEGIN PRIVATE KEY-----\n-----END {}4111111111111111", "a".repeat(48)),
            "##",
        ),
        (
            &format!("-----BEGIN PRIVATE KEY-----\n-----END {}/token: abc12345", "a".repeat(47)),
            "#token: #",
        ),
    ]);
}

#[test]
fn what_stands_before_a_name_and_beside_its_sign_decides() {
    expect(&[
        ("in token::abc12345 and", "in token::abc12345 and"),
        ("in /run/token: abc12345 and", "in /run/token: abc12345 and"),
        ("in api/key=abc12345 and", "in api/key=abc12345 and"),
        ("in api key=abc12345 and", "in api key=# and"),
        ("password:/hunter2 and", "password:# and"),
        ("- token abc12345 was refused", "- token abc12345 was refused"),
        ("-xtoken abc12345 was refused", "-xtoken abc12345 was refused"),
        ("x--token abc12345 was refused", "x--token abc12345 was refused"),
        ("(--token abc12345)", "(--token #)"),
        ("[\"--token\", \"abc12345\"]", "[\"--token\", \"#\"]"),
        ("run --token --abc12345", "run --token --abc12345"),
        ("run --token,abc12345", "run --token,abc12345"),
        ("run --a123456-token abc12345", "run --a123456-token #"),
        ("run --a1234567-token abc12345", "run --a1234567-token abc12345"),
        // The name is a key.
        ("run --sk-FakeFakeFakeFakeFake-token abc12345", "run --# abc12345"),
    ]);
}

#[test]
fn what_ends_a_value_and_what_is_in_the_middle_of_one() {
    expect(
        &[
            ("password=hunt[er2abcdef and", "password=# and"),
            ("password=hunt\\er2 and", "password=# and"),
            ("password=hunter2\\nnext", "password=#\\nnext"),
            ("password=hunter2\\\"next", "password=#\\\"next"),
            ("password=a1,\"b\"", "password=#,\"b\""),
            ("f(password=a1,)", "f(password=#,)"),
            ("password=a1,b=2", "password=#,b=2"),
            ("password=a1,=2 and", "password=# and"),
            ("password=(hunter2 and", "password=# and"),
            ("token=(hunter2 and", "token=(hunter2 and"),
            ("token=abc12345#", "token=abc12345#"),
            ("token=\"abc12345#\"", "token=\"abc12345#\""),
            // In what a program prints.
            ("token=(\"abc12345\")", "token=(\"abc12345\")"),
            ("token: of \"abc12345\"", "token: of \"abc12345\""),
            ("token: Some(Secret(\"abcdefg\"))", "token: Some(Secret(\"#\"))"),
            ("token=Some(abc12345) and", "token=#) and"),
        ]
        .map(|(text, expected)| (text.replace('#', "[redacted]"), expected))
        .each_ref()
        .map(|(text, expected)| (text.as_str(), *expected)),
    );
}

#[test]
fn what_a_value_says_decides() {
    expect(&[
        ("token: abc12345 and", "token: # and"),
        ("token: abcdefgh and", "token: abcdefgh and"),
        ("token: abcdefghijKLMNOPQrst", "token: #"),
        ("token: abcdefghijKLMNOPQrs", "token: abcdefghijKLMNOPQrs"),
        ("token=missing and", "token=missing and"),
        ("token=&config1 and", "token=&config1 and"),
        ("token=basic and", "token=basic and"),
        (&format!("pin={}", "a".repeat(257)), "pin=#"),
        (&format!("pin={}", "a".repeat(256)), &format!("pin={}", "a".repeat(256))),
    ]);
}

#[test]
fn what_is_in_a_list_is_a_secret_when_it_looks_like_one() {
    expect(&[
        ("{\\\"tokens\\\":[\\\"abc-1\\\"]}", "{\\\"tokens\\\":[#]}"),
        ("password=[ 1, 2, 3, 4 ]", "password=[#]"),
        ("password: [ 1, 2, 3, 4 ]", "password: [ 1, 2, 3, 4 ]"),
        ("password: [1, 2, 3, 4]", "password: [#]"),
        ("tokens=[abc12345, x]", "tokens=[abc12345, x]"),
        ("tokens=[123456]", "tokens=[123456]"),
        ("tokens=[1234567]", "tokens=[#]"),
    ]);
}

#[test]
fn what_is_before_a_host_and_behind_a_webhook() {
    expect(&[
        ("https://shop.test:?to=ann@shop.test", "https://shop.test:?to=ann@shop.test"),
        ("https://shop.test:8080/x@y", "https://shop.test:8080/x@y"),
        ("postgres://app:hunter2", "postgres://app:hunter2"),
        ("postgres://app:hunt/er2@db/shop", "postgres://app:#@db/shop"),
        ("https://hooks.spike.sh/abcdefg", "https://hooks.spike.sh/abcdefg"),
        ("https://hooks.spike.sh/abcdefgh", "https://hooks.spike.sh/#"),
    ]);
    // What was hidden before, and what was left.
    for text in ["https://hooks.spike.sh/abcdefgh/[redacted]", "postgres://app:a[redacted]@db/shop"]
    {
        assert_eq!(scrubbed(text), (text.to_owned(), 0));
    }
}

#[test]
fn what_is_found_does_not_depend_on_where_in_the_text_it_stands() {
    let key = format!("AKIA{}", "FAKE".repeat(4));
    let secrets =
        ["pin=1234", "--pin 1234", "Bearer Fake0123456789x", key.as_str(), "5018000000007"];
    for secret in secrets {
        let whole = scrubbed(secret).0;
        assert!(whole.ends_with("[redacted]"), "{secret}");
        for before in 0..24 {
            // What ends a word and begins none.
            let before = format!("{} ", "(".repeat(before));
            let (left, found) = scrubbed(&format!("{before}{secret}"));
            assert_eq!((left, found), (format!("{before}{whole}"), 1));
            let (left, found) = scrubbed(&format!("{before}{secret}, {secret}"));
            assert_eq!((left, found), (format!("{before}{whole}, {whole}"), 2));
        }
    }
}

#[test]
fn what_a_token_leaves_counts_for_the_cap() {
    let token = "abcdEFGH1234".to_owned();
    let scrubber = Scrubber::new(Tokens::new(vec![token.into()]), Redaction::On, &[]);
    let table = [
        // What is behind a cut came nearer, and is not shown.
        ("abcdEFGH1234 0123456789", 10, "REDACT", true),
        // All there is, and no more.
        ("abcdEFGH1234 password=7", 23, "REDACTED password=[reda", false),
        ("abcdEFGH1234 password=7", 100, "REDACTED password=[redacted]", false),
    ];
    for (text, cap, expected, cut) in table {
        let mut left = text.to_owned();
        let taken = scrubber.scrub(&mut left, 0, cap);
        assert_eq!((left.as_str(), taken.cut), (expected, cut));
    }
}

#[test]
fn what_is_cut_off_may_have_said_that_it_is_a_secret() {
    let scrubber = Scrubber::default();
    let table = [("eyJ", "[redacted]"), ("postgres://app:", "postgres://app:[redacted]")];
    for (begin, expected) in table {
        let cap = expected.len();
        let text = |long: usize| format!("{begin}{}", "a".repeat(cap + long - begin.len()));
        let mut cut = text(LOOK_AHEAD);
        scrubber.scrub(&mut cut, 0, cap);
        assert_eq!(cut, expected);
        let mut whole = text(LOOK_AHEAD - 1);
        scrubber.scrub(&mut whole, 0, cap);
        assert_eq!(whole, text(0));
    }
    let mut text = format!("https://hooks.spike.sh/{}", "abcd".repeat(LOOK_AHEAD));
    scrubber.scrub(&mut text, 0, 30);
    assert_eq!(text, "https://hooks.spike.sh/[redact");
}

#[test]
fn what_has_no_secret_is_left_where_it_is() {
    let mut text = String::with_capacity(32);
    text.push_str("could not load the order, 4711 ");
    let capacity = text.capacity();
    assert_eq!(Scrubber::default().scrub_all(&mut text), 0);
    assert_eq!((text.as_str(), text.capacity()), ("could not load the order, 4711 ", capacity));
}

#[test]
fn what_is_clean_has_neither_a_token_nor_a_secret() {
    let token = || Tokens::new(vec!["abcdEFGH1234".to_owned().into()]);
    for (redaction, secret) in [(Redaction::On, false), (Redaction::Off, true)] {
        let scrubber = Scrubber::new(token(), redaction, &[]);
        assert!(scrubber.is_clean("could not load the order"));
        assert!(!scrubber.is_clean("could not post to abcdEFGH1234"));
        assert_eq!(scrubber.is_clean("password=hunter2"), secret);
    }
}

#[test]
fn what_is_a_clean_constant_is_remembered_and_no_other_is_taken_for_it() {
    const TEXT: &str = "could not load the order";
    let parts = |from: usize| (from..=TEXT.len()).filter_map(move |to| TEXT.get(from..to));
    let all: Vec<&'static str> = (0..TEXT.len()).flat_map(parts).collect();
    for first in &all {
        let clean = Clean::default();
        assert!(!clean.is(first, || false));
        assert!(clean.is(first, || true));
        assert!(clean.is(first, || false), "it is looked through again");
        // None of those that are a part of the same constant, with another beginning or end.
        let same = |other: &&&str| (other.as_ptr(), other.len()) != (first.as_ptr(), first.len());
        assert!(all.iter().filter(same).all(|other| !clean.is(other, || false)));
    }
}

/// What is left of the fields, and how many values have gone.
fn fields_of(redaction: Redaction, fields: &Json) -> (Json, u32) {
    let scrubber = Scrubber::new(Tokens::default(), redaction, &[]);
    let mut fields = fields.as_object().cloned().unwrap();
    let redacted = scrubber.scrub_fields(&mut fields);
    (Json::Object(fields), redacted)
}

#[test]
fn what_is_in_a_field_goes_with_it() {
    let (bytes, few) = (json!([1, 2, 3, 4, 5, 6, 7, 8]), json!([1, 2, 3, 4, 5, 6, 7]));
    let more = json!([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let mixed = json!([1, 2, 3, 4, 5, 6, 7, true]);
    let on = [
        (json!({ "token": bytes }), json!({ "token": "[redacted]" }), 1),
        (json!({ "token": more }), json!({ "token": "[redacted]" }), 1),
        (json!({ "token": few }), json!({ "token": few }), 0),
        (json!({ "token": mixed }), json!({ "token": mixed }), 0),
        (json!({ "count": bytes }), json!({ "count": bytes }), 0),
        (json!({ "pin": 1234 }), json!({ "pin": "[redacted]" }), 1),
        (json!({ "pin": 12 }), json!({ "pin": 12 }), 0),
        (json!({ "note": "pin=1234" }), json!({ "note": "pin=[redacted]" }), 1),
        (json!({ "pin=1234": 1, "x": 1 }), json!({ "pin=[redacted]": 1, "x": 1 }), 1),
    ];
    let open = [
        (json!({ "user": { "token": "abc1" } }), json!({ "user": { "token": "abc1" } }), 0),
        (json!({ "user": { "pin": "1234" } }), json!({ "user": { "pin": "[redacted]" } }), 1),
        (json!({ "user": { "name": "ann" } }), json!({ "user": { "name": "ann" } }), 0),
        (json!({ "order": 4711 }), json!({ "order": "[redacted]" }), 1),
        (json!({ "order": { "id": [1] } }), json!({ "order": "[redacted]" }), 1),
    ];
    for (fields, expected, redacted) in on {
        assert_eq!(fields_of(Redaction::On, &fields), (expected, redacted));
    }
    for (fields, expected, redacted) in open {
        let names = ["user", "token"].map(str::to_owned).to_vec();
        assert_eq!(fields_of(Redaction::AllBut(names), &fields), (expected, redacted));
    }
}

#[test]
fn what_a_program_adds_may_be_a_number() {
    let scrubber = Scrubber::new(Tokens::default(), Redaction::On, &["4711".to_owned()]);
    assert!(matches!(scrubber.verdict("4711"), Verdict::Listed(_)));
    assert!(matches!(scrubber.verdict("4712"), Verdict::Open));
}

#[test]
fn f091_beside_what_is_hidden_already_the_rest_is_hidden_too() {
    let long = "x7".repeat(150);
    for (text, hidden) in [
        ("https://[redacted]:real-Pass1@host/x".to_owned(), "https://[redacted]:[redacted]@host/x"),
        (format!("credentials=\"A=[redacted] KEY={long}\" end"), "credentials=\"[redacted]\" end"),
        (format!("password=[redacted]{long}"), "password=[redacted]"),
    ] {
        let mut found = text.clone();
        Scrubber::default().scrub_all(&mut found);
        assert!(found.starts_with(hidden), "{found}");
        let mut again = found.clone();
        assert_eq!((Scrubber::default().scrub_all(&mut again), &again), (0, &found));
    }
}
