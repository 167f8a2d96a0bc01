//! One gate under virtual time: what goes out, what is counted, and what is folded.

use std::{ops::Deref, sync::Arc, time::Duration};

use super::{
    Admission, Ask, Gate, Openings, SETS, Settings,
    table::{Slot, WAYS},
};
use crate::{
    backoff::scramble,
    incident::{Counts, Folded, Gatekeeper, Held, Quiet, Sending, Severity, Status},
    sync::{AtomicU64, Ordering},
};

#[cfg(spike_loom)]
mod interleavings;
mod reference;
mod storms;
mod undone;

const EVERY: Duration = Duration::from_secs(300);
const STORM: u64 = 0x5704;

/// A gate whose budget lasts for as long as a test does, if not said otherwise.
struct Bench(Gate);

impl Bench {
    fn new(repeat_every: Duration) -> Self {
        Self::with(|settings| settings.repeat_every = repeat_every)
    }

    fn with(set: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            repeat_every: EVERY,
            resolve_after: None,
            budget: Openings { burst: u32::MAX, per_minute: 60_000 },
            storm: ("error storm in it".to_owned(), STORM),
            seq: Arc::new(AtomicU64::new(1)),
        };
        set(&mut settings);
        Self(Gate::new(settings))
    }

    fn admit(&self, key: u64, rank: u8, now: Duration) -> Admission {
        self.0.admit(Ask { key, rank, meant: false, before: None }, now)
    }

    fn admit_open(&self, key: u64, rank: u8, now: Duration) -> Option<Admission> {
        let ask = Ask { key, rank, meant: false, before: None };
        match self.0.counts_repeat(ask, now) {
            true => Some(Admission::Repeat),
            false => self.0.admit_open(ask, now),
        }
    }
}

impl Deref for Bench {
    type Target = Gate;

    fn deref(&self) -> &Gate {
        &self.0
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn opens(sending: Sending) -> bool {
    sending.status == Status::Trigger { opening: true }
}

fn is_first_resolve(sending: Sending) -> bool {
    matches!(sending.status, Status::Resolve { first: true, .. })
}

fn sent(admission: Admission) -> Sending {
    match admission {
        Admission::Send(sending) => sending,
        other => panic!("expected to be sent, was {other:?}"),
    }
}

#[test]
fn the_first_occurrence_goes_out_and_later_ones_are_counted_until_one_is_due() {
    let gate = Bench::new(EVERY);
    let first = sent(gate.admit(7, 0, secs(10)));
    assert!(opens(first));
    assert_eq!((first.count, first.since_last, first.first), (1, 1, secs(10)));
    for second in 11..40 {
        assert_eq!(gate.admit(7, 0, secs(second)), Admission::Repeat, "at {second} s");
    }
    let second = sent(gate.admit(7, 0, secs(40)));
    assert!(!opens(second));
    assert_eq!((second.count, second.since_last, second.first), (31, 30, secs(10)));
    assert_eq!(gate.admit(7, 0, secs(129)), Admission::Repeat);
    assert_eq!(sent(gate.admit(7, 0, secs(130))).since_last, 2);
    assert_eq!(gate.admit(7, 0, secs(130 + 269)), Admission::Repeat);
    assert_eq!(sent(gate.admit(7, 0, secs(130 + 331))).since_last, 2);
}

#[test]
fn what_goes_out_early_or_late_does_not_move_the_other_repeats() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    assert!(opens(sent(gate.admit(7, 2, secs(1)))), "more severe");
    assert_eq!(gate.admit(7, 0, secs(29)), Admission::Repeat);
    assert_eq!(sent(gate.admit(7, 0, secs(30))).since_last, 2);
    // The first after 30 s, and after 2 min: one for both.
    sent(gate.admit(8, 0, secs(0)));
    assert_eq!(sent(gate.admit(8, 0, secs(125))).since_last, 1);
    assert_eq!(gate.admit(8, 0, secs(125 + 269)), Admission::Repeat);
    assert_eq!(sent(gate.admit(8, 0, secs(125 + 331))).since_last, 2);
}

#[test]
fn a_repeat_is_only_ever_sent_by_an_occurrence_and_titles_are_apart() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(1, 0, secs(0)));
    sent(gate.admit(2, 0, secs(0)));
    assert_eq!(sent(gate.admit(1, 0, secs(86_400))).count, 2);
    assert_eq!(sent(gate.admit(2, 0, secs(86_400))).count, 2);
}

