//! The inputs of `tests/parsers`, and random changes of them: a fuzzer without a guide. The one that
//! has one is in `.ci/fuzz`, and what it finds becomes a line there.

#![expect(clippy::print_stdout, reason = "what was tried is for people")]

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use super::{
    Answer, Blames, Duration, Later, Outcome, PARSERS, Parser, Record, Rules, Told, Webhook,
    filter, of_answer, ok, record, redact, retry_after, title, webhook,
};
use crate::delivery::outcome::Reach;

/// Random inputs for each parser.
const INPUTS: usize = 100_000;
/// Bytes that mean something to a parser.
const SIGNS: &[u8] = b" \n\t,;:=/\\\"'{}[]()<>@#%-_.0179aZ\0\xff";

struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }

    fn part<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let from = self.below(bytes.len());
        let length = self.below((bytes.len() - from).min(40) + 1);
        &bytes[from..from + length]
    }

    /// One of the inputs, changed a little, and sometimes nothing but random bytes.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        if self.below(16) == 0 {
            return (0..self.below(64)).map(|_| u8::try_from(self.below(256)).unwrap()).collect();
        }
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, SIGNS[self.below(SIGNS.len())]),
                2 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                3 if at < bytes.len() => bytes[at] = SIGNS[self.below(SIGNS.len())],
                4 => drop(bytes.drain(at..(at + self.below(9)).min(bytes.len()))),
                5 => {
                    let part = self.part(&bytes).to_vec();
                    bytes.splice(at..at, part);
                }
                _ => {
                    let other = self.below(corpus.len());
                    let part = self.part(&corpus[other]);
                    bytes.splice(at..at, part.iter().copied());
                }
            }
            // Nothing grows for ever.
            bytes.truncate(8 << 10);
        }
        bytes
    }
}

/// The inputs of a parser: a JSON string a line, and comments.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parsers");
    let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let inputs = lines.map(|line| serde_json::from_str::<String>(line).unwrap().into_bytes());
    let inputs: Vec<_> = inputs.collect();
    assert!(inputs.len() >= 8, "{name} has {} inputs", inputs.len());
    inputs
}

/// Tries the corpus and `random` inputs; tells how many the parser took for its own, or the first
/// that does not do what it must.
fn tried(name: &str, parser: impl Fn(&[u8]) -> Told, random: usize) -> Result<usize, String> {
    let (corpus, mut dice) = (corpus(name), Random(0x9e37_79b9_7f4a_7c15));
    let mut taken = 0;
    for n in 0..corpus.len() + random {
        let input = corpus.get(n).cloned().unwrap_or_else(|| dice.input(&corpus));
        let told = catch_unwind(AssertUnwindSafe(|| parser(&input)));
        match told.unwrap_or_else(|_| Err("it panicked".to_owned())) {
            Ok(own) => taken += usize::from(own),
            Err(why) => {
                let input = String::from_utf8_lossy(&input).into_owned();
                return Err(format!("{name}, input {n}, {input:?}: {why}"));
            }
        }
    }
    Ok(taken)
}

#[test]
fn f081_f094_f103_no_parser_panics_or_breaks_its_promise_on_a_hundred_thousand_inputs() {
    for (name, parser) in PARSERS {
        let taken = tried(name, parser, INPUTS).unwrap_or_else(|why| panic!("{why}"));
        println!("parsers: {name}: {INPUTS} inputs, {taken} taken for its own");
        // Both ways are tried.
        assert!((INPUTS / 100..INPUTS * 99 / 100).contains(&taken), "{name}: {taken}");
    }
}

#[test]
fn a_parser_that_panics_or_breaks_its_promise_is_found() {
    let wrong: [(&str, Parser); 13] = [
        ("filter", |bytes| filter(bytes, |text| Rules::parse(&text.replace("=off", "=warn"), "x"))),
        ("filter", |bytes| {
            filter(bytes, |text| Rules::parse(text.rsplit_once(',').map_or(text, |two| two.0), "x"))
        }),
        ("ok", |bytes| {
            ok(bytes, |answer| of_answer(&Answer { body: b"{\"Ok\":true}", ..*answer }))
        }),
        ("record", |bytes| {
            let counted = |record: Record| Record { count: record.count / 2, ..record };
            record(bytes, |bytes| Record::decode(bytes).ok().map(counted))
        }),
        ("redact", |bytes| {
            redact(bytes, |scrubber, text, from, cap| {
                let _cut = text.split_at(text.len().min(cap));
                scrubber.scrub(text, from, cap).redacted
            })
        }),
        ("redact", |bytes| {
            redact(bytes, |scrubber, text, from, cap| {
                let redacted = scrubber.scrub(text, from, cap).redacted;
                text.push_str(if text.ends_with("[redacted]") { "x" } else { "" });
                redacted
            })
        }),
        ("retry_after", |bytes| {
            retry_after(bytes, |answer| of_answer(&Answer { retry_after: None, ..*answer }))
        }),
        ("retry_after", |bytes| {
            retry_after(bytes, |answer| match answer.retry_after.map(str::parse::<u64>) {
                Some(Ok(seconds)) => Outcome::Later(Later {
                    blames: Blames::Title,
                    asked: Some(Duration::from_secs(seconds)),
                    reach: Reach::Answered,
                }),
                _ => of_answer(answer),
            })
        }),
        ("title", |bytes| {
            title(bytes, |message, target| format!("{} in {target}", title::derive(message, "")))
        }),
        ("title", |bytes| title(bytes, |message, _| message.trim().to_owned())),
        ("webhook", |bytes| {
            webhook(bytes, |text| Webhook::parse(text, "x"), |webhook| webhook.expose_url().into())
        }),
        ("webhook", |bytes| {
            let https = |text: &str| Webhook::parse(&text.replacen("http:", "https:", 1), "x");
            webhook(bytes, https, |webhook| format!("{webhook:?}"))
        }),
        ("webhook", |bytes| {
            let quoted = |text: &str| Webhook::parse(text, text.to_owned());
            webhook(bytes, quoted, |webhook| format!("{webhook:?}"))
        }),
    ];
    for (n, (name, parser)) in wrong.into_iter().enumerate() {
        let found = tried(name, parser, INPUTS);
        assert!(found.is_err(), "the wrong parser {n} of {name} was not found: {found:?}");
    }
}
