//! The end: guards dropped in every order and place, flushes, `exit`, and what is not started.
//! How long that takes is in `time.rs`.

use std::{fmt, process::Command, sync::Mutex, thread, time::Duration};

use tracing::{Dispatch, dispatcher::with_default, error};
use tracing_spike::{
    Builder, Error, Guard, Handle, Incident, Mode,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::{
    child,
    context::alone,
    rig::{DEADLINE, TOKEN, assert_accepted, closed, eventually},
};

mod process;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod runs;
mod time;

/// A pipeline to any place on this machine.
fn pipeline(url: String, set: impl FnOnce(Builder) -> Builder) -> (Dispatch, Guard) {
    let (spike, guard) = set(tracing_spike::builder(url)).build::<Registry>().unwrap();
    (Dispatch::new(tracing_subscriber::registry().with(spike)), guard)
}

fn url_at(port: u16) -> String {
    format!("http://127.0.0.1:{port}/{TOKEN}/push-events")
}

#[test]
fn f052_events_before_and_after_the_guards_life_are_counted_and_said_once() {
    const TEST: &str =
        "exit::f052_events_before_and_after_the_guards_life_are_counted_and_said_once";
    let ended = child::run(TEST, &[], || {
        error!("before build");
        let sandbox = Sandbox::start().unwrap();
        let (dispatch, guard) = pipeline(sandbox.url_for(TOKEN), |builder| builder);
        error!("between build and init");
        let handle = guard.handle();
        assert_eq!(handle.stats().seen, 0);
        tracing::dispatcher::set_global_default(dispatch).unwrap();
        error!("while it lives");
        drop(guard);
        (0..3).for_each(|n| error!("after the guard {n}"));
        handle.resolve("after the guard").unwrap_err();
        assert_eq!(sandbox.incidents()[0].title(), "while it lives in it::exit");
        let stats = handle.stats();
        assert_eq!((stats.delivered, stats.refused.closed, stats.seen), (1, 4, 5));
        assert_eq!(stats.accounted(), stats.seen);
        assert_accepted(&sandbox, &stats);
        assert!(handle.flush(DEADLINE).worker_gone);
    })
    .well();
    assert_eq!(ended.said("guard dropped, nothing pages"), 1, "{}", ended.stderr);
}

#[test]
#[expect(clippy::let_underscore_must_use, reason = "it is about this mistake")]
fn f052_a_guard_that_is_not_bound_is_said_with_what_to_write() {
    const TEST: &str = "exit::f052_a_guard_that_is_not_bound_is_said_with_what_to_write";
    let ended = child::run(TEST, &[], || {
        let sandbox = Sandbox::start().unwrap();
        let _ = tracing_spike::builder(sandbox.url_for(TOKEN)).init().unwrap();
        error!("card payment failed");
        error!("card payment failed");
        assert_eq!(sandbox.connections(), 0);
    })
    .well();
    assert_eq!(ended.said("bind it: let _spike = …"), 1, "{}", ended.stderr);
}

#[test]
fn f070_timeouts_of_nothing_and_of_for_ever_are_taken_as_they_are() {
    // Nothing: what is pending is lost, and counted.
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let (_dispatch, guard) =
        pipeline(sandbox.url_for(TOKEN), |builder| builder.shutdown_timeout(Duration::ZERO));
    let handle = guard.handle();
    handle.trigger(Incident::new("disk full")).unwrap();
    assert_eq!(handle.flush(Duration::ZERO).pending, 1);
    assert_eq!(closed(guard).lost.shutdown, 1);
    // For ever: it ends when everything is delivered.
    let sandbox = Sandbox::start().unwrap();
    let (_dispatch, guard) =
        pipeline(sandbox.url_for(TOKEN), |builder| builder.shutdown_timeout(Duration::MAX));
    let handle = guard.handle();
    handle.trigger(Incident::new("disk full")).unwrap();
    assert!(handle.flush(Duration::MAX).is_complete());
    handle.resolve("disk full").unwrap();
    drop(guard);
    assert_eq!((handle.stats().delivered, sandbox.open().len()), (2, 0));
    assert_accepted(&sandbox, &handle.stats());
}

#[test]
fn f070_f071_settings_out_of_range_are_errors_that_name_them() {
    let build = |set: &dyn Fn(Builder) -> Builder| -> Result<(), Error> {
        set(tracing_spike::builder(url_at(1))).build::<Registry>().map(drop)
    };
    for capacity in [0, 65_537, usize::MAX] {
        let error = build(&|builder| builder.queue_capacity(capacity)).unwrap_err();
        let expected = format!("queue_capacity: expected 1 to 65,536 incidents, found {capacity}");
        assert!(error.is_config() && error.to_string() == expected, "{error}");
    }
    let day = Duration::from_secs(86_400);
    for every in [Duration::ZERO, Duration::from_millis(9_999), day * 2, Duration::MAX] {
        let error = build(&|builder| builder.repeat_every(every)).unwrap_err();
        let said = error.to_string();
        assert!(said.starts_with("repeat_every: expected 10 s to 24 h, found "), "{said}");
    }
    // Twin: what is just in range.
    for capacity in [1, 65_536] {
        build(&|builder| builder.queue_capacity(capacity)).unwrap();
    }
    for every in [Duration::from_secs(10), day] {
        build(&|builder| builder.repeat_every(every)).unwrap();
    }
}

#[test]
fn f053_f054_a_pipeline_lives_and_ends_inside_any_runtime() {
    fn life() {
        let sandbox = Sandbox::start().unwrap();
        let (dispatch, guard) = pipeline(sandbox.url_for(TOKEN), |builder| builder);
        with_default(&dispatch, || error!("card payment failed"));
        for _ in 0..2 {
            assert!(guard.handle().flush(DEADLINE).is_complete());
        }
        with_default(&dispatch, || error!("card refund failed"));
        let handle = guard.handle();
        drop(guard);
        assert_eq!((sandbox.opened(), handle.stats().delivered), (2, 2));
        assert_accepted(&sandbox, &handle.stats());
    }
    life();
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    current.block_on(async { life() });
    tokio::task::LocalSet::new().block_on(&current, async { life() });
    let multi = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    multi.block_on(async { tokio::spawn(async { life() }).await.unwrap() });
    multi.block_on(async { tokio::task::spawn_blocking(life).await.unwrap() });
}

#[test]
fn f063_a_thread_that_cannot_be_started_is_an_error_and_no_panic() {
    const TEST: &str = "exit::f063_a_thread_that_cannot_be_started_is_an_error_and_no_panic";
    // There is no room for a stack of 2 MiB: works for root too, unlike a limit on threads.
    let limit = |bytes: &str| {
        let (limit, own) = (format!("--as={bytes}:unlimited"), std::process::id().to_string());
        let set = Command::new("prlimit").args([&limit, "--pid", &own]).status().unwrap();
        assert!(set.success());
    };
    child::run(TEST, &[], || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: u64 = statm.split(' ').next().unwrap().parse().unwrap();
        limit(&(pages * 4096 + (1 << 20)).to_string());
        let failed = tracing_spike::builder(url_at(1)).build::<Registry>().map(drop);
        // Without paging there is no thread, and so nothing that fails.
        let off = tracing_spike::builder(url_at(1)).mode(Mode::Off).build::<Registry>().map(drop);
        limit("unlimited");
        off.unwrap();
        let error = failed.unwrap_err();
        assert_eq!(error.to_string(), "the worker's thread could not be started");
        assert!(std::error::Error::source(&error).is_some() && !error.is_config());
        // Twin: with room it starts.
        drop(tracing_spike::builder(url_at(1)).build::<Registry>().unwrap());
    })
    .well();
}

