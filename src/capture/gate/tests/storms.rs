//! Many titles at once, titles that flap, and titles that go quiet.

use super::{
    Admission, Ask, Bench, Counts, EVERY, Folded, Gatekeeper, Held, Openings, Quiet, STORM,
    Sending, Severity, Status, opens, scramble, secs, sent,
};
use std::time::Duration;

const TRIGGER: Status = Status::Trigger { opening: true };
const RESOLVE: Status = Status::Resolve { first: false, not_before: Duration::ZERO };

/// The default budget.
fn bench() -> Bench {
    Bench::with(|settings| settings.budget = Openings { burst: 10, per_minute: 2 })
}

fn hours(hours: u64) -> Duration {
    secs(hours * 3_600)
}

/// As the pipeline asks: what the budget does not pay for is folded.
fn ask(gate: &Bench, key: u64, now: Duration) -> (Admission, bool) {
    match gate.admit(key, 0, now) {
        Admission::Storm => (gate.storm(key, "title", 0, now), true),
        other => (other, false),
    }
}

#[test]
fn f080_beyond_the_budget_new_titles_are_folded_into_one_with_exact_counts() {
    let gate = bench();
    let (mut own, mut storm, mut events) = (0, Vec::new(), 0);
    for title in 0..120_000_u64 {
        let now = Duration::from_millis(title / 2);
        let (admission, folded) = ask(&gate, scramble(title), now);
        events += u64::from(folded);
        match admission {
            Admission::Send(sending) if folded => storm.push((now, sending)),
            Admission::Send(_) => own += 1,
            _ => {}
        }
    }
    assert_eq!(own, 10 + 1, "the burst, and two a minute");
    let times: Vec<_> = storm.iter().map(|(at, sending)| (at.as_secs(), sending.status)).collect();
    assert_eq!(times, [(0, TRIGGER), (30, Status::Trigger { opening: false })]);
    let (_, repeat) = storm[1];
    assert_eq!((repeat.count, repeat.since_last), (60_000, 59_999), "by 30.005 s");
    // The next repeat tells all of it.
    let last = sent(gate.storm(1, "title", 0, secs(121)));
    assert_eq!(last.count, events + 1);
    let told = gate.storm_detail();
    assert!(told.titles.abs_diff(events) <= events / 10, "{told:?}");
    assert_eq!(told.sample, ["title"]);
    assert_eq!(gate.storm_title(), "error storm in it");
}

#[test]
fn a_folded_title_takes_no_slot_and_does_not_push_out_an_open_one() {
    let gate = bench();
    sent(gate.admit(7, 0, secs(0)));
    for title in 0..100_000_u64 {
        ask(&gate, scramble(title), secs(1));
    }
    assert_eq!(gate.admit(7, 0, secs(2)), Admission::Repeat, "open since the beginning");
    assert_eq!(sent(gate.admit(7, 0, secs(30))).count, 3);
    let used = gate.sets.iter().flat_map(|set| &set.slots);
    let used = used.filter(|slot| slot.key.load(std::sync::atomic::Ordering::Relaxed) != 0);
    assert_eq!(used.count(), 10 + 1, "the burst and the storm");
}

#[test]
fn what_is_meant_to_page_has_a_budget_of_its_own() {
    let gate = bench();
    let meant = |key| Ask { key, rank: 0, meant: true, before: None };
    for title in 1..=20 {
        ask(&gate, title, secs(0));
    }
    assert_eq!(gate.admit(21, 0, secs(0)), Admission::Storm);
    for title in 100..110 {
        sent(gate.0.admit(meant(title), secs(0)));
    }
    assert_eq!(gate.0.admit(meant(110), secs(0)), Admission::Storm);
    sent(gate.0.admit(meant(110), secs(30)));
}

#[test]
fn a_storm_is_an_incident_like_any_other() {
    let gate = bench();
    for title in 1..=20 {
        ask(&gate, title, secs(0));
    }
    assert!(gate.is_open(STORM));
    assert!(opens(sent(gate.storm(30, "worse", 3, secs(1)))), "more severe than any");
    assert_eq!(sent(gate.resolve(STORM, secs(2))).count, 11);
    assert_eq!(gate.storm_detail().titles, 0, "begins anew");
    let again = sent(gate.storm(31, "next", 0, secs(3)));
    assert_eq!((opens(again), again.count), (true, 1));
    assert_eq!(gate.storm_detail().sample, ["next"]);
}

