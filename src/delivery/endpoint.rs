//! One endpoint of the worker: its outbox, its transport, and the attempt in flight.
//!
//! Invariants: it makes no decision (the outbox does); one attempt in flight; what happens to it
//! changes nothing at another endpoint.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use crate::{
    delivery::{
        body::{self, Source},
        outbox::{Change, Limits, Next, Outbox, Room},
        outcome::{Blames, Outcome},
        transport::{Attempted, Transport},
    },
    incident::{Op, Status},
    stats::{Count, Counters, Stats},
};

type Attempt = Pin<Box<dyn Future<Output = Attempted>>>;

pub(crate) struct Endpoint {
    transport: Arc<Transport>,
    outbox: Outbox,
    attempt: Option<Attempt>,
    /// The counters as the newest accepted op told of them, and as the attempt in flight does if
    /// it is to trigger: what a resolve says may be read by nobody.
    told: Stats,
    telling: Option<Stats>,
}

impl Endpoint {
    pub(crate) fn new(transport: Transport) -> Self {
        Self {
            transport: Arc::new(transport),
            outbox: Outbox::new(Limits::default()),
            attempt: None,
            told: Stats::default(),
            telling: None,
        }
    }

    /// Takes over an op.
    pub(crate) fn push(&mut self, op: Box<Op>, now: Duration) {
        self.outbox.push(op, now);
    }

    /// Begins the next attempt if it is time for one; else when it will be, if that is known.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        counters: &Counters,
        source: &Source,
    ) -> Option<Duration> {
        if self.attempt.is_some() {
            return None;
        }
        match self.outbox.next(now) {
            Next::Attempt { op, minimal } => {
                let tells = !matches!(op.status, Status::Resolve { .. });
                self.telling = tells.then(|| counters.snapshot(Vec::new()));
                let missed = self.telling.as_ref().and_then(|now| now.missed_since(&self.told));
                let payload = body::payload(op, source, minimal, missed.as_deref());
                let transport = Arc::clone(&self.transport);
                self.attempt = Some(Box::pin(async move { transport.attempt(&payload).await }));
                None
            }
            Next::Wait(until) => Some(until),
            Next::Idle => None,
        }
    }

    /// The end of the attempt in flight; pending, too, when there is none.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Attempted> {
        let Some(attempt) = &mut self.attempt else { return Poll::Pending };
        let polled = attempt.as_mut().poll(context);
        if polled.is_ready() {
            self.attempt = None;
        }
        polled
    }

    /// Takes over what became of the attempt; returns what a person should be told.
    pub(crate) fn finish(
        &mut self,
        attempted: &Attempted,
        now: Duration,
        entropy: u64,
        counters: &Counters,
    ) -> Option<String> {
        let Attempted { outcome, why } = attempted;
        let outcome = *outcome;
        if let (Outcome::Accepted { .. }, Some(telling)) = (outcome, self.telling.take()) {
            self.told = telling;
        }
        match outcome {
            Outcome::Accepted { verified: false } => counters.add(Count::Unverified),
            Outcome::Accepted { verified: true } | Outcome::Rejected(_) => {}
            Outcome::Later(later) => {
                counters.add(Count::Retries);
                if later.blames == Blames::Tls {
                    counters.add(Count::Tls);
                }
            }
            Outcome::Refused | Outcome::TooLarge => counters.add(Count::Retries),
        }
        let change = self.outbox.finish(outcome, now, entropy)?;
        let name = self.transport.name();
        Some(match change {
            Change::Refuses => format!(
                "{name} refuses this webhook ({why}): check the token; incidents are kept and \
                 tried again every 5 minutes"
            ),
            Change::Fails => format!(
                "{name} does not take incidents ({why}); incidents are kept and tried again"
            ),
            Change::Accepts => format!("{name} takes incidents again"),
        })
    }

    pub(crate) fn room(&self) -> Room {
        self.outbox.room()
    }

    pub(crate) fn hurry(&mut self, mark: u64) {
        self.outbox.hurry(mark);
    }

    pub(crate) fn pending(&self) -> usize {
        self.outbox.pending()
    }

    pub(crate) fn held_since(&self, mark: u64) -> usize {
        self.outbox.held_since(mark)
    }

    /// What is left is lost.
    pub(crate) fn give_up(&mut self) {
        self.outbox = Outbox::default();
    }
}
