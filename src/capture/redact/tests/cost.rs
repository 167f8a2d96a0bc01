//! What redaction costs: time in proportion to the text, whatever is in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::capture::redact::Scrubber;

/// What hostile texts repeat, and ordinary ones.
const UNITS: [&str; 60] = [
    "could not load order 4711 of customer 17: connection refused, retrying in 5 s\n",
    "plain words and nothing else in here ",
    "a:",
    "a=",
    ":",
    "=",
    "eyJ",
    "eyJ.",
    "eyJhbGciOiJIUzI1NiJ9.",
    "4111111111111112 ",
    "4111 1111 1111 1112 ",
    "4111-",
    "1",
    "11111111 ",
    "4111 ",
    "://",
    "a://b:c",
    "://a:b@",
    "://a:",
    "-----BEGIN",
    "-----BEGIN PRIVATE KEY",
    "-----BEGIN PRIVATE KEY-----\n",
    "--",
    "--token ",
    "password=",
    "password: ",
    "password: must ",
    "token=x ",
    "token: x,",
    "token=\"",
    "token=\\\"",
    "tokens: [",
    "tokens=[1",
    "auth=[",
    "<token>",
    "token>",
    "sk-",
    "sk-a",
    "ghp_",
    "a-b_c.",
    "/",
    "hooks.slack.com/",
    "Bearer ",
    "Cookie: a",
    "pin=",
    "pin:",
    "token:",
    "token=::",
    "auth=",
    "pin=\"pin='",
    "authorization:",
    "authorization: bearer ",
    "cookie: ",
    "hooks.slack.com/services/",
    "hooks.slack.com/services/[redacted]",
    "pwd=[redacted]",
    "<pin>",
    "--pin ",
    "tokens: [\"]",
    "aaaaaaaaaaaaaaaa/",
];

/// The least processor time of a few runs over a text of such a length.
fn least(scrubber: &Scrubber, unit: &str, size: usize) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap())
    };
    let source = unit.repeat(size / unit.len());
    let mut text = String::with_capacity(4 * size);
    let runs = (0..if cfg!(debug_assertions) { 2 } else { 5 }).map(|_| {
        text.clear();
        text.push_str(&source);
        let start = now();
        scrubber.scrub_all(&mut text);
        now().saturating_sub(start)
    });
    runs.min().unwrap()
}

#[test]
fn f093_time_grows_with_the_text_and_no_faster() {
    let scrubber = Scrubber::default();
    let size = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };
    let ordinary = least(&scrubber, UNITS[0], size);
    let mut worst = (Duration::ZERO, "");
    for unit in UNITS {
        let (small, large) = (least(&scrubber, unit, size / 4), least(&scrubber, unit, size));
        println!("{large:>10.1?} for {} KiB of {unit:?}", size >> 10);
        // Four times the text; a large one is not in the cache.
        let ratio = large.as_secs_f64() / small.as_secs_f64().max(100e-6);
        assert!(ratio < 9.0, "{unit:?}: {small:?}, then {large:?}");
        // However the crate was built, and however slow the machine is: 30 is what we know.
        assert!(large < 60 * ordinary, "{unit:?}: {large:?}, and {ordinary:?} for a plain text");
        worst = worst.max((large, unit));
    }
    println!("at most {:?} ({:?}), {ordinary:?} for a plain text", worst.0, worst.1);
    let limit = Duration::from_millis(20);
    assert!(cfg!(debug_assertions) || worst.0 < limit, "{worst:?} for a MiB");
}
