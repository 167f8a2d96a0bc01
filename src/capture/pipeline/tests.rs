//! The entrance when there is nobody behind it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{Asked, Goes, Head, Origin, Panicked, Panics, Pipeline, Settings, Site};
use crate::{
    capture::{filter::Rules, gate::Openings, in_force::InForce, routes::Route, title::Draft},
    clock::Clock,
    incident::{
        Detail, Incident, Leftover, Manual, Occurrences, Op, Replay, Says, Severity, Status,
    },
    queue::{RESOLVE_SLOTS, Receiver, bounded},
    rule::Threshold,
    stats::{Count, Counters, Stats},
};

fn pipeline() -> (Pipeline, Receiver) {
    pipeline_to(1)
}

fn pipeline_to(endpoints: usize) -> (Pipeline, Receiver) {
    pipeline_with(endpoints, Openings { burst: 1_000, per_minute: 2 })
}

fn pipeline_with(endpoints: usize, budget: Openings) -> (Pipeline, Receiver) {
    let (sender, receiver) = bounded(8, endpoints);
    let rules = Arc::new(InForce::new(Rules::parse("error", "filter").unwrap()));
    let settings = Settings {
        repeat_every: Duration::from_secs(300),
        resolve_after: None,
        budget,
        storm: "error storm in it".to_owned(),
        severity: None,
        priority: None,
        scrubber: Arc::default(),
        keep: None,
        panics: Some(Panics { rules, route: Route::default(), service: "it".to_owned() }),
        witness: None,
        endpoints,
    };
    let counters = Arc::new(Counters::new());
    (Pipeline::new(Clock::start(), Some(sender), counters, settings), receiver)
}

fn stats(pipeline: &Pipeline) -> Stats {
    pipeline.counters().snapshot(Vec::new())
}

#[test]
fn f052_after_the_workers_death_everything_is_refused_and_counted() {
    let (pipeline, receiver) = pipeline();
    // Twin: while it lives, all of it is taken.
    pipeline.trigger_manual(Incident::new("disk full")).unwrap();
    pipeline.resolve_manual("disk full").unwrap();
    assert_eq!((stats(&pipeline).pending, stats(&pipeline).refused.closed), (2, 0));
    // As when its thread has unwound: the guard has closed nothing.
    drop(receiver);
    for title in ["disk full", "disk full", "database is down"] {
        assert!(pipeline.trigger_manual(Incident::new(title)).unwrap_err().is_closed());
        assert!(pipeline.resolve_manual(title).unwrap_err().is_closed());
    }
    let head = Head { title: "queue is stuck", ..Head::default() };
    let never = || -> Detail { panic!("built, with nowhere to go") };
    assert_eq!(pipeline.trigger(Asked::by_hand(head), never), Err(Count::RefusedClosed));
    assert_eq!(pipeline.resolve("queue is stuck", Goes::To(0), never), Err(Count::RefusedClosed));
    let stats = stats(&pipeline);
    assert_eq!((stats.refused.closed, stats.suppressed.repeat), (6, 0), "{stats:?}");
    assert_eq!((stats.lost.shutdown, stats.pending), (2, 0), "what was on its way: {stats:?}");
    assert_eq!((stats.seen, stats.accounted()), (8, 8), "{stats:?}");
}

#[test]
fn f052_what_is_being_built_when_the_worker_dies_is_lost_and_counted() {
    for dies in [false, true] {
        let (pipeline, receiver) = pipeline();
        let mut receiver = Some(receiver);
        let head = Head { title: "disk full", ..Head::default() };
        let build = || {
            drop(receiver.take_if(|_| dies));
            Detail::Manual(Manual::default())
        };
        assert_eq!(pipeline.trigger(Asked::by_hand(head), build), Ok(()));
        let stats = stats(&pipeline);
        let expected = if dies { (1, 0) } else { (0, 1) };
        assert_eq!((stats.lost.shutdown, stats.pending), expected, "{stats:?}");
    }
}

