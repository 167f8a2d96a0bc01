//! The worker's thread: starts it with a runtime of its own, and starts the worker again when our
//! own code has panicked.
//!
//! Invariants: five restarts within a minute at most, beyond that nothing is sent until the minute
//! is over; the thread is never joined, and its runtime never waited for.

use std::{collections::VecDeque, io, sync::mpsc as reply, thread, time::Duration};

use tokio::runtime::Runtime;

use crate::{
    contain::contained,
    delivery::{
        transport::Transport,
        worker::{Parts, Worker},
    },
    error::{Error, Kind},
    reentry,
};

/// The worker's name, as a debugger and `top -H` show it.
const THREAD_NAME: &str = "spike-worker";
/// Loading root certificates is all that takes time at start.
const START: Duration = Duration::from_secs(10);
/// So many restarts within [`WINDOW`], at most.
const RESTARTS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);
/// A worker that sends nothing looks so often for those who wait for it.
const LOOK: Duration = Duration::from_millis(20);

/// Starts the worker and waits until it works. `transports` are those of the receiver's lanes, and
/// are made on the worker's thread, since making a client takes a while and may panic.
pub(crate) fn start(
    parts: Parts,
    transports: impl FnOnce() -> Result<Vec<Transport>, Error> + Send + 'static,
) -> Result<(), Error> {
    let (ready, started) = reply::sync_channel(1);
    let failed = |what| move |source| Error::new(Kind::Worker { what, source });
    // Deliberately not joined: a lookup that hangs must not hold up the program's exit. The guard
    // waits for the worker's last report instead, up to a deadline.
    let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
        reentry::mark_own_thread();
        let runtime = runtime().map_err(failed("runtime"));
        let made = contained(transports).unwrap_or_else(|| {
            let source = io::Error::other("making the client panicked");
            Err(Error::new(Kind::Worker { what: "https client", source }))
        });
        let (runtime, transports) = match (runtime, made) {
            (Ok(runtime), Ok(transports)) => (runtime, transports),
            (Err(error), _) | (_, Err(error)) => {
                ready.send(Err(error)).ok();
                return;
            }
        };
        // Whoever asks how it is doing is told from the start.
        let worker = Worker::new(parts, transports);
        ready.send(Ok(())).ok();
        supervise(worker, runtime);
    });
    drop(thread.map_err(failed("thread"))?);
    started.recv_timeout(START).unwrap_or_else(|_| Err(Error::new(Kind::Start(START))))
}

/// Runs the worker until it ends by itself.
fn supervise(mut worker: Worker, first: Runtime) {
    let mut restarts = Restarts::default();
    let mut made = Ok(first);
    loop {
        let ended = match made {
            Ok(runtime) => {
                let ended = contained(|| runtime.block_on(worker.run()));
                // Dropping it would wait for a lookup that hangs.
                runtime.shutdown_background();
                ended.is_some()
            }
            Err(_) => false,
        };
        if ended {
            return;
        }
        let clock = worker.clock();
        let now = clock.now();
        let again_at = restarts.again_at(now);
        contained(|| worker.recover(again_at > now));
        while clock.now() < again_at {
            if contained(|| worker.rest()) == Some(true) {
                return;
            }
            // The one thing to wait for without a runtime.
            thread::sleep(LOOK);
        }
        restarts.note(clock.now());
        made = runtime();
    }
}

/// When the worker was started again, as far as it matters.
#[derive(Debug, Default)]
struct Restarts(VecDeque<Duration>);

impl Restarts {
    /// The earliest time for one more.
    fn again_at(&self, now: Duration) -> Duration {
        match self.0.front() {
            Some(first) if self.0.len() >= RESTARTS => first.saturating_add(WINDOW),
            _ => now,
        }
    }

    fn note(&mut self, now: Duration) {
        if self.0.len() >= RESTARTS {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }
}

/// A runtime for the calling thread. The threads that it starts itself, for lookups, are ours too.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("spike-dns")
        .on_thread_start(reentry::mark_own_thread)
        .build()
}

#[cfg(test)]
mod tests;
