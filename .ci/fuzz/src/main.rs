//! One parser under libFuzzer: that which `SPIKE_PARSER` names. `.ci/long fuzz` builds and runs it.
//!
//! `planted` is none of ours: a panic that nothing but a guide finds, to show that there is one.

#![no_main]

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;
use tracing_spike::internals::parsers::{PARSERS, Parser, Told};

static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let wanted = env::var("SPIKE_PARSER").expect("SPIKE_PARSER names a parser");
    let found = PARSERS.into_iter().find(|(name, _)| *name == wanted);
    found.map_or(planted, |(_, parser)| parser)
});

fuzz_target!(|bytes: &[u8]| {
    if let Err(why) = PARSER(bytes) {
        panic!("a promise is broken: {why}");
    }
});

/// Eight bytes, one after the other: 2^64 inputs for who can't see how far it has come.
fn planted(bytes: &[u8]) -> Told {
    let mut right = 0;
    for (byte, wanted) in bytes.iter().zip(b"Planted!") {
        if byte != wanted {
            return Ok(false);
        }
        right += 1;
    }
    if right == 8 { Err("found what was planted".to_owned()) } else { Ok(true) }
}