/// Triggers an incident of this kind from the callsite at this line.
fn trigger_from(pipeline: &Pipeline, line: u32, title: &str) -> Result<(), Count> {
    trigger_after(pipeline, line, title, None)
}

/// The same under a rule that wants so many.
fn trigger_after(
    pipeline: &Pipeline,
    line: u32,
    title: &str,
    threshold: Option<Threshold>,
) -> Result<(), Count> {
    let mut draft = Draft::default();
    draft.give(title);
    let (title, folding) = draft.split();
    let origin = Origin { site: Site::Record { file: "shop.rs", line }, folding };
    let head = Head { title, threshold, ..Head::default() };
    let asked = Asked { head, origin: Some(origin), failure: &|_| None, tells: &|_| false };
    pipeline.trigger(asked, || Detail::Manual(Manual::default()))
}

fn queued(receiver: &mut Receiver) -> Vec<String> {
    let mut ops = VecDeque::new();
    receiver.lanes[0].drain(0, usize::MAX, &mut ops);
    ops.iter().map(|op| op.title.clone()).collect()
}

#[test]
fn a_refused_opening_does_not_count_as_a_kind() {
    let (pipeline, mut receiver) = pipeline();
    let words = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let triggered = words.map(|title| trigger_from(&pipeline, 1, title));
    assert_eq!(triggered[..6], [Ok(()); 6]);
    assert_eq!(triggered[6..], [Err(Count::SuppressedRepeat); 2], "of the folded one");
    let folded = "more kinds of: a";
    assert_eq!(queued(&mut receiver), ["a", "b", "c", "d", "e", folded]);
    // The queue has room for 8; what it refuses has not been opened.
    (0..8).for_each(|n| trigger_from(&pipeline, 10 + n, &format!("fills {n}")).unwrap());
    for n in 0..100 {
        let refused = trigger_from(&pipeline, 2, &format!("kind {n}"));
        assert_eq!(refused, Err(Count::RefusedFull));
    }
    assert_eq!(queued(&mut receiver).len(), 8);
    for title in ["v", "w", "x", "y", "z", "kind 0"] {
        assert_eq!(trigger_from(&pipeline, 2, title), Ok(()));
    }
    let opened = ["v", "w", "x", "y", "z", "more kinds of: v"];
    assert_eq!(queued(&mut receiver), opened, "the first is one that was opened");
    assert_eq!(stats(&pipeline).folded, 3 + 1);
}

#[test]
fn a_folded_incident_that_is_refused_opens_later() {
    let (pipeline, mut receiver) = pipeline();
    for title in ["a", "b", "c", "d", "e"] {
        trigger_from(&pipeline, 1, title).unwrap();
    }
    (0..3).for_each(|n| trigger_from(&pipeline, 10 + n, &format!("fills {n}")).unwrap());
    assert_eq!(trigger_from(&pipeline, 1, "f"), Err(Count::RefusedFull));
    queued(&mut receiver);
    assert_eq!(trigger_from(&pipeline, 1, "g"), Ok(()));
    assert_eq!(queued(&mut receiver), ["more kinds of: a"]);
}

const THREE: Option<Threshold> = Some(Threshold { n: 3, within: Duration::from_secs(3600) });

#[test]
fn what_waited_for_a_refused_opening_is_told_once() {
    let (pipeline, mut receiver) = pipeline();
    (0..8).for_each(|n| trigger_from(&pipeline, 10 + n, &format!("fills {n}")).unwrap());
    let told = [(); 4].map(|()| trigger_after(&pipeline, 1, "a", THREE));
    let [first, second, third, fourth] = told.map(Result::unwrap_err);
    assert_eq!([first, second], [Count::SuppressedThreshold; 2]);
    assert_eq!([third, fourth], [Count::RefusedFull; 2]);
    queued(&mut receiver);
    trigger_after(&pipeline, 1, "a", THREE).unwrap();
    let ops = lane(&mut receiver, 0);
    assert_eq!(ops[0].occurrences.count, 5);
}