#[test]
fn f066_exit_delivers_first_and_ends_with_its_code() {
    const TEST: &str = "exit::f066_exit_delivers_first_and_ends_with_its_code";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault_next(1, Fault::Slow(Duration::from_millis(200)));
    let (one, two) = (sandbox.url_for(TOKEN), sandbox.url_for("second-token"));
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &one), ("SECOND", &two)], || {
        let second = pipeline(std::env::var("SECOND").unwrap(), |builder| builder);
        second.1.handle().trigger(Incident::new("of another pipeline")).unwrap();
        // Whether a guard is forgotten does not matter.
        std::mem::forget(second.1);
        let _spike = tracing_spike::init().unwrap();
        (0..5).for_each(|n| error!(spike.title = %format!("title {n}"), "x"));
        tracing_spike::exit(3);
    });
    assert_eq!(ended.status.code(), Some(3), "{}", ended.stderr);
    assert_eq!(sandbox.opened(), 6, "{:?}", sandbox.incidents());
}

#[test]
fn f066_exit_waits_for_a_guard_that_is_being_dropped() {
    const TEST: &str = "exit::f066_exit_waits_for_a_guard_that_is_being_dropped";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Slow(Duration::from_millis(300)));
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
        let guard = tracing_spike::init().unwrap();
        let handle = guard.handle();
        handle.trigger(Incident::new("the last words")).unwrap();
        handle.trigger(Incident::new("and one more")).unwrap();
        thread::spawn(move || drop(guard));
        eventually("the drop", || handle.resolve("x").is_err_and(|e| e.is_closed()).then_some(()));
        tracing_spike::exit(4);
    });
    assert_eq!((ended.status.code(), sandbox.opened()), (Some(4), 2), "{}", ended.stderr);
}

#[test]
fn layer_guard_and_handle_end_in_any_order() {
    for order in ["lgh", "lhg", "glh", "ghl", "hlg", "hgl"] {
        let sandbox = Sandbox::start().unwrap();
        let (dispatch, guard) = pipeline(sandbox.url_for(TOKEN), |builder| builder);
        let mut handle = Some(guard.handle());
        with_default(&dispatch, || error!("card payment failed"));
        let (mut dispatch, mut guard) = (Some(dispatch), Some(guard));
        for part in order.chars() {
            match part {
                'l' => dispatch = None,
                'g' => guard = None,
                _ => handle = None,
            }
        }
        assert!(dispatch.is_none() && guard.is_none() && handle.is_none());
        assert_eq!(sandbox.opened(), 1, "{order}");
    }
}

