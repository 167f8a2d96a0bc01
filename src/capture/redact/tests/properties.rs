//! What holds for any text, checked on random ones. `SPIKE_REDACT_CASES` says how many.

use std::env;

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof},
    proptest,
    sample::select,
};

use super::scrubbed;
use crate::capture::redact::{LOOK_AHEAD, PLACEHOLDER, Scrubber};

/// Parts of secrets, and what stands around them.
const FRAGMENTS: &str = "password token api_key auth pin cookie Authorization Bearer Basic \
    secret: pwd= : = \" ' ` \\ \\\" \\\\\" , ; & [ ] { } ( ) < > / // :// @ ? # - -- ----- _ . \
    -----BEGIN PRIVATE RSA KEY----- -----END eyJ eyJhbGciOiJIUzI1NiJ9 .eyJzdWIiOiI3In0 .c2ln \
    ghp_ AKIA sk- SG. key- xoxb- github_pat_ AKIAFAKEFAKEFAKE2345 aaaaaaaaaaaa 0123456789abcdef \
    4111 1111 111111111111 4111111111111111 3782 822463 10005 hooks.slack.com/services/ -us12 \
    hooks.spike.sh/ discord.com/api/webhooks/ :AA 123456789 %3D => := == :: Some( None true null \
    redacted [redacted] REDACTED *** user hunter2 x1 é 漢 \u{200b} postgres://a:b@c --password";

fn cases(few: u32) -> ProptestConfig {
    let wanted = env::var("SPIKE_REDACT_CASES").ok().and_then(|cases| cases.parse().ok());
    let cases = wanted.unwrap_or(few);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn text() -> impl Strategy<Value = String> {
    let fragments: Vec<&str> = FRAGMENTS.split_whitespace().collect();
    let fragment = select(fragments).prop_map(str::to_owned);
    let any_char = any::<char>().prop_map(String::from);
    let ascii = (0x20_u8..0x7f).prop_map(|byte| char::from(byte).to_string());
    let digits = "[0-9]{1,20}".prop_map(String::from);
    let word = "[A-Za-z0-9_.-]{1,40}".prop_map(String::from);
    let space = select(vec![" ", " ", "\n", "  "]).prop_map(str::to_owned);
    let part =
        prop_oneof![8 => fragment, 1 => any_char, 2 => ascii, 1 => digits, 1 => word, 4 => space];
    vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn redacting_again_changes_nothing(text in text()) {
        let (once, _) = scrubbed(&text);
        let (twice, again) = scrubbed(&once);
        prop_assert_eq!((&once, 0), (&twice, again), "{:?}", text);
    }

    #[test]
    fn what_is_not_redacted_is_what_it_was(text in text()) {
        let text = text.replace(PLACEHOLDER, "");
        let (clean, redacted) = scrubbed(&text);
        let mut rest = text.as_str();
        let mut pieces = clean.split(PLACEHOLDER).peekable();
        prop_assert_eq!(clean.matches(PLACEHOLDER).count(), redacted as usize);
        rest = rest.strip_prefix(pieces.next().unwrap()).unwrap();
        while let Some(piece) = pieces.next() {
            let at = if pieces.peek().is_none() {
                prop_assert!(rest.ends_with(piece));
                rest.len() - piece.len()
            } else {
                rest.find(piece).unwrap()
            };
            rest = rest.get(at + piece.len()..).unwrap();
        }
        prop_assert_eq!(rest, "");
    }

    #[test]
    fn a_cap_leaves_no_part_of_a_secret(
        before in 0_usize..120,
        filler in select(vec!["x ", "é, ", "12 ", "a: ", "password=hunter2 "]),
        which in 0_usize..SECRETS.len(),
        after in text(),
    ) {
        const CAP: usize = 200;
        let (prefix, secret) = SECRETS[which];
        let secret = secret.replace('#', &"Fake0123".repeat(60));
        let all = format!("{}{prefix}{secret} {after}", filler.repeat(before));
        // As it is captured: so far, and no further.
        let end = (0..=CAP + LOOK_AHEAD).rev().find(|end| all.is_char_boundary(*end)).unwrap();
        let mut text = all.get(..end).unwrap_or(&all).to_owned();
        let scrubber = Scrubber::default();
        scrubber.scrub(&mut text, 0, CAP);
        prop_assert!(text.len() <= CAP);
        let pieces = secret.as_bytes().windows(8).filter_map(|piece| str::from_utf8(piece).ok());
        for piece in pieces.filter(|piece| !after.contains(piece)) {
            prop_assert!(!text.contains(piece), "{piece:?} of {all:?} is in {text:?}");
        }
    }

    #[test]
    fn cards_are_those_that_a_slow_search_finds(text in "[0-9 -]{0,12}[3-6][0-9]{12,18}[ a-z]{0,3}|([0-9]{4}[ -]?){3,5}[0-9]{0,4}") {
        let found = scrubbed(&text).1 > 0;
        prop_assert_eq!(found, naive_card(&text), "{}", text);
    }
}

/// What is in front of a secret, and the secret; `#` is long.
const SECRETS: [(&str, &str); 12] = [
    ("", "ghp_Fake0123456789Fake0123456789Fake01234"),
    ("", "AKIAFAKEFAKEFAKE2345"),
    ("password=", "hunter2-hunter2"),
    ("password=\"", "#"),
    ("token: ", "#"),
    ("Authorization: Bearer ", "#"),
    ("", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.#"),
    ("", "eyJhbGciOiJIUzI1NiIsInR5cCI6#.#.#"),
    ("-----BEGIN RSA PRIVATE KEY-----\n", "#\n#"),
    ("postgres://app:", "x#"),
    ("https://hooks.slack.com/services/", "T0FAKE/B0FAKE/Fake0123456789Fake0123"),
    ("card ", "4111111111111111"),
];

/// Groups of digits, and all ways to put some of them together.
fn naive_card(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_word =
        |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    (0..bytes.len()).any(|from| {
        (from + 13..=bytes.len()).any(|to| {
            let part = text.get(from..to).unwrap();
            let lengths: Vec<usize> = part.split([' ', '-']).map(str::len).collect();
            let groups = matches!(
                lengths.as_slice(),
                [13..=19]
                    | [4, 4, 4, 4]
                    | [4, 4, 4, 4, 3]
                    | [4, 4, 4, 1]
                    | [4, 6, 5]
                    | [4, 6, 4]
                    | [8, 8]
            );
            let one_sign = !(part.contains(' ') && part.contains('-'));
            let digits: Vec<u32> = part.chars().filter_map(|c| c.to_digit(10)).collect();
            let plain = digits.len() + lengths.len() - 1 == part.len();
            let first = digits.iter().take(4).fold(0, |sum, digit| sum * 10 + digit);
            let issued = matches!(
                (first, digits.len()),
                (4000..=4999, 13 | 16 | 19)
                    | (5100..=5599 | 2221..=2720, 16)
                    | (3400..=3499 | 3700..=3799, 15)
                    | (3000..=3059 | 3095 | 3600..=3699 | 3800..=3999, 14..=19)
                    | (3528..=3589 | 6011 | 6440..=6599 | 6200..=6299, 16..=19)
                    | (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19)
            );
            let sum: u32 = digits
                .iter()
                .rev()
                .enumerate()
                .map(|(at, digit)| match at % 2 {
                    0 => *digit,
                    _ => digit * 2 / 10 + digit * 2 % 10,
                })
                .sum();
            let alone = !is_word(from.checked_sub(1)) && !is_word(Some(to));
            groups && one_sign && plain && issued && sum.is_multiple_of(10) && alone
        })
    })
}
