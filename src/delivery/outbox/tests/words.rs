//! The last word on each title: what a spool has to keep, and what becomes of it at the end.

use super::bench::{ACCEPTED, Bench, OPENING, REPEAT, RESOLVE, secs, status};
use crate::{
    delivery::outcome::{NoAnswer, of_no_answer},
    incident::Status,
};

/// Number, status, and whether it is sent once more.
fn word(bench: &Bench) -> Option<(u64, Status, bool)> {
    let mut words = bench.outbox.last_words();
    let word = words.next().map(|(op, again)| (op.seq, op.status, again));
    assert!(words.next().is_none(), "one title");
    word
}

#[test]
fn the_newest_state_is_the_last_word_also_while_an_older_one_is_in_flight() {
    let mut bench = Bench::default();
    assert_eq!(word(&bench), None);
    bench.push(1, OPENING);
    assert_eq!(word(&bench), Some((1, OPENING, false)));
    bench.next().unwrap();
    bench.push(1, REPEAT);
    assert_eq!(word(&bench), Some((1, OPENING, false)), "the one that opens it");
    bench.push(1, RESOLVE);
    assert_eq!(word(&bench), Some((3, RESOLVE, false)));
    bench.finish(ACCEPTED);
    bench.next().unwrap();
    bench.push(1, OPENING);
    assert_eq!(word(&bench), Some((4, OPENING, false)), "after a resolve in flight");
    bench.finish(ACCEPTED);
    assert_eq!(bench.settle(1), [(1, OPENING)]);
    assert_eq!(word(&bench), None, "all is delivered");
}

#[test]
fn what_is_sent_once_more_is_a_word_until_that_was_done() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(of_no_answer(NoAnswer::Ambiguous)).unwrap();
    bench.push(1, RESOLVE);
    bench.until(secs(10), |_| ACCEPTED);
    assert_eq!(word(&bench), Some((2, RESOLVE, true)));
    bench.settle(100);
    assert_eq!(word(&bench), None);
}

#[test]
fn a_resolve_that_is_held_back_is_the_word_when_nothing_else_waits() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    let held = Status::Resolve { first: false, not_before: secs(300) };
    bench.push(1, held);
    assert_eq!(word(&bench), Some((1, OPENING, false)), "whether it is over is not decided");
    bench.answer(ACCEPTED).unwrap();
    assert_eq!(word(&bench), Some((2, held, false)));
    bench.settle(1_000);
}

#[test]
fn what_is_left_at_the_end_is_in_the_spool_or_lost() {
    let mut bench = Bench::default();
    for key in 1..=3 {
        bench.push(key, OPENING);
    }
    bench.answer(status(503)).unwrap();
    bench.push(2, REPEAT);
    bench.outbox.give_up(|key| key != 3);
    let stats = bench.stats();
    assert_eq!((stats.spooled, stats.lost.shutdown, stats.pending), (2, 1, 0), "{stats:?}");
    assert_eq!(bench.lost_openings(), [3], "what is spooled is not opened anew");
}