#[test]
fn what_a_storm_has_come_to_can_be_told_later_than_it_was_admitted() {
    let gate = bench();
    for title in 1..=10 {
        sent(gate.admit(title, 0, secs(0)));
    }
    let opening = sent(gate.storm(11, "first", 0, secs(1)));
    for title in 12..=40 {
        gate.storm(title, "other", 0, secs(2));
    }
    let so_far = gate.so_far(STORM, opening.seq).unwrap();
    assert_eq!((so_far.count, so_far.more, so_far.last), (30, 29, secs(2)));
    assert_eq!(so_far.detail.sample, ["first", "other"]);
    gate.storm(41, "more", 0, secs(3));
    let so_far = gate.so_far(STORM, opening.seq).unwrap();
    assert_eq!((so_far.count, so_far.more), (31, 1), "only what was not told");
    // What is told is told: the repeat tells the rest.
    let repeat = sent(gate.storm(42, "rest", 0, secs(31)));
    assert_eq!((repeat.count, repeat.since_last), (32, 1));
    assert!(gate.so_far(STORM, opening.seq).is_none(), "no longer the newest");
    let other = sent(gate.admit(1, 0, secs(32)));
    assert!(gate.so_far(1, other.seq).is_none(), "no storm");
}

#[test]
fn a_storm_that_a_held_resolve_has_ended_is_not_told_of_again() {
    let gate = bench();
    let [.., held] = [0, 1, 2].map(|title| {
        sent(gate.storm(scramble(title), &format!("title {title}"), 0, secs(2 * title)));
        sent(gate.resolve(STORM, secs(2 * title + 1)))
    });
    assert_eq!(gate.held(STORM, held.seq, secs(303), false), Held::Until(secs(304)));
    assert!(gate.is_open(STORM), "it flaps, and its resolve is held");
    assert_eq!(gate.storm_detail().sample, ["title 2"]);
    assert_eq!(gate.held(STORM, held.seq, secs(304), false), out(1, 0));
    assert!(opens(sent(gate.storm(7, "title 7", 0, secs(304)))));
    let told = gate.storm_detail();
    assert_eq!((told.titles, told.sample), (1, vec!["title 7".to_owned()]));
}

#[test]
fn an_opening_that_did_not_go_out_is_not_paid_for_twice() {
    let gate = bench();
    for title in 1..=10 {
        let opening = sent(gate.admit(title, 0, secs(0)));
        gate.give_back(title, opening.seq);
    }
    assert_eq!(gate.admit(11, 0, secs(0)), Admission::Storm);
    for title in 1..=10 {
        assert!(opens(sent(gate.admit(title, 0, secs(1)))), "title {title}");
    }
}

#[test]
fn an_opening_without_room_is_folded_with_all_its_occurrences() {
    let gate = bench();
    let opening = sent(gate.admit(7, 0, secs(0)));
    for _ in 0..4 {
        assert_eq!(gate.admit(7, 0, secs(1)), Admission::Repeat);
    }
    let folded = Folded { title: "title", severity: Some(Severity::Sev2), count: 1 };
    let storm = gate.fold(7, opening.seq, folded, secs(2)).unwrap();
    assert_eq!((storm.key, storm.title.as_str()), (STORM, "error storm in it"));
    assert_eq!((storm.sending.status, storm.sending.count), (TRIGGER, 5));
    assert_eq!((storm.detail.titles, storm.detail.sample), (1, vec!["title".to_owned()]));
    let again = sent(gate.admit(7, 0, secs(3)));
    assert_eq!((opens(again), again.count), (true, 1), "its title is open");
    // With the storm open, it is counted there and nothing is sent.
    assert!(gate.fold(7, again.seq, folded, secs(4)).is_none());
    assert_eq!(sent(gate.storm(8, "other", 0, secs(32))).count, 7);
}

