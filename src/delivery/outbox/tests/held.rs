//! Resolves that are held back since their title flaps, and what is triggered meanwhile.

use super::bench::{
    ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, not_sent, secs, status,
};
use crate::{
    delivery::outcome::{NoAnswer, of_no_answer},
    incident::{Severity, Status},
};

const UNTIL: u64 = 300;

fn held() -> Status {
    Status::Resolve { first: false, not_before: secs(UNTIL) }
}

fn open() -> Bench {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench
}

#[test]
fn a_held_resolve_waits_and_a_flush_lets_it_go() {
    let mut bench = open();
    bench.push(1, held());
    assert_eq!((bench.next(), bench.outbox.pending()), (Err(Some(secs(UNTIL))), 1));
    assert_eq!(bench.until(secs(UNTIL), |_| ACCEPTED)[0].at, secs(UNTIL));
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    assert_eq!(bench.settle(0), [(1, held())]);
    // Also what was admitted before the flush and arrives after it, but nothing newer.
    let mut bench = open();
    let late = bench.op(1, held());
    bench.hurry();
    bench.give(late);
    assert_eq!(bench.settle(0), [(1, held())]);
    bench.delivered(1);
    bench.push(1, held());
    assert_eq!(bench.next(), Err(Some(secs(UNTIL))));
    // And what waits for the end of an attempt.
    let mut bench = open();
    bench.push(1, REPEAT);
    bench.next().unwrap();
    bench.push(1, held());
    bench.hurry();
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(0), [(1, held())]);
}

#[test]
fn a_held_resolve_cancels_a_trigger_that_was_never_attempted_at_once() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, held());
    assert_eq!((bench.outbox.pending(), bench.stats().suppressed.cancelled), (0, 2));
}

#[test]
fn a_trigger_that_follows_takes_its_place() {
    let mut bench = open();
    bench.push(1, held());
    bench.push(1, REPEAT);
    assert_eq!(bench.settle(0), [(1, REPEAT)]);
    assert_eq!(bench.stats().suppressed.cancelled, 1);
    // Which opens it if the resolve, or the trigger before it, may be what Spike knows.
    let outcomes = [ACCEPTED, status(500), of_no_answer(NoAnswer::Ambiguous)];
    for outcome in outcomes {
        let mut bench = open();
        bench.push(1, held());
        bench.hurry();
        bench.answer(outcome).unwrap();
        bench.push(1, REPEAT);
        assert_eq!(bench.settle(1)[0], (1, OPENING), "{outcome:?}");
    }
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(500)).unwrap();
    bench.push(1, held());
    bench.push(1, REPEAT);
    assert_eq!(bench.settle(1), [(1, OPENING)]);
}

#[test]
fn a_title_that_is_triggered_while_its_resolve_is_held_stays_open_and_nothing_is_sent() {
    let mut bench = open();
    bench.push(1, held());
    bench.push(1, Status::Still);
    assert_eq!(bench.settle(1_000), []);
    let stats = bench.stats();
    assert_eq!((stats.suppressed.cancelled, stats.suppressed.repeat), (1, 1));
    // Whichever arrives first.
    let mut bench = open();
    let (resolve, still) = (bench.op(1, held()), bench.op(1, Status::Still));
    bench.give(still);
    bench.give(resolve);
    assert_eq!(bench.settle(1_000), []);
    // The next resolve goes out as ever.
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
}

#[test]
fn it_opens_again_when_its_resolve_may_have_gone_out() {
    for outcome in [ACCEPTED, status(500), of_no_answer(NoAnswer::Ambiguous)] {
        for waits in [false, true] {
            let mut bench = open();
            bench.push(1, held());
            bench.hurry();
            bench.next().unwrap();
            let mut still = bench.op(1, Status::Still);
            still.severity = Some(Severity::Sev2);
            if waits {
                bench.give(still);
                bench.finish(outcome);
            } else {
                bench.finish(outcome);
                bench.give(still);
            }
            let sent = bench.until(secs(10), |_| ACCEPTED);
            assert_eq!((sent.len(), sent[0].status), (1, OPENING), "{outcome:?} {waits}");
            assert_eq!(sent[0].severity, Some(Severity::Sev2));
        }
    }
    // The resolve never reached the endpoint: it is as if it were held still.
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    bench.next().unwrap();
    bench.push(1, Status::Still);
    bench.finish(not_sent());
    assert_eq!(bench.settle(100), []);
}

#[test]
fn it_opens_when_nothing_is_known_of_it() {
    let mut bench = Bench::default();
    bench.push(1, Status::Still);
    bench.push(2, held());
    bench.push(2, Status::Still);
    assert_eq!(bench.settle(0), [(1, OPENING), (2, OPENING)]);
    // Its loss reopens the title.
    bench.push(3, Status::Still);
    bench.answer(status(400)).unwrap();
    assert_eq!(bench.lost_openings(), [3]);
}

#[test]
fn it_becomes_part_of_a_trigger_that_is_on_its_way() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, Status::Still);
    assert_eq!(bench.settle(0), [(1, OPENING)]);
    assert_eq!(bench.stats().suppressed.repeat, 1);
    // In flight: what becomes of that decides.
    for (outcome, sent) in [(ACCEPTED, 0), (status(500), 1), (status(400), 1)] {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        bench.next().unwrap();
        bench.push(1, held());
        bench.push(1, Status::Still);
        bench.finish(outcome);
        assert_eq!(bench.settle(10), vec![(1, OPENING); sent], "{outcome:?}");
    }
}

#[test]
fn what_follows_it_is_not_mistaken() {
    // A resolve behind a trigger of which nobody knows yet.
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    bench.next().unwrap();
    bench.push(1, Status::Still);
    bench.push(1, RESOLVE);
    bench.finish(not_sent());
    assert_eq!(bench.settle(60), [(1, RESOLVE)]);
    // A repeat behind it, once the resolve is accepted, opens.
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    bench.next().unwrap();
    bench.push(1, Status::Still);
    bench.push(1, REPEAT);
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(0), [(1, OPENING)]);
}

#[test]
fn a_resolve_that_waits_for_one_in_flight_is_fulfilled_by_it() {
    let mut bench = Bench::default();
    bench.push(1, FIRST_RESOLVE);
    bench.next().unwrap();
    bench.push(1, OPENING);
    bench.push(1, RESOLVE);
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(60), []);
    assert_eq!((bench.stats().delivered, bench.stats().suppressed.cancelled), (1, 2));
    // Twin: the one in flight is lost.
    bench.push(2, FIRST_RESOLVE);
    bench.next().unwrap();
    bench.push(2, OPENING);
    bench.push(2, RESOLVE);
    bench.finish(status(400));
    assert_eq!(bench.settle(60), [(2, RESOLVE)]);
}

#[test]
fn what_waits_for_an_opening_that_is_lost_opens_in_its_place() {
    let mut bench = Bench::default();
    let mut op = bench.op(1, OPENING);
    op.severity = Some(Severity::Sev1);
    bench.give(op);
    bench.next().unwrap();
    bench.push(1, REPEAT);
    bench.finish(status(400));
    assert!(bench.lost_openings().is_empty(), "the title is being opened");
    let sent = bench.answer(ACCEPTED).unwrap();
    assert_eq!((sent.status, sent.severity), (OPENING, Some(Severity::Sev1)));
    // Merged triggers: the loss of what is left reopens the title.
    bench.push(2, OPENING);
    bench.push(2, REPEAT);
    bench.answer(status(400)).unwrap();
    assert_eq!(bench.lost_openings(), [2]);
}
