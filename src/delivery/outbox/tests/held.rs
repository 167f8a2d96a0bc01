//! Resolves that are held back since their title flaps, and what is triggered meanwhile.

use super::bench::{ACCEPTED, Bench, OPENING, REPEAT, RESOLVE, secs, status};
use crate::{
    delivery::outcome::{NoAnswer, of_no_answer},
    incident::{Counts, Held, Quiet, Status},
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
fn a_held_resolve_waits_and_goes_out_when_the_gate_says_so() {
    let mut bench = open();
    bench.push(1, held());
    assert_eq!((bench.next(), bench.outbox.pending()), (Err(Some(secs(UNTIL))), 1));
    assert!(bench.asked_of_held().is_empty(), "its time has not come");
    bench.now = secs(UNTIL);
    bench.holds(Held::Until(secs(400)));
    assert_eq!(bench.next(), Err(Some(secs(400))), "it was triggered, and said to be over again");
    bench.now = secs(400);
    bench.holds(Held::Out(Some(Counts { count: 70, since_last: 7 })));
    let sent = bench.answer(ACCEPTED).unwrap();
    assert_eq!((sent.status, sent.count, sent.since_last), (RESOLVE, 70, 7));
    assert_eq!(bench.asked_of_held(), [false, false]);
    assert_eq!(bench.settle(1_000), []);
}

#[test]
fn a_flush_lets_it_go_at_once() {
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
    assert_eq!(bench.asked_of_held(), [true]);
    // Also what was admitted before the flush and arrives after it, but nothing newer.
    let mut bench = open();
    let late = bench.op(1, held());
    bench.hurry();
    bench.give(late);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
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
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
    // What is about to be replaced is asked about again, and not at once.
    let mut bench = open();
    bench.push(1, held());
    bench.hurry();
    bench.holds(Held::Until(secs(1)));
    assert_eq!(bench.next(), Err(Some(secs(1))));
    bench.push(1, REPEAT);
    assert_eq!(bench.settle(1_000), [(1, REPEAT)]);
}

#[test]
fn a_title_that_was_triggered_since_stays_open_and_nothing_is_sent() {
    let mut bench = open();
    bench.push(1, held());
    bench.holds(Held::Off);
    assert_eq!(bench.settle(1_000), []);
    let stats = bench.stats();
    assert_eq!((stats.suppressed.cancelled, bench.reopened()), (1, vec![]));
    // The next resolve goes out as ever.
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
}

#[test]
fn a_trigger_that_follows_takes_its_place() {
    let mut bench = open();
    bench.push(1, held());
    bench.push(1, REPEAT);
    assert_eq!(bench.settle(1_000), [(1, REPEAT)]);
    assert_eq!(bench.stats().suppressed.cancelled, 1);
    assert!(bench.asked_of_held().is_empty());
    // Which opens it if the resolve may be what Spike knows.
    for outcome in [ACCEPTED, status(500), of_no_answer(NoAnswer::Ambiguous)] {
        let mut bench = open();
        bench.push(1, held());
        bench.hurry();
        bench.answer(outcome).unwrap();
        bench.push(1, REPEAT);
        assert_eq!(bench.settle(1)[0], (1, OPENING), "{outcome:?}");
    }
}

#[test]
fn the_trigger_before_it_goes_out_whichever_arrives_first() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, held());
    assert_eq!(bench.settle(UNTIL), [(1, OPENING), (1, RESOLVE)]);
    let mut bench = Bench::default();
    let (trigger, resolve) = (bench.op(1, OPENING), bench.op(1, held()));
    bench.give(resolve);
    bench.give(trigger);
    assert_eq!(bench.settle(UNTIL), [(1, OPENING), (1, RESOLVE)]);
    // A resolve that is older than what is known is no news.
    let (resolve, trigger) = (bench.op(1, held()), bench.op(1, OPENING));
    bench.give(trigger);
    bench.give(resolve);
    assert_eq!(bench.settle(1_000), [(1, OPENING)]);
    // Neither was sent when its time has come: the two cancel, as ever.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, held());
    bench.now = secs(UNTIL);
    assert_eq!(bench.settle(1_000), []);
    assert_eq!(bench.stats().suppressed.cancelled, 2);
}

#[test]
fn an_ordinary_resolve_takes_its_place() {
    let mut bench = open();
    bench.push(1, held());
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(1_000), [(1, RESOLVE)]);
    assert_eq!(bench.stats().suppressed.cancelled, 1);
}

#[test]
fn when_the_trigger_before_it_is_lost_it_is_not_held_for_nothing() {
    // Spike may have seen the trigger: the resolve goes out.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, held());
    assert_eq!(bench.answer(status(400)).unwrap().status, OPENING);
    assert_eq!(bench.asked_of_held(), [true]);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
    // Triggered since: the gate, told of the loss, knows what to do.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, held());
    bench.holds(Held::Off);
    bench.answer(status(400)).unwrap();
    assert_eq!(bench.settle(1_000), []);
    assert_eq!(bench.lost_openings(), [1]);
    // Twin: an incident that is open at Spike stays open until its time.
    let mut bench = open();
    bench.push(1, REPEAT);
    bench.push(1, held());
    bench.answer(status(400)).unwrap();
    assert_eq!(bench.next(), Err(Some(secs(UNTIL))));
    assert_eq!(bench.settle(UNTIL), [(1, RESOLVE)]);
}

#[test]
fn held_resolves_take_no_slot_of_the_others() {
    let mut bench = Bench::default();
    for key in 0..500 {
        bench.push(key, held());
    }
    assert_eq!(bench.outbox.room().resolves, 64);
    bench.push(1_000, RESOLVE);
    assert_eq!(bench.answer(ACCEPTED).map(|sent| sent.key), Some(1_000));
    assert_eq!(bench.settle(UNTIL).len(), 500);
}

#[test]
fn of_two_held_resolves_the_newer_one_stays_whichever_arrives_first() {
    let mut bench = open();
    let [first, trigger, last] = [held(), REPEAT, held()].map(|status| bench.op(1, status));
    for op in [last, first, trigger] {
        bench.give(op);
    }
    assert_eq!(bench.settle(1_000), [(1, REPEAT), (1, RESOLVE)]);
    assert_eq!((bench.stats().suppressed.cancelled, bench.reopened()), (1, vec![]));
}

#[test]
fn however_long_it_was_held_it_is_not_too_old_when_it_goes_out() {
    let mut bench = open();
    bench.push(1, held());
    let long = 7 * 3_600;
    bench.holds(Held::Until(secs(long)));
    bench.now = secs(UNTIL);
    bench.next().unwrap_err();
    bench.now = secs(long);
    bench.answer(status(500)).unwrap();
    assert_eq!(bench.settle(1_000), [(1, RESOLVE)]);
}

#[test]
fn a_title_that_stays_open_is_asked_again_whether_it_is_quiet() {
    let mut bench = open();
    *bench.gate.quiet.lock().unwrap() = (0, Some(Quiet::Until(secs(100))));
    assert_eq!(bench.next(), Err(Some(secs(100))));
    bench.push(1, held());
    bench.now = secs(UNTIL);
    bench.holds(Held::Off);
    *bench.gate.quiet.lock().unwrap() = (0, Some(Quiet::Until(secs(700))));
    assert_eq!(bench.next(), Err(Some(secs(700))), "somebody wakes up for it");
}