#[test]
fn what_waited_may_go_into_the_storm_but_what_is_meant_waits_for_nothing() {
    let (pipeline, mut receiver) = pipeline_with(1, Openings { burst: 1, per_minute: 1 });
    trigger_from(&pipeline, 1, "spends the budget").unwrap();
    let told = [(); 4].map(|()| trigger_after(&pipeline, 2, "a", THREE));
    let waits = Err(Count::SuppressedThreshold);
    // The third one opens the storm incident, and not its title.
    assert_eq!(told, [waits, waits, Ok(()), Err(Count::SuppressedStorm)]);
    // What is meant has a budget of its own, and pages the first time.
    let head = Head { title: "a", threshold: THREE, meant: true, ..Head::default() };
    let meant = Asked { head, origin: None, failure: &|_| None, tells: &|_| false };
    pipeline.trigger(meant, || Detail::Manual(Manual::default())).unwrap();
    let ops = lane(&mut receiver, 0);
    assert_eq!((ops[2].title.as_str(), ops[2].occurrences.count), ("a", 1));
}

#[test]
fn what_waited_and_was_folded_is_counted_once() {
    let (pipeline, mut receiver) = pipeline();
    for title in ["a", "b", "c", "d", "e", "f"] {
        trigger_from(&pipeline, 1, title).unwrap();
    }
    queued(&mut receiver);
    // Folded into what "f" has opened; its own title is never opened.
    for event in 0..10 {
        let expected = if event < 2 { Count::SuppressedThreshold } else { Count::SuppressedRepeat };
        assert_eq!(trigger_after(&pipeline, 1, "g", THREE), Err(expected), "{event}");
    }
    let head =
        Head { title: "more kinds of: a", severity: Some(Severity::Sev1), ..Head::default() };
    let escalates = Asked { head, origin: None, failure: &|_| None, tells: &|_| false };
    pipeline.trigger(escalates, || Detail::Manual(Manual::default())).unwrap();
    let ops = lane(&mut receiver, 0);
    assert_eq!((ops[0].title.as_str(), ops[0].occurrences.count), ("more kinds of: a", 12));
}

/// Triggers an incident with this title at an endpoint.
fn trigger_at(pipeline: &Pipeline, endpoint: usize, title: &str) {
    let head = Head { title, endpoint, ..Head::default() };
    pipeline.trigger(Asked::by_hand(head), || Detail::Manual(Manual::default())).unwrap();
}

/// What is in an endpoint's lane. Dropped, it is lost.
fn lane(receiver: &mut Receiver, endpoint: usize) -> VecDeque<Box<Op>> {
    let mut ops = VecDeque::new();
    receiver.lanes[endpoint].drain(usize::MAX, usize::MAX, &mut ops);
    assert!(ops.iter().all(|op| op.endpoint == endpoint));
    ops
}

/// The numbers, and whether each is a resolve.
fn shown(ops: &VecDeque<Box<Op>>) -> Vec<(u64, bool)> {
    ops.iter().map(|op| (op.seq, matches!(op.status, Status::Resolve { .. }))).collect()
}

#[test]
fn one_numbering_goes_through_the_gates_of_all_endpoints() {
    let (pipeline, mut receiver) = pipeline_to(3);
    for (endpoint, title) in [(2, "a"), (0, "a"), (2, "b"), (1, "a")] {
        trigger_at(&pipeline, endpoint, title);
    }
    assert_eq!(pipeline.newest(), 4);
    let lanes = [0, 1, 2].map(|endpoint| shown(&lane(&mut receiver, endpoint)));
    assert_eq!(lanes, [vec![(2, false)], vec![(4, false)], vec![(1, false), (3, false)]]);
}

