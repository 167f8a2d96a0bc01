//! The worker: our own thread with a runtime of its own, and the loop that moves ops from the
//! queue through the outbox to the endpoint.
//!
//! Invariants: it makes no decision (the outbox does); one attempt in flight; control messages
//! never wait behind data; nothing here waits without a deadline or an attempt's own time-out.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, mpsc as reply},
    thread,
    time::Duration,
};

use tokio::{runtime::Runtime, sync::mpsc, time::sleep_until};

use crate::{
    backoff::scramble,
    clock::Clock,
    delivery::{
        body::{self, Source},
        flush::{Flushes, Seen},
        outbox::{Change, Next, Outbox, Room},
        outcome::Outcome,
        transport::{Attempted, Transport},
    },
    error::{Error, Kind},
    incident::Op,
    queue::{Asker, Control, FlushReport, Receiver, taken},
    reentry,
    stats::{Count, Counters, Stats},
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

type Attempt = Pin<Box<dyn Future<Output = Attempted>>>;

struct Worker {
    parts: Parts,
    transport: Arc<Transport>,
    outbox: Outbox,
    arrived: VecDeque<Box<Op>>,
    flushes: Flushes<reply::SyncSender<FlushReport>>,
    said: HashSet<String>,
    /// The counters as the newest accepted op told of them, and as the attempt in flight does.
    told: Stats,
    telling: Stats,
    /// Set by a shutdown.
    ends: Option<Ends>,
}

/// The loop ends when everything is settled but what the asker holds, or at this time.
#[derive(Clone, Copy)]
struct Ends {
    at: Duration,
    holds: usize,
}

/// Starts the worker and waits until it works. `transport` runs on the worker's thread, since
/// making a client takes a while and may panic.
pub(crate) fn start(
    parts: Parts,
    transport: impl FnOnce() -> Result<Transport, Error> + Send + 'static,
) -> Result<(), Error> {
    let (ready, started) = reply::sync_channel(1);
    let failed = |what| move |source| Error::new(Kind::Worker { what, source });
    // Deliberately not joined: a lookup that hangs must not hold up the program's exit. The guard
    // waits for the worker's last report instead, up to a deadline.
    let thread = thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
        reentry::mark_own_thread();
        let runtime = runtime().map_err(failed("runtime"));
        let made = catch_unwind(AssertUnwindSafe(transport)).unwrap_or_else(|_| {
            let source = io::Error::other("making the client panicked");
            Err(Error::new(Kind::Worker { what: "https client", source }))
        });
        let (runtime, transport) = match (runtime, made) {
            (Ok(runtime), Ok(transport)) => (runtime, transport),
            (Err(error), _) | (_, Err(error)) => {
                ready.send(Err(error)).ok();
                return;
            }
        };
        ready.send(Ok(())).ok();
        let worker = Worker::new(parts, transport);
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
    Finished(Attempted),
    Arrived(Option<Box<Op>>),
    Time,
}

impl Worker {
    fn new(parts: Parts, transport: Transport) -> Self {
        Self {
            parts,
            transport: Arc::new(transport),
            outbox: Outbox::default(),
            arrived: VecDeque::new(),
            flushes: Flushes::new(),
            said: HashSet::new(),
            told: Stats::default(),
            telling: Stats::default(),
            ends: None,
        }
    }

    async fn run(mut self) {
        let mut attempt: Option<Attempt> = None;
        loop {
            self.receive();
            let now = self.parts.clock.now();
            let mut wake = None;
            if attempt.is_none() {
                match self.outbox.next(now) {
                    Next::Attempt { op, minimal } => {
                        let stats = self.parts.counters.snapshot(Vec::new());
                        let missed = stats.missed_since(&self.told);
                        let source = &self.parts.source;
                        let payload = body::payload(op, source, minimal, missed.as_deref());
                        self.telling = stats;
                        let transport = Arc::clone(&self.transport);
                        attempt = Some(Box::pin(async move { transport.attempt(&payload).await }));
                    }
                    Next::Wait(until) => wake = Some(until),
                    Next::Idle => {}
                }
            }
            if self.report(now) {
                return;
            }
            match self.wait(&mut attempt, wake).await {
                Woke::Control(Some(control)) => self.obey(control),
                // Every handle is gone and no guard said goodbye: what is left is lost.
                Woke::Control(None) => return,
                Woke::Finished(attempted) => {
                    attempt = None;
                    self.finish(&attempted);
                }
                Woke::Arrived(op) => self.arrived.extend(op),
                Woke::Time => {}
            }
        }
    }

    /// Sleeps until something happens. In this order, since a flush must not wait behind data and
    /// a finished attempt makes room for it.
    async fn wait(&mut self, attempt: &mut Option<Attempt>, wake: Option<Duration>) -> Woke {
        let ends = self.ends.map(|ends| ends.at);
        let wake = self.flushes.deadline().into_iter().chain(ends).chain(wake).min();
        let until = self.parts.clock.instant(wake.unwrap_or(Duration::MAX));
        let room = self.outbox.room();
        let Receiver { triggers, resolves, control } = &mut self.parts.receiver;
        let open = |channel: &mpsc::Receiver<_>| !channel.is_closed() || taken(channel) > 0;
        let takes_resolves = room.resolves > 0 && open(resolves);
        let takes_triggers = room.triggers > 0 && open(triggers);
        tokio::select! {
            biased;
            message = control.recv() => Woke::Control(message),
            outcome = ended(attempt) => Woke::Finished(outcome),
            op = resolves.recv(), if takes_resolves => Woke::Arrived(op),
            op = triggers.recv(), if takes_triggers => Woke::Arrived(op),
            () = sleep_until(until), if wake.is_some() => Woke::Time,
        }
    }

    /// Moves what has arrived into the outbox, as far as there is room.
    fn receive(&mut self) {
        loop {
            for op in self.arrived.drain(..) {
                self.flushes.receive();
                self.outbox.push(op);
            }
            let Room { triggers, resolves } = self.outbox.room();
            self.parts.receiver.drain(resolves, triggers, &mut self.arrived);
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
        self.outbox.hurry();
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
            let settled = self.outbox.pending() == 0;
            settled && self.parts.receiver.slots_taken() <= holds || now >= at
        });
        if end {
            self.give_up();
        }
        let (seen, outbox) = (self.seen(), &self.outbox);
        for (reply, report) in self.flushes.answers(now, end, seen, |mark| outbox.held_since(mark))
        {
            // Whoever asked may have stopped waiting.
            reply.try_send(report).ok();
        }
        end
    }

    /// What is left is lost now, so that the last report, the counters and a person know of it.
    fn give_up(&mut self) {
        let before = self.parts.counters.get(Count::LostShutdown);
        self.outbox = Outbox::default();
        self.parts.receiver.drain(usize::MAX, usize::MAX, &mut self.arrived);
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

    fn finish(&mut self, attempted: &Attempted) {
        let Attempted { outcome, why } = attempted;
        let outcome = *outcome;
        let counters = &self.parts.counters;
        if let Outcome::Accepted { .. } = outcome {
            self.told = std::mem::take(&mut self.telling);
        }
        match outcome {
            Outcome::Accepted { verified: false } => counters.add(Count::Unverified),
            Outcome::Accepted { verified: true } | Outcome::Rejected(_) => {}
            Outcome::Later(_) | Outcome::Refused | Outcome::TooLarge => {
                counters.add(Count::Retries);
            }
        }
        self.parts.entropy = scramble(self.parts.entropy);
        let now = self.parts.clock.now();
        let change = self.outbox.finish(outcome, now, self.parts.entropy);
        let place = self.transport.place();
        match change {
            None => {}
            Some(Change::Refuses) => {
                let kept = "incidents are kept and tried again every 5 minutes";
                self.print(&format!(
                    "{place} refuses this webhook ({why}): check the token; {kept}"
                ));
            }
            Some(Change::Fails) => {
                let kept = "incidents are kept and tried again";
                self.print(&format!("{place} does not take incidents ({why}); {kept}"));
            }
            Some(Change::Accepts) => {
                self.print(&format!("{place} takes incidents again"));
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

/// The end of the attempt in flight; never, when there is none.
async fn ended(attempt: &mut Option<Attempt>) -> Attempted {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
