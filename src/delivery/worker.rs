//! The worker: the loop that moves ops from the queue to the endpoints, which all share it, and
//! tells people how that goes.
//!
//! Invariants: it makes no decision (the outboxes do); control messages never wait behind data,
//! nor one endpoint behind another; nothing here waits without a deadline or an attempt's own
//! time-out. It may panic at any place and be run again.

use std::{
    collections::{HashSet, VecDeque},
    future::poll_fn,
    ops::ControlFlow,
    sync::{Arc, mpsc as reply},
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::sleep_until;

use crate::{
    backoff::scramble,
    clock::Clock,
    contain::contained,
    delivery::{
        adopter::{Adopter, Taken},
        body::Source,
        dry::Dry,
        endpoint::Endpoint,
        flush::{Flushes, Seen},
        lines::{self, Lines},
        outbox::Room,
        outcome::Outcome,
        printer::Printer,
        spool::Spool,
        transport::{Attempted, Transport},
    },
    health::{Board, EndpointHealth, WorkerState},
    incident::{Op, Redact},
    problem::{Problem, ProblemKind},
    queue::{Asker, Control, FlushReport, Lane, Receiver},
    stats::{Count, Counters, Stats},
};

mod callsites;
#[cfg(feature = "testing")]
pub(crate) mod driven;
#[cfg(feature = "metrics")]
mod figures;
mod spooling;

/// Different sentences of a program's threads that are said at most, in the life of a worker.
const SENTENCES: usize = 100;

/// What the builder hands to the worker.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) clock: Clock,
    pub(crate) receiver: Receiver,
    pub(crate) counters: Arc<Counters>,
    pub(crate) redact: Arc<dyn Redact>,
    pub(crate) source: Source,
    pub(crate) entropy: u64,
    pub(crate) board: Arc<Board>,
    pub(crate) on_problem: Option<fn(&Problem)>,
    pub(crate) spool: Option<Arc<Spool>>,
    /// `None`: this is no dry run.
    pub(crate) dry: Option<Dry>,
    #[cfg(test)]
    pub(crate) fails: tests::Fails,
}

pub(super) struct Worker {
    parts: Parts,
    endpoints: Vec<Endpoint>,
    arrived: VecDeque<Box<Op>>,
    /// Attempts that have ended, with the number of the endpoint.
    finished: Vec<(usize, Attempted)>,
    flushes: Flushes<reply::SyncSender<FlushReport>>,
    /// What the program's threads had said.
    said: HashSet<String>,
    lines: Lines,
    printer: Printer,
    losses: Losses,
    /// Once the pipeline is there, and there is a spool.
    adopter: Option<Adopter>,
    /// What was taken over from dead runs, whose files are to be deleted still.
    taken: Option<Taken>,
    /// What failed in the spool was told, and may be told again then.
    spool_told: Duration,
    /// That there are records which are not ours was told.
    foreign_told: bool,
    /// When the callsites are to be asked anew.
    asks_at: Option<Duration>,
    #[cfg(feature = "metrics")]
    told: Option<figures::Told>,
    /// Set by a shutdown.
    ends: Option<Ends>,
}

/// The loop ends when everything is settled but what the asker holds, or at this time.
#[derive(Clone, Copy)]
struct Ends {
    at: Duration,
    holds: usize,
}

/// What was lost and was told.
#[derive(Default)]
struct Losses {
    told: Stats,
    /// When they may be told next.
    next: Duration,
}

/// What the loop woke up for.
enum Woke {
    Control(Option<Control>),
    /// Attempts have ended, or ops have arrived.
    Happened,
    Time,
}

impl Worker {
    pub(super) fn new(parts: Parts, transports: Vec<Transport>) -> Self {
        let endpoints: Vec<_> = {
            let endpoint = |transport| Endpoint::new(transport, parts.spool.as_ref());
            transports.into_iter().map(endpoint).collect()
        };
        let health = |endpoint: &Endpoint| EndpointHealth {
            name: endpoint.name().to_owned(),
            state: endpoint.state(),
        };
        parts.board.post(|posted| posted.endpoints = endpoints.iter().map(health).collect());
        Self {
            parts,
            endpoints,
            arrived: VecDeque::new(),
            finished: Vec::new(),
            flushes: Flushes::new(),
            said: HashSet::new(),
            lines: Lines::default(),
            printer: Printer::default(),
            losses: Losses::default(),
            adopter: None,
            taken: None,
            spool_told: Duration::ZERO,
            foreign_told: false,
            asks_at: None,
            #[cfg(feature = "metrics")]
            told: None,
            ends: None,
        }
    }

