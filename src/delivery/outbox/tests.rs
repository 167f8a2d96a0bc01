//! What goes out, in which order, and what becomes of the rest, under virtual time.
//!
//! `faults.rs` is about what the endpoint answers, `ambiguous.rs` about what it does not. The random
//! half is in `crate::proofs`.

use std::time::Duration;

use super::{MAX_AGE, Next};
use crate::{
    delivery::outcome::{NoAnswer, of_no_answer},
    incident::{Priority, Severity},
};
use bench::{ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, not_sent, secs, status};

mod ambiguous;
mod bench;
mod carried;
mod faults;
mod fingerprint;
mod held;
mod quiet;
mod room;
mod words;

#[test]
fn panics_go_first_then_openings_by_severity_and_age_then_resolves_then_repeats() {
    let mut bench = Bench::default();
    bench.push(1, REPEAT);
    bench.push(2, FIRST_RESOLVE);
    let graded = [(3, None), (4, Some(Severity::Sev3)), (5, Some(Severity::Sev2))];
    let late = [(6, Some(Severity::Sev1)), (7, Some(Severity::Sev1)), (8, None)];
    for (key, severity) in graded.into_iter().chain(late) {
        bench.now += secs(1);
        let mut op = bench.op(key, OPENING);
        op.severity = severity;
        bench.give(op);
    }
    for status in [OPENING, REPEAT] {
        let mut op = bench.op(9, status);
        op.panic = true;
        bench.give(op);
    }
    let order: Vec<_> = bench.settle(0).into_iter().map(|(key, _)| key).collect();
    assert_eq!(order, [9, 6, 7, 5, 4, 3, 8, 2, 1]);
}

#[test]
fn one_attempt_is_in_flight_at_a_time() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(2, OPENING);
    assert_eq!(bench.next().unwrap().key, 1);
    bench.push(3, OPENING);
    assert_eq!(bench.next(), Err(None));
    assert_eq!(bench.outbox.pending(), 3);
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(0), [(2, OPENING), (3, OPENING)]);
    assert_eq!(bench.stats().delivered, 3);
}

#[test]
fn a_finish_without_an_attempt_changes_nothing() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.finish(ACCEPTED);
    assert_eq!((bench.stats().pending, bench.settle(0)), (1, vec![(1, OPENING)]));
}

#[test]
fn triggers_of_a_pending_title_merge_into_one_with_all_that_they_told() {
    let mut bench = Bench::default();
    let (mut opening, mut repeat) = (bench.op(1, OPENING), bench.op(1, REPEAT));
    (opening.severity, opening.priority) = (Some(Severity::Sev3), Some(Priority::P1));
    (repeat.severity, repeat.priority) = (Some(Severity::Sev1), Some(Priority::P4));
    bench.give(opening);
    bench.give(repeat);
    let Next::Attempt { op, .. } = bench.outbox.next(secs(0)) else { panic!("nothing to send") };
    assert_eq!((op.status, op.severity), (OPENING, Some(Severity::Sev1)));
    assert_eq!(op.priority, Some(Priority::P1));
    assert_eq!((op.occurrences.count, op.occurrences.since_last), (5, 5));
    bench.finish(ACCEPTED);
    let stats = bench.stats();
    assert_eq!((stats.delivered, stats.suppressed.repeat, stats.pending), (1, 1, 0));
}

#[test]
fn a_trigger_that_was_never_attempted_and_its_resolve_cancel() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(60), []);
    assert_eq!(bench.stats().suppressed.cancelled, 2);
    // Not sent is not attempted.
    bench.push(1, OPENING);
    bench.answer(not_sent()).unwrap();
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(60), []);
    assert_eq!(bench.stats().suppressed.cancelled, 4);
    assert!(bench.reopened().is_empty());
}

#[test]
fn a_resolve_goes_out_unless_it_is_known_that_nothing_is_open() {
    // The title's first in this process: an earlier run may have opened it.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.push(1, FIRST_RESOLVE);
    assert_eq!(bench.settle(0), [(1, FIRST_RESOLVE)]);
    // The endpoint may have seen the trigger.
    for outcome in [status(500), status(401), of_no_answer(NoAnswer::Ambiguous), status(413)] {
        bench.push(2, OPENING);
        bench.answer(outcome).unwrap();
        bench.push(2, RESOLVE);
        // Without an answer the trigger may still arrive: the resolve is sent once more.
        let sent = bench.settle(400);
        let twice = outcome == of_no_answer(NoAnswer::Ambiguous);
        assert_eq!(sent, vec![(2, RESOLVE); 1 + usize::from(twice)], "{outcome:?}");
    }
    // It has.
    bench.delivered(3);
    bench.push(3, REPEAT);
    bench.push(3, RESOLVE);
    assert_eq!(bench.settle(0), [(3, RESOLVE)]);
    assert_eq!(bench.stats().suppressed.cancelled, 6);
}

