//! What a flush waits for, one moment after the other.

use std::time::Duration;

use super::{Flushes, Seen};
use crate::queue::{Asker, FlushReport};

#[cfg(spike_loom)]
mod interleavings;

const SOON: Duration = Duration::from_secs(1);

fn seen(slots: usize, delivered: u64, lost: u64) -> Seen {
    Seen { slots, delivered, lost }
}

fn asker(holds: usize) -> Asker<&'static str> {
    Asker { deadline: SOON, reply: "me", holds }
}

fn report(delivered: u64, lost: u64, pending: u64) -> FlushReport {
    FlushReport { delivered, lost, pending, worker_gone: false }
}

#[test]
fn a_flush_waits_for_what_had_a_slot_and_for_nothing_that_comes_later() {
    let mut flushes = Flushes::new();
    flushes.receive();
    flushes.begin(7, asker(0), seen(2, 10, 3));
    assert_eq!(flushes.deadline(), Some(SOON));
    let mut answers = |slots, delivered, held: usize| {
        flushes.receive();
        flushes.answers(Duration::ZERO, false, seen(slots, delivered, 4), |mark| {
            assert_eq!(mark, 7);
            held
        })
    };
    assert_eq!(answers(5, 10, 1), [], "one is on its way");
    assert_eq!(answers(4, 10, 1), [], "one is held");
    assert_eq!(answers(4, 12, 0), [("me", report(2, 1, 0))]);
    assert_eq!(answers(4, 12, 0), [], "once");
    assert_eq!(flushes.deadline(), None);
}

#[test]
fn a_slot_that_is_given_up_and_the_own_one_are_not_waited_for() {
    let mut flushes = Flushes::new();
    flushes.begin(7, asker(1), seen(2, 0, 0));
    let now = Duration::ZERO;
    assert_eq!(flushes.answers(now, false, seen(2, 0, 0), |_| 0), []);
    assert_eq!(flushes.answers(now, false, seen(1, 0, 0), |_| 0), [("me", report(0, 0, 0))]);
}

#[test]
fn whoever_is_out_of_time_is_told_what_is_pending() {
    let mut flushes = Flushes::new();
    flushes.begin(7, asker(0), seen(2, 0, 0));
    let late = flushes.answers(SOON, false, seen(3, 0, 0), |_| 4);
    assert_eq!(late, [("me", report(0, 0, 6))]);
    // And so is everybody when the worker ends.
    flushes.begin(7, asker(0), seen(0, 0, 0));
    let ended = flushes.answers(Duration::ZERO, true, seen(0, 0, 1), |_| 1);
    assert_eq!(ended, [("me", report(0, 1, 1))]);
}
