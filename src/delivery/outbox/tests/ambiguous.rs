//! Attempts without an answer: they may have been applied, or may be so later.

use std::time::Duration;

use super::bench::{
    ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, not_sent, secs, status,
};
use crate::{
    delivery::{
        outbox::{
            MAX_AGE,
            title::{LATEST, PACE},
        },
        outcome::{NoAnswer, Outcome, of_no_answer},
    },
    incident::Severity,
};

fn ambiguous() -> Outcome {
    of_no_answer(NoAnswer::Ambiguous)
}

/// An open title whose resolve was accepted after an attempt to open it that had no answer.
fn doubtful() -> Bench {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(ambiguous()).unwrap();
    bench.hurry();
    bench.push(1, RESOLVE);
    assert_eq!(bench.answer(ACCEPTED).unwrap().status, RESOLVE);
    bench
}

/// What goes out from now on, with the time from now.
fn later(bench: &mut Bench) -> Vec<(crate::incident::Status, Duration)> {
    let now = bench.now;
    let sent = bench.until(now + secs(3_600), |_| ACCEPTED);
    sent.into_iter().map(|sent| (sent.status, sent.at - now)).collect()
}

#[test]
fn f007_what_is_retried_and_accepted_without_a_change_is_not_sent_again() {
    for (count, outcome) in [ambiguous(), status(502), status(504), status(522)].iter().enumerate()
    {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        for _ in 0..=count {
            bench.hurry();
            bench.answer(*outcome).unwrap();
        }
        assert_eq!(bench.settle(3_600), [(1, OPENING)]);
        bench.push(1, REPEAT);
        assert_eq!(bench.settle(3_600), [(1, REPEAT)]);
        assert_eq!(bench.stats().asserted, 0);
    }
}

#[test]
fn f008_a_state_that_followed_an_attempt_without_an_answer_is_asserted_once_60_s_later() {
    let mut bench = doubtful();
    assert_eq!((bench.outbox.pending(), bench.outbox.held_since(u64::MAX)), (0, 0));
    assert_eq!((bench.stats().delivered, bench.stats().pending), (1, 0));
    bench.hurry();
    assert_eq!(bench.next(), Err(Some(LATEST)), "a flush does not bring it forward");
    assert_eq!(later(&mut bench), [(RESOLVE, LATEST)]);
    assert_eq!((bench.stats().asserted, bench.stats().delivered), (1, 1));
    // The mirror: a resolve without an answer, then a trigger. It opens, but the second time.
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.answer(ambiguous()).unwrap();
    bench.hurry();
    let mut op = bench.op(1, OPENING);
    op.severity = Some(Severity::Sev1);
    bench.give(op);
    assert_eq!(later(&mut bench), [(OPENING, secs(0)), (REPEAT, LATEST)]);
    // Twins: answered, or not sent, it can't arrive later.
    for outcome in [status(500), status(503), not_sent(), status(425)] {
        let mut bench = Bench::default();
        bench.delivered(1);
        bench.push(1, RESOLVE);
        bench.answer(outcome).unwrap();
        bench.hurry();
        bench.push(1, OPENING);
        assert_eq!(later(&mut bench).len(), 1, "{outcome:?}");
    }
}

#[test]
fn an_attempt_that_was_accepted_at_last_may_still_arrive_after_the_resolve() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(ambiguous()).unwrap();
    bench.hurry();
    bench.answer(ACCEPTED).unwrap();
    bench.now = secs(30);
    bench.push(1, RESOLVE);
    assert_eq!(later(&mut bench), [(RESOLVE, secs(0)), (RESOLVE, LATEST)]);
    // Twin: after 60 s it can't.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(ambiguous()).unwrap();
    bench.hurry();
    bench.answer(ACCEPTED).unwrap();
    bench.now = LATEST;
    bench.push(1, RESOLVE);
    assert_eq!(later(&mut bench), [(RESOLVE, secs(0))]);
}

#[test]
fn a_newer_state_takes_the_place_of_an_assertion_and_is_asserted_itself() {
    let mut bench = doubtful();
    bench.now = secs(50);
    bench.push(1, OPENING);
    assert_eq!(later(&mut bench), [(OPENING, secs(0)), (REPEAT, LATEST)]);
    // It takes no short cut: were it cancelled by its resolve, the assertion would be missed.
    let mut bench = doubtful();
    bench.push(1, OPENING);
    bench.push(1, RESOLVE);
    assert_eq!(later(&mut bench), [(RESOLVE, secs(0)), (RESOLVE, LATEST)]);
    // What comes while it is in flight.
    let mut bench = doubtful();
    bench.now = LATEST;
    assert_eq!(bench.next().unwrap().status, RESOLVE);
    bench.push(1, OPENING);
    assert_eq!((bench.outbox.pending(), bench.outbox.held_since(u64::MAX)), (1, 1));
    bench.finish(ACCEPTED);
    assert_eq!(later(&mut bench), [(OPENING, secs(0))]);
}

#[test]
fn an_assertion_that_fails_is_retried_until_it_is_refused_for_good_or_too_old() {
    let mut bench = doubtful();
    bench.now = LATEST;
    for outcome in [status(500), ambiguous(), not_sent(), status(413)] {
        bench.hurry();
        bench.answer(outcome).unwrap();
    }
    assert_eq!(bench.outbox.pending(), 0);
    assert_eq!(later(&mut bench).len(), 1);
    assert_eq!(bench.stats().asserted, 1);
    // Rejected: it was accepted once, so nothing is lost; but nobody knows what has become of it.
    let mut bench = doubtful();
    bench.now = LATEST;
    bench.answer(status(400)).unwrap();
    assert_eq!(later(&mut bench), []);
    assert_eq!((bench.stats().asserted, bench.stats().undelivered()), (0, 0));
    assert_eq!(bench.lost_openings(), [1]);
    let mut bench = doubtful();
    let end = bench.now + LATEST + MAX_AGE;
    bench.until(end, |_| not_sent());
    bench.now = end + secs(1);
    assert_eq!(later(&mut bench), []);
}

#[test]
fn assertions_of_triggers_count_for_the_pace() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.answer(ambiguous()).unwrap();
    bench.hurry();
    bench.push(1, OPENING);
    bench.answer(ACCEPTED).unwrap();
    bench.now = LATEST;
    // As many as may be, together with the assertion.
    let mut attempts = 0;
    while bench.answer(status(500)).is_some() {
        attempts += 1;
        bench.hurry();
    }
    assert_eq!(attempts, PACE - 2, "two were accepted 60 s ago");
}

#[test]
fn after_a_first_resolve_there_is_nothing_to_assert() {
    let mut bench = Bench::default();
    bench.push(1, FIRST_RESOLVE);
    bench.answer(ambiguous()).unwrap();
    assert_eq!(later(&mut bench).len(), 1);
    assert_eq!(bench.stats().asserted, 0);
}
