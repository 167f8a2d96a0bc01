//! The facade `metrics`: it has each field of the stats.

#[expect(dead_code, unused_imports, reason = "the other tests need more of it")]
mod rig;

use std::{cell::RefCell, collections::BTreeMap};

use metrics::{SharedString, Unit};
use metrics_util::{
    CompositeKey,
    debugging::{DebugValue, DebuggingRecorder, Snapshotter},
};
use serde_json::Value;
use tracing::{error, warn};
use tracing_spike::{Stats, sandbox::Fault};

use rig::{between, eventually};

/// A metric with its unit, its description and its value.
type Recorded = (CompositeKey, Option<Unit>, Option<SharedString>, DebugValue);

/// What the recorder has, as the stats would be called: `suppressed.repeat`.
fn recorded(snapshotter: &Snapshotter) -> BTreeMap<String, u64> {
    let figure = |(key, _, words, value): Recorded| {
        let key = key.key();
        assert!(words.is_some_and(|words| !words.is_empty()), "{key} is described");
        let name = key.name().strip_prefix("spike_")?;
        let (name, value) = match value {
            DebugValue::Counter(value) => (name.strip_suffix("_total")?.to_owned(), value),
            DebugValue::Gauge(value) => {
                (name.trim_end_matches("_seconds").to_owned(), value.0 as u64)
            }
            DebugValue::Histogram(_) => return None,
        };
        let labels: Vec<_> = key.labels().map(|label| format!(".{}", label.value())).collect();
        assert!(key.labels().all(|label| label.key() == "reason"), "{key}");
        Some((format!("{name}{}", labels.concat()), value))
    };
    snapshotter.snapshot().into_vec().into_iter().filter_map(figure).collect()
}

/// The stats as they are serialized, by the same names.
fn expected(stats: &Stats) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let stats = serde_json::to_value(stats).unwrap();
    let number = |value: &Value| match value {
        Value::Array(rules) => rules.len() as u64,
        // Seconds that are left, rounded up.
        value => value.as_f64().map_or(0, |value| value.ceil() as u64),
    };
    for (name, value) in stats.as_object().unwrap() {
        match value {
            Value::Object(reasons) => out
                .extend(reasons.iter().map(|(reason, n)| (format!("{name}.{reason}"), number(n)))),
            value => {
                out.insert(name.clone(), number(value));
            }
        }
    }
    out
}

#[test]
fn each_field_of_the_stats_is_told_also_to_a_recorder_that_comes_later() {
    let rig = between(None, None);
    let handle = rig.guard.handle();
    handle.set_filter("error,billing=warn,nothing=off").unwrap();
    let fail = |title: &str| error!(spike.title = title, "failed");
    rig.run(|| (0..5).for_each(|_| fail("first")));
    rig.delivered();
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    rig.sandbox.fault_next(1, Fault::Status(503));
    rig.sandbox.fault_next(1, Fault::Status(400));
    rig.run(|| {
        fail("second");
        fail("third");
        warn!(spike = false, "not paged");
        handle.mute(std::time::Duration::from_secs(3600));
        fail("muted");
    });
    eventually("one was rejected", || (handle.stats().lost.rejected == 1).then_some(()));
    // A snapshot takes what it shows away, and may be taken in the middle of a telling.
    let all = RefCell::new(BTreeMap::new());
    let stats = eventually("it is told", || {
        let (stats, mut told) = (handle.stats(), all.borrow_mut());
        for (name, value) in recorded(&snapshotter) {
            let most = told.entry(name).or_insert(value);
            *most = value.max(*most);
        }
        let (mut told, mut known) = (told.clone(), expected(&stats));
        // The one figure that is another each second.
        let muted_for = [&mut told, &mut known].map(|all| all.remove("muted_for").unwrap_or(0));
        let is_near = (3_500..=3_600).contains(&muted_for[0]) && muted_for[0] >= muted_for[1];
        (told == known && is_near).then_some(stats)
    });
    assert_eq!((stats.suppressed.repeat, stats.suppressed.mute), (4, 1), "{stats:?}");
    assert_eq!((stats.lost.rejected, stats.unmatched_rules.len()), (1, 2), "{stats:?}");
    drop(rig.guard);
    // What is at the end is told; what was at a moment is over.
    let stats = eventually("the end is told", || {
        let (recorded, stats) = (recorded(&snapshotter), handle.stats());
        (recorded["delivered"] > 0).then_some((recorded, stats))
    });
    assert_eq!((stats.0["delivered"], stats.0["muted_for"]), (stats.1.delivered, 0));
}
