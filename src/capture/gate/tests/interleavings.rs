//! What threads share in the gate, under every interleaving of two or three of them. The table has
//! one slot, the window two repeats, the sketch four registers.

use std::sync::Arc;

use loom::thread;

use super::{
    Admission, Bench, EVERY, Folded, Gatekeeper, Openings, Quiet, STORM, Sending, opens, secs, sent,
};
use crate::{
    capture::gate::{
        budget::{Budget, REPEATS, Window},
        storm,
    },
    sync::tests::{Bug, holds},
};

fn bench() -> Arc<Bench> {
    Arc::new(Bench::new(EVERY))
}

/// Runs `other` on a thread of its own and `this` on this one.
fn both<A: 'static, B>(
    gate: &Arc<Bench>,
    other: impl FnOnce(&Bench) -> A + 'static,
    this: impl FnOnce(&Bench) -> B,
) -> (A, B) {
    let theirs = Arc::clone(gate);
    let thread = thread::spawn(move || other(&theirs));
    let ours = this(gate);
    (thread.join().unwrap(), ours)
}

/// The next trigger of a title of which nothing happens any more.
fn next(gate: &Bench, key: u64) -> Sending {
    sent(gate.admit(key, 0, secs(1_000)))
}

#[test]
fn interleavings_of_a_title_that_occurs_first_on_three_threads() {
    holds("three first occurrences", 1, &[Bug::Torn], || {
        let gate = bench();
        let threads = [(), ()].map(|()| {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.admit(7, 0, secs(1)))
        });
        let mut out = vec![gate.admit(7, 0, secs(1))];
        out.extend(threads.map(|thread| thread.join().unwrap()));
        let opened = out.iter().filter(|admission| **admission != Admission::Repeat);
        assert_eq!(opened.count(), 1, "{out:?}");
        assert_eq!(next(&gate, 7).count, 4);
    });
}

#[test]
fn interleavings_of_repeats_that_go_out() {
    holds("a repeat that is due on two threads", 2, &[Bug::Torn], || {
        let gate = bench();
        sent(gate.admit(7, 0, secs(0)));
        let due = |gate: &Bench| gate.admit(7, 0, secs(30));
        let (theirs, ours) = both(&gate, due, due);
        let told = |admission| match admission {
            Admission::Send(sending) => sending.since_last,
            _ => 0,
        };
        let one = [theirs, ours].iter().filter(|a| **a != Admission::Repeat).count();
        assert_eq!(one, 1, "{theirs:?}, {ours:?}");
        let last = next(&gate, 7);
        assert_eq!(last.count, 4);
        assert_eq!(1 + told(theirs) + told(ours) + last.since_last, 4, "each told once");
    });
}

#[test]
fn interleavings_of_a_repeat_and_an_escalation() {
    holds("a repeat and an escalation", 2, &[Bug::Torn], || {
        let gate = bench();
        sent(gate.admit(7, 0, secs(0)));
        let (theirs, ours) =
            both(&gate, |gate| gate.admit(7, 0, secs(1)), |gate| sent(gate.admit(7, 2, secs(1))));
        assert_eq!(theirs, Admission::Repeat);
        let last = next(&gate, 7);
        assert_eq!((last.count, 1 + ours.since_last + last.since_last), (4, 4), "each told once");
    });
}

#[test]
fn interleavings_of_a_repeat_and_a_resolve_and_a_trigger() {
    holds("a repeat, a resolve, a trigger", 2, &[Bug::Torn, Bug::ReadTwice], || {
        let gate = bench();
        sent(gate.admit(7, 0, secs(0)));
        let (theirs, (resolved, ours)) = both(
            &gate,
            |gate| gate.admit(7, 0, secs(1)),
            |gate| (sent(gate.resolve(7, secs(1))), gate.admit(7, 0, secs(1))),
        );
        // Who comes first after the resolve opens.
        let opened = |admission| matches!(admission, Admission::Send(sending) if opens(sending));
        assert!(opened(ours) != opened(theirs), "{theirs:?}, {ours:?}");
        assert!(gate.is_open(7, secs(2)));
        assert_eq!(resolved.count + next(&gate, 7).count, 4, "each in one incident");
    });
}

#[test]
fn interleavings_of_a_repeat_and_the_eviction_of_its_slot() {
    holds("a repeat and an eviction", 2, &[Bug::Torn, Bug::Unchecked], || {
        let gate = bench();
        sent(gate.admit(7, 0, secs(0)));
        let (theirs, ours) =
            both(&gate, |gate| gate.admit(7, 0, secs(1)), |gate| sent(gate.admit(8, 0, secs(1))));
        assert_eq!((opens(ours), ours.since_last), (true, ours.count));
        // Whoever came last has the slot.
        if theirs == Admission::Repeat {
            let last = next(&gate, 8);
            assert_eq!((opens(last), last.count), (false, 2));
            assert!(ours.count <= 2);
        } else {
            let last = next(&gate, 7);
            assert_eq!((opens(last), last.count), (false, 2));
        }
    });
}

