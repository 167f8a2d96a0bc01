//! A user's `Debug` that logs, waits, flushes or panics: it holds nobody up and kills nobody.

use std::{
    fmt,
    sync::{Mutex, mpsc},
    thread,
};

use tracing::{error, field::Empty, info, info_span};

use crate::{
    child,
    context::{alone, titles},
    rig::DEADLINE,
};

/// Formats by doing something else.
struct Does<F: Fn() -> &'static str>(F);

impl<F: Fn() -> &'static str> fmt::Debug for Does<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str((self.0)())
    }
}

#[test]
fn f048_a_debug_that_logs_flushes_or_panics_holds_nobody_up() {
    let test = "neighbours::formatting::f048_a_debug_that_logs_flushes_or_panics_holds_nobody_up";
    child::run(test, &[], || {
        let mut spike = alone(|builder| builder).everywhere();
        let handle = spike.handle.clone();
        let logs = Does(|| {
            error!("nested");
            info!("nested");
            "logged"
        });
        let flushes = Does(|| {
            assert!(handle.flush(DEADLINE).is_complete());
            "flushed"
        });
        let resolves = Does(|| {
            handle.resolve("by hand").unwrap();
            "resolved"
        });
        let panics = Does(|| panic!("in Debug"));
        error!(?logs, ?flushes, ?resolves, ?panics, "failed");
        info_span!("span", ?logs, ?flushes, ?panics).in_scope(|| error!("in a span"));
        error!("{panics:?}");
        let incidents = spike.delivered();
        let place = "in it::neighbours::formatting";
        let expected = ["failed", "in a span", "panicked"].map(|text| format!("{text} {place}"));
        assert_eq!(titles(&incidents), expected);
        let fields = incidents[0].body()["fields"].to_string();
        let said =
            r#"{"flushes":"flushed","logs":"logged","panics":"<panicked>","resolves":"resolved"}"#;
        assert_eq!(fields, said);
        let stats = spike.finish();
        assert_eq!((stats.panicked_fields, stats.ignored.reentrant), (3, 2), "{stats:?}");
        assert_eq!(stats.delivered, 4, "{stats:?}");
    })
    .well();
}

#[test]
fn f048_a_debug_that_waits_for_a_thread_that_logs_holds_nobody_up() {
    let test =
        "neighbours::formatting::f048_a_debug_that_waits_for_a_thread_that_logs_holds_nobody_up";
    child::run(test, &[], || {
        let mut spike = alone(|builder| builder).everywhere();
        for place in ["event", "new span", "record"] {
            waits_for_a_thread_that_logs(place);
        }
        let found =
            titles(&spike.delivered()).join(", ").replace(" in it::neighbours::formatting", "");
        assert!(
            ["event", "new span", "record"].iter().all(|place| found.contains(place)),
            "{found}"
        );
        let stats = spike.finish();
        assert_eq!((stats.delivered, stats.suppressed.repeat), (6, 7), "{found} {stats:?}");
    })
    .well();
}

/// One thread formats a value that takes a lock; another holds that lock and logs the same
/// incident, in the same span, before it lets go.
fn waits_for_a_thread_that_logs(place: &'static str) {
    let lock = Mutex::new(());
    let (formatting, begun) = mpsc::channel();
    let (holding, held) = mpsc::channel();
    let span = info_span!("shared", late = Empty);
    let (lock, span) = (&lock, &span);
    thread::scope(|scope| {
        scope.spawn(move || {
            let guard = lock.lock().unwrap();
            holding.send(()).unwrap();
            begun.recv().unwrap();
            span.in_scope(|| {
                span.record("late", "other");
                error!(spike.title = place, "from the one that holds it");
                error!(spike.title = place, "again");
                error!("other {place}");
            });
            drop(guard);
        });
        held.recv().unwrap();
        let takes = Does(|| {
            // Whoever formats it first says so; then nobody listens.
            formatting.send(()).ok();
            drop(lock.lock().unwrap());
            "taken"
        });
        span.in_scope(|| match place {
            "event" => error!(spike.title = place, ?takes, "from the one that waits"),
            "new span" => drop(info_span!("inner", ?takes)),
            _ => drop(span.record("late", tracing::field::debug(&takes))),
        });
        span.in_scope(|| error!(spike.title = place, "last"));
    });
}