#[test]
fn a_more_severe_occurrence_goes_out_at_once_and_only_once() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    assert!(opens(sent(gate.admit(7, 2, secs(1)))));
    assert_eq!(gate.admit(7, 2, secs(2)), Admission::Repeat);
    assert_eq!(gate.admit(7, 1, secs(2)), Admission::Repeat);
    assert!(opens(sent(gate.admit(7, 3, secs(3)))));
}

#[test]
fn what_is_given_back_was_never_admitted() {
    let gate = Bench::new(EVERY);
    let first = sent(gate.admit(7, 3, secs(0)));
    gate.give_back(7, first.seq);
    let again = sent(gate.admit(7, 1, secs(0)));
    assert!(opens(again));
    assert_eq!((again.count, again.since_last), (2, 2));
    assert!(opens(sent(gate.admit(7, 2, secs(1)))), "the rank was given back too");
}

#[test]
fn an_escalation_that_is_given_back_lets_no_repeat_go_out_early() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    for second in 1..30 {
        let refused = sent(gate.admit(7, 3, secs(second)));
        gate.give_back(7, refused.seq);
        assert_eq!(gate.admit(7, 0, secs(second)), Admission::Repeat, "at {second} s");
    }
    assert_eq!(sent(gate.admit(7, 0, secs(30))).since_last, 59);
}

#[test]
fn what_is_lost_reopens_the_title_but_not_faster_than_the_pace() {
    let gate = Bench::new(EVERY);
    let first = sent(gate.admit(7, 0, secs(100)));
    gate.reopen(7, first.seq, true);
    assert_eq!(gate.admit(7, 0, secs(106)), Admission::Repeat);
    let again = sent(gate.admit(7, 0, secs(107)));
    assert!(opens(again));
    assert_eq!((again.count, again.since_last), (3, 3), "none of them was delivered");
}

#[test]
fn a_repeat_that_is_lost_is_told_by_the_next_one() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    let lost = sent(gate.admit(7, 0, secs(30)));
    gate.reopen(7, lost.seq, false);
    assert_eq!(gate.admit(7, 0, secs(36)), Admission::Repeat);
    let next = sent(gate.admit(7, 0, secs(37)));
    assert_eq!((opens(next), next.count, next.since_last), (false, 4, 3));
}

#[test]
fn an_old_ticket_does_not_touch_a_newer_admission() {
    let gate = Bench::new(EVERY);
    let first = sent(gate.admit(7, 0, secs(0)));
    let second = sent(gate.admit(7, 0, secs(30)));
    gate.reopen(7, first.seq, true);
    gate.give_back(7, first.seq);
    assert_eq!(gate.admit(7, 0, secs(40)), Admission::Repeat);
    gate.reopen(7, second.seq, true);
    assert!(opens(sent(gate.admit(7, 0, secs(40)))));
}

#[test]
fn a_resolve_goes_out_once_and_again_only_after_a_trigger() {
    let gate = Bench::new(EVERY);
    let first = sent(gate.resolve(7, secs(0)));
    assert!(is_first_resolve(first), "a title's first resolve goes out in any case");
    assert_eq!(gate.resolve(7, secs(1)), Admission::Repeat);
    assert!(opens(sent(gate.admit(7, 0, secs(2)))));
    let second = sent(gate.resolve(7, secs(3)));
    assert!(!is_first_resolve(second));
    assert_eq!(second.count, 1);
    assert_eq!(gate.resolve(7, secs(4)), Admission::Repeat);
    let again = sent(gate.admit(7, 0, secs(5)));
    assert_eq!((opens(again), again.count, again.first), (true, 1, secs(5)));
}

