//! What ops carry when they become one, and what is told of the outbox.

use std::time::Duration;

use super::bench::{
    ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, not_sent, secs, status,
};
use crate::{
    delivery::{
        outbox::{Change, KNOWN_CAP, Limits, MAX_AGE},
        outcome::{NoAnswer, of_no_answer},
    },
    health::EndpointState,
    incident::{Detail, Priority, Quiet, Severity, SoFar, Status, StormDetail},
};

/// A resolve that is held back.
const HELD: Status = Status::Resolve { first: false, not_before: Duration::from_secs(300) };

#[test]
fn a_resolve_that_is_owed_is_owed_whatever_its_trigger_merges_with() {
    // Since it was attempted, or since the trigger took the place of another resolve.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(500)).unwrap();
    bench.push(1, REPEAT);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(400), [(1, RESOLVE)]);
    for status in [FIRST_RESOLVE, OPENING, REPEAT, RESOLVE] {
        bench.push(2, status);
    }
    assert_eq!(bench.settle(0), [(2, RESOLVE)]);
    // The same when the first of the triggers comes last.
    let mut bench = Bench::default();
    let late = bench.op(1, OPENING);
    bench.push(1, REPEAT);
    bench.answer(status(500)).unwrap();
    bench.give(late);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(400), [(1, RESOLVE)]);
    let late = bench.op(2, OPENING);
    bench.push(2, FIRST_RESOLVE);
    bench.push(2, REPEAT);
    bench.give(late);
    bench.push(2, RESOLVE);
    assert_eq!(bench.settle(0), [(2, RESOLVE)]);
    // And when one comes between an attempt and its resolve.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(500)).unwrap();
    let late = bench.op(1, OPENING);
    bench.push(1, RESOLVE);
    bench.give(late);
    assert_eq!(bench.settle(400), [(1, RESOLVE)]);
}

#[test]
fn a_resolve_that_was_overtaken_is_owed() {
    let mut bench = Bench::default();
    let late = bench.op(1, RESOLVE);
    bench.push(1, OPENING);
    bench.next().unwrap();
    bench.give(late);
    bench.finish(not_sent());
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(60), [(1, RESOLVE)]);
}

#[test]
fn a_trigger_that_was_overtaken_is_no_part_of_what_waits() {
    let mut bench = Bench::default();
    let late = bench.op(1, OPENING);
    bench.push(1, FIRST_RESOLVE);
    bench.next().unwrap();
    bench.push(1, REPEAT);
    bench.give(late);
    assert_eq!(bench.stats().suppressed.cancelled, 1);
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(0), [(1, OPENING)]);
}

#[test]
fn a_repeat_in_the_place_of_a_resolve_opens_unless_the_title_is_known_to_be_open() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.push(1, REPEAT);
    assert_eq!(bench.settle(0), [(1, REPEAT)]);
    // The endpoint has seen the resolve.
    for resolves in [1, 2] {
        bench.push(1, RESOLVE);
        bench.answer(status(401)).unwrap();
        for _ in 1..resolves {
            bench.push(1, RESOLVE);
        }
        bench.push(1, REPEAT);
        assert_eq!(bench.settle(400), [(1, OPENING)], "{resolves}");
    }
}

#[test]
fn the_first_resolve_stays_the_first() {
    let mut bench = Bench::default();
    bench.push(1, FIRST_RESOLVE);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, FIRST_RESOLVE)]);
}

#[test]
fn what_is_too_large_stays_minimal_and_a_panic_a_panic() {
    for is_late in [false, true] {
        let mut bench = Bench::default();
        let (one, two) = (bench.op(1, OPENING), bench.op(1, OPENING));
        let (one, two) = if is_late { (two, one) } else { (one, two) };
        bench.give(one);
        bench.answer(status(413)).unwrap();
        bench.give(two);
        let sent = bench.until(secs(60), |_| ACCEPTED);
        assert!(sent.iter().all(|sent| sent.minimal), "{sent:?}");
    }
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    let mut panic = bench.op(1, REPEAT);
    panic.panic = true;
    bench.give(panic);
    let mut grave = bench.op(2, OPENING);
    grave.severity = Some(Severity::Sev1);
    bench.give(grave);
    assert_eq!(bench.settle(0), [(1, OPENING), (2, OPENING)]);
}

#[test]
fn what_was_admitted_before_a_flush_is_waited_for_whatever_it_merges_with() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    let late = bench.op(1, REPEAT);
    bench.push(1, REPEAT);
    bench.give(late);
    assert_eq!(bench.outbox.held_since(1), 1);
    bench.settle(0);
}

