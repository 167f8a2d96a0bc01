use std::{fs, path::Path};

use super::{LONGEST, Shape};
use crate::capture::{redact::Scrubber, title};

fn shape(message: &str) -> Option<String> {
    let mut shape = Shape::new();
    // What is there from before does not matter.
    shape.set(&"12345678 ".repeat(LONGEST / 9));
    shape.set(message).then(|| String::from_utf8(shape.bytes().to_vec()).unwrap())
}

#[test]
fn only_a_number_that_stands_alone_loses_its_digits() {
    let table = [
        ("order 4711: gone", "order 0000: gone"),
        ("7 of 12", "0 of 00"),
        ("order=4711, [12] (3)", "order=0000, [00] (0)"),
        ("größer als 99999 ist für 1", "größer als 00000 ist für 0"),
        // Glued to something.
        ("v1 s3 utf-8 1.5 17:03 5xx 3% 4th", "v1 s3 utf-8 1.5 17:03 5xx 3% 4th"),
        ("id:7 10.0.0.1 #4 -3 +3 3/4 '5'", "id:7 10.0.0.1 #4 -3 +3 3/4 '5'"),
        // Another one is near.
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("1,2 3, 4", "1,2 3, 0"),
        // It may be a card's.
        ("411111111111 and 4111111111111", "000000000000 and 4111111111111"),
        ("", ""),
        ("\u{b3}\u{b5} abcdefgh 12", "\u{b3}\u{b5} abcdefgh 00"),
    ];
    for (message, expected) in table {
        assert_eq!(shape(message).as_deref(), Some(expected));
    }
    let mut long = "x".repeat(LONGEST - 3) + " 47";
    assert_eq!(shape(&long), Some("x".repeat(LONGEST - 3) + " 00"));
    long.push('1');
    assert_eq!(shape(&long), None);
}

/// As the layer makes a title: of a message without its secrets, of which it remembers none that
/// had one.
fn titled(message: &str) -> Option<String> {
    thread_local!(static SCRUBBER: Scrubber = Scrubber::default());
    let is_clean = SCRUBBER.with(|scrubber| scrubber.is_clean(message));
    is_clean.then(|| title::derive(message, ""))
}

/// Fails unless the rules make one title of the message and of others with its shape.
fn holds(message: &str) -> bool {
    let Some(shape) = shape(message) else { return false };
    let title = titled(message);
    assert_eq!(titled(&shape), title, "{message}");
    // The numbers of it, whatever their digits are.
    for digit in ["1", "4", "9"] {
        let bytes = message.bytes().zip(shape.bytes());
        let other = bytes.map(|(byte, shape)| {
            let numbered = byte.is_ascii_digit() && shape == b'0';
            if numbered { digit.as_bytes()[0] } else { byte }
        });
        let other = String::from_utf8(other.collect()).unwrap();
        if self::shape(&other).as_deref() == Some(&*shape) {
            assert_eq!(titled(&other), title, "{message} and {other}");
        }
    }
    shape != message
}

/// Words that a number may belong to, before it and behind.
const WORDS: [&str; 50] = [
    "Basic",
    "Mar",
    "May",
    "at",
    "AM",
    "ms",
    "seconds",
    "MB",
    "GET",
    "user",
    "for user",
    "from",
    "code",
    "status",
    "port",
    "pin",
    "v",
    "HTTP",
    "errno",
    "os error",
    "#",
    "=",
    ":",
    "key:",
    "key =",
    "id:",
    "epoch",
    "topic: t",
    "SELECT",
    "'",
    "\"",
    "(",
    "[",
    "{",
    ")",
    "]",
    "}",
    "-",
    "line",
    "2031",
    "2031-04-05",
    "17:03",
    "unknown",
    "is",
    "Some(",
    "E {",
    "for",
    "true",
    "…",
    "",
];

#[test]
fn messages_of_one_shape_have_one_title() {
    let golden = include_str!("../../../../tests/titles.golden");
    let lines = golden.lines().filter(|line| !line.starts_with(['#', '@', '=']));
    let mut masked = lines.filter(|line| holds(line)).count();
    assert!(masked > 60, "{masked}");
    for before in WORDS {
        for between in ["", " ", "=", "("] {
            for number in [
                "3",
                "31",
                "404",
                "2031",
                "86400",
                "1767225600",
                "12345678",
                "411111111111",
                "4111111111111111",
                "110611111111111",
            ] {
                for after in WORDS {
                    for mark in ["", ",", ":", ")", "]", "."] {
                        let message = format!("no {before}{between}{number}{mark} {after} left");
                        masked += usize::from(holds(&message));
                    }
                }
            }
        }
    }
    assert!(masked > 100_000, "{masked}");
}

/// Facts for tests that are not a part of the crate.
#[test]
fn messages_of_real_programs_with_one_shape_have_one_title() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/titles");
    // Not beside every checkout; the messages above are those of all.
    let Ok(corpora) = fs::read_dir(&shared) else { return };
    let folders = corpora.flatten().filter_map(|corpus| fs::read_dir(corpus.path()).ok());
    let mut masked = 0;
    for system in folders.flatten().flatten() {
        for name in ["messages.tsv", "messages.csv"] {
            let text = fs::read_to_string(system.path().join(name)).unwrap_or_default();
            let messages = text.lines().filter_map(|line| line.splitn(4, ['\t', ',']).nth(3));
            masked += messages.filter(|message| holds(message)).count();
        }
    }
    assert!(masked > 1_000, "{masked}");
}