    /// Works until it is told to end.
    pub(super) async fn run(&mut self) {
        self.post(WorkerState::Runs);
        loop {
            let ControlFlow::Continue(wake) = self.turn() else { return };
            match self.wait(wake).await {
                Woke::Control(Some(control)) => self.obey(control),
                // Every handle is gone and no guard said goodbye.
                Woke::Control(None) => {
                    self.give_up();
                    return self.post(WorkerState::Ended);
                }
                Woke::Happened => self.finish(),
                Woke::Time => {}
            }
        }
    }

    /// Does what there is to do at this moment, without waiting; when there is more. `Break`: the
    /// worker should end.
    fn turn(&mut self) -> ControlFlow<(), Option<Duration>> {
        self.receive();
        self.keep();
        self.adopt();
        #[cfg(test)]
        self.parts.fails.here(tests::Place::Received);
        let now = self.parts.clock.now();
        let Parts { clock, counters, source, .. } = &self.parts;
        let begin = |one: &mut Endpoint| one.begin(now, (clock, source), counters);
        let begun = self.endpoints.iter_mut().map(begin);
        // All of them, whether or not there is something to wait for.
        let wake = begun.flatten().min();
        if self.report(now, WorkerState::Runs) {
            return ControlFlow::Break(());
        }
        let kept = self.endpoints.iter().filter_map(|endpoint| endpoint.keeps_at(now)).min();
        let told = self.tell_losses(now).into_iter().chain(self.print(now));
        let told = told.chain(self.tell_stopped(now)).chain(self.ask_callsites(now));
        #[cfg(feature = "metrics")]
        let told = told.chain(self.tell_figures(now));
        let wake = told.chain(wake).chain(kept).chain(self.adopts_at()).min();
        #[cfg(test)]
        self.parts.fails.here(tests::Place::Begun);
        ControlFlow::Continue(wake)
    }

    /// After a panic: nobody knows what became of the attempts in flight. `rests`: it was not the
    /// first, and nothing is sent for a while.
    pub(super) fn recover(&mut self, rests: bool) {
        self.parts.counters.add(Count::Restarts);
        let now = self.parts.clock.now();
        self.finished.clear();
        for endpoint in &mut self.endpoints {
            endpoint.recover(now);
        }
        let what = match rests {
            true => "panicked again and again; nothing is sent for up to a minute",
            false => "panicked, and was started again",
        };
        let sentence = format!("the worker {what}; this is a bug of ours, please report it");
        self.tell(Problem::new(ProblemKind::Worker, sentence));
    }

    /// What is done while nothing is sent; tells whether the worker should end.
    pub(super) fn rest(&mut self) -> bool {
        while let Ok(control) = self.parts.receiver.control.try_recv() {
            self.obey(control);
        }
        self.receive();
        self.keep();
        let now = self.parts.clock.now();
        self.print(now);
        self.report(now, WorkerState::Degraded)
    }

