//! What is held at most, and what makes room for what.

use super::bench::{
    ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, STORM, not_sent, secs, status,
};
use crate::{
    delivery::{
        outbox::{Limits, Room},
        outcome::{NoAnswer, of_no_answer},
    },
    incident::{Detail, Manual, Op, Severity, Status},
};

fn limits(titles: usize) -> Limits {
    Limits { titles, ..Limits::default() }
}

fn graded(bench: &mut Bench, key: u64, severity: Option<Severity>) {
    let mut op = bench.op(key, OPENING);
    op.severity = severity;
    bench.give(op);
}

/// An op with a body of so many bytes.
fn heavy(bench: &mut Bench, key: u64, bytes: usize) -> Box<Op> {
    let mut op = bench.op(key, OPENING);
    let mut fields = Manual::default();
    fields.insert("text".to_owned(), "x".repeat(bytes).into());
    op.detail = Detail::Manual(fields);
    op
}

fn keys(sent: Vec<(u64, Status)>) -> Vec<u64> {
    sent.into_iter().map(|(key, _)| key).collect()
}

#[test]
fn triggers_are_always_taken_and_neither_kind_keeps_the_other_out() {
    let mut bench = Bench::default();
    let full = Room { triggers: 256, resolves: 64 };
    assert_eq!(bench.outbox.room(), full);
    for key in 0..256 {
        bench.push(key, OPENING);
        bench.push(key, REPEAT);
    }
    assert_eq!(bench.outbox.room(), Room { triggers: 1, ..full });
    for key in 0..64 {
        assert!(bench.outbox.room().resolves > 0);
        bench.push(1_000_000 + key, RESOLVE);
    }
    assert_eq!(bench.outbox.room(), Room { triggers: 1, resolves: 0 });
    assert_eq!(bench.stats().evicted, 0);
    bench.answer(ACCEPTED).unwrap();
    bench.answer(ACCEPTED).unwrap();
    assert_eq!(bench.outbox.room(), Room { triggers: 2, resolves: 0 });
    bench.settle(0);
    assert_eq!(bench.outbox.room(), full);
}

#[test]
fn repeats_make_room_first_and_their_counts_are_told_by_the_next() {
    let mut bench = Bench::with(limits(3));
    bench.push(1, REPEAT);
    bench.push(2, OPENING);
    bench.push(3, REPEAT);
    bench.push(4, OPENING);
    bench.push(5, OPENING);
    assert_eq!(bench.reopened(), [3, 1], "the newest first");
    assert!(bench.lost_openings().is_empty());
    let stats = bench.stats();
    assert_eq!((stats.evicted, stats.suppressed.repeat, stats.undelivered()), (2, 2, 0));
    assert_eq!(keys(bench.settle(0)), [2, 4, 5]);
}

#[test]
fn then_openings_are_folded_the_mildest_and_newest_first() {
    let mut bench = Bench::with(limits(3));
    graded(&mut bench, 1, Some(Severity::Sev3));
    graded(&mut bench, 2, None);
    graded(&mut bench, 3, Some(Severity::Sev1));
    graded(&mut bench, 4, Some(Severity::Sev1));
    graded(&mut bench, 5, Some(Severity::Sev2));
    graded(&mut bench, 6, None);
    graded(&mut bench, 7, Some(Severity::Sev2));
    let folded: Vec<_> = bench.folded().into_iter().map(|(title, ..)| title).collect();
    assert_eq!(folded, ["title 2", "title 1", "title 6", "title 7"]);
    let stats = bench.stats();
    assert_eq!((stats.evicted, stats.suppressed.storm), (4, 4));
    assert_eq!(bench.lost_openings(), [2, 1, 6, 7]);
    assert_eq!(keys(bench.settle(0)), [3, 4, 5]);
}

#[test]
fn the_storm_incident_is_sent_when_the_gate_says_so_and_makes_no_room() {
    let mut bench = Bench::with(limits(1));
    bench.push(1, OPENING);
    bench.storm(OPENING);
    bench.push(2, OPENING);
    for key in 3..10 {
        bench.push(key, OPENING);
    }
    let stats = bench.stats();
    // The first that made room goes on as the storm incident.
    assert_eq!((stats.seen, stats.suppressed.storm, stats.pending), (9, 7, 2));
    bench.storm(REPEAT);
    bench.push(11, OPENING);
    // It waits for a second, so that it can tell how many there are.
    let waits = bench.until(bench.now, |_| ACCEPTED);
    assert_eq!(waits.iter().map(|sent| sent.key).collect::<Vec<_>>(), [1]);
    assert_eq!(bench.settle(1), [(STORM, OPENING)]);
}

#[test]
fn the_counts_of_what_was_merged_are_folded_together() {
    let mut bench = Bench::with(limits(1));
    bench.push(1, OPENING);
    bench.push(2, OPENING);
    assert_eq!(bench.folded(), [("title 2".to_owned(), None, 1)]);
    graded(&mut bench, 3, Some(Severity::Sev1));
    bench.push(3, REPEAT);
    graded(&mut bench, 4, Some(Severity::Sev1));
    assert_eq!(
        bench.folded()[1..],
        [("title 1".to_owned(), None, 1), ("title 4".to_owned(), Some(Severity::Sev1), 1)]
    );
    bench.settle(0);
}