#[test]
fn f071_two_pipelines_in_one_subscriber_know_nothing_of_each_other() {
    let sandbox = Sandbox::start().unwrap();
    let build = |token| {
        let builder = tracing_spike::builder(sandbox.url_for(token));
        builder.build().unwrap()
    };
    let (one, first) = build(TOKEN);
    let (two, second) = tracing_spike::builder(sandbox.url_for("second-token")).build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(one).with(two));
    with_default(&dispatch, || error!("card payment failed"));
    let handle = second.handle();
    drop(first);
    with_default(&dispatch, || error!("card refund failed"));
    drop(second);
    let to = |token| {
        let url = sandbox.url_for(token);
        sandbox.incidents().iter().filter(|incident| incident.came_to(&url)).count()
    };
    assert_eq!((to(TOKEN), to("second-token"), sandbox.received()), (1, 2, 3));
    assert_eq!((handle.stats().seen, handle.stats().delivered), (2, 2));
}

#[test]
fn f048_a_guard_dropped_while_an_event_is_being_built_loses_no_count() {
    /// Ends paging when it is formatted.
    struct Ends(Mutex<Option<Guard>>, Handle);
    impl fmt::Debug for Ends {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            drop(self.0.lock().unwrap().take());
            let gone = || self.1.flush(Duration::ZERO).worker_gone.then_some(());
            eventually("the worker has ended", gone);
            f.write_str("ended")
        }
    }
    let sandbox = Sandbox::start().unwrap();
    let (dispatch, guard) = pipeline(sandbox.url_for(TOKEN), |builder| {
        builder.shutdown_timeout(Duration::from_millis(200))
    });
    let handle = guard.handle();
    let ends = Ends(Mutex::new(Some(guard)), handle.clone());
    with_default(&dispatch, || error!(?ends, "card payment failed"));
    let stats = handle.stats();
    assert_eq!((stats.seen, stats.lost.shutdown, stats.pending), (1, 1, 0), "{stats:?}");
    assert_accepted(&sandbox, &stats);
}

#[test]
fn events_of_eight_threads_while_the_guard_drops_are_all_accounted_for() {
    for _ in 0..5 {
        let mut spike = alone(|builder| builder.shutdown_timeout(Duration::from_millis(100)));
        let handle = spike.handle.clone();
        thread::scope(|scope| {
            for thread in 0..8 {
                let dispatch = spike.dispatch.clone();
                scope.spawn(move || {
                    for n in 0..200 {
                        let title = format!("{thread} {n}");
                        with_default(&dispatch, || error!(spike.title = title, "x"));
                    }
                });
            }
            eventually("the first", || (handle.stats().seen > 100).then_some(()));
            spike.finish();
        });
        let stats = handle.stats();
        assert_eq!((stats.seen, stats.accounted(), stats.pending), (1600, 1600, 0), "{stats:?}");
        assert!(spike.sandbox.opened() >= stats.delivered, "{stats:?}");
    }
}

#[test]
fn f066_what_waits_when_a_program_exits_past_us_is_lost_and_holds_up_nothing() {
    const TEST: &str =
        "exit::f066_what_waits_when_a_program_exits_past_us_is_lost_and_holds_up_nothing";
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    let start = std::time::Instant::now();
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
        let spike = tracing_spike::init().unwrap();
        (0..5).for_each(|n| error!(spike.title = %format!("title {n}"), "x"));
        assert_eq!(spike.handle().flush(Duration::ZERO).pending, 5);
        std::process::exit(7);
    });
    assert_eq!((ended.status.code(), sandbox.opened()), (Some(7), 0), "{}", ended.stderr);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn f060_what_ends_a_process_at_once_is_not_held_up_and_delivers_nothing() {
    const TEST: &str = "exit::f060_what_ends_a_process_at_once_is_not_held_up_and_delivers_nothing";
    use std::os::unix::process::ExitStatusExt;
    let sandbox = Sandbox::start().unwrap();
    sandbox.fault(Fault::Hang);
    let url = sandbox.url_for(TOKEN);
    for (how, signal) in [("abort", 6), ("kill", 9), ("segv", 11)] {
        let variables = [("SPIKE_WEBHOOK_URL", url.as_str()), ("HOW", how)];
        let start = std::time::Instant::now();
        let ended = child::run(TEST, &variables, || {
            let spike = tracing_spike::init().unwrap();
            error!("the last words");
            assert_eq!(spike.handle().flush(Duration::ZERO).pending, 1);
            let own = rustix::process::getpid();
            let signal = match std::env::var("HOW").unwrap().as_str() {
                "abort" => std::process::abort(),
                "kill" => rustix::process::Signal::KILL,
                _ => rustix::process::Signal::SEGV,
            };
            // More than once: the first only takes away the handler that Rust has for overflows.
            loop {
                rustix::process::kill_process(own, signal).unwrap();
            }
        });
        assert_eq!(ended.status.signal(), Some(signal), "{ended:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    assert_eq!(sandbox.opened(), 0);
}