#[test]
fn a_resolve_of_what_is_open_at_several_is_built_once_and_counted_for_each() {
    let (pipeline, mut receiver) = pipeline_to(4);
    [1, 3].into_iter().for_each(|endpoint| trigger_at(&pipeline, endpoint, "down"));
    let mut built = 0;
    let mut build = || {
        built += 1;
        Detail::Manual(Manual::default())
    };
    let goes = Goes::WhereOpen { or: 2 };
    assert_eq!(pipeline.resolve("down", goes, &mut build), Ok(()));
    let lanes = [0, 1, 2, 3].map(|endpoint| lane(&mut receiver, endpoint));
    let (one, three) = (vec![(3, true), (1, false)], vec![(4, true), (2, false)]);
    assert_eq!(lanes.each_ref().map(shown), [vec![], one, vec![], three]);
    // The caller counts the first.
    assert_eq!((stats(&pipeline).seen, stats(&pipeline).suppressed.repeat), (1, 0));
    // Twin: open nowhere now.
    assert_eq!(pipeline.resolve("down", goes, &mut build), Ok(()));
    assert_eq!((built, shown(&lane(&mut receiver, 2))), (2, vec![(5, true)]));
    assert_eq!(stats(&pipeline).seen, 1);
}

#[test]
fn a_refusal_at_any_endpoint_is_what_the_caller_is_told() {
    for full in [0, 1] {
        let (pipeline, mut receiver) = pipeline_to(2);
        (0..2).for_each(|endpoint| trigger_at(&pipeline, endpoint, "down"));
        for n in 0..RESOLVE_SLOTS {
            let goes = Goes::To(full);
            let build = || Detail::Manual(Manual::default());
            pipeline.resolve(&format!("fills {n}"), goes, build).unwrap();
        }
        assert!(pipeline.resolve_manual("down").unwrap_err().is_full());
        let stats_now = stats(&pipeline);
        assert_eq!((stats_now.seen, stats_now.refused.full), (2, 1), "{stats_now:?}");
        let resolved = shown(&lane(&mut receiver, 1 - full));
        assert_eq!(resolved.last().map(|(_, is_resolve)| *is_resolve), Some(false));
        assert!(resolved.iter().any(|(_, is_resolve)| *is_resolve), "at the other one");
    }
}

#[test]
fn what_is_muted_is_not_built_and_leaves_the_gate_as_it_was() {
    let (pipeline, mut receiver) = pipeline();
    let never = || -> Detail { panic!("built while muted") };
    let head = Head { title: "down", ..Head::default() };
    pipeline.mute().set(Duration::from_secs(60), pipeline.clock().now());
    assert_eq!(pipeline.trigger(Asked::by_hand(head), never), Err(Count::SuppressedMute));
    assert_eq!((pipeline.newest(), shown(&lane(&mut receiver, 0))), (0, vec![]));
    pipeline.resolve_manual("down").unwrap();
    pipeline.mute().set(Duration::ZERO, pipeline.clock().now());
    trigger_at(&pipeline, 0, "down");
    assert_eq!(shown(&lane(&mut receiver, 0)), [(1, true), (2, false)]);
}

#[test]
fn f058_the_op_of_a_panic_says_that_it_is_one_and_the_storm_of_panics_does_not() {
    let (pipeline, mut receiver) = pipeline_with(1, Openings { burst: 1, per_minute: 1 });
    for message in ["the first", "the second", "the second"] {
        let (payload, thread) = ("&str", "main");
        pipeline.report(&Panicked { message, payload, location: None, thread });
    }
    let ops = lane(&mut receiver, 0);
    let shown: Vec<_> = ops.iter().map(|op| (op.title.as_str(), op.panic)).collect();
    assert_eq!(shown, [("panic: the first", true), ("error storm in it", false)]);
    assert_eq!((stats(&pipeline).seen, stats(&pipeline).suppressed.storm), (3, 1));
    pipeline.close();
    assert!(!pipeline.reports_panics());
}

/// What an earlier run said of a title so long ago.
fn leftover(title: &str, says: Says, age: Duration) -> Leftover {
    let at = Clock::wall() - age;
    Leftover {
        endpoint: 0,
        title: title.to_owned(),
        says,
        severity: None,
        priority: None,
        occurrences: Occurrences { count: 1, since_last: 1, first: at, last: at },
        age,
        is_expired: age > Duration::from_secs(6 * 3600),
        body: serde_json::Map::new(),
    }
}