#[test]
fn a_title_whose_opening_was_folded_is_known_as_before() {
    let gate = Bench::new(EVERY);
    flap(&gate, 2, secs(1));
    let folded = Folded { title: "title", severity: None, count: 1 };
    gate.fold(7, sent(gate.admit(7, 0, secs(4))).seq, folded, secs(5)).unwrap();
    assert_eq!(
        gate.resolve(7, secs(6)),
        Admission::Repeat,
        "said already, and not triggered since"
    );
    sent(gate.admit(7, 0, secs(7)));
    assert!(sent(gate.resolve(7, secs(8))).status != RESOLVE, "it flaps");
}

#[test]
fn repeats_of_all_titles_are_thirty_a_minute_and_none_is_forgotten() {
    let gate = Bench::new(EVERY);
    for title in 1..=100 {
        sent(gate.admit(title, 0, secs(0)));
    }
    let repeats = |from: u64| -> usize {
        let repeats =
            (1..=100).filter(|title| gate.admit(*title, 0, secs(from)) != Admission::Repeat);
        repeats.count()
    };
    assert_eq!((repeats(30), repeats(31), repeats(89)), (30, 0, 0));
    assert_eq!((repeats(91), repeats(152), repeats(213)), (30, 30, 30));
    let mut counts: Vec<_> = Vec::new();
    for title in 1..=100 {
        if let Admission::Send(sending) = gate.admit(title, 0, secs(2_000)) {
            counts.push(sending.count);
        }
    }
    assert_eq!(counts, [8; 30]);
    // Twin: what is more severe does not wait.
    assert!(opens(sent(gate.admit(99, 1, secs(2_001)))));
    // And takes no repeat from the others.
    for title in 1..=40 {
        assert!(opens(sent(gate.admit(title, 2, secs(3_000)))));
    }
    let others = (41..=100).filter(|title| gate.admit(*title, 0, secs(3_000)) != Admission::Repeat);
    assert_eq!(others.count(), 30);
}

/// Triggers and resolves in turn, `step` apart, and what goes out of each pair.
fn flap(gate: &Bench, turns: u64, step: Duration) -> Vec<[Option<Sending>; 2]> {
    let of = |admission| match admission {
        Admission::Send(sending) => Some(sending),
        _ => None,
    };
    let pair = |turn: u64| {
        let at = step * u32::try_from(2 * turn).unwrap();
        [of(gate.admit(7, 0, at)), of(gate.resolve(7, at + step))]
    };
    (0..turns).map(pair).collect()
}

/// So many turns, and the last resolve that goes out of them, which is held.
fn flap_until_held(gate: &Bench, turns: u64, step: Duration) -> Sending {
    let out = flap(gate, turns, step);
    let held = out.into_iter().flatten().flatten().rfind(is_held);
    held.expect("the third resolve is held")
}

fn is_held(sending: &Sending) -> bool {
    matches!(sending.status, Status::Resolve { not_before, .. } if !not_before.is_zero())
}

fn held_until(not_before: Duration) -> Status {
    Status::Resolve { first: false, not_before }
}

/// The held resolve goes out with these counts.
fn out(count: u64, since_last: u64) -> Held {
    Held::Out(Some(Counts { count, since_last }))
}

const MANY: u64 = 100_000;
const STEP: Duration = Duration::from_millis(1);

/// When the last resolve of so many turns is.
const END: Duration = Duration::from_millis(2 * MANY - 1);

#[test]
fn a_title_that_flaps_pages_three_times_and_then_stays_open() {
    let gate = Bench::new(EVERY);
    let turns = flap(&gate, MANY, STEP);
    let statuses = |turn: [Option<Sending>; 2]| turn.map(|out| out.map(|sending| sending.status));
    let first = Status::Resolve { first: true, not_before: Duration::ZERO };
    assert_eq!(statuses(turns[0]), [Some(TRIGGER), Some(first)]);
    assert_eq!(statuses(turns[1]), [Some(TRIGGER), Some(RESOLVE)]);
    let held = held_until(secs(300) + 4 * STEP);
    assert_eq!(statuses(turns[2]), [Some(TRIGGER), Some(held)], "5 min after the trigger");
    // Its repeats go on as if nobody had resolved it, at 30 s and at 2 min. Each takes the place of
    // the resolve that is held, and so the next one is sent, too; no other turn sends anything.
    let rest = turns[3..].iter().filter(|turn| **turn != [None; 2]).copied().map(statuses);
    let repeat = Some(Status::Trigger { opening: false });
    let at = |ms: u64| held_until(secs(300) + Duration::from_millis(ms));
    let expected = [[repeat, Some(at(30_004))], [repeat, Some(at(120_004))]];
    assert_eq!(rest.collect::<Vec<_>>(), expected);
    assert!(gate.is_open(7));
}

