//! The last moments of a process: what is waited for, and for how long.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tracing_spike::{
    Incident, Problem,
    sandbox::{self, Fault, Sandbox},
};
use tracing_subscriber::Registry;

use super::{caught, on_thread};
use crate::{
    child,
    rig::{TOKEN, eventually, rig_with},
    spool::{all_records, directory, records},
};

/// The longest wait of the hook.
const WAIT: Duration = Duration::from_secs(2);
/// For what is not ours: starting a process, a busy machine.
const SLACK: Duration = Duration::from_secs(2);
/// What a slow endpoint takes.
const SLOW: Duration = Duration::from_millis(300);

/// An endpoint that takes connections and never answers.
fn hung() -> (TcpListener, String) {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    (server, format!("http://127.0.0.1:{port}/{TOKEN}/push-events"))
}

/// In a child, which ends in another way: pages panics to where its parent says.
fn pages_panics() {
    let mut builder = tracing_spike::builder(std::env::var("URL").unwrap());
    if let Some(dir) = std::env::var_os("SPOOL") {
        builder = builder.spool(dir);
    }
    let (_layer, guard) = builder.panics().build::<Registry>().unwrap();
    std::mem::forget(guard);
}

extern "C" fn cannot_unwind() {
    panic!("the last words");
}

#[test]
fn f059_where_a_panic_cannot_unwind_it_is_delivered_before_the_process_is_aborted() {
    const TEST: &str = "panics::dying::f059_where_a_panic_cannot_unwind_it_is_delivered_before_the_process_is_aborted";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Slow(SLOW));
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("URL", &url)], || {
        pages_panics();
        on_thread("worker", || cannot_unwind());
    });
    assert!(ended.status.code().is_none(), "{ended:?}");
    // Its own word for what follows is no second page.
    assert_eq!(ended.said("panic in a function that cannot unwind"), 1, "{}", ended.stderr);
    let incidents = sandbox.incidents();
    let titles: Vec<_> = incidents.iter().map(|incident| incident.title()).collect();
    assert_eq!(titles, ["panic: the last words in tests/it/panics/dying.rs"]);
}

#[test]
fn f059_a_panic_in_a_drop_that_unwinds_is_delivered_before_the_process_is_aborted() {
    const TEST: &str = "panics::dying::f059_a_panic_in_a_drop_that_unwinds_is_delivered_before_the_process_is_aborted";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Slow(SLOW));
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("URL", &url)], || {
        pages_panics();
        on_thread("worker", || {
            let _drops = super::Drops("the last words");
            panic!("the first words");
        });
    });
    assert!(ended.status.code().is_none(), "{ended:?}");
    assert_eq!(sandbox.opened(), 2, "{:?}", sandbox.incidents());
}

