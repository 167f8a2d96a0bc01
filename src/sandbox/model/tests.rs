//! The model of Spike on virtual time.
//!
//! Owns the proof that the model does what Spike's documentation says. Every test states its own instants.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use allocation_counter::measure;

use super::{Effect, KEPT, KEPT_BYTES, Moment, Post, Spike};
use crate::sandbox::incident::{Incident, What};
use crate::sandbox::payload::Payload;
use crate::sandbox::unknowns::Unknowns;

const TOKEN: &str = "token-of-this-test";

/// A Spike with a clock that only the test moves.
struct Bench {
    spike: Spike,
    at: Duration,
}

impl Bench {
    fn new() -> Self {
        Self { spike: Spike::new(), at: Duration::ZERO }
    }

    fn assuming(unknowns: Unknowns) -> Self {
        let mut bench = Self::new();
        bench.spike.unknowns = unknowns;
        bench
    }

    fn pass(&mut self, time: Duration) -> &mut Self {
        self.at += time;
        self
    }

    fn now(&self) -> Moment {
        let wall_ms = 1_000_000 + u64::try_from(self.at.as_millis()).unwrap_or(u64::MAX);
        Moment { at: self.at, wall_ms }
    }

    fn answer(&mut self, token: &str, json: &str) -> super::Answer {
        let payload = Payload::parse(json.as_bytes());
        let payload = payload.as_ref().map_err(|reason| *reason);
        let now = self.now();
        self.spike.receive(Post { token, size: json.len(), payload }, now)
    }

    fn send(&mut self, json: &str) -> Effect {
        self.answer(TOKEN, json).effect
    }

