//! The worker: our own thread with a runtime of its own, and the loop that moves ops from the
//! queue through the outbox to the endpoint.
//!
//! Invariants: it makes no decision (the outbox does); one attempt in flight; control messages
//! never wait behind data; nothing here waits without a deadline or an attempt's own time-out.

use std::{
    collections::{HashSet, VecDeque},
    future::Future,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, mpsc as reply},
    thread,
    time::Duration,
};

use tokio::time::sleep_until;

use crate::{
    backoff::scramble,
    clock::Clock,
    delivery::{
        body::{self, Source},
        outbox::{Change, Next, Outbox, Room},
        outcome::Outcome,
        transport::Transport,
    },
    error::{Error, Kind},
    queue::{Control, FlushReport, Receiver},
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

type Attempt = Pin<Box<dyn Future<Output = Outcome>>>;

struct Worker {
    parts: Parts,
    transport: Arc<Transport>,
    outbox: Outbox,
    arrived: VecDeque<Box<crate::incident::Op>>,
    flushes: Vec<Flush>,
    said: HashSet<String>,
    /// The counters as the newest accepted op told of them, and as the attempt in flight does.
    told: Stats,
    telling: Stats,
    /// Set by a shutdown: the loop ends when everything is settled, or at this time.
    ends: Option<Duration>,
}

/// Somebody who waits for a flush.
struct Flush {
    deadline: Duration,
    reply: reply::SyncSender<FlushReport>,
    delivered: u64,
    lost: u64,
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
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .thread_name("spike-dns")
            .on_thread_start(reentry::mark_own_thread)
            .build()
            .map_err(failed("runtime"));
        let made = catch_unwind(AssertUnwindSafe(transport)).unwrap_or_else(|_| {
            let source = std::io::Error::other("making the client panicked");
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

/// What the loop woke up for.
enum Woke {
    Control(Option<Control>),
    Finished(Outcome),
    Arrived(Option<Box<crate::incident::Op>>),
    Time,
}

impl Worker {
    fn new(parts: Parts, transport: Transport) -> Self {
        Self {
            parts,
            transport: Arc::new(transport),
            outbox: Outbox::default(),
            arrived: VecDeque::new(),
            flushes: Vec::new(),
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
                Woke::Finished(outcome) => {
                    attempt = None;
                    self.finish(outcome);
                }
                Woke::Arrived(op) => self.arrived.extend(op),
                Woke::Time => {}
            }
        }
    }

    /// Sleeps until something happens. In this order, since a flush must not wait behind data and
    /// a finished attempt makes room for it.
    async fn wait(&mut self, attempt: &mut Option<Attempt>, wake: Option<Duration>) -> Woke {
        let flushes = self.flushes.iter().map(|flush| flush.deadline);
        let wake = flushes.chain(self.ends).chain(wake).min();
        let until = self.parts.clock.instant(wake.unwrap_or(Duration::MAX));
        let room = self.outbox.room();
        let Receiver { triggers, resolves, control } = &mut self.parts.receiver;
        let takes_resolves = room.resolves > 0 && !resolves.is_closed();
        let takes_triggers = room.triggers > 0 && !triggers.is_closed();
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
            Control::Flush { deadline, reply } => self.begin_flush(deadline, reply),
            Control::Shutdown { deadline, reply } => {
                self.parts.receiver.close();
                self.ends = Some(deadline);
                self.begin_flush(deadline, reply);
            }
        }
    }

    fn begin_flush(&mut self, deadline: Duration, reply: reply::SyncSender<FlushReport>) {
        self.outbox.hurry();
        let delivered = self.parts.counters.get(Count::Delivered);
        self.flushes.push(Flush { deadline, reply, delivered, lost: self.lost() });
    }

    /// Answers the flushes that are complete or out of time; tells whether the worker should end.
    fn report(&mut self, now: Duration) -> bool {
        let idle = self.outbox.pending() == 0 && self.parts.receiver.is_empty();
        let end = self.ends.is_some_and(|ends| idle || now >= ends);
        if end {
            self.give_up();
        }
        let (delivered, lost) = (self.parts.counters.get(Count::Delivered), self.lost());
        let pending = if idle { 0 } else { self.parts.counters.get(Count::Pending) };
        self.flushes.retain(|flush| {
            if !idle && !end && now < flush.deadline {
                return true;
            }
            let report = FlushReport {
                delivered: delivered.saturating_sub(flush.delivered),
                lost: lost.saturating_sub(flush.lost),
                pending,
                worker_gone: false,
            };
            // Whoever asked may have stopped waiting.
            flush.reply.try_send(report).ok();
            false
        });
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

    fn finish(&mut self, outcome: Outcome) {
        let counters = &self.parts.counters;
        if let Outcome::Accepted { .. } = outcome {
            self.told = std::mem::take(&mut self.telling);
        }
        match outcome {
            Outcome::Accepted { verified: false } => counters.add(Count::Unverified),
            Outcome::Accepted { verified: true } | Outcome::Rejected(_) => {}
            Outcome::Later(_) | Outcome::Refused { .. } | Outcome::TooLarge => {
                counters.add(Count::Retries);
            }
        }
        self.parts.entropy = scramble(self.parts.entropy);
        let now = self.parts.clock.now();
        match self.outbox.finish(outcome, now, self.parts.entropy) {
            None => {}
            Some(Change::EndpointRefused { status }) => {
                self.print(&format!(
                    "the endpoint refuses this webhook (status {status}): check the token; \
                     incidents are kept and tried again every 5 minutes"
                ));
            }
            Some(Change::EndpointAccepts) => self.print("the endpoint accepts this webhook again"),
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
        writeln!(std::io::stderr(), "tracing-spike: {line}").ok();
    }
}

/// The end of the attempt in flight; never, when there is none.
async fn ended(attempt: &mut Option<Attempt>) -> Outcome {
    match attempt {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}