#[test]
fn of_many_turns_that_end_with_a_resolve_that_is_the_last_word() {
    let calm = END - STEP + secs(300);
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, MANY, STEP);
    let Status::Resolve { not_before, .. } = held.status else { panic!("{held:?}") };
    // All that was said since is known to the gate alone.
    assert_eq!(gate.held(7, held.seq, not_before, false), Held::Until(calm));
    assert_eq!(gate.held(7, held.seq, calm - STEP, false), Held::Until(calm));
    assert_eq!(gate.held(7, held.seq, calm, false), out(MANY - 2, MANY - 2 - held.count));
    assert!(!gate.is_open(7), "five minutes without a trigger");
    assert_eq!(gate.resolve(7, calm), Admission::Repeat, "said already");
    let again = sent(gate.admit(7, 0, calm));
    assert_eq!((opens(again), again.count, again.first), (true, 1, calm));
    // Twin: somebody waits for it.
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, MANY, STEP);
    assert!(matches!(gate.held(7, held.seq, END, true), Held::Out(Some(_))));
    assert!(!gate.is_open(7));
    assert!(opens(sent(gate.admit(7, 0, END))));
}

#[test]
fn of_many_turns_that_end_with_a_trigger_that_is_the_last_word() {
    for (now, hurried) in [(END + STEP, true), (END + hours(9), false), (END + hours(9), true)] {
        let gate = Bench::new(EVERY);
        let held = flap_until_held(&gate, MANY, STEP);
        assert_eq!(gate.admit(7, 0, END + STEP), Admission::Repeat);
        assert_eq!(gate.held(7, held.seq, now, hurried), Held::Off);
        assert!(gate.is_open(7));
        // Nothing is held any more, and what is said next is sent.
        let next = sent(gate.resolve(7, now));
        let status = if now > END + STEP { RESOLVE } else { held_until(now + secs(300)) };
        assert_eq!((next.status, next.count), (status, MANY - 1));
    }
}

#[test]
fn a_held_resolve_goes_out_and_the_next_trigger_opens() {
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, 3, secs(1));
    assert_eq!(held.status, held_until(secs(304)));
    assert_eq!(gate.resolve(7, secs(6)), Admission::Repeat, "said already");
    assert_eq!(gate.held(7, held.seq, secs(303), false), Held::Until(secs(304)));
    assert_eq!(gate.held(7, held.seq, secs(310), false), out(1, 0));
    let again = sent(gate.admit(7, 0, secs(311)));
    assert_eq!((opens(again), again.count, again.first), (true, 1, secs(311)));
    // Five minutes after a resolve it no longer flaps.
    let calm = sent(gate.resolve(7, secs(700)));
    assert_eq!(calm.status, RESOLVE, "five minutes after the trigger");
    assert!(opens(sent(gate.admit(7, 0, secs(1_001)))));
    assert_eq!(sent(gate.resolve(7, secs(1_002))).status, RESOLVE);
}

#[test]
fn it_goes_out_only_when_the_worker_has_asked() {
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, 3, secs(1));
    assert!(gate.is_open(7));
    // Hours later nothing has been said but that it is over; a trigger is no opening.
    let late = sent(gate.admit(7, 0, hours(1)));
    assert_eq!((late.status, late.count), (Status::Trigger { opening: false }, 2));
    let wait = Held::Until(hours(1) + Duration::from_millis(100));
    assert_eq!(gate.held(7, held.seq, hours(1), true), wait, "the trigger takes its place");
}

