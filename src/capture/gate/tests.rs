use super::{Admission, Gate, SETS, WAYS};
use crate::incident::Gatekeeper;
use crate::incident::{Sending, Status};
use std::{collections::HashMap, time::Duration};

const EVERY: Duration = Duration::from_secs(300);

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
        Admission::Repeat => panic!("expected to be sent, was a repeat"),
    }
}

#[test]
fn the_first_occurrence_goes_out_and_later_ones_are_counted_until_one_is_due() {
    let gate = Gate::new(EVERY);
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
fn a_repeat_is_only_ever_sent_by_an_occurrence_and_titles_are_apart() {
    let gate = Gate::new(EVERY);
    sent(gate.admit(1, 0, secs(0)));
    sent(gate.admit(2, 0, secs(0)));
    assert_eq!(sent(gate.admit(1, 0, secs(86_400))).count, 2);
    assert_eq!(sent(gate.admit(2, 0, secs(86_400))).count, 2);
}

#[test]
fn a_more_severe_occurrence_goes_out_at_once_and_only_once() {
    let gate = Gate::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    assert!(opens(sent(gate.admit(7, 2, secs(1)))));
    assert_eq!(gate.admit(7, 2, secs(2)), Admission::Repeat);
    assert_eq!(gate.admit(7, 1, secs(2)), Admission::Repeat);
    assert!(opens(sent(gate.admit(7, 3, secs(3)))));
}

#[test]
fn what_is_given_back_was_never_admitted() {
    let gate = Gate::new(EVERY);
    let first = sent(gate.admit(7, 3, secs(0)));
    gate.give_back(7, first.seq);
    let again = sent(gate.admit(7, 1, secs(0)));
    assert!(opens(again));
    assert_eq!((again.count, again.since_last), (2, 2));
    assert!(opens(sent(gate.admit(7, 2, secs(1)))), "the rank was given back too");
}

#[test]
fn what_is_lost_reopens_the_title_but_not_faster_than_the_pace() {
    let gate = Gate::new(EVERY);
    let first = sent(gate.admit(7, 0, secs(100)));
    gate.reopen(7, first.seq, true);
    assert_eq!(gate.admit(7, 0, secs(106)), Admission::Repeat);
    let again = sent(gate.admit(7, 0, secs(107)));
    assert!(opens(again));
    assert_eq!(again.count, 3);
}

#[test]
fn an_old_ticket_does_not_touch_a_newer_admission() {
    let gate = Gate::new(EVERY);
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
    let gate = Gate::new(EVERY);
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
    let gate = Gate::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    let refused = sent(gate.resolve(7, secs(1)));
    gate.give_back(7, refused.seq);
    assert_eq!(
        gate.admit(7, 0, secs(2)),
        Admission::Send(Sending {
            seq: refused.seq + 1,
            status: Status::Trigger { opening: false },
            count: 2,
            since_last: 1,
            first: secs(0),
        })
    );
    let lost = sent(gate.resolve(7, secs(2)));
    gate.reopen(7, lost.seq, true);
    sent(gate.resolve(7, secs(3)));
    assert_eq!(gate.resolve(7, secs(4)), Admission::Repeat);
}

#[test]
fn repeats_stay_under_half_of_spikes_limit_with_any_setting() {
    for every in [Duration::ZERO, secs(1), secs(10), EVERY] {
        let gate = Gate::new(every);
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
    let gate = Gate::new(EVERY);
    for key in 1..=1_000_000_u64 {
        sent(gate.admit(crate::backoff::scramble(key), 0, Duration::from_millis(key)));
    }
    let slots = gate.sets.iter().flat_map(|set| &set.slots).count();
    assert_eq!((slots, SETS * WAYS), (1_024, 1_024));
    let newest = crate::backoff::scramble(1_000_000);
    assert_eq!(gate.admit(newest, 0, secs(1000)), Admission::Repeat);
}

#[test]
fn a_random_run_agrees_with_a_plain_model() {
    #[derive(Default)]
    struct Plain {
        open: bool,
        resolved: bool,
        count: u64,
        reported: u64,
    }
    let gate = Gate::new(EVERY);
    let mut plain: HashMap<u64, Plain> = HashMap::new();
    let mut now = 0;
    for step in 0..200_000_u64 {
        let roll = crate::backoff::scramble(step);
        now += roll % 2_000;
        let (key, at) = (1 + (roll >> 32) % 50, Duration::from_millis(now));
        let title = plain.entry(key).or_default();
        if (roll >> 20).is_multiple_of(10) {
            let goes = title.open || !title.resolved;
            assert_eq!(gate.resolve(key, at) != Admission::Repeat, goes, "step {step}");
            if goes {
                *title = Plain { resolved: true, ..Plain::default() };
            }
        } else {
            title.count += 1;
            match gate.admit(key, 0, at) {
                Admission::Repeat => assert!(title.open, "step {step}: an opening was held"),
                Admission::Send(sending) => {
                    assert_eq!(opens(sending), !title.open, "step {step}");
                    assert_eq!(sending.count, title.count, "step {step}");
                    assert_eq!(sending.since_last, title.count - title.reported, "step {step}");
                    title.open = true;
                    title.reported = title.count;
                }
            }
        }
    }
}

#[test]
fn f081_of_many_threads_one_opens_and_every_other_is_counted() {
    let gate = Gate::new(EVERY);
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
    let gate = Gate::new(EVERY);
    for key in 1..=10_000_u64 {
        assert_eq!(gate.admit_open(crate::backoff::scramble(key), 3, secs(1)), None);
    }
    let used = |slot: &&super::Slot| slot.key.load(std::sync::atomic::Ordering::Relaxed) != 0;
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