#[test]
fn what_takes_the_place_of_a_lost_opening_is_as_grave_and_nothing_is_reopened() {
    let mut bench = Bench::default();
    let mut opening = bench.op(1, OPENING);
    (opening.severity, opening.priority) = (Some(Severity::Sev1), Some(Priority::P1));
    bench.give(opening);
    bench.next().unwrap();
    bench.push(1, REPEAT);
    bench.finish(status(400));
    let sent = bench.answer(ACCEPTED).unwrap();
    assert_eq!((sent.status, sent.severity), (OPENING, Some(Severity::Sev1)));
    assert!(bench.lost_openings().is_empty());
}

#[test]
fn a_repeat_that_is_lost_lets_the_held_resolve_go() {
    let mut bench = Bench::default();
    bench.push(1, REPEAT);
    bench.next().unwrap();
    bench.push(1, HELD);
    bench.finish(status(400));
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
}

#[test]
fn when_what_asserts_a_doubtful_state_is_lost_the_next_trigger_opens() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.push(1, OPENING);
    bench.answer(ACCEPTED).unwrap();
    bench.push(1, REPEAT);
    bench.answer(status(400)).unwrap();
    bench.push(1, REPEAT);
    assert_eq!(bench.answer(ACCEPTED).unwrap().status, OPENING);
    bench.settle(100);
}

#[test]
fn a_trigger_that_is_asserted_leaves_its_quiet_period_alone() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.push(1, OPENING);
    bench.answer(ACCEPTED).unwrap();
    bench.gate.quiet.lock().unwrap().1 = Some(Quiet::Until(secs(400)));
    assert_eq!(bench.settle(400), [(1, REPEAT)]);
    assert_eq!(bench.gate.quiet.lock().unwrap().0, 2);
}

#[test]
fn a_gate_that_names_a_time_that_has_come_is_not_asked_for_ever() {
    let mut bench = Bench::default();
    bench.now = secs(5);
    bench.delivered(1);
    bench.gate.quiet.lock().unwrap().1 = Some(Quiet::Until(secs(5)));
    assert_eq!(bench.next(), Err(None));
}

#[test]
fn others_that_were_accepted_before_the_first_failure_tell_nothing_of_poison() {
    let mut bench = Bench::default();
    bench.push(2, OPENING);
    bench.push(3, OPENING);
    bench.push(4, OPENING);
    let sent = bench.until(secs(3_600), |sent| if sent.key == 4 { status(500) } else { ACCEPTED });
    assert!(sent.len() > 10);
    assert_eq!(bench.stats().lost.poison, 0);
    bench.settle(3_600);
}

#[test]
fn what_is_six_hours_old_is_not_yet_too_old() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.now = MAX_AGE;
    assert_eq!(bench.settle(0), [(1, OPENING)]);
}

#[test]
fn an_acceptance_ends_the_backoff_of_its_title() {
    let mut bench = Bench::default();
    // The longest that it may be, after so many failures.
    let fails = |bench: &mut Bench| {
        bench.hurry();
        bench.next().unwrap();
        bench.outbox.finish(status(408), bench.now, u64::MAX);
        bench.next().unwrap_err().unwrap() - bench.now
    };
    bench.delivered(1);
    bench.push(1, REPEAT);
    let first = fails(&mut bench);
    let waits: Vec<_> = (0..3).map(|_| fails(&mut bench)).collect();
    assert!(waits.iter().all(|wait| *wait > first), "{first:?}, then {waits:?}");
    bench.hurry();
    bench.answer(ACCEPTED).unwrap();
    bench.push(1, REPEAT);
    assert_eq!(fails(&mut bench), first);
    bench.settle(60);
}

#[test]
fn what_comes_while_the_room_for_resolves_is_taken_is_not_dropped() {
    let mut bench = Bench::with(Limits { resolves: 2, ..Limits::default() });
    for key in 1..=4 {
        bench.push(key, RESOLVE);
    }
    bench.push(5, OPENING);
    assert_eq!(bench.settle(0).len(), 5);
}

#[test]
fn a_body_that_is_empty_makes_no_room() {
    let mut bench = Bench::default();
    let op = bench.op(1, OPENING);
    let limits = Limits { bytes: op.weight(), ..Limits::default() };
    bench.give(op);
    bench.settle(0);
    let mut bench = Bench::with(limits);
    bench.push(1, OPENING);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.push(1, RESOLVE);
    bench.answer(ACCEPTED).unwrap();
    // Ends, though what is to be sent once more is heavier than all that there is room for.
    bench.push(2, RESOLVE);
    bench.settle(100);
}