#[test]
fn a_trigger_that_is_due_is_sent_and_takes_the_place_of_a_held_resolve() {
    let gate = Bench::new(EVERY);
    let first = flap_until_held(&gate, 3, secs(1));
    assert_eq!(gate.admit(7, 0, secs(20)), Admission::Repeat, "not due");
    assert_eq!(gate.resolve(7, secs(21)), Admission::Repeat, "the worker has one");
    let due = sent(gate.admit(7, 0, secs(34)));
    assert_eq!((due.status, due.since_last), (Status::Trigger { opening: false }, 2));
    let second = sent(gate.resolve(7, secs(35)));
    assert_eq!((second.status, second.count), (held_until(secs(334)), 3));
    let wait = Held::Until(Duration::from_millis(35_100));
    assert_eq!(gate.held(7, first.seq, secs(35), true), wait, "an old one");
    assert_eq!(gate.held(7, second.seq, secs(35), true), out(3, 0));
}

#[test]
fn a_trigger_that_is_due_and_finds_no_room_is_a_trigger_all_the_same() {
    for resolved_again in [false, true] {
        let gate = Bench::new(EVERY);
        let held = flap_until_held(&gate, 3, secs(1));
        let due = sent(gate.admit(7, 0, secs(34)));
        let wait = Held::Until(Duration::from_millis(34_100));
        assert_eq!(gate.held(7, held.seq, secs(34), false), wait, "that one is on its way");
        gate.give_back(7, due.seq);
        if resolved_again {
            assert_eq!(gate.resolve(7, secs(35)), Admission::Repeat, "the worker has one");
            assert_eq!(gate.held(7, held.seq, secs(304), false), Held::Until(secs(334)));
            assert_eq!(gate.held(7, held.seq, secs(334), false), out(2, 1));
        } else {
            assert_eq!(gate.held(7, held.seq, secs(304), true), Held::Off);
            assert_eq!(sent(gate.admit(7, 0, secs(304))).since_last, 2, "nothing was told");
        }
    }
}

#[test]
fn triggers_that_are_given_back_leave_the_worker_with_what_it_has() {
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, 3, secs(1));
    let due = sent(gate.admit(7, 0, secs(34)));
    let worse = sent(gate.admit(7, 1, secs(34)));
    gate.give_back(7, worse.seq);
    gate.give_back(7, due.seq);
    assert_eq!(gate.resolve(7, secs(35)), Admission::Repeat, "the worker has one");
    assert_eq!(gate.held(7, held.seq, secs(35), true), out(3, 2));
    gate.reopen(7, held.seq, false);
    assert!(gate.is_open(7), "and it may be lost");
}

#[test]
fn a_held_resolve_that_finds_no_room_can_be_tried_again() {
    let gate = Bench::new(EVERY);
    let refused = flap_until_held(&gate, 3, secs(1));
    gate.give_back(7, refused.seq);
    assert!(gate.is_open(7));
    assert_eq!(gate.admit(7, 0, secs(6)), Admission::Repeat, "as it was");
    let held = sent(gate.resolve(7, secs(7)));
    assert_eq!((held.status, held.count), (held_until(secs(306)), 2));
    assert_eq!(gate.held(7, held.seq, secs(306), false), out(2, 1));
}

#[test]
fn a_held_resolve_that_is_lost_leaves_the_title_open_and_the_next_one_goes_out() {
    let gate = Bench::new(EVERY);
    let lost = flap_until_held(&gate, 3, secs(1));
    assert_eq!(gate.resolve(7, secs(6)), Admission::Repeat);
    gate.reopen(7, lost.seq, false);
    assert!(gate.is_open(7));
    assert_eq!(gate.admit(7, 0, secs(7)), Admission::Repeat, "the incident is open");
    let again = sent(gate.resolve(7, secs(8)));
    let status = Status::Resolve { first: true, not_before: secs(307) };
    assert_eq!((again.status, again.count), (status, 2));
    // Lost when it has gone out.
    assert_eq!(gate.held(7, again.seq, secs(8), true), out(2, 1));
    gate.reopen(7, again.seq, false);
    assert!(gate.is_open(7));
    assert_eq!(sent(gate.resolve(7, secs(9))).count, 2);
    // Twin: nobody knows whether it was applied.
    let gate = Bench::new(EVERY);
    let lost = flap_until_held(&gate, 3, secs(1));
    assert_eq!(gate.held(7, lost.seq, secs(6), true), out(1, 0));
    gate.reopen(7, lost.seq, true);
    assert!(!gate.is_open(7));
    assert!(opens(sent(gate.admit(7, 0, secs(7)))));
}