#[test]
fn what_must_not_be_missed_makes_no_room() {
    let mut bench = Bench::with(limits(1));
    // A panic, and what is in flight.
    let mut panic = bench.op(1, OPENING);
    panic.panic = true;
    bench.give(panic);
    bench.next().unwrap();
    bench.finish(not_sent());
    bench.hurry();
    // The resolve of what was attempted, a trigger in the place of a resolve, an escalation.
    bench.push(2, OPENING);
    bench.answer(ACCEPTED).unwrap();
    bench.answer(ACCEPTED).unwrap();
    bench.push(2, RESOLVE);
    bench.push(3, FIRST_RESOLVE);
    bench.push(3, OPENING);
    bench.push(4, REPEAT);
    assert_eq!(bench.stats().evicted, 1, "the repeat");
    let mut escalation = bench.op(5, OPENING);
    escalation.occurrences.count = 9;
    bench.give(escalation);
    assert_eq!(bench.stats().evicted, 1);
    // There is an end to it.
    bench.push(6, FIRST_RESOLVE);
    bench.push(6, OPENING);
    assert_eq!((bench.stats().evicted, bench.folded().len()), (2, 1));
    assert!(bench.stats().pending >= 3);
    bench.settle(60);
}

#[test]
fn what_was_folded_after_an_attempt_may_still_arrive() {
    let mut bench = Bench::with(limits(1));
    bench.push(1, OPENING);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    graded(&mut bench, 2, Some(Severity::Sev1));
    assert_eq!(bench.folded().len(), 1);
    // The gate has the title's next resolve go out.
    bench.push(1, FIRST_RESOLVE);
    assert_eq!(bench.settle(100).len(), 3, "and it is asserted");
    assert_eq!(bench.stats().asserted, 1);
}

#[test]
fn it_is_bounded_by_bytes() {
    let mut bench = Bench::with(Limits { bytes: 100_000, ..Limits::default() });
    for key in 0..10 {
        let op = heavy(&mut bench, key, 30_000);
        bench.give(op);
    }
    assert_eq!(bench.outbox.pending(), 3);
    assert_eq!((bench.stats().evicted, bench.folded().len()), (7, 7));
    bench.settle(0);
    // What is only to be sent once more gives up its body first.
    let ambiguous = of_no_answer(NoAnswer::Ambiguous);
    for key in 20..23 {
        bench.delivered(key);
        bench.push(key, RESOLVE);
        bench.answer(ambiguous).unwrap();
        let op = heavy(&mut bench, key, 30_000);
        bench.give(op);
        bench.hurry();
        bench.answer(ACCEPTED).unwrap();
    }
    for key in 30..33 {
        let op = heavy(&mut bench, key, 30_000);
        bench.give(op);
    }
    assert_eq!((bench.outbox.pending(), bench.stats().evicted), (3, 7));
    assert_eq!(bench.settle(100).len(), 6);
    assert_eq!(bench.stats().asserted, 3);
}

#[test]
fn a_thousand_titles_that_owe_a_resolve_are_bounded_too() {
    let mut bench = Bench::default();
    for key in 0..1_000 {
        bench.push(key, FIRST_RESOLVE);
        bench.push(key, OPENING);
    }
    assert_eq!(bench.outbox.pending(), 512);
    bench.settle(0);
}

#[test]
fn titles_that_are_known_are_bounded_but_not_forgotten_while_something_is_to_come() {
    let mut bench = Bench::default();
    // An assertion to come, an attempt that may arrive, a held resolve.
    bench.delivered(1);
    bench.push(1, RESOLVE);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.push(1, OPENING);
    bench.answer(ACCEPTED).unwrap();
    bench.push(2, OPENING);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.hurry();
    bench.answer(ACCEPTED).unwrap();
    bench.delivered(3);
    bench.push(3, Status::Resolve { first: false, not_before: secs(100) });
    for key in 10..2_000 {
        bench.push(key, FIRST_RESOLVE);
        bench.answer(ACCEPTED).unwrap();
    }
    bench.next().unwrap_err();
    assert!(bench.outbox.titles.len() <= 1_024);
    bench.push(2, RESOLVE);
    let sent: Vec<_> = bench.settle(100).into_iter().map(|(key, _)| key).collect();
    assert_eq!(sent, [2, 2, 1, 3]);
    bench.push(4, OPENING);
    bench.answer(status(400)).unwrap();
}

#[test]
fn a_held_resolve_goes_with_a_trigger_that_makes_room_unless_one_before_it_is_owed() {
    for (owed, expected) in [(false, vec![]), (true, vec![RESOLVE])] {
        let mut bench = Bench::with(limits(1));
        // Twice what there is room for pushes out what is owed, too.
        for key in 1..=if owed { 3 } else { 2 } {
            if owed {
                bench.push(key, RESOLVE);
            }
            graded(&mut bench, key, (key > 1).then_some(Severity::Sev1));
            if key == 1 {
                bench.push(1, Status::Resolve { first: false, not_before: secs(300) });
            }
        }
        assert_eq!(bench.stats().evicted, 1, "{owed}");
        let sent = bench.settle(0).into_iter().filter(|(key, _)| *key == 1);
        assert_eq!(sent.map(|(_, status)| status).collect::<Vec<_>>(), expected, "{owed}");
    }
}

#[test]
fn what_is_owed_is_spared_up_to_twice_the_bytes_that_there_is_room_for() {
    let mut bench = Bench::default();
    let op = heavy(&mut bench, 1, 1_000);
    let limits = Limits { bytes: op.weight(), ..Limits::default() };
    bench.give(op);
    bench.settle(0);
    let mut bench = Bench::with(limits);
    for (key, evicted) in [(1, 0), (2, 0), (3, 1)] {
        bench.push(key, RESOLVE);
        let op = heavy(&mut bench, key, 1_000);
        bench.give(op);
        assert_eq!(bench.stats().evicted, evicted, "{key}");
    }
    bench.settle(0);
}