#[test]
fn a_resolve_that_did_not_go_out_can_be_tried_again() {
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    let refused = sent(gate.resolve(7, secs(1)));
    gate.give_back(7, refused.seq);
    assert_eq!(gate.admit(7, 0, secs(2)), Admission::Repeat, "it is open as before");
    let again = Sending {
        seq: refused.seq + 1,
        status: Status::Trigger { opening: false },
        count: 3,
        since_last: 2,
        first: secs(0),
    };
    assert_eq!(gate.admit(7, 0, secs(30)), Admission::Send(again));
    let lost = sent(gate.resolve(7, secs(32)));
    gate.reopen(7, lost.seq, false);
    assert_eq!(gate.admit(7, 0, secs(33)), Admission::Repeat, "the incident is open");
    assert_eq!(sent(gate.resolve(7, secs(33))).count, 4);
    assert_eq!(gate.resolve(7, secs(34)), Admission::Repeat);
}

#[test]
fn repeats_stay_under_half_of_spikes_limit_with_any_setting() {
    for every in [Duration::ZERO, secs(1), secs(10), EVERY] {
        let gate = Bench::new(every);
        let sent: Vec<u64> = (0..3_600_000)
            .step_by(100)
            .filter(|ms| gate.admit(7, 0, Duration::from_millis(*ms)) != Admission::Repeat)
            .collect();
        for window in sent.windows(10) {
            assert!(window[9] - window[0] > 60_000, "{window:?} with {every:?}");
        }
        assert!(sent.len() >= 12, "{} repeats in an hour", sent.len());
    }
}

#[test]
fn f080_the_table_is_bounded_and_forgets_the_oldest_first() {
    let gate = Bench::new(EVERY);
    for key in 1..=1_000_000_u64 {
        sent(gate.admit(scramble(key), 0, Duration::from_millis(key)));
    }
    let slots = gate.sets[..SETS].iter().flat_map(|set| &set.slots).count();
    assert_eq!((slots, SETS * WAYS), (1_024, 1_024));
    let newest = scramble(1_000_000);
    assert_eq!(gate.admit(newest, 0, secs(1000)), Admission::Repeat);
}

#[test]
fn f081_of_many_threads_one_opens_and_every_other_is_counted() {
    let gate = Bench::new(EVERY);
    let opened: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let opens = || gate.admit(7, 0, secs(1)) != Admission::Repeat;
                    (0..10_000).filter(|_| opens()).count() as u64
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(opened, 1);
    assert_eq!(sent(gate.admit(7, 0, secs(31))).count, 80_001);
}

#[test]
fn asking_for_an_open_title_opens_none_and_takes_no_slot() {
    let gate = Bench::new(EVERY);
    for key in 1..=10_000_u64 {
        assert_eq!(gate.admit_open(scramble(key), 3, secs(1)), None);
    }
    let used = |slot: &&Slot| slot.key.load(Ordering::Relaxed) != 0;
    assert_eq!(gate.sets.iter().flat_map(|set| &set.slots).filter(used).count(), 0);
    assert_eq!(gate.newest(), 0);
    // What is open is treated as `admit` does.
    sent(gate.admit(7, 1, secs(2)));
    assert_eq!(gate.admit_open(7, 1, secs(3)), Some(Admission::Repeat));
    assert!(opens(sent(gate.admit_open(7, 2, secs(3)).unwrap())), "more severe");
    let due = sent(gate.admit_open(7, 1, secs(122)).unwrap());
    assert_eq!((opens(due), due.count, due.since_last), (false, 4, 1));
    sent(gate.resolve(7, secs(123)));
    assert_eq!(gate.admit_open(7, 1, secs(130)), None, "resolved, it would open");
    assert_eq!(sent(gate.admit(7, 1, secs(130))).count, 1, "and was not counted");
}