#[test]
fn what_took_the_place_of_a_held_resolve_is_lost_with_it() {
    for (quietly, unknown) in [(false, false), (false, true), (true, false), (true, true)] {
        let gate = Bench::with(|settings| {
            settings.repeat_every = hours(24);
            settings.resolve_after = Some(hours(1));
        });
        flap(&gate, 3, secs(1));
        // Both of the early repeats, and one that is not due.
        sent(gate.admit(7, 0, secs(34)));
        sent(gate.admit(7, 0, secs(124)));
        assert!(is_held(&sent(gate.resolve(7, secs(125)))));
        assert_eq!(gate.admit(7, 0, secs(126)), Admission::Repeat);
        let lost = match gate.quiet(7, if quietly { hours(9) } else { hours(1) }) {
            Quiet::Resolved(sending) if quietly => sending,
            Quiet::Until(_) if !quietly => sent(gate.resolve(7, hours(4))),
            other => panic!("{other:?}"),
        };
        assert_eq!(lost.status, RESOLVE);
        gate.reopen(7, lost.seq, unknown);
        assert_eq!(gate.is_open(7), !unknown);
        assert_eq!(gate.admit(7, 0, hours(9)) == Admission::Repeat, !unknown);
        assert!(matches!(gate.resolve(7, hours(9)), Admission::Send(_)), "the worker has none");
    }
}

#[test]
fn of_a_title_that_is_forgotten_the_held_resolve_is_the_last_word() {
    let gate = Bench::new(EVERY);
    let held = flap_until_held(&gate, 3, secs(1));
    let mut others = (1..).map(|other| other << 7 | 7);
    while gate.is_open(7) {
        let other = others.next().unwrap();
        sent(gate.admit(other, 0, secs(6)));
        sent(gate.resolve(other, secs(6)));
        sent(gate.admit(other, 0, secs(6)));
    }
    assert_eq!(gate.held(7, held.seq, secs(7), false), Held::Out(None));
    // Known again, but nothing came of it.
    let refused = sent(gate.admit(7, 0, secs(8)));
    let wait = Held::Until(Duration::from_millis(8_100));
    assert_eq!(gate.held(7, held.seq, secs(8), true), wait, "an opening is on its way");
    gate.give_back(7, refused.seq);
    assert_eq!(gate.held(7, held.seq, secs(9), false), Held::Out(None));
}

#[test]
fn an_opening_that_is_given_back_is_no_flap_and_the_next_one_is() {
    let gate = Bench::new(EVERY);
    flap(&gate, 2, secs(1));
    let refused = sent(gate.admit(7, 0, secs(4)));
    gate.give_back(7, refused.seq);
    sent(gate.admit(7, 0, secs(5)));
    assert!(sent(gate.resolve(7, secs(6))).status != RESOLVE, "the third in a row");
    // Twin: what was refused in time and comes an hour later.
    let gate = Bench::new(EVERY);
    flap(&gate, 2, secs(1));
    let refused = sent(gate.admit(7, 0, secs(4)));
    gate.give_back(7, refused.seq);
    sent(gate.admit(7, 0, hours(1)));
    assert_eq!(sent(gate.resolve(7, hours(1))).status, RESOLVE);
}

#[test]
fn what_is_more_severe_goes_out_of_a_title_whose_resolve_is_held() {
    let gate = Bench::new(EVERY);
    flap(&gate, 3, secs(1));
    assert!(opens(sent(gate.admit(7, 1, secs(7)))));
    assert_eq!(gate.admit(7, 1, secs(8)), Admission::Repeat, "it is open");
    let refused = sent(gate.resolve(7, secs(9)));
    gate.give_back(7, refused.seq);
    assert_eq!(gate.admit(7, 1, secs(10)), Admission::Repeat, "as it was");
    let held = sent(gate.resolve(7, secs(11)));
    assert_eq!((held.status, held.count), (held_until(secs(310)), 4));
}

