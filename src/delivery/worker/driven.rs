//! A worker without a thread, for users' tests: whoever sends it something has it work, on the
//! clock that the test moves.
//!
//! Invariants: it does what the worker on its thread does, as if that were never late; it waits
//! for nothing but another thread that has it work; nothing is sent anywhere.

use std::{
    fmt,
    ops::ControlFlow,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Waker},
    time::Duration,
};

use super::{Parts, Worker, poll_attempts};
use crate::{
    clock::Clock,
    contain::contained,
    delivery::{
        printer::Printer,
        transport::{Endpoint, Sent, Transport},
    },
    lock::lock,
    queue::{self, Control},
    reentry,
    webhook::Tokens,
};

/// The clock is moved by this at least, so that no worker who asks for now keeps it standing.
const STEP: Duration = Duration::from_millis(1);
/// And by this at most, each time.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// The worker of a user's test.
pub(crate) struct Driven {
    clock: Clock,
    /// `None` before it has begun, and when it has ended.
    worker: Mutex<Option<Worker>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    /// The address of the test's layer, and what tells whether that is the calling thread's.
    layer: OnceLock<(usize, IsHere)>,
}

/// Tells whether the calling thread's events come to the layer at this address.
type IsHere = fn(usize) -> bool;

impl Driven {
    pub(crate) fn new() -> Self {
        let clock = Clock::standing();
        let (worker, sent, layer) = (Mutex::default(), Arc::default(), OnceLock::new());
        Self { clock, worker, sent, layer }
    }

    /// Whose events it gets.
    pub(crate) fn belongs_to(&self, layer: usize, is_here: IsHere) {
        self.layer.get_or_init(|| (layer, is_here));
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// From now on it works.
    pub(crate) fn begin(&self, parts: Parts, endpoints: Vec<Endpoint>, tokens: &Tokens) {
        let transports = Transport::keep(endpoints, tokens, &self.clock, &self.sent);
        let mut worker = Worker::new(parts, transports);
        worker.printer = Printer::keeping();
        *lock(&self.worker) = Some(worker);
    }

    /// From now on nobody works, and nothing more is said.
    pub(crate) fn end(&self) {
        drop(lock(&self.worker).take());
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        queue::Driven::drive(self);
        lock(&self.sent).clone()
    }

    /// What a person would have been told of paging itself.
    pub(crate) fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        self.work(|worker, _| {
            if let Some(worker) = worker {
                if let Some(line) = worker.lines.rest() {
                    worker.printer.print(&line);
                }
                said = worker.printer.kept();
            }
        });
        said
    }

    /// Moves the clock, and stops wherever there is something to do.
    pub(crate) fn advance(&self, by: Duration) {
        let until = self.clock.now().saturating_add(by.min(LONGEST));
        self.work(|worker, clock| {
            loop {
                let wake = worker.as_mut().and_then(Worker::work_off);
                let (now, wake) = (clock.now(), wake.unwrap_or(until));
                let left = until.saturating_sub(now);
                if left.is_zero() {
                    return;
                }
                clock.advance(wake.saturating_sub(now).max(STEP).min(left));
            }
        });
    }

    fn work(&self, work: impl FnOnce(&mut Option<Worker>, &Clock)) {
        // Its own doing, such as a program's `on_problem` that pages: it is looked at already.
        if reentry::is_own_thread() {
            return;
        }
        let mut worker = lock(&self.worker);
        reentry::as_own_thread(|| {
            if contained(|| work(&mut worker, &self.clock)).is_none() {
                worker.iter_mut().for_each(|worker| worker.recover(false));
            }
        });
    }
}

impl queue::Driven for Driven {
    fn drive(&self) {
        self.work(|worker, _| {
            worker.as_mut().and_then(Worker::work_off);
        });
    }

    fn is_here(&self) -> bool {
        self.layer.get().is_some_and(|(layer, is_here)| is_here(*layer))
    }
}

impl Worker {
    /// Does all that there is to do at this moment; when there is more.
    fn work_off(&mut self) -> Option<Duration> {
        loop {
            while let Ok(control) = self.parts.receiver.control.try_recv() {
                if !is_for_threads(&control) {
                    self.obey(control);
                }
            }
            let ControlFlow::Continue(wake) = self.turn() else { return None };
            let mut context = Context::from_waker(Waker::noop());
            if poll_attempts(&mut self.endpoints, &mut self.finished, &mut context) {
                self.finish();
            } else if self.parts.receiver.control.is_empty() {
                return wake;
            }
        }
    }
}

/// No callsite of a test is ever switched off, and nobody collects a test's figures.
fn is_for_threads(control: &Control) -> bool {
    match control {
        Control::AskAgain => true,
        #[cfg(feature = "metrics")]
        Control::Books(_) => true,
        _ => false,
    }
}

impl fmt::Debug for Driven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driven").field("clock", &self.clock).finish_non_exhaustive()
    }
}
