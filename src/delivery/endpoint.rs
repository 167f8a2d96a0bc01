//! One endpoint of the worker: its outbox, its transport, and the attempt in flight.
//!
//! Invariants: it makes no decision (the outbox does); one attempt in flight; what happens to it
//! changes nothing at another endpoint.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use crate::{
    clock::Clock,
    delivery::{
        body::{self, Source, Telling},
        kept::{Home, Kept},
        outbox::{Change, Limits, Next, Outbox, Room},
        outcome::{Blames, NoAnswer, Outcome, of_no_answer},
        spool::Spool,
        transport::{Attempted, Transport},
    },
    health::EndpointState,
    incident::{Op, Status},
    problem::{Problem, ProblemKind},
    stats::{Count, Counters, Stats},
};

/// An op that is older says so.
const LATE: Duration = Duration::from_secs(120);

type Attempt = Pin<Box<dyn Future<Output = Attempted> + Send>>;

pub(crate) struct Endpoint {
    transport: Arc<Transport>,
    outbox: Outbox,
    /// `None`: there is no spool.
    kept: Option<Kept>,
    attempt: Option<Attempt>,
    /// The counters as the newest accepted op told of them, and as the attempt in flight does if
    /// it is to trigger: what a resolve says may be read by nobody.
    told: Stats,
    telling: Option<Stats>,
}

/// Wall-clock time so long ago.
fn ago(age: Duration, clock: &Clock) -> SystemTime {
    let now = clock.date();
    now.checked_sub(age).unwrap_or(now)
}

impl Endpoint {
    pub(crate) fn new(transport: Transport, spool: Option<&Arc<Spool>>) -> Self {
        let kept = spool.zip(transport.home());
        Self {
            kept: kept.map(|(spool, home)| Kept::new(Arc::clone(spool), home)),
            transport: Arc::new(transport),
            outbox: Outbox::new(Limits::default()),
            attempt: None,
            told: Stats::default(),
            telling: None,
        }
    }

    /// Takes over an op.
    pub(crate) fn push(&mut self, op: Box<Op>, now: Duration) {
        if let Some(kept) = &mut self.kept {
            kept.foresee(&op);
        }
        self.outbox.push(op, now);
    }

    /// Begins the next attempt if it is time for one; else when it will be, if that is known.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        (clock, source): (&Clock, &Source),
        counters: &Counters,
    ) -> Option<Duration> {
        if self.attempt.is_some() {
            return None;
        }
        match self.outbox.next(now) {
            Next::Attempt { op, minimal } => {
                let tells = !matches!(op.status, Status::Resolve { .. });
                self.telling = tells.then(|| counters.snapshot(Vec::new()));
                let missed = self.telling.as_ref().and_then(|now| now.missed_since(&self.told));
                let age = now.saturating_sub(op.admitted).saturating_add(op.aged);
                let late = (age >= LATE).then(|| (age, ago(age, clock)));
                let telling = Telling { minimal, missed: missed.as_deref(), late };
                let payload = body::payload(op, source, telling);
                let about = self.transport.about(op);
                let transport = Arc::clone(&self.transport);
                self.attempt =
                    Some(Box::pin(
                        async move { transport.attempt(&payload, about.as_ref()).await },
                    ));
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
    ) -> Option<Problem> {
        let Attempted { outcome, why } = attempted;
        let outcome = *outcome;
        if let (Outcome::Accepted { .. }, Some(telling)) = (outcome, self.telling.take()) {
            self.told = telling;
        }
        match outcome {
            Outcome::Accepted { verified: false } => counters.add(Count::Unverified),
            Outcome::Accepted { verified: true } | Outcome::Rejected(_) => {}
            Outcome::Later(later) => {
                // Whoever sees the retry sees what it was for.
                if later.blames == Blames::Tls {
                    counters.add(Count::Tls);
                }
                counters.add(Count::Retries);
            }
            Outcome::Refused | Outcome::TooLarge => counters.add(Count::Retries),
        }
        let change = self.outbox.finish(outcome, now, entropy)?;
        let name = self.transport.name();
        Some(match change {
            Change::Refuses => Problem::new(
                ProblemKind::Refused,
                format!(
                    "{name} refuses this webhook ({why}): check the token; incidents are kept and \
                     tried again every 5 minutes"
                ),
            ),
            Change::Fails => Problem::new(
                ProblemKind::Failing,
                format!(
                    "{name} does not take incidents ({why}); incidents are kept and tried again"
                ),
            ),
            Change::Accepts => {
                Problem::new(ProblemKind::Recovered, format!("{name} takes incidents again"))
            }
        })
    }

    /// Our own code panicked: nobody knows what became of the attempt in flight.
    pub(crate) fn recover(&mut self, now: Duration) {
        self.attempt = None;
        self.telling = None;
        self.outbox.finish(of_no_answer(NoAnswer::Ambiguous), now, 0);
    }

    pub(crate) fn name(&self) -> &str {
        self.transport.name()
    }

    pub(crate) fn state(&self) -> EndpointState {
        self.outbox.state()
    }

    /// How old the oldest op is that is not held back.
    pub(crate) fn oldest(&self, now: Duration) -> Option<Duration> {
        self.outbox.oldest(now)
    }

    pub(crate) fn room(&self) -> Room {
        self.outbox.room()
    }

    pub(crate) fn hurry(&mut self, mark: u64) {
        self.outbox.hurry(mark);
    }

    /// Whether an attempt is in flight.
    #[cfg(all(test, feature = "cli"))]
    pub(crate) fn is_busy(&self) -> bool {
        self.attempt.is_some()
    }

    pub(crate) fn pending(&self) -> usize {
        self.outbox.pending()
    }

    pub(crate) fn held_since(&self, mark: u64) -> usize {
        self.outbox.held_since(mark)
    }

    /// Brings the spool in step with the outbox.
    pub(crate) fn keep(&mut self, now: Duration, source: &Source) -> io::Result<()> {
        match &mut self.kept {
            Some(kept) => {
                self.outbox.count_storm();
                kept.follow(&self.outbox, source, now)
            }
            None => Ok(()),
        }
    }

    /// When the spool is to be tried again.
    pub(crate) fn keeps_at(&self, now: Duration) -> Option<Duration> {
        self.kept.as_ref().and_then(|kept| kept.wake(now))
    }

    /// How the spool knows it.
    pub(crate) fn home(&self) -> Option<&Home> {
        self.kept.as_ref().map(Kept::home)
    }

    /// What could not be written a moment ago is tried again at once.
    pub(crate) fn hurry_spool(&mut self) {
        self.kept.iter_mut().for_each(Kept::hurry);
    }

    /// What is left is in the spool or lost.
    pub(crate) fn give_up(&mut self) {
        let kept = self.kept.take();
        self.outbox.give_up(|key| kept.as_ref().is_some_and(|kept| kept.has(key)));
    }
}
