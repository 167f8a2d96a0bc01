//! The worker: our own thread with a runtime of its own, and the loop that moves ops from the
//! queue to the endpoints, which all share it.
//!
//! Invariants: it makes no decision (the outboxes do); control messages never wait behind data,
//! nor one endpoint behind another; nothing here waits without a deadline or an attempt's own
//! time-out.

use std::{
    collections::{HashSet, VecDeque},
    future::poll_fn,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc as reply},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use tokio::{runtime::Runtime, time::sleep_until};

use crate::{
    backoff::scramble,
    clock::Clock,
    delivery::{
        body::Source,
        endpoint::Endpoint,
        flush::{Flushes, Seen},
        outbox::Room,
        transport::{Attempted, Transport},
    },
    error::{Error, Kind},
    incident::Op,
    queue::{Asker, Control, FlushReport, Lane, Receiver},
    reentry,
    stats::{Count, Counters},
};

/// The worker's name, as a debugger and `top -H` show it.
const THREAD_NAME: &str = "spike-worker";
/// Loading root certificates is all that takes time at start.
const START: Duration = Duration::from_secs(10);
/// Different lines said on stderr at most, in the life of a worker.
const LINES: usize = 100;

/// What the builder hands to the worker.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) receiver: Receiver,
    pub(crate) counters: Arc<Counters>,
    pub(crate) source: Source,
    pub(crate) entropy: u64,
}

struct Worker {
    parts: Parts,
    endpoints: Vec<Endpoint>,
    arrived: VecDeque<Box<Op>>,
    /// Attempts that have ended, with the number of the endpoint.
    finished: Vec<(usize, Attempted)>,
    flushes: Flushes<reply::SyncSender<FlushReport>>,
    said: HashSet<String>,
    /// Set by a shutdown.
    ends: Option<Ends>,
}

/// The loop ends when everything is settled but what the asker holds, or at this time.
#[derive(Clone, Copy)]
struct Ends {
    at: Duration,
    holds: usize,
}

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
        let made = catch_unwind(AssertUnwindSafe(transports)).unwrap_or_else(|_| {
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
        ready.send(Ok(())).ok();
        let worker = Worker::new(parts, transports);
        runtime.block_on(worker.run());
        // Dropping it would wait for a lookup that hangs.
        runtime.shutdown_background();
    });
    drop(thread.map_err(failed("thread"))?);
    started.recv_timeout(START).unwrap_or_else(|_| Err(Error::new(Kind::Start(START))))
}

/// A runtime for the calling thread. The threads that it starts itself, for lookups, are ours too.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_name("spike-dns")
        .on_thread_start(reentry::mark_own_thread)
        .build()
}

/// What the loop woke up for.
enum Woke {
    Control(Option<Control>),
    /// Attempts have ended, or ops have arrived.
    Happened,
    Time,
}

impl Worker {
    fn new(parts: Parts, transports: Vec<Transport>) -> Self {
        Self {
            parts,
            endpoints: transports.into_iter().map(Endpoint::new).collect(),
            arrived: VecDeque::new(),
            finished: Vec::new(),
            flushes: Flushes::new(),
            said: HashSet::new(),
            ends: None,
        }
    }

    async fn run(mut self) {
        loop {
            self.receive();
            let now = self.parts.clock.now();
            let Parts { counters, source, .. } = &self.parts;
            let begun = self.endpoints.iter_mut().map(|one| one.begin(now, counters, source));
            // All of them, whether or not there is something to wait for.
            let wake = begun.flatten().min();
            if self.report(now) {
                return;
            }
            match self.wait(wake).await {
                Woke::Control(Some(control)) => self.obey(control),
                // Every handle is gone and no guard said goodbye: what is left is lost.
                Woke::Control(None) => return,
                Woke::Happened => self.finish(),
                Woke::Time => {}
            }
        }
    }

    /// Sleeps until something happens. In this order, since a flush must not wait behind data and
    /// a finished attempt makes room for it.
    async fn wait(&mut self, wake: Option<Duration>) -> Woke {
        let ends = self.ends.map(|ends| ends.at);
        let wake = self.flushes.deadline().into_iter().chain(ends).chain(wake).min();
        let until = self.parts.clock.instant(wake.unwrap_or(Duration::MAX));
        let Receiver { lanes, control } = &mut self.parts.receiver;
        let (endpoints, finished) = (&mut self.endpoints, &mut self.finished);
        let arrived = &mut self.arrived;
        tokio::select! {
            biased;
            message = control.recv() => Woke::Control(message),
            () = poll_fn(|context| {
                let happened = poll_attempts(endpoints, finished, context)
                    || poll_lanes(endpoints, lanes, arrived, context);
                if happened { Poll::Ready(()) } else { Poll::Pending }
            }) => Woke::Happened,
            () = sleep_until(until), if wake.is_some() => Woke::Time,
        }
    }

