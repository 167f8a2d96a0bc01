//! What a flush and a shutdown wait for, and what must not hold them up.

use std::{
    fmt,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use tracing::{error, warn};
use tracing_spike::{
    Handle, Incident,
    sandbox::{Fault, Sandbox},
};

use tracing_subscriber::prelude::*;

use crate::{
    child,
    rig::{DEADLINE, TOKEN, assert_accepted, eventually, rig, rig_with},
};

#[test]
fn a_flush_is_done_when_what_was_there_is_delivered_whatever_comes_after() {
    let rig = rig();
    rig.sandbox.fault(Fault::Slow(Duration::from_millis(20)));
    let (handle, ended) = (rig.handle(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            // More than the endpoint takes: there is always something pending.
            for n in 0_u64.. {
                let title: String =
                    n.to_string().chars().map(|c| char::from(c as u8 + 49)).collect();
                handle.trigger(Incident::new(title)).ok();
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                while handle.stats().pending > 5 && !ended.load(Ordering::Relaxed) {
                    thread::yield_now();
                }
            }
        });
        eventually("several are pending", || (handle.stats().pending > 4).then_some(()));
        let report = handle.flush(DEADLINE);
        let behind = handle.stats().pending;
        ended.store(true, Ordering::Relaxed);
        assert!(report.is_complete() && report.delivered > 0, "{report:?}");
        assert!(behind > 0, "nothing came after, so the test shows nothing");
    });
}

/// Says that it is being formatted, and takes until paging is closed.
struct Slow(Handle, mpsc::Sender<()>);

impl fmt::Debug for Slow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.1.send(()).unwrap();
        let closed = || self.0.resolve("nothing").err().filter(|error| error.is_closed());
        eventually("the guard is being dropped", closed);
        f.write_str("slow")
    }
}

#[test]
fn a_shutdown_waits_for_an_event_that_has_its_slot_already() {
    let mut rig = rig_with(|builder| builder.shutdown_timeout(DEADLINE));
    let (sender, begun) = mpsc::channel();
    let slow = Slow(rig.handle(), sender);
    let dispatch = rig.dispatch.clone();
    let worker = thread::spawn(move || {
        tracing::dispatcher::with_default(&dispatch, || error!(?slow, "card payment failed"));
    });
    // It is formatted only when it has its slot.
    begun.recv_timeout(DEADLINE).unwrap();
    rig.drop_guard();
    worker.join().unwrap();
    let stats = rig.stats();
    assert_eq!((rig.sandbox.opened(), stats.lost.shutdown), (1, 0), "{stats:?}");
}

#[test]
fn a_mistyped_status_on_a_hot_path_is_said_once_and_holds_nothing_up() {
    let ended = child::run(
        "flush::a_mistyped_status_on_a_hot_path_is_said_once_and_holds_nothing_up",
        &[],
        || {
            let sandbox = Sandbox::start().unwrap();
            let (spike, guard) =
                tracing_spike::builder(sandbox.url_for(TOKEN)).build().unwrap();
            tracing_subscriber::registry().with(spike).init();
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..20_000 {
                            warn!(target: "hot", { spike.status = "resolved" }, "queue has drained");
                        }
                    });
                }
                error!("card payment failed");
            });
            assert!(guard.handle().flush(DEADLINE).is_complete());
            let stats = guard.handle().stats();
            assert_eq!((stats.ignored.bad_status, stats.delivered), (40_000, 1), "{stats:?}");
            assert_accepted(&sandbox, &stats);
        },
    )
    .well();
    assert_eq!(ended.said("is neither \"resolve\" nor \"trigger\""), 1);
}

#[test]
fn f084_a_log_record_with_an_endless_target_has_a_body_of_the_usual_size() {
    child::run(
        "flush::f084_a_log_record_with_an_endless_target_has_a_body_of_the_usual_size",
        &[],
        || {
            let sandbox = Sandbox::start().unwrap();
            let guard = tracing_spike::builder(sandbox.url_for(TOKEN)).init().unwrap();
            log::error!(target: &"t".repeat(200_000), "card payment failed");
            assert!(guard.handle().flush(DEADLINE).is_complete());
            assert_accepted(&sandbox, &guard.handle().stats());
            let requests = sandbox.requests();
            assert!(requests[0].body().len() < 4_096, "{}", requests[0].body().len());
            let title = requests[0].title().unwrap();
            assert!(title.starts_with("card payment failed in ...tt"), "{title}");
            assert_eq!(sandbox.incidents()[0].body()["notes"]["cut"], "target");
        },
    )
    .well();
}