    pub(super) fn clock(&self) -> Clock {
        self.parts.clock.clone()
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
            while let Some(op) = self.arrived.pop_front() {
                self.flushes.receive();
                self.push(op, now);
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

    fn push(&mut self, mut op: Box<Op>, now: Duration) {
        op.redact(&*self.parts.redact);
        // The queue has a lane for each endpoint, and for no other.
        if let Some(endpoint) = self.endpoints.get_mut(op.endpoint) {
            endpoint.push(op, now);
        }
    }

    fn obey(&mut self, control: Control) {
        match control {
            Control::Say(problem) => self.say(problem),
            Control::Panic(op) => self.push(op, self.parts.clock.now()),
            // The loop does.
            Control::Look => {}
            Control::AskAgain => self.ask_again(),
            #[cfg(feature = "metrics")]
            Control::Books(books) => self.told = Some(figures::Told::nothing(books)),
            Control::Replay(pipeline) => self.adopter = self.adopter_for(pipeline),
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
        Seen { slots, delivered, lost: self.parts.counters.lost() }
    }

    /// Posts how the worker is, and answers the flushes that are complete or out of time; tells
    /// whether the worker should end.
    fn report(&mut self, now: Duration, state: WorkerState) -> bool {
        let end = self.ends.is_some_and(|Ends { at, holds }| {
            let settled = self.endpoints.iter().all(|endpoint| endpoint.pending() == 0);
            settled && self.parts.receiver.slots_taken() <= holds || now >= at
        });
        if end {
            self.give_up();
        }
        // Whoever is answered may ask next how it is doing.
        self.post(if end { WorkerState::Ended } else { state });
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

    /// What is left is in the spool now, or lost, so that the last report, the counters and a
    /// person know of it.
    fn give_up(&mut self) {
        self.receive();
        self.endpoints.iter_mut().for_each(Endpoint::hurry_spool);
        self.keep();
        self.endpoints.iter_mut().for_each(Endpoint::give_up);
        self.leave_spool();
        for lane in &mut self.parts.receiver.lanes {
            lane.drain(usize::MAX, usize::MAX, &mut self.arrived);
        }
        self.arrived.clear();
        // There is no later in which to tell more.
        self.losses.next = Duration::ZERO;
        self.tell_losses(self.parts.clock.now());
        #[cfg(feature = "metrics")]
        self.tell_last_figures();
        self.print_last();
    }

    /// Prints what is left to be said: what has been told to the program by now.
    fn print_last(&mut self) {
        let ends = self.ends.map_or(Duration::ZERO, |ends| ends.at);
        self.printer.begin_last(ends.saturating_sub(self.parts.clock.now()));
        if let Some(dry) = &self.parts.dry {
            dry.tally.cancelled(self.parts.counters.get(Count::SuppressedCancelled));
            let rest = dry.tally.rest();
            self.printer.print_all(&dry.stopped(&rest));
        }
        if let Some(line) = self.lines.rest() {
            self.printer.print(&line);
        }
    }

    /// Takes over what became of the attempts that have ended.
    fn finish(&mut self) {
        let now = self.parts.clock.now();
        for (at, attempted) in std::mem::take(&mut self.finished) {
            #[cfg(test)]
            self.parts.fails.here(tests::Place::Finished);
            self.parts.entropy = scramble(self.parts.entropy);
            let Parts { counters, entropy, board, .. } = &self.parts;
            let Some(endpoint) = self.endpoints.get_mut(at) else { continue };
            if matches!(attempted.outcome, Outcome::Accepted { .. }) {
                board.post(|posted| posted.last_accepted = Some(now));
            }
            if let Some(problem) = endpoint.finish(&attempted, now, *entropy, counters) {
                self.tell(problem);
            }
        }
    }

    fn post(&self, worker: WorkerState) {
        let now = self.parts.clock.now();
        self.parts.board.post(|posted| {
            posted.worker = worker;
            let ages = self.endpoints.iter().filter_map(|endpoint| endpoint.oldest(now));
            (posted.at, posted.oldest) = (now, ages.max());
            for (health, endpoint) in posted.endpoints.iter_mut().zip(&self.endpoints) {
                health.state = endpoint.state();
            }
        });
    }

    /// Tells what was lost since that was told last, at most once a minute; when it may tell more.
    fn tell_losses(&mut self, now: Duration) -> Option<Duration> {
        let missed = self.parts.counters.snapshot(Vec::new());
        let text = missed.missed_since(&self.losses.told)?;
        if now < self.losses.next {
            return Some(self.losses.next);
        }
        self.losses = Losses { told: missed, next: now.saturating_add(lines::EVERY) };
        self.tell(Problem::new(ProblemKind::Lost, format!("not delivered: {text}")));
        None
    }

    /// In a dry run, tells what was not sent on purpose when that is at rest; when it may be.
    fn tell_stopped(&mut self, now: Duration) -> Option<Duration> {
        let dry = self.parts.dry.as_ref()?;
        dry.tally.cancelled(self.parts.counters.get(Count::SuppressedCancelled));
        match dry.tally.look(now) {
            Ok(stopped) => {
                self.printer.print_all(&dry.stopped(&stopped));
                None
            }
            Err(wake) => wake,
        }
    }

    /// Says once what a thread of the program had to say.
    fn say(&mut self, problem: Problem) {
        if self.said.len() < SENTENCES && self.said.insert(problem.to_string()) {
            self.tell(problem);
        }
    }

    /// Tells a person, and the program.
    fn tell(&mut self, problem: Problem) {
        if let Some(on_problem) = self.parts.on_problem {
            // Somebody else's code; that it panicked is for its own hook to tell.
            contained(|| on_problem(&problem));
        }
        self.lines.add(problem.to_string());
    }

    /// Prints what is due; when the rest is.
    fn print(&mut self, now: Duration) -> Option<Duration> {
        if let Some(line) = self.lines.take(now)
            && !self.printer.print(&line)
        {
            self.lines.add(line);
        }
        self.lines.wake()
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
pub(crate) mod tests;
