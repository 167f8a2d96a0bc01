//! Panics: what pages of them, what they bring with them, and how long a dying process waits.
//!
//! The hook is the process's, so each test plays in a child.

use std::{
    any::Any,
    hint::black_box,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use tracing::{Dispatch, dispatcher::with_default, error};
use tracing_spike::{
    Rule, Severity,
    sandbox::{Incident, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child,
    rig::{Rig, TOKEN, rig_with},
};

mod dying;
mod same_cause;
mod signals;

/// Runs `work`, which panics, to the end.
fn caught(work: impl FnOnce()) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_err()
}

/// Runs `work`, which panics, on a thread of this name.
fn on_thread(name: &str, work: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.to_owned()).spawn(work).unwrap().join().unwrap_err();
}

fn titles(rig: &Rig) -> Vec<String> {
    rig.flush();
    let mut titles: Vec<_> =
        rig.sandbox.incidents().iter().map(|incident| incident.title().to_owned()).collect();
    titles.sort();
    titles
}

/// The value at a path of a body.
fn told(incident: &Incident, path: &str) -> Option<String> {
    incident.body().pointer(path).map(|value| match value.as_str() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    })
}

/// Panics when it is dropped.
struct Drops(&'static str);

impl Drop for Drops {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[test]
fn f058_a_panic_pages_once_wherever_it_happens_and_whatever_it_says() {
    const TEST: &str = "panics::f058_a_panic_pages_once_wherever_it_happens_and_whatever_it_says";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics());
        for n in 0..3 {
            on_thread("loader", move || panic!("no such user {n}"));
            on_thread("main", || panic!("in main"));
            on_thread("typed", || panic::panic_any(5));
            on_thread("owner", || panic::panic_any("a String".to_owned()));
            on_thread("drops", || drop(Drops("in a Drop")));
            let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
            let task = async { panic!("in a task") };
            runtime.block_on(async { tokio::spawn(task).await.unwrap_err() });
        }
        let expected = [
            "panic: a String in tests/it/panics.rs",
            "panic: in a Drop in tests/it/panics.rs",
            "panic: in a task in tests/it/panics.rs",
            "panic: in main in tests/it/panics.rs",
            "panic: no such user # in tests/it/panics.rs",
            "panic: payload of another type in tests/it/panics.rs",
        ];
        assert_eq!(titles(&rig), expected);
        let stats = rig.stats();
        assert_eq!((stats.seen, stats.delivered, stats.suppressed.repeat), (18, 6, 12));
    })
    .well();
}

#[test]
fn f058_the_body_tells_what_is_known_and_a_rule_says_how_grave_it_is() {
    const TEST: &str = "panics::f058_the_body_tells_what_is_known_and_a_rule_says_how_grave_it_is";
    for backtrace in ["0", "1"] {
        child::run(TEST, &[("RUST_BACKTRACE", backtrace)], || {
            let rig = rig_with(|builder| {
                builder.panics().rule(Rule::target("panic").severity(Severity::Sev1))
            });
            let (user, at) = (4711, line!() + 1);
            on_thread("loader", move || panic!("no such user {user}"));
            rig.flush();
            let incidents = rig.sandbox.incidents();
            let [incident] = incidents.as_slice() else { panic!("{incidents:?}") };
            assert_eq!(incident.severity(), Some("sev1"));
            let told = |path| told(incident, path).unwrap_or_default();
            assert_eq!(told("/message"), "no such user 4711");
            assert_eq!((told("/level"), told("/target")), ("ERROR".into(), "panic".into()));
            assert_eq!(told("/source/thread"), "loader");
            assert!(told("/location").starts_with(&format!("tests/it/panics.rs:{at}:")));
            assert_eq!(told("/fields/payload"), "String");
            let frames = told("/fields/backtrace");
            if std::env::var("RUST_BACKTRACE").unwrap() == "0" {
                assert_eq!(frames, "");
            } else {
                // By name, or with less debug information by place.
                let names = ["panics::f058_the_body", "tests/it/panics.rs:"];
                assert!(names.iter().any(|name| frames.contains(name)), "{frames}");
                for below_or_above in ["panic::report", "Backtrace", "short_backtrace"] {
                    assert!(!frames.contains(below_or_above), "{frames}");
                }
            }
            assert!(rig.stats().unmatched_rules.is_empty());
        })
        .well();
    }
}