#[test]
fn interleavings_of_a_repeat_and_an_opening_that_is_given_back() {
    holds("a repeat and a give back", 2, &[Bug::Torn], || {
        let gate = bench();
        let (theirs, ()) = both(
            &gate,
            |gate| gate.admit(7, 0, secs(1)),
            |gate| {
                if let Admission::Send(sending) = gate.admit(7, 0, secs(1)) {
                    gate.give_back(7, sending.seq);
                }
            },
        );
        let is_open = gate.is_open(7, secs(2));
        assert_eq!(is_open, theirs != Admission::Repeat);
        let last = next(&gate, 7);
        assert_eq!((opens(last), last.count), (!is_open, 3));
    });
}

#[test]
fn interleavings_of_a_repeat_and_an_opening_that_is_folded() {
    holds("a repeat and a fold", 2, &[Bug::ReadTwice], || {
        let gate = bench();
        let opening = sent(gate.admit(7, 0, secs(0)));
        let (_, storm) = both(
            &gate,
            |gate| gate.admit(7, 0, secs(1)),
            |gate| {
                let folded = Folded { title: "title", severity: None, count: 1 };
                gate.fold(7, opening.seq, folded, secs(1)).unwrap()
            },
        );
        assert_eq!(storm.sending.count + next(&gate, 7).count, 3, "each in one incident");
    });
}

#[test]
fn interleavings_of_a_repeat_and_a_quiet_period() {
    holds("a repeat and a quiet period", 2, &[Bug::ReadTwice], || {
        let gate = Arc::new(Bench::with(|settings| settings.resolve_after = Some(secs(600))));
        sent(gate.admit(7, 0, secs(0)));
        // Too soon for a repeat, were it not for the end of the quiet period.
        sent(gate.admit(7, 0, secs(590)));
        let (theirs, ours) =
            both(&gate, |gate| gate.admit(7, 0, secs(595)), |gate| gate.quiet(7, secs(1_190)));
        let told = match ours {
            Quiet::Resolved(sending) => sending.count,
            _ => 0,
        };
        assert_eq!(told + sent(gate.admit(7, 0, secs(2_000))).count, 4, "{theirs:?}");
    });
}

#[test]
fn interleavings_of_a_budget() {
    holds("a budget of two", 3, &[Bug::Torn], || {
        let budget = Arc::new(Budget::new(Openings { burst: 2, per_minute: 2 }));
        let threads = [(), ()].map(|()| {
            let budget = Arc::clone(&budget);
            thread::spawn(move || budget.take(5))
        });
        let ours = budget.take(5);
        let given = threads.map(|thread| thread.join().unwrap());
        let given = given.iter().filter(|given| **given).count() + usize::from(ours);
        assert_eq!(given, 2);
    });
}

#[test]
fn interleavings_of_the_window_of_repeats() {
    holds("a window of two", 3, &[Bug::Torn], || {
        let window = Arc::new(Window::new());
        let threads = [(), ()].map(|()| {
            let window = Arc::clone(&window);
            thread::spawn(move || window.take(5).is_ok())
        });
        let ours = window.take(5).is_ok();
        let given = threads.map(|thread| thread.join().unwrap());
        let given = given.iter().filter(|given| **given).count() + usize::from(ours);
        assert_eq!(given, REPEATS);
    });
}

#[test]
fn interleavings_of_a_fold_and_its_telling_and_its_end() {
    holds("fold, tell, clear", 2, &[Bug::Torn], || {
        let folded = Arc::new(storm::Folded::new());
        folded.add(1, "old");
        let theirs = Arc::clone(&folded);
        let thread = thread::spawn(move || theirs.add(2, "new"));
        let told = folded.tell();
        folded.clear();
        thread.join().unwrap();
        let mut samples = told.sample;
        let after = folded.tell();
        samples.extend(after.sample);
        samples.sort_unstable();
        let expected: [&[&str]; 2] = [&["old"], &["new", "old"]];
        assert!(expected.contains(&&samples.iter().map(String::as_str).collect::<Vec<_>>()[..]));
        assert!(after.titles <= 1, "the storm is over");
        folded.add(3, "next");
        assert!((1..=3).contains(&folded.tell().titles));
    });
}

#[test]
fn interleavings_of_a_fold_and_the_end_of_its_storm() {
    holds("a fold and the end of its storm", 2, &[Bug::TooEarly], || {
        let gate = bench();
        sent(gate.storm(1, "old", 0, secs(0)));
        let (theirs, ours) = both(
            &gate,
            |gate| gate.storm(2, "new", 0, secs(1)),
            |gate| sent(gate.resolve(STORM, secs(1))),
        );
        match theirs {
            Admission::Send(sending) => {
                assert_eq!((opens(sending), sending.count, ours.count), (true, 1, 1));
                assert!(gate.storm_detail().titles >= 1, "an incident of no title");
            }
            _ => assert_eq!(ours.count + sent(gate.storm(2, "new", 0, secs(99))).count, 3),
        }
    });
}