#[test]
fn an_escalation_and_its_resolve_do_not_cancel_since_the_incident_is_open() {
    let mut bench = Bench::default();
    bench.delivered(1);
    // The gate has it travel as an opening, so that the severity goes along.
    let mut escalation = bench.op(1, OPENING);
    (escalation.occurrences.count, escalation.severity) = (2, Some(Severity::Sev1));
    bench.give(escalation);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
}

#[test]
fn a_trigger_in_the_place_of_a_resolve_owes_it() {
    let mut bench = Bench::default();
    bench.push(1, FIRST_RESOLVE);
    bench.push(1, OPENING);
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
    // The same behind an attempt that never reached the endpoint.
    bench.push(2, OPENING);
    bench.next().unwrap();
    for status in [FIRST_RESOLVE, OPENING] {
        bench.push(2, status);
    }
    bench.finish(not_sent());
    bench.push(2, RESOLVE);
    assert_eq!(bench.settle(60), [(2, RESOLVE)]);
}

#[test]
fn the_order_of_admission_decides_and_not_that_of_arrival() {
    let mut bench = Bench::default();
    let (trigger, resolve) = (bench.op(1, OPENING), bench.op(1, FIRST_RESOLVE));
    bench.give(resolve);
    bench.give(trigger);
    assert_eq!(bench.settle(0), [(1, FIRST_RESOLVE)]);
    let (resolve, trigger) = (bench.op(1, RESOLVE), bench.op(1, OPENING));
    bench.give(trigger);
    bench.give(resolve);
    assert_eq!(bench.settle(0), [(1, OPENING)]);
    let (trigger, resolve) = (bench.op(2, OPENING), bench.op(2, RESOLVE));
    bench.give(resolve);
    bench.give(trigger);
    assert_eq!(bench.settle(0), []);
}

#[test]
fn resolves_that_overtake_their_triggers_keep_the_last_word() {
    // The worker empties the resolves' channel before it takes the next trigger.
    let mut bench = Bench::default();
    let kinds = [OPENING, RESOLVE, OPENING, RESOLVE];
    let [one, resolve, two, last] = kinds.map(|status| bench.op(1, status));
    for op in [resolve, last, one, two] {
        bench.give(op);
    }
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
    // With a resolve that is delivered before its trigger arrives.
    let (trigger, resolve) = (bench.op(2, OPENING), bench.op(2, RESOLVE));
    bench.give(resolve);
    assert_eq!(bench.settle(0), [(2, RESOLVE)]);
    bench.give(trigger);
    assert_eq!(bench.settle(0), []);
    // Twin: a newer trigger is no late one.
    bench.push(2, OPENING);
    assert_eq!(bench.settle(0), [(2, OPENING)]);
}

#[test]
fn what_comes_while_an_attempt_is_in_flight_waits_for_its_end() {
    let mut bench = Bench::default();
    let world = [(ACCEPTED, 2), (status(500), 1), (status(400), 1)];
    for (key, (outcome, requests)) in (1..).zip(world) {
        bench.push(key, OPENING);
        bench.next().unwrap();
        bench.push(key, REPEAT);
        bench.push(key, REPEAT);
        bench.finish(outcome);
        assert_eq!(bench.settle(60).len() + 1, requests.max(2), "{outcome:?}");
    }
    // The newest state wins over the one in flight, whatever became of that.
    for (key, outcome) in (11..).zip([ACCEPTED, status(500), status(401)]) {
        bench.push(key, OPENING);
        bench.next().unwrap();
        bench.push(key, RESOLVE);
        bench.finish(outcome);
        assert_eq!(bench.settle(400), [(key, RESOLVE)], "{outcome:?}");
        bench.push(key, OPENING);
        bench.next().unwrap();
        for status in [RESOLVE, OPENING] {
            bench.push(key, status);
        }
        bench.finish(outcome);
        assert_eq!(bench.settle(400), [(key, OPENING)], "{outcome:?}");
    }
}

#[test]
fn what_is_older_than_six_hours_is_given_up_and_its_title_reopened() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.now = MAX_AGE;
    bench.push(2, OPENING);
    bench.now += Duration::from_millis(1);
    assert_eq!(bench.settle(0), [(2, OPENING)]);
    assert_eq!((bench.stats().lost.expired, bench.reopened()), (1, vec![1]));
}

#[test]
fn a_trigger_that_comes_late_does_not_cancel_the_resolve_of_what_is_in_flight() {
    let mut bench = Bench::default();
    let late = bench.op(1, OPENING);
    bench.push(1, OPENING);
    bench.next().unwrap();
    bench.push(1, RESOLVE);
    bench.give(late);
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(60), [(1, RESOLVE)]);
}

#[test]
fn a_trigger_that_waited_for_an_hour_does_not_follow_its_resolve() {
    let mut bench = Bench::default();
    let late = bench.op(1, OPENING);
    bench.push(1, FIRST_RESOLVE);
    assert_eq!(bench.settle(3_600), [(1, FIRST_RESOLVE)]);
    bench.give(late);
    assert_eq!(bench.settle(60), []);
    bench.push(1, OPENING);
    assert_eq!(bench.settle(60), [(1, OPENING)], "a newer one does");
}
