//! The entrance when there is nobody behind it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use super::{Asked, Goes, Head, Origin, Pipeline, Settings, Site};
use crate::{
    capture::{gate::Openings, redact::Scrubber, title::Draft},
    clock::Clock,
    incident::{Detail, Incident},
    queue::{Receiver, bounded},
    stats::{Count, Counters, Stats},
};

fn pipeline() -> (Pipeline, Receiver) {
    let (sender, receiver) = bounded(8, 1);
    let settings = Settings {
        repeat_every: Duration::from_secs(300),
        resolve_after: None,
        budget: Openings { burst: 1_000, per_minute: 2 },
        storm: "error storm in it".to_owned(),
        severity: None,
        priority: None,
        scrubber: Scrubber::default(),
        endpoints: 1,
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
            Detail::Manual(crate::incident::Manual::default())
        };
        assert_eq!(pipeline.trigger(Asked::by_hand(head), build), Ok(()));
        let stats = stats(&pipeline);
        let expected = if dies { (1, 0) } else { (0, 1) };
        assert_eq!((stats.lost.shutdown, stats.pending), expected, "{stats:?}");
    }
}

/// Triggers an incident of this kind from the callsite at this line.
fn trigger_from(pipeline: &Pipeline, line: u32, title: &str) -> Result<(), Count> {
    let mut draft = Draft::default();
    draft.give(title);
    let (title, folding) = draft.split();
    let origin = Origin { site: Site::Record { file: "shop.rs", line }, folding };
    let head = Head { title, ..Head::default() };
    let asked = Asked { head, origin: Some(origin), failure: &|_| false };
    pipeline.trigger(asked, || Detail::Manual(crate::incident::Manual::default()))
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
