//! Titles that are resolved after a quiet period.

use super::bench::{ACCEPTED, Bench, FIRST_RESOLVE, OPENING, REPEAT, RESOLVE, secs, status};
use crate::incident::{Held, Quiet, Sending, Status};

impl Bench {
    /// What the gate answers when it is asked next.
    fn answers(&self, quiet: Quiet) {
        self.gate.quiet.lock().unwrap().1 = Some(quiet);
    }

    fn asked(&self) -> usize {
        self.gate.quiet.lock().unwrap().0
    }

    fn resolved(&mut self) -> Quiet {
        let seq = self.seq();
        Quiet::Resolved(Sending { seq, status: RESOLVE, count: 7, since_last: 3, first: secs(0) })
    }
}

#[test]
fn the_gate_is_asked_once_a_trigger_is_accepted_and_when_it_said_to() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.answers(Quiet::Until(secs(100)));
    assert_eq!((bench.next(), bench.asked()), (Err(Some(secs(100))), 1));
    bench.now = secs(99);
    assert_eq!((bench.next(), bench.asked()), (Err(Some(secs(100))), 1));
    bench.now = secs(100);
    let resolved = bench.resolved();
    bench.answers(resolved);
    let seen = bench.stats().seen;
    let sent = bench.answer(ACCEPTED).unwrap();
    assert_eq!((sent.key, sent.status, sent.count), (1, RESOLVE, 7));
    let stats = bench.stats();
    assert_eq!((stats.seen, stats.delivered, stats.pending), (seen + 1, 2, 0));
    assert_eq!((bench.settle(10_000), bench.asked()), (vec![], 2));
}

#[test]
fn never_is_never_until_another_trigger_is_accepted() {
    let mut bench = Bench::default();
    bench.delivered(1);
    assert_eq!((bench.next(), bench.asked()), (Err(None), 1));
    bench.settle(10_000);
    assert_eq!(bench.asked(), 1);
    bench.push(1, REPEAT);
    bench.settle(10_000);
    assert_eq!(bench.asked(), 2);
}

#[test]
fn it_is_not_asked_while_something_newer_is_wanted_or_when_the_title_is_resolved() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.answers(Quiet::Until(secs(100)));
    bench.next().unwrap_err();
    bench.push(1, Status::Resolve { first: false, not_before: secs(300) });
    bench.now = secs(200);
    assert_eq!((bench.next(), bench.asked()), (Err(Some(secs(300))), 1));
    // The title stays open: the question is open again.
    bench.now = secs(300);
    bench.holds(Held::Off);
    bench.next().unwrap_err();
    assert_eq!((bench.next(), bench.asked()), (Err(None), 2));
    // A trigger that was not accepted opened nothing.
    bench.push(2, OPENING);
    bench.answer(status(400)).unwrap();
    bench.settle(1_000);
    assert_eq!(bench.asked(), 2);
}

#[test]
fn it_waits_for_a_slot_like_every_resolve() {
    let mut bench = Bench::default();
    bench.delivered(1);
    bench.answers(Quiet::Until(secs(10)));
    bench.next().unwrap_err();
    for key in 100..164 {
        bench.push(key, FIRST_RESOLVE);
    }
    bench.now = secs(20);
    bench.next().unwrap();
    assert_eq!(bench.asked(), 1);
    bench.finish(ACCEPTED);
    bench.next().unwrap();
    assert_eq!(bench.asked(), 2);
    bench.finish(ACCEPTED);
    bench.settle(0);
}