#[test]
fn f058_the_messages_of_the_standard_library_stay_readable() {
    const TEST: &str = "panics::f058_the_messages_of_the_standard_library_stay_readable";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics());
        let (none, index) = (black_box(None::<u8>), black_box(7));
        caught(|| {
            black_box(none.unwrap());
        });
        caught(|| {
            black_box("x".parse::<u8>().unwrap());
        });
        caught(|| assert_eq!(index, 3));
        caught(|| {
            black_box([1, 2, 3][index]);
        });
        caught(|| panic!(""));
        let expected = [
            "panic in tests/it/panics.rs",
            "panic: assertion left right failed left: # right: # in tests/it/panics.rs",
            "panic: called Option::unwrap() on a # value in tests/it/panics.rs",
            "panic: called Result::unwrap() on an Err value: ParseIntError(InvalidDigit) in \
             tests/it/panics.rs",
            "panic: index out of bounds: the len is # but the index is # in tests/it/panics.rs",
        ];
        assert_eq!(titles(&rig), expected);
    })
    .well();
}

#[test]
fn f058_the_hook_before_runs_first_and_always_and_is_chained_once() {
    const TEST: &str = "panics::f058_the_hook_before_runs_first_and_always_and_is_chained_once";
    child::run(TEST, &[], || {
        let (ran, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (counts, sees) = (Arc::clone(&ran), Arc::clone(&seen));
        panic::set_hook(Box::new(move |_| {
            counts.fetch_add(1, Ordering::SeqCst);
            let handle: Option<tracing_spike::Handle> = sees.lock().unwrap().clone();
            assert!(handle.is_none_or(|handle| handle.stats().seen == 0), "it was not first");
        }));
        let rigs = [true, true, false]
            .map(|wants| rig_with(|builder| if wants { builder.panics() } else { builder }));
        *seen.lock().unwrap() = Some(rigs[0].handle());
        caught(|| panic!("the first"));
        *seen.lock().unwrap() = None;
        caught(|| panic!("the first"));
        assert_eq!(ran.load(Ordering::SeqCst), 2);
        let seen = rigs.each_ref().map(|rig| (rig.stats().seen, titles(rig).len()));
        assert_eq!(seen, [(2, 1), (2, 1), (0, 0)], "each that wants them has its own");
    })
    .well();
}

#[test]
fn f058_a_hook_before_that_panics_itself_ends_the_process_and_nothing_pages() {
    const TEST: &str =
        "panics::f058_a_hook_before_that_panics_itself_ends_the_process_and_nothing_pages";
    for panics in ["yes", "no"] {
        let sandbox = Sandbox::start().unwrap();
        let url = sandbox.url_for(TOKEN);
        let ended = child::run(TEST, &[("URL", &url), ("PANICS", panics)], || {
            panic::set_hook(Box::new(|_| {
                assert_ne!(std::env::var("PANICS").unwrap(), "yes", "in the hook");
            }));
            let url = std::env::var("URL").unwrap();
            let (_layer, _guard) =
                tracing_spike::builder(url).panics().build::<Registry>().unwrap();
            on_thread("main", || panic!("the first"));
        });
        let paged = sandbox.opened();
        assert_eq!((ended.status.success(), paged), (panics == "no", u64::from(panics == "no")));
    }
}

#[test]
fn f058_a_panic_in_a_drop_while_another_unwinds_pages_too() {
    const TEST: &str = "panics::f058_a_panic_in_a_drop_while_another_unwinds_pages_too";
    struct Contains;
    impl Drop for Contains {
        fn drop(&mut self) {
            caught(|| panic!("the inner one"));
        }
    }
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics());
        caught(|| {
            let _contains = Contains;
            panic!("the outer one");
        });
        let expected = [
            "panic: the inner one in tests/it/panics.rs",
            "panic: the outer one in tests/it/panics.rs",
        ];
        assert_eq!(titles(&rig), expected);
    })
    .well();
}