#[test]
fn what_is_forgotten_first_is_settled_then_watched_for_the_longest() {
    for settled in [false, true] {
        let mut bench = Bench::default();
        // The oldest has the largest key.
        for n in 0..=KNOWN_CAP as u64 {
            let key = 10_000 - n;
            bench.delivered(key);
            bench.gate.quiet.lock().unwrap().1 = Some(Quiet::Until(secs(100_000)));
            if settled && n == KNOWN_CAP as u64 {
                bench.push(key, RESOLVE);
                bench.answer(ACCEPTED).unwrap();
            }
        }
        bench.now += secs(100);
        bench.next().unwrap_err();
        let known = |key| bench.outbox.titles.contains_key(&key);
        assert_eq!((known(10_000), known(9_999)), (settled, true));
        assert_eq!(known(10_000 - KNOWN_CAP as u64), !settled);
    }
}

#[test]
fn its_age_and_its_state_are_told() {
    let mut bench = Bench::default();
    assert_eq!(bench.outbox.oldest(bench.now), None);
    bench.delivered(3);
    bench.push(3, HELD);
    bench.now = secs(5);
    assert_eq!(bench.outbox.oldest(bench.now), None, "it is held back");
    bench.push(1, OPENING);
    bench.now = secs(7);
    bench.push(2, OPENING);
    bench.now = secs(9);
    assert_eq!(bench.outbox.oldest(bench.now), Some(secs(4)));
    assert_eq!(bench.outbox.state(), EndpointState::Works);
    for n in 1..=3 {
        assert_eq!(bench.said, [], "{n}");
        bench.hurry();
        bench.answer(not_sent()).unwrap();
    }
    assert_eq!(bench.said, [Change::Fails]);
    assert_eq!(bench.outbox.state(), EndpointState::Fails);
    bench.hurry();
    bench.answer(status(401)).unwrap();
    assert_eq!(bench.outbox.state(), EndpointState::Refuses);
    bench.settle(600);
    assert_eq!(bench.outbox.state(), EndpointState::Works);
    // What was accepted and is to be sent once more waits for nobody.
    bench.push(4, OPENING);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.push(4, RESOLVE);
    bench.answer(ACCEPTED).unwrap();
    bench.now += secs(70);
    assert_eq!(bench.outbox.oldest(bench.now), None);
    bench.settle(0);
}

#[test]
fn a_storm_incident_that_waits_tells_what_has_come_since() {
    let storm = |bench: &mut Bench, status| {
        let mut op = bench.op(1, status);
        op.detail = Detail::Storm(StormDetail { titles: 1, sample: vec!["a".to_owned()] });
        bench.give(op);
    };
    let grows = |bench: &Bench, count| {
        let detail = StormDetail { titles: count, sample: vec!["b".to_owned()] };
        let so_far = SoFar { count, more: 2, last: secs(1), detail };
        *bench.gate.so_far.lock().unwrap() = Some(so_far);
    };
    let mut bench = Bench::default();
    storm(&mut bench, OPENING);
    bench.now = secs(2);
    grows(&bench, 8);
    bench.outbox.count_storm();
    // To the spool as well.
    let told = bench.outbox.last_words().map(|(op, _)| op.occurrences.count);
    assert_eq!(told.collect::<Vec<_>>(), [8]);
    let sent = bench.next().unwrap();
    assert_eq!((sent.count, sent.since_last), (8, 3));
    // What is in flight stays as it is.
    grows(&bench, 9);
    bench.outbox.count_storm();
    bench.finish(not_sent());
    assert!(bench.gate.so_far.lock().unwrap().is_some());
    bench.hurry();
    assert_eq!(bench.answer(ACCEPTED).unwrap().count, 9);
    // Its resolve, what is sent once more and other titles do not grow.
    storm(&mut bench, RESOLVE);
    bench.push(2, OPENING);
    grows(&bench, 10);
    bench.outbox.count_storm();
    assert_eq!(bench.answer(ACCEPTED).unwrap().count, 1);
    assert_eq!(bench.answer(ACCEPTED).unwrap().count, 1);
    storm(&mut bench, OPENING);
    *bench.gate.so_far.lock().unwrap() = None;
    bench.now = secs(10);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    storm(&mut bench, RESOLVE);
    bench.answer(ACCEPTED).unwrap();
    storm(&mut bench, OPENING);
    bench.now += secs(2);
    bench.answer(ACCEPTED).unwrap();
    grows(&bench, 11);
    let sent = bench.until(bench.now + secs(100), |_| ACCEPTED);
    assert_eq!(sent.iter().map(|sent| sent.count).collect::<Vec<_>>(), [1]);
}
