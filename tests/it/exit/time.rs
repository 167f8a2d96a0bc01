//! How long a drop and a flush take at most (G7).

use std::{
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use tracing::{dispatcher::with_default, error};
use tracing_spike::{
    Handle, Incident, Stats,
    sandbox::{Fault, Sandbox},
};

use super::{pipeline, url_at};
use crate::rig::{DEADLINE, eventually, rig_with};

/// What is added to a timeout at most.
const OURS: Duration = Duration::from_millis(50);

/// A port that takes no connection and refuses none, while what is returned lives.
pub(super) fn blackhole() -> (u16, Vec<Box<dyn Send>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entered = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    drop(entered);
    let address = listener.local_addr().unwrap();
    let mut held: Vec<Box<dyn Send>> = vec![Box::new(listener), Box::new(runtime)];
    // The backlog is full when a connection hangs.
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        held.push(Box::new(stream));
    }
    (address.port(), held)
}

/// Runs `wait`, which is to end within `timeout` (G7), some more times if it does not: only our
/// own part of the time can be promised on a busy machine.
fn bounded(what: &str, timeout: Duration, wait: impl Fn() -> Duration) {
    let (most, mut took) = (timeout + OURS, Vec::new());
    while took.len() < 5 && took.iter().all(|one| *one > most) {
        took.push(wait());
    }
    let least = took.iter().min().unwrap();
    assert!(*least <= most, "{what}: {took:?} of {timeout:?}");
    assert!(took.iter().max().unwrap() < &DEADLINE, "{what}: {took:?}");
}

/// The counts after a shutdown. On a busy machine the worker may come to count what is lost only
/// after the drop has stopped waiting for it.
fn settled(handle: &Handle) -> Stats {
    eventually("nothing is pending", || {
        let stats = handle.stats();
        (stats.pending == 0).then_some(stats)
    })
}

#[test]
fn g7_a_drop_and_a_flush_end_in_time_whatever_the_endpoint_does() {
    let (hung_connect, _held) = blackhole();
    let hung_server = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Sandbox::start().unwrap();
    refusing.fault(Fault::Status(401));
    let ports = [
        ("hung connect", hung_connect),
        ("hung server", hung_server.local_addr().unwrap().port()),
        ("closed port", 1),
        ("refused webhook", refusing.port()),
    ];
    let timeout = Duration::from_millis(300);
    for (what, port) in ports {
        for pending in [0, 5] {
            bounded(what, timeout, || {
                let (_dispatch, guard) =
                    pipeline(url_at(port), |builder| builder.shutdown_timeout(timeout));
                let handle = guard.handle();
                for n in 0..pending {
                    handle.trigger(Incident::new(format!("title {n}"))).unwrap();
                }
                let start = Instant::now();
                assert_eq!(handle.flush(timeout).pending, pending, "{what}");
                let flushed = start.elapsed();
                drop(guard);
                let dropped = start.elapsed() - flushed;
                assert_eq!(settled(&handle).lost.shutdown, pending, "{what}");
                flushed.max(dropped)
            });
        }
    }
}

#[test]
fn f054_a_drop_in_an_async_fn_ends_in_time_when_nobody_answers() {
    async fn life(port: u16, timeout: Duration) -> Duration {
        let (dispatch, guard) = pipeline(url_at(port), |builder| builder.shutdown_timeout(timeout));
        with_default(&dispatch, || error!("card payment failed"));
        tokio::task::yield_now().await;
        let (handle, start) = (guard.handle(), Instant::now());
        drop(guard);
        let took = start.elapsed();
        assert_eq!(settled(&handle).lost.shutdown, 1);
        assert!(took >= timeout, "{took:?}: somebody has answered");
        took
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let timeout = Duration::from_millis(100);
    bounded("block_on", timeout, || runtime.block_on(life(port, timeout)));
    bounded("a task", timeout, || {
        runtime.block_on(async { tokio::spawn(life(port, timeout)).await.unwrap() })
    });
}

#[test]
fn f069_thirty_two_flushes_a_drop_and_events_at_the_same_time_all_end_in_time() {
    let timeout = Duration::from_millis(100);
    // One that is delivered slowly, one that is not delivered at all.
    let slow = (Fault::Slow(Duration::from_millis(2)), DEADLINE);
    for (fault, shutdown) in [slow, (Fault::Hang, timeout)] {
        let what = format!("{fault:?}");
        bounded(&what, timeout, || all_at_once(fault.clone(), timeout, shutdown));
    }
}

/// What the longest of the flushes took, or the drop, if that took more beyond its own timeout.
fn all_at_once(fault: Fault, timeout: Duration, shutdown: Duration) -> Duration {
    let mut rig = rig_with(|builder| builder.shutdown_timeout(shutdown));
    rig.sandbox.fault(fault);
    let handle = rig.handle();
    let longest = thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (handle, dispatch) = (handle.clone(), rig.dispatch.clone());
            scope.spawn(move || {
                for n in 0..50 {
                    with_default(&dispatch, || error!(spike.title = %thread, "x"));
                    // Refused when it is full or over, and counted: asserted by the teardown.
                    handle.trigger(Incident::new(format!("{thread} {n}"))).ok();
                    handle.resolve(&format!("{thread} {n}")).ok();
                }
            });
        }
        let flush = |_| {
            let handle = handle.clone();
            scope.spawn(move || {
                let start = Instant::now();
                drop(handle.flush(timeout));
                start.elapsed()
            })
        };
        let mut waits: Vec<_> = (0..32).map(flush).collect();
        waits.push(scope.spawn(|| {
            let start = Instant::now();
            rig.drop_guard();
            start.elapsed().saturating_sub(shutdown - timeout)
        }));
        waits.into_iter().map(|wait| wait.join().unwrap()).max().unwrap()
    });
    let stats = settled(&handle);
    assert_eq!((stats.seen, stats.accounted()), (1200, 1200), "{stats:?}");
    rig.finish();
    longest
}