#[test]
fn f058_a_pipeline_built_while_a_thread_unwinds_installs_nothing_and_does_not_panic() {
    const TEST: &str =
        "panics::f058_a_pipeline_built_while_a_thread_unwinds_installs_nothing_and_does_not_panic";
    struct Builds;
    impl Drop for Builds {
        fn drop(&mut self) {
            drop(rig_with(|builder| builder.panics()));
        }
    }
    child::run(TEST, &[], || {
        caught(|| {
            let _builds = Builds;
            panic!("before there is a pipeline");
        });
        // Twin: the next one installs it.
        let rig = rig_with(|builder| builder.panics());
        caught(|| panic!("with a pipeline"));
        assert_eq!(titles(&rig), ["panic: with a pipeline in tests/it/panics.rs"]);
    })
    .well();
}

#[test]
fn f058_what_is_off_muted_or_closed_reports_nothing() {
    const TEST: &str = "panics::f058_what_is_off_muted_or_closed_reports_nothing";
    let ended = child::run(TEST, &[], || {
        let filtered = rig_with(|builder| builder.panics().filter("error,panic=off"));
        let mut rig = rig_with(|builder| builder.panics());
        let handle = rig.handle();
        handle.mute(Duration::from_secs(60));
        caught(|| panic!("while muted"));
        assert_eq!((handle.stats().suppressed.mute, handle.stats().seen), (1, 1));
        handle.mute(Duration::ZERO);
        caught(|| panic!("while muted"));
        assert_eq!(titles(&rig), ["panic: while muted in tests/it/panics.rs"]);
        rig.drop_guard();
        caught(|| panic!("after the guard"));
        assert_eq!((handle.stats().seen, handle.stats().delivered), (2, 1));
        assert_eq!((filtered.stats().seen, filtered.stats().unmatched_rules.len()), (0, 0));
    })
    .well();
    assert_eq!(ended.said("guard dropped"), 0, "{}", ended.stderr);
}

#[test]
fn f058_a_panic_of_a_field_that_we_record_is_no_page_of_its_own() {
    const TEST: &str = "panics::f058_a_panic_of_a_field_that_we_record_is_no_page_of_its_own";
    #[derive(Clone, Copy)]
    struct Panics;
    impl std::fmt::Debug for Panics {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("of a field");
        }
    }
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics());
        let sandbox = Sandbox::start().unwrap();
        let builder = tracing_spike::builder(sandbox.url_for(TOKEN)).panics();
        let (alone, guard) = builder.build().unwrap();
        let alone = Dispatch::new(tracing_subscriber::registry().with(alone));
        with_default(&alone, || error!(field = ?Panics, "card payment failed"));
        let stats = guard.handle().stats();
        assert_eq!((stats.seen, stats.panicked_fields, rig.stats().seen), (1, 1, 0));
        drop(guard);
        // Twin: the layer beside ours lets it out.
        caught(|| rig.run(|| error!(field = ?Panics, "card payment failed")));
        let paged = |title: &str| titles(&rig).iter().any(|known| known == title);
        assert!(paged("panic: of a field in tests/it/panics.rs"), "{:?}", titles(&rig));
    })
    .well();
}

#[test]
fn f058_panics_are_paid_from_the_second_budget() {
    const TEST: &str = "panics::f058_panics_are_paid_from_the_second_budget";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics().budget(1, 1));
        rig.run(|| {
            error!(spike.title = "spends the budget", "x");
            error!(spike.title = "folded", "x");
        });
        caught(|| panic!("by itself"));
        let titles = titles(&rig);
        assert!(
            titles.contains(&"panic: by itself in tests/it/panics.rs".to_owned()),
            "{titles:?}"
        );
        assert_eq!(titles.len(), 3, "{titles:?}");
    })
    .well();
}

#[test]
fn f094_a_token_in_what_a_panic_says_is_removed() {
    const TEST: &str = "panics::f094_a_token_in_what_a_panic_says_is_removed";
    child::run(TEST, &[], || {
        panic::set_hook(Box::new(|_| {}));
        let rig = rig_with(|builder| builder.panics());
        caught(|| panic!("can't post to {}", rig.sandbox.url_for(TOKEN)));
        rig.flush();
        let incidents = rig.sandbox.incidents();
        assert!(told(&incidents[0], "/message").unwrap().contains("/REDACTED/"), "{incidents:?}");
    })
    .well();
}
