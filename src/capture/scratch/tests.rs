use std::fmt::Write;

use super::{Scratch, Taker};
use crate::{
    capture::redact::{Redaction, Scrubber},
    stats::{Count, Counters},
    webhook::Tokens,
};

#[test]
fn f046_formatting_that_never_stops_is_stopped_at_the_cap() {
    let (scrubber, counters) = (Scrubber::default(), Counters::new());
    let taker = Taker { scrubber: &scrubber, counters: &counters, literals: None };
    let mut out = "kept ".to_owned();
    let cut = taker.take(&mut out, 10, |w| {
        loop {
            w.write_str("ab")?;
        }
    });
    assert!(cut.cut);
    assert_eq!(out, "kept ababababab");
}

#[test]
fn f094_a_token_across_the_cap_leaves_nothing_behind() {
    let token = "abcdefgh12345678";
    let (scrubber, counters) =
        (Scrubber::new(Tokens::new(vec![token.into()]), Redaction::On, &[]), Counters::new());
    let taker = Taker { scrubber: &scrubber, counters: &counters, literals: None };
    for before in 0..40 {
        let mut out = String::new();
        let text = "x".repeat(before) + token + &"y".repeat(200);
        taker.take(&mut out, 20, |w| w.write_str(&text));
        assert!(!out.contains("abcdefgh"), "{before}: {out}");
    }
}

#[test]
fn f045_a_panic_while_formatting_leaves_a_mark() {
    let (scrubber, counters) = (Scrubber::default(), Counters::new());
    let taker = Taker { scrubber: &scrubber, counters: &counters, literals: None };
    let mut out = String::new();
    taker.take(&mut out, 100, |w| {
        w.write_str("half")?;
        panic!("in a Debug")
    });
    assert_eq!(out, "<panicked>");
    assert_eq!(counters.get(Count::PanickedFields), 1);
}

#[test]
fn f048_a_nested_use_gets_buffers_of_its_own() {
    Scratch::lend(|outer| {
        outer.message.push_str("outer");
        Scratch::lend(|inner| assert_eq!(inner.message, ""));
        assert_eq!(outer.message, "outer");
    });
}