fn open() -> Says {
    Says::Trigger { opening: true, panic: false }
}

/// A moment that the gate, which counts in milliseconds, tells from before and after.
fn moment(pipeline: &Pipeline) -> Duration {
    let later = || {
        let next = pipeline.clock().now() + Duration::from_millis(2);
        while pipeline.clock().now() < next {
            std::thread::yield_now();
        }
        pipeline.clock().now()
    };
    let moment = later();
    later();
    moment
}

fn since(pipeline: &Pipeline, moment: Duration) -> Duration {
    pipeline.clock().now() - moment
}

#[test]
fn f105_what_was_resolved_since_is_not_opened_again_by_what_an_earlier_run_has_left() {
    let (now, day) = (Duration::ZERO, Duration::from_secs(86_400));
    let storm = || Says::Storm { sample: vec!["disk full".to_owned()] };
    for (says, earlier) in [(open(), now), (open(), day), (storm(), now)] {
        let (pipeline, mut receiver) = pipeline();
        let before = moment(&pipeline);
        pipeline.resolve_manual("disk full").unwrap();
        let age = since(&pipeline, before) + earlier;
        assert!(pipeline.replay(leftover("disk full", says, age)));
        assert_eq!(queued(&mut receiver), [""; 0]);
        let stats = stats(&pipeline);
        assert_eq!((stats.suppressed.cancelled, stats.replayed), (1, 1), "{stats:?}");
    }
    // Resolved after it was opened here, and by a resolve that says nothing new.
    let (pipeline, mut receiver) = pipeline();
    pipeline.trigger_manual(Incident::new("disk full")).unwrap();
    pipeline.resolve_manual("disk full").unwrap();
    let between = moment(&pipeline);
    pipeline.resolve_manual("disk full").unwrap();
    assert!(pipeline.replay(leftover("disk full", open(), since(&pipeline, between))));
    assert_eq!(queued(&mut receiver), ["disk full"]);
    // Of what is open again it is no occurrence.
    pipeline.trigger_manual(Incident::new("disk full")).unwrap();
    let age = since(&pipeline, between);
    let grave = Leftover { severity: Some(Severity::Sev1), ..leftover("disk full", open(), age) };
    assert!(pipeline.replay(grave));
    assert_eq!(queued(&mut receiver), ["disk full"]);
    assert_eq!(stats(&pipeline).suppressed.cancelled, 2);
}

#[test]
fn f105_what_an_earlier_run_has_left_opens_what_was_resolved_before_it() {
    let (pipeline, mut receiver) = pipeline();
    pipeline.resolve_manual("disk full").unwrap();
    let after = moment(&pipeline);
    assert!(pipeline.replay(leftover("disk full", open(), since(&pipeline, after))));
    assert_eq!(queued(&mut receiver), ["disk full"]);
    // A resolve of an earlier run closes what was before it, whenever it is found.
    let (pipeline, mut receiver) = pipeline_to(1);
    let [first, second, third] = [(); 3].map(|()| moment(&pipeline));
    let found = |says, at| pipeline.replay(leftover("disk full", says, since(&pipeline, at)));
    assert!(found(Says::Resolve, second) && found(open(), first));
    assert_eq!((queued(&mut receiver).len(), stats(&pipeline).suppressed.cancelled), (0, 1));
    assert!(found(open(), third));
    assert_eq!(queued(&mut receiver), ["disk full"]);
    // What its queue has no room for is not said.
    let (pipeline, mut receiver) = pipeline_to(1);
    let before = moment(&pipeline);
    for number in 0..RESOLVE_SLOTS {
        pipeline.resolve_manual(&format!("number {number}")).unwrap();
    }
    assert!(pipeline.resolve_manual("disk full").unwrap_err().is_full());
    assert!(pipeline.replay(leftover("disk full", open(), since(&pipeline, before))));
    assert_eq!(queued(&mut receiver), ["disk full"]);
}
