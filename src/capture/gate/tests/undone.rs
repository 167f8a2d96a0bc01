//! Two admissions of a title that come to nothing, the older one first: as if there had been none.

use super::{Admission, Bench, EVERY, Folded, Gatekeeper, Held, Sending, Status, secs, sent};

/// The opening under the first resolve that is held back, and that resolve. It is 21 s then.
fn flapping(gate: &Bench) -> (Sending, Sending) {
    for at in [0, 10, 20] {
        let opening = sent(gate.admit(7, 0, secs(at)));
        let resolve = sent(gate.resolve(7, secs(at + 1)));
        if let Status::Resolve { not_before, .. } = resolve.status
            && !not_before.is_zero()
        {
            return (opening, resolve);
        }
    }
    panic!("the third is held back");
}

#[test]
fn a_title_is_not_open_when_the_older_opening_is_given_back_first() {
    let gate = Bench::new(EVERY);
    let older = sent(gate.admit(7, 1, secs(0)));
    let newer = sent(gate.admit(7, 3, secs(0)));
    gate.give_back(7, older.seq);
    assert_eq!(gate.admit(7, 1, secs(1)), Admission::Repeat, "the newer one stands for both");
    gate.give_back(7, newer.seq);
    assert!(!gate.is_open(7));
    let next = sent(gate.admit(7, 1, secs(1)));
    assert_eq!((next.status, next.count), (Status::Trigger { opening: true }, 4));
}

#[test]
fn a_title_is_not_open_when_its_opening_was_lost_and_a_newer_one_is_given_back() {
    let gate = Bench::new(EVERY);
    let older = sent(gate.admit(7, 1, secs(0)));
    let newer = sent(gate.admit(7, 3, secs(1)));
    gate.reopen(7, older.seq, true);
    assert!(gate.is_open(7), "the newer one opens it");
    gate.give_back(7, newer.seq);
    assert!(!gate.is_open(7));
    assert_eq!(sent(gate.admit(7, 1, secs(8))).status, Status::Trigger { opening: true });
}

#[test]
fn a_title_is_open_when_a_resolve_was_lost_and_a_newer_opening_is_given_back() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 1, secs(0)));
    let resolve = sent(gate.resolve(7, secs(1)));
    let opening = sent(gate.admit(7, 1, secs(2)));
    gate.reopen(7, resolve.seq, false);
    gate.give_back(7, opening.seq);
    assert!(gate.is_open(7));
    // The twin: a resolve that was not lost, and is the last word again.
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 1, secs(0)));
    sent(gate.resolve(7, secs(1)));
    let opening = sent(gate.admit(7, 1, secs(2)));
    gate.give_back(7, opening.seq);
    assert!(!gate.is_open(7));
}

#[test]
fn what_two_lost_repeats_told_is_told_by_the_next_one() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    let repeats = [30, 120].map(|at| sent(gate.admit(7, 0, secs(at))));
    repeats.iter().for_each(|repeat| gate.reopen(7, repeat.seq, false));
    let next = sent(gate.admit(7, 0, secs(127)));
    assert_eq!((next.count, next.since_last), (4, 3));
}

#[test]
fn a_held_resolve_is_not_asked_for_for_ever() {
    let gate = Bench::new(EVERY);
    let (_, resolve) = flapping(&gate);
    let older = sent(gate.admit(7, 1, secs(30)));
    let newer = sent(gate.admit(7, 3, secs(30)));
    gate.give_back(7, older.seq);
    let held = gate.held(7, resolve.seq, secs(30), true);
    assert!(matches!(held, Held::Until(_)), "what takes its place is on the way: {held:?}");
    gate.give_back(7, newer.seq);
    assert_eq!(gate.held(7, resolve.seq, secs(31), true), Held::Off, "it has occurred again");
}

#[test]
fn what_a_held_resolve_follows_is_lost_while_a_newer_trigger_is_in_the_making() {
    let gate = Bench::new(EVERY);
    let (opening, resolve) = flapping(&gate);
    let newer = sent(gate.admit(7, 3, secs(30)));
    gate.reopen(7, opening.seq, true);
    gate.give_back(7, newer.seq);
    assert!(!gate.is_open(7));
    assert_eq!(gate.held(7, resolve.seq, secs(31), true), Held::Off, "it has occurred again");
    assert!(matches!(gate.resolve(7, secs(32)), Admission::Send(_)), "it may be open at Spike");
    // The twin: the newer trigger goes out, and opens it.
    let gate = Bench::new(EVERY);
    let (opening, _) = flapping(&gate);
    sent(gate.admit(7, 3, secs(30)));
    gate.reopen(7, opening.seq, true);
    assert!(gate.is_open(7));
    assert_eq!(gate.admit(7, 0, secs(38)), Admission::Repeat);
}

#[test]
fn a_held_resolve_goes_out_for_what_was_sent_when_the_opening_before_it_found_no_room() {
    let gate = Bench::new(EVERY);
    let (opening, resolve) = flapping(&gate);
    gate.give_back(7, opening.seq);
    assert!(matches!(gate.held(7, resolve.seq, secs(400), false), Held::Out(Some(_))));
    gate.reopen(7, resolve.seq, false);
    assert_eq!(sent(gate.admit(7, 0, secs(401))).status, Status::Trigger { opening: true });
}

/// As the outbox folds what it evicts: the opening that it was merged with may be at Spike.
#[test]
fn a_repeat_that_carries_its_opening_is_resolved_once_more_after_it_was_lost_and_folded() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    sent(gate.resolve(7, secs(1)));
    sent(gate.admit(7, 0, secs(400)));
    let repeat = sent(gate.admit(7, 0, secs(500)));
    gate.reopen(7, repeat.seq, true);
    let folded = Folded { title: "title", severity: None, count: repeat.count };
    gate.fold(7, repeat.seq, folded, secs(501)).unwrap();
    let next = sent(gate.resolve(7, secs(502)));
    assert!(matches!(next.status, Status::Resolve { .. }), "{next:?}");
    assert_eq!(gate.resolve(7, secs(503)), Admission::Repeat, "the twin: that was said");
}