    fn trigger(&mut self, title: &str) -> Effect {
        self.send(&format!(r#"{{"title": "{title}"}}"#))
    }

    fn resolve(&mut self, title: &str) -> Effect {
        self.send(&format!(r#"{{"title": "{title}", "status": "resolve"}}"#))
    }

    /// The last one opened.
    fn last(&self) -> Incident {
        self.spike.incidents().pop().expect("something was opened")
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn wall(at: Duration) -> SystemTime {
    UNIX_EPOCH + seconds(1_000) + at
}

/// Triggers a title so often at once, all of which must be applied.
fn triggers(bench: &mut Bench, title: &str, times: usize) {
    for time in 0..times {
        let effect = bench.trigger(title);
        assert!(effect.is_applied(), "trigger {time}: {effect:?}");
    }
}

#[test]
fn a_trigger_opens_and_the_next_ones_repeat() {
    let mut bench = Bench::new();
    let first = r#"{"title": "db down", "body": {"n": 1}, "severity": "sev2"}"#;
    let answer = bench.answer(TOKEN, first);
    assert_eq!((answer.effect, answer.status), (Effect::Opened, 200));
    assert_eq!(answer.body, r#"{"Ok":true}"#);
    bench.pass(seconds(30));
    assert_eq!(bench.send(r#"{"title": "db down", "body": "two"}"#), Effect::Repeated);
    bench.pass(seconds(30));
    assert_eq!(bench.send(r#"{"title": "db down"}"#), Effect::Repeated);

    let incidents = bench.spike.incidents();
    assert_eq!(incidents.len(), 1);
    let incident = bench.last();
    assert_eq!((incident.title(), incident.repeats(), incident.number()), ("db down", 2, 1));
    assert!(incident.is_open());
    assert_eq!(incident.first_at(), wall(Duration::ZERO));
    assert_eq!(incident.last_at(), wall(seconds(60)));
    assert_eq!(incident.resolved_at(), None);
    assert_eq!(incident.body()["n"], 1);
    assert!(incident.last_body().is_null());
    assert_eq!(incident.severity(), Some("sev2"));
}

#[test]
fn a_picture_does_not_change_afterwards() {
    let mut bench = Bench::new();
    bench.trigger("a");
    let before = bench.last();
    bench.trigger("a");
    bench.resolve("a");
    assert_eq!((before.repeats(), before.is_open()), (0, true));
    assert_eq!((bench.last().repeats(), bench.last().is_open()), (1, false));
}

#[test]
fn other_titles_and_other_tokens_are_other_incidents() {
    let mut bench = Bench::new();
    assert_eq!(bench.trigger("a"), Effect::Opened);
    assert_eq!(bench.trigger("A"), Effect::Opened);
    assert_eq!(bench.trigger("a "), Effect::Opened);
    let other = bench.answer("another-token", r#"{"title": "a"}"#);
    assert_eq!(other.effect, Effect::Opened);
    let resolve = r#"{"title": "a", "status": "resolve"}"#;
    assert_eq!(bench.answer("another-token", resolve).effect, Effect::Resolved);
    let open = |incident: &Incident| incident.is_open();
    let open: Vec<bool> = bench.spike.incidents().iter().map(open).collect();
    assert_eq!(open, [true, true, true, false]);
}

#[test]
fn a_resolve_resolves_and_the_next_trigger_opens_a_new_one() {
    let mut bench = Bench::new();
    bench.trigger("a");
    bench.pass(seconds(5));
    assert_eq!(bench.resolve("a"), Effect::Resolved);
    assert_eq!(bench.last().resolved_at(), Some(wall(seconds(5))));
    assert_eq!(bench.resolve("a"), Effect::NothingOpen);
    assert_eq!(bench.resolve("never seen"), Effect::NothingOpen);
    bench.pass(seconds(5));
    assert_eq!(bench.trigger("a"), Effect::Opened);
    assert_eq!(bench.spike.opened(), 2);
    assert_eq!((bench.last().number(), bench.last().is_open()), (2, true));
}

#[test]
fn a_person_resolves_by_title() {
    let mut bench = Bench::new();
    bench.trigger("a");
    bench.trigger("b");
    let now = Moment { at: bench.at, wall_ms: 7 };
    assert_eq!(bench.spike.resolve_by_person("a", now), 1);
    assert_eq!(bench.spike.resolve_by_person("a", now), 0);
    assert_eq!(bench.trigger("a"), Effect::Opened);
    assert_eq!(bench.trigger("b"), Effect::Repeated);
}

#[test]
fn nineteen_in_a_minute_pass_and_the_twentieth_is_dropped() {
    let mut bench = Bench::new();
    triggers(&mut bench, "busy", 19);
    bench.pass(seconds(59));
    let answer = bench.answer(TOKEN, r#"{"title": "busy"}"#);
    assert_eq!((answer.effect, answer.status), (Effect::RateLimited, 200));
    assert_eq!((answer.body, answer.retry_after), (r#"{"Ok":true}"#, None));
    assert_eq!(bench.last().repeats(), 18);

    // The other title, and the same title of another token, are not affected.
    assert_eq!(bench.trigger("calm"), Effect::Opened);
    assert_eq!(bench.answer("another-token", r#"{"title": "busy"}"#).effect, Effect::Opened);

    // One minute from the twentieth.
    bench.pass(Duration::from_millis(59_999));
    assert_eq!(bench.trigger("busy"), Effect::RateLimited);
    bench.pass(Duration::from_millis(1));
    assert_eq!(bench.trigger("busy"), Effect::Repeated);
}

#[test]
fn the_window_slides() {
    let mut bench = Bench::new();
    triggers(&mut bench, "a", 19);
    bench.pass(seconds(60));
    triggers(&mut bench, "a", 19);
    bench.pass(Duration::from_millis(59_999));
    assert_eq!(bench.trigger("a"), Effect::RateLimited);
}

#[test]
fn nineteen_a_minute_are_never_limited() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.pass(Duration::from_millis(60_000 / 19 + 1));
        assert!(bench.trigger("a").is_applied());
    }
}

#[test]
fn a_dropped_trigger_leaves_severity_alone() {
    let mut bench = Bench::new();
    triggers(&mut bench, "a", 19);
    assert_eq!(bench.send(r#"{"title": "a", "severity": "sev1"}"#), Effect::RateLimited);
    assert_eq!(bench.last().severity(), None);
}

#[test]
fn severity_and_priority_overwrite_and_are_remembered() {
    let mut bench = Bench::new();
    bench.send(r#"{"title": "a", "severity": "sev3", "priority": "p4"}"#);
    bench.send(r#"{"title": "a", "severity": "sev1"}"#);
    assert_eq!((bench.last().severity(), bench.last().priority()), (Some("sev1"), Some("p4")));
    bench.send(r#"{"title": "a", "severity": "urgent"}"#);
    assert_eq!(bench.last().severity(), Some("sev1"));

    bench.send(r#"{"title": "a", "status": "resolve", "priority": "p2"}"#);
    assert_eq!(bench.last().priority(), Some("p2"));
    assert_eq!(bench.trigger("a"), Effect::Opened);
    assert_eq!((bench.last().severity(), bench.last().priority()), (Some("sev1"), Some("p2")));

    assert_eq!(bench.trigger("b"), Effect::Opened);
    assert_eq!((bench.last().severity(), bench.last().priority()), (None, None));
}

#[test]
fn without_a_title_nothing_groups() {
    let mut bench = Bench::new();
    assert_eq!(bench.send(r#"{"body": "x", "severity": "sev2"}"#), Effect::Opened);
    assert_eq!(bench.last().severity(), Some("sev2"));
    for _ in 0..30 {
        assert_eq!(bench.send(r#"{"title": "", "body": "x"}"#), Effect::Opened);
    }
    assert_eq!(bench.last().severity(), None);
    assert_eq!(bench.send(r#"{"status": "resolve"}"#), Effect::NothingOpen);
    assert_eq!(bench.spike.opened(), 31);
}

#[test]
fn what_is_no_json_object_is_the_documented_500() {
    let mut bench = Bench::new();
    for json in ["", "x", "[]", "\"title\"", "{\"title\": \"a\""] {
        let answer = bench.answer(TOKEN, json);
        assert!(matches!(answer.effect, Effect::Rejected(_)), "{json}");
        assert_eq!((answer.status, answer.body), (500, "{}"), "{json}");
    }
    assert_eq!(bench.spike.opened(), 0);
}

#[test]
fn only_the_word_resolve_resolves() {
    let mut bench = Bench::new();
    bench.trigger("a");
    assert_eq!(bench.send(r#"{"title": "a", "status": "resolved"}"#), Effect::Repeated);
    assert_eq!(bench.send(r#"{"title": "a", "status": "trigger"}"#), Effect::Repeated);
    assert!(bench.last().is_open());
}

#[test]
fn a_token_has_a_shape() {
    let mut bench = Bench::new();
    for token in ["", "short-1", "with/slash", "with space", "per%20cent", "umläute-überall"] {
        assert_eq!(bench.answer(token, r#"{"title": "a"}"#).status, 404, "{token}");
    }
    assert_eq!(bench.answer("_-AZaz09", r#"{"title": "a"}"#).status, 200);
}

// === the switches, each with its default as a twin ===

#[test]
fn switch_unregistered_token() {
    for status in [401, 403, 404] {
        let unknowns = Unknowns { unregistered_token: Some(status), ..Unknowns::default() };
        let mut bench = Bench::assuming(unknowns);
        bench.spike.register(TOKEN);
        bench.spike.register("short");
        assert_eq!(bench.trigger("a"), Effect::Opened);
        let answer = bench.answer("another-token", r#"{"title": "a"}"#);
        assert_eq!(answer.status, status);
        assert_eq!(answer.effect, Effect::Rejected("the token is not registered"));
        assert_eq!(bench.answer("short", r#"{"title": "a"}"#).status, status);
    }
    let answer = Bench::new().answer("another-token", r#"{"title": "a"}"#);
    assert_eq!(answer.status, 200);
}

#[test]
fn switch_limiter_answers_429() {
    let unknowns = Unknowns { limiter_answers_429: true, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    triggers(&mut bench, "a", 19);
    let answer = bench.answer(TOKEN, r#"{"title": "a"}"#);
    assert_eq!((answer.status, answer.retry_after), (429, Some(60)));
    bench.pass(Duration::from_millis(10_500));
    let answer = bench.answer(TOKEN, r#"{"title": "a"}"#);
    assert_eq!((answer.status, answer.retry_after), (429, Some(50)));
    assert_eq!(bench.trigger("other"), Effect::Opened);
    bench.pass(seconds(50));
    assert_eq!(bench.trigger("a"), Effect::Repeated);
}

#[test]
fn switch_resolve_with_nothing_open_opens() {
    let unknowns = Unknowns { resolve_with_nothing_open_opens: true, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    assert_eq!(bench.resolve("a"), Effect::Opened);
    assert!(bench.last().is_open());
    assert_eq!(bench.resolve("a"), Effect::Resolved);
    assert_eq!(bench.send(r#"{"status": "resolve"}"#), Effect::Opened);
    assert_eq!(Bench::new().resolve("a"), Effect::NothingOpen);
}

#[test]
fn switch_resolves_count_towards_limit() {
    let flap = |bench: &mut Bench| {
        for _ in 0..9 {
            assert_eq!(bench.trigger("a"), Effect::Opened);
            assert_eq!(bench.resolve("a"), Effect::Resolved);
        }
        assert_eq!(bench.trigger("a"), Effect::Opened);
    };
    let unknowns = Unknowns { resolves_count_towards_limit: true, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    flap(&mut bench);
    assert_eq!(bench.resolve("a"), Effect::RateLimited);
    assert!(bench.last().is_open());

    let mut bench = Bench::new();
    flap(&mut bench);
    assert_eq!(bench.resolve("a"), Effect::Resolved);
    assert_eq!(bench.trigger("a"), Effect::Opened);
}

#[test]
fn switch_limit_outlives_resolve() {
    let limited = |bench: &mut Bench| {
        triggers(bench, "a", 19);
        assert_eq!(bench.trigger("a"), Effect::RateLimited);
        assert_eq!(bench.resolve("a"), Effect::Resolved);
    };
    let mut bench = Bench::new();
    limited(&mut bench);
    assert_eq!(bench.trigger("a"), Effect::RateLimited);
    bench.pass(seconds(60));
    assert_eq!(bench.trigger("a"), Effect::Opened);

    let unknowns = Unknowns { limit_outlives_resolve: false, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    limited(&mut bench);
    assert_eq!(bench.trigger("a"), Effect::Opened);
}

#[test]
fn switch_dropped_answers_ok_false() {
    let unknowns = Unknowns { dropped_answers_ok_false: true, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    let resolve = r#"{"title": "a", "status": "resolve"}"#;
    let answer = bench.answer(TOKEN, resolve);
    assert_eq!((answer.status, answer.body), (200, r#"{"Ok":false}"#));
    triggers(&mut bench, "a", 19);
    let answer = bench.answer(TOKEN, r#"{"title": "a"}"#);
    assert_eq!((answer.effect, answer.body), (Effect::RateLimited, r#"{"Ok":false}"#));
    assert_eq!(bench.answer(TOKEN, resolve).body, r#"{"Ok":true}"#);
}

#[test]
fn switch_size_limit() {
    let json = r#"{"title": "a"}"#;
    let limit = |bytes| Unknowns { size_limit: Some(bytes), ..Unknowns::default() };
    assert_eq!(Bench::assuming(limit(json.len())).send(json), Effect::Opened);
    let answer = Bench::assuming(limit(json.len() - 1)).answer(TOKEN, json);
    assert_eq!(answer.status, 413);
    assert!(matches!(answer.effect, Effect::Rejected(_)));
}

#[test]
fn switch_titles_are_normalised() {
    let unknowns = Unknowns { titles_are_normalised: true, ..Unknowns::default() };
    let mut bench = Bench::assuming(unknowns);
    assert_eq!(bench.trigger(" Db Down"), Effect::Opened);
    assert_eq!(bench.trigger("db down  "), Effect::Repeated);
    assert_eq!(bench.last().title(), " Db Down");
    assert_eq!(bench.resolve("DB DOWN"), Effect::Resolved);
}

// === memory ===

#[test]
fn a_flood_of_titles_keeps_the_newest_incidents_and_counts_all() {
    let mut bench = Bench::new();
    let sent = KEPT * 2 + 5;
    for number in 0..sent {
        bench.pass(Duration::from_millis(1));
        assert_eq!(bench.trigger(&format!("title {number}")), Effect::Opened);
    }
    let incidents = bench.spike.incidents();
    assert_eq!(incidents.len(), KEPT);
    assert_eq!(bench.spike.opened(), sent as u64);
    assert_eq!(bench.last().title(), format!("title {}", sent - 1));
    // A title that was seen just now is still known.
    assert_eq!(bench.trigger(&format!("title {}", sent - 1)), Effect::Repeated);
}

#[test]
fn long_titles_and_bodies_are_bounded_by_bytes() {
    let mut bench = Bench::new();
    for number in 0..100 {
        bench.pass(Duration::from_millis(1));
        bench.trigger(&format!("{number} {}", "x".repeat(1 << 20)));
    }
    assert!(bench.spike.incidents().len() < 100);
    assert_eq!(bench.spike.opened(), 100);
}

#[test]
fn bodies_of_many_small_values_are_bounded_by_memory() {
    let mut bench = Bench::new();
    let zeros = vec!["0"; 300_000].join(",");
    let held = measure(|| {
        for title in 0..17 {
            let json = format!(r#"{{"title": "{title}", "body": {{"of": [{zeros}]}}}}"#);
            assert_eq!(bench.send(&json), Effect::Opened);
            assert_eq!(bench.send(&json), Effect::Repeated);
        }
    });
    let held = usize::try_from(held.bytes_current).unwrap();
    assert!(held < KEPT_BYTES, "{held} bytes");
    assert_eq!(bench.spike.incidents().len(), 17);
    // What was looked at is not kept with it.
    let looked = measure(|| {
        for incident in bench.spike.incidents() {
            assert_eq!(incident.body()["of"][0], 0);
            assert_eq!(incident.last_body(), incident.clone().body());
        }
    });
    assert!(looked.bytes_current < 4096, "{} bytes", looked.bytes_current);
}

#[test]
fn what_counts_towards_the_limit_is_seen_as_time_goes_on() {
    let mut bench = Bench::new();
    for _ in 0..5 {
        bench.trigger("a");
        bench.pass(Duration::from_secs(10));
    }
    let counted = |bench: &Bench| {
        let now = bench.now();
        let limit = bench.spike.limit_of(&bench.last(), now);
        (limit.counted.len(), limit.until.map(|until| until - now.wall()))
    };
    assert_eq!(counted(&bench), (5, None));
    assert_eq!(counted(bench.pass(Duration::from_secs(25))), (3, None));
    for _ in 0..17 {
        bench.trigger("a");
    }
    assert_eq!(counted(&bench), (0, Some(Duration::from_secs(60))));
    assert_eq!(counted(bench.pass(Duration::from_secs(59))), (0, Some(Duration::from_secs(1))));
    assert_eq!(counted(bench.pass(Duration::from_secs(1))), (0, None));
}

#[test]
fn a_time_line_keeps_its_beginning_and_its_end() {
    let mut bench = Bench::new();
    for _ in 0..200 {
        bench.trigger("a");
        bench.pass(Duration::from_secs(4));
    }
    bench.resolve("a");
    let last = bench.last();
    let marks = &last.record().marks;
    assert_eq!(marks.len(), 64);
    assert_eq!(marks.front().map(|mark| mark.what), Some(What::Opened));
    assert_eq!(marks.back().map(|mark| mark.what), Some(What::Resolved));
}

#[test]
fn a_person_resolves_one_of_two_webhooks() {
    let mut bench = Bench::new();
    bench.trigger("a");
    bench.answer("another-token-of-this-test", r#"{"title": "a"}"#);
    let now = bench.now();
    bench.spike.resolve_number(1, now);
    assert_eq!(bench.trigger("a"), Effect::Opened);
    let other = bench.answer("another-token-of-this-test", r#"{"title": "a"}"#);
    assert_eq!((other.effect, other.incident), (Effect::Repeated, Some(2)));
}