#[test]
fn f059_f060_a_panic_is_in_the_spool_before_the_process_can_end() {
    const TEST: &str =
        "panics::dying::f059_f060_a_panic_is_in_the_spool_before_the_process_can_end";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let (url, dir) = (sandbox.url_for(TOKEN), directory());
    let variables = [("URL", url.as_str()), ("SPOOL", dir.to_str().unwrap())];
    let ended = child::run(TEST, &variables, || {
        pages_panics();
        // Nothing waits on this thread, and nothing of ours runs in an abort.
        caught(|| panic!("the last words"));
        std::process::abort();
    });
    assert!(ended.status.code().is_none(), "{ended:?}");
    assert_eq!((records(&dir), sandbox.opened()), (1, 0), "{ended:?}");
    sandbox.clear_faults();
    let builder = tracing_spike::builder(&url).spool(&dir);
    let (_layer, guard) = builder.build::<Registry>().unwrap();
    eventually("it is delivered", || (guard.handle().stats().delivered == 1).then_some(()));
    let incident = &sandbox.incidents()[0];
    assert_eq!(incident.title(), "panic: the last words in tests/it/panics/dying.rs");
    assert_eq!(incident.body()["message"], "the last words");
    drop(guard);
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f059_an_endpoint_that_hangs_delays_the_end_by_two_seconds() {
    const TEST: &str = "panics::dying::f059_an_endpoint_that_hangs_delays_the_end_by_two_seconds";
    let (_server, url) = hung();
    let start = Instant::now();
    let ended = child::run(TEST, &[("URL", &url)], || {
        pages_panics();
        on_thread("worker", || cannot_unwind());
    });
    let took = start.elapsed();
    assert!(ended.status.code().is_none(), "{ended:?}");
    assert!(took >= WAIT - Duration::from_millis(100) && took < WAIT + SLACK, "{took:?}");
}

#[test]
fn f059_the_main_thread_waits_and_no_other() {
    const TEST: &str = "panics::dying::f059_the_main_thread_waits_and_no_other";
    child::run(TEST, &[], || {
        let rig = rig_with(|builder| builder.panics());
        rig.sandbox.fault(Fault::Slow(SLOW));
        let delivered = |thread| {
            let before = rig.stats().delivered;
            on_thread(thread, move || panic!("on {thread}"));
            rig.stats().delivered - before
        };
        assert_eq!(delivered("main"), 1);
        assert_eq!(delivered("panics::dying::test"), 0);
        rig.flush();
    })
    .well();
}

#[test]
fn f059_eight_threads_that_panic_in_a_loop_wait_for_two_seconds_in_all() {
    const TEST: &str =
        "panics::dying::f059_eight_threads_that_panic_in_a_loop_wait_for_two_seconds_in_all";
    let (_server, url) = hung();
    child::run(TEST, &[("URL", &url)], || {
        std::panic::set_hook(Box::new(|_| {}));
        pages_panics();
        let start = Instant::now();
        let panics = || (0..50).for_each(|n| drop(caught(|| panic!("no such user {n}"))));
        thread::scope(|scope| {
            for _ in 0..8 {
                thread::Builder::new().name("main".to_owned()).spawn_scoped(scope, panics).unwrap();
            }
        });
        let took = start.elapsed();
        assert!(took >= WAIT - Duration::from_millis(100) && took < WAIT + SLACK, "{took:?}");
    })
    .well();
}

#[test]
fn f066_exit_ends_in_time_after_panics_whatever_the_endpoint_does() {
    const TEST: &str =
        "panics::dying::f066_exit_ends_in_time_after_panics_whatever_the_endpoint_does";
    let (_server, hung) = hung();
    let sandbox = Sandbox::start().unwrap();
    for url in [hung, sandbox.url_for(TOKEN)] {
        let start = Instant::now();
        let ended = child::run(TEST, &[("URL", &url)], || {
            let builder = tracing_spike::builder(std::env::var("URL").unwrap());
            let builder = builder.panics().shutdown_timeout(Duration::from_millis(500));
            let (_layer, _guard) = builder.build::<Registry>().unwrap();
            (0..3).for_each(|n| on_thread("worker", move || panic!("no such user {n}")));
            on_thread("worker", || panic!("and one more"));
            on_thread("ends", || tracing_spike::exit(5));
        });
        let took = start.elapsed();
        assert_eq!(ended.status.code(), Some(5), "{ended:?}");
        assert!(took < Duration::from_millis(500) + SLACK, "{took:?}");
    }
    assert_eq!(sandbox.opened(), 2, "{:?}", sandbox.incidents());
}

#[test]
fn f050_a_panic_in_a_thread_local_destructor_is_delivered_before_the_process_is_aborted() {
    const TEST: &str = "panics::dying::f050_a_panic_in_a_thread_local_destructor_is_delivered_before_the_process_is_aborted";
    thread_local! {
        static DROPS: std::cell::RefCell<Option<super::Drops>> =
            const { std::cell::RefCell::new(None) };
    }
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("URL", &url)], || {
        pages_panics();
        on_thread("main", || {
            DROPS.with(|drops| *drops.borrow_mut() = Some(super::Drops("of a thread-local")));
        });
    });
    assert!(ended.status.code().is_none(), "{ended:?}");
    assert_eq!(sandbox.opened(), 1, "{:?}", sandbox.incidents());
}

#[test]
fn f059_f060_a_panic_that_meets_a_full_queue_is_in_the_spool_and_goes_out() {
    const TEST: &str =
        "panics::dying::f059_f060_a_panic_that_meets_a_full_queue_is_in_the_spool_and_goes_out";
    static HELD: Mutex<()> = Mutex::new(());
    /// Keeps the worker from whatever else it would do.
    fn holds(_: &Problem) {
        drop(HELD.lock());
    }
    let sandbox = Sandbox::start().unwrap();
    let (url, dir) = (sandbox.url_for(TOKEN), directory());
    let variables = [("URL", url.as_str()), ("SPOOL", dir.to_str().unwrap())];
    sandbox.fault_next(1, Fault::Status(400));
    let ended = child::run(TEST, &variables, || {
        let held = HELD.lock();
        let builder = tracing_spike::builder(std::env::var("URL").unwrap())
            .spool(std::env::var("SPOOL").unwrap())
            .queue_capacity(1)
            .budget(1_000, 1_000)
            .on_problem(holds)
            .panics();
        let (_layer, guard) = builder.build::<Registry>().unwrap();
        let handle = guard.handle();
        handle.trigger(Incident::new("it is rejected")).unwrap();
        // It counts that before it tells, and is held.
        eventually("it is rejected", || (handle.stats().lost.rejected > 0).then_some(()));
        eventually("the queue is full", || {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let title = format!("n{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            handle.trigger(Incident::new(title)).is_err_and(|error| error.is_full()).then_some(())
        });
        caught(|| panic!("the last words"));
        let dir = PathBuf::from(std::env::var("SPOOL").unwrap());
        let is_panic =
            |(_, record): &(PathBuf, Value)| record["title"].to_string().contains("last words");
        assert!(all_records(&dir).iter().any(is_panic), "{:?}", handle.stats());
        drop(held);
        drop(guard);
        let stats = handle.stats();
        assert_eq!(
            (stats.refused.full, stats.undelivered(), stats.pending),
            (1, 2, 0),
            "{stats:?}"
        );
    })
    .well();
    assert_eq!(ended.said("panicked at"), 1, "{}", ended.stderr);
    let is_it = |incident: &sandbox::Incident| incident.title().contains("the last words");
    assert!(sandbox.incidents().iter().any(is_it), "by the process that saw it");
    assert_eq!(records(&dir), 0);
    std::fs::remove_dir_all(dir).unwrap();
}