#[test]
fn slow_turns_are_no_flapping() {
    let gate = Bench::new(EVERY);
    for (turn, out) in flap(&gate, 20, secs(301)).into_iter().enumerate() {
        let [trigger, resolve] = out.map(|out| out.unwrap().status);
        let first = Status::Resolve { first: turn == 0, not_before: Duration::ZERO };
        assert_eq!([trigger, resolve], [TRIGGER, first], "turn {turn}");
    }
}

fn quiet_after(minutes: u64) -> Bench {
    Bench::with(|settings| settings.resolve_after = Some(secs(60 * minutes)))
}

#[test]
fn a_title_is_resolved_when_it_has_been_quiet_from_its_last_occurrence_on() {
    let gate = quiet_after(10);
    assert_eq!(gate.quiet(7, secs(0)), Quiet::Never, "not open");
    sent(gate.admit(7, 0, secs(0)));
    assert_eq!(gate.quiet(7, secs(1)), Quiet::Until(secs(600)));
    assert_eq!(gate.admit(7, 0, secs(20)), Admission::Repeat);
    assert_eq!(gate.quiet(7, secs(600)), Quiet::Until(secs(620)), "repeats count");
    let Quiet::Resolved(sending) = gate.quiet(7, secs(620)) else { panic!("quiet for 10 min") };
    assert_eq!((sending.count, sending.since_last), (2, 1));
    assert_eq!(gate.quiet(7, secs(621)), Quiet::Never, "once");
    assert_eq!(gate.resolve(7, secs(622)), Admission::Repeat, "an explicit one says nothing new");
    assert!(opens(sent(gate.admit(7, 0, hours(2)))));
    // Twin: without the setting, never.
    let gate = Bench::new(EVERY);
    sent(gate.admit(7, 0, secs(0)));
    assert_eq!(gate.quiet(7, hours(9)), Quiet::Never);
}

#[test]
fn an_incident_stays_open_for_five_minutes_at_least() {
    let gate = quiet_after(1);
    sent(gate.admit(7, 0, secs(10)));
    assert_eq!(gate.quiet(7, secs(70)), Quiet::Until(secs(310)));
    assert!(matches!(gate.quiet(7, secs(310)), Quiet::Resolved(_)));
}

#[test]
fn a_title_that_comes_back_after_each_quiet_period_does_not_page_in_a_loop() {
    let gate = quiet_after(10);
    let (mut pages, mut resolves) = (0, 0);
    // Every 11 minutes, for a day.
    for minute in 0..1_440 {
        let now = secs(60 * minute);
        if minute % 11 == 0 {
            let out = gate.admit(7, 0, now);
            pages += usize::from(matches!(out, Admission::Send(sending) if opens(sending)));
        }
        resolves += usize::from(matches!(gate.quiet(7, now), Quiet::Resolved(_)));
    }
    assert_eq!((pages, resolves), (2, 1), "twice as long, from the second time on");
}

#[test]
fn a_quiet_resolve_that_is_lost_is_tried_again() {
    let gate = quiet_after(10);
    sent(gate.admit(7, 0, secs(0)));
    let Quiet::Resolved(lost) = gate.quiet(7, secs(600)) else { panic!("quiet for 10 min") };
    gate.reopen(7, lost.seq, false);
    assert!(gate.is_open(7));
    assert!(matches!(gate.quiet(7, secs(601)), Quiet::Resolved(_)));
}

#[test]
fn a_repeat_that_is_lost_before_a_held_resolve_is_told_by_the_next_one() {
    let gate = Bench::new(EVERY);
    flap(&gate, 2, secs(1));
    sent(gate.admit(7, 0, secs(10)));
    assert_eq!(gate.admit(7, 0, secs(11)), Admission::Repeat);
    let lost = sent(gate.admit(7, 0, secs(40)));
    let held = sent(gate.resolve(7, secs(41)));
    assert!(matches!(held.status, Status::Resolve { not_before, .. } if !not_before.is_zero()));
    gate.reopen(7, lost.seq, false);
    assert_eq!(gate.admit(7, 0, secs(42)), Admission::Repeat);
    assert_eq!(sent(gate.admit(7, 0, secs(500))).since_last, 4);
}
