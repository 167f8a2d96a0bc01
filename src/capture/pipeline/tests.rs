//! The entrance when there is nobody behind it.

use std::{sync::Arc, time::Duration};

use super::{Head, Pipeline, Settings};
use crate::{
    capture::redact::Scrubber,
    clock::Clock,
    incident::{Detail, Incident},
    queue::{Receiver, bounded},
    stats::{Count, Counters, Stats},
};

fn pipeline() -> (Pipeline, Receiver) {
    let (sender, receiver) = bounded(8);
    let settings = Settings {
        repeat_every: Duration::from_secs(300),
        severity: None,
        priority: None,
        scrubber: Scrubber::default(),
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
    let head = Head { title: "queue is stuck", severity: None, priority: None };
    let never = || -> Detail { panic!("built, with nowhere to go") };
    assert_eq!(pipeline.trigger(head, None, never), Err(Count::RefusedClosed));
    assert_eq!(pipeline.resolve("queue is stuck", never), Err(Count::RefusedClosed));
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
        let head = Head { title: "disk full", severity: None, priority: None };
        let build = || {
            drop(receiver.take_if(|_| dies));
            Detail::Manual(serde_json::Map::new())
        };
        assert_eq!(pipeline.trigger(head, None, build), Ok(()));
        let stats = stats(&pipeline);
        let expected = if dies { (1, 0) } else { (0, 1) };
        assert_eq!((stats.lost.shutdown, stats.pending), expected, "{stats:?}");
    }
}