    /// Moves what has arrived into the outboxes, as far as there is room.
    fn receive(&mut self) {
        let now = self.parts.clock.now();
        loop {
            for op in self.arrived.drain(..) {
                self.flushes.receive();
                // The queue has a lane for each endpoint, and for no other.
                if let Some(endpoint) = self.endpoints.get_mut(op.endpoint) {
                    endpoint.push(op, now);
                }
            }
            for (endpoint, lane) in self.endpoints.iter().zip(&mut self.parts.receiver.lanes) {
                let Room { triggers, resolves } = endpoint.room();
                lane.drain(resolves, triggers, &mut self.arrived);
            }
            if self.arrived.is_empty() {
                return;
            }
        }
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Say(line) => self.say(line),
            // The loop does.
            Control::Look => {}
            Control::Flush { mark, asker } => self.begin_flush(mark, asker),
            Control::Shutdown { asker } => {
                self.parts.receiver.close();
                self.ends = Some(Ends { at: asker.deadline, holds: asker.holds });
                self.begin_flush(u64::MAX, asker);
            }
        }
    }

    fn begin_flush(&mut self, mark: u64, asker: Asker) {
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.hurry(mark));
        self.flushes.begin(mark, asker, self.seen());
    }

    fn seen(&self) -> Seen {
        let slots = self.parts.receiver.slots_taken();
        let delivered = self.parts.counters.get(Count::Delivered);
        Seen { slots, delivered, lost: self.lost() }
    }

    /// Answers the flushes that are complete or out of time; tells whether the worker should end.
    fn report(&mut self, now: Duration) -> bool {
        let end = self.ends.is_some_and(|Ends { at, holds }| {
            let settled = self.endpoints.iter().all(|endpoint| endpoint.pending() == 0);
            settled && self.parts.receiver.slots_taken() <= holds || now >= at
        });
        if end {
            self.give_up();
        }
        let (seen, endpoints) = (self.seen(), &self.endpoints);
        let held_since = |mark| {
            let held = endpoints.iter().map(|endpoint| endpoint.held_since(mark));
            held.fold(0, usize::saturating_add)
        };
        for (reply, report) in self.flushes.answers(now, end, seen, held_since) {
            // Whoever asked may have stopped waiting.
            reply.try_send(report).ok();
        }
        end
    }

    /// What is left is lost now, so that the last report, the counters and a person know of it.
    fn give_up(&mut self) {
        let before = self.parts.counters.get(Count::LostShutdown);
        self.endpoints.iter_mut().for_each(Endpoint::give_up);
        for lane in &mut self.parts.receiver.lanes {
            lane.drain(usize::MAX, usize::MAX, &mut self.arrived);
        }
        self.arrived.clear();
        let lost = self.parts.counters.get(Count::LostShutdown).saturating_sub(before);
        if lost > 0 {
            self.print(&format!("{lost} not delivered when the program ended, and lost"));
        }
    }

    fn lost(&self) -> u64 {
        [
            Count::LostRejected,
            Count::LostRedirect,
            Count::LostPoison,
            Count::LostExpired,
            Count::LostShutdown,
        ]
        .into_iter()
        .fold(0, |sum: u64, count| sum.saturating_add(self.parts.counters.get(count)))
    }

    /// Takes over what became of the attempts that have ended.
    fn finish(&mut self) {
        let now = self.parts.clock.now();
        for (at, attempted) in std::mem::take(&mut self.finished) {
            self.parts.entropy = scramble(self.parts.entropy);
            let Parts { counters, entropy, .. } = &self.parts;
            let Some(endpoint) = self.endpoints.get_mut(at) else { continue };
            if let Some(line) = endpoint.finish(&attempted, now, *entropy, counters) {
                self.print(&line);
            }
        }
    }

    /// Says a line once.
    fn say(&mut self, line: String) {
        if self.said.len() < LINES && !self.said.contains(&line) {
            self.print(&line);
            self.said.insert(line);
        }
    }

    fn print(&self, line: &str) {
        writeln!(io::stderr(), "tracing-spike: {line}").ok();
    }
}

/// Collects all attempts that have ended, each with the number of its endpoint, so that an
/// endpoint that answers at once keeps no other waiting.
fn poll_attempts(
    endpoints: &mut [Endpoint],
    finished: &mut Vec<(usize, Attempted)>,
    context: &mut Context<'_>,
) -> bool {
    for (at, endpoint) in endpoints.iter_mut().enumerate() {
        if let Poll::Ready(attempted) = endpoint.poll(context) {
            finished.push((at, attempted));
        }
    }
    !finished.is_empty()
}

/// Collects an op of each lane that has one and whose endpoint has room for it.
fn poll_lanes(
    endpoints: &[Endpoint],
    lanes: &mut [Lane],
    arrived: &mut VecDeque<Box<Op>>,
    context: &mut Context<'_>,
) -> bool {
    for (endpoint, lane) in endpoints.iter().zip(lanes) {
        let Room { triggers, resolves } = endpoint.room();
        if let Poll::Ready(op) = lane.poll(resolves > 0, triggers > 0, context) {
            arrived.push_back(op);
        }
    }
    !arrived.is_empty()
}

#[cfg(test)]
mod tests;
