//! An outbox with its surroundings, under virtual time.
//!
//! [`Bench`] makes ops as the gate does, with a stand-in for the gate that records what is
//! reopened, and asserts the balance of the counters when it is dropped.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use crate::{
    backoff::scramble,
    delivery::{
        outbox::{Change, Limits, Next, Outbox},
        outcome::{Answer, NoAnswer, Outcome, of_answer, of_no_answer},
    },
    incident::{
        Folded, Gatekeeper, Held, Occurrences, Op, Quiet, Sending, Severity, SoFar, Status, Storm,
        StormDetail, Ticket,
    },
    stats::{Count, Counters, Stats},
};

pub(super) const ACCEPTED: Outcome = Outcome::Accepted { verified: true };
pub(super) const OPENING: Status = Status::Trigger { opening: true };
pub(super) const REPEAT: Status = Status::Trigger { opening: false };
pub(super) const RESOLVE: Status = Status::Resolve { first: false, not_before: Duration::ZERO };
pub(super) const FIRST_RESOLVE: Status =
    Status::Resolve { first: true, not_before: Duration::ZERO };

pub(super) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn status(status: u16) -> Outcome {
    asking(status, None)
}

pub(super) fn asking(status: u16, retry_after: Option<&str>) -> Outcome {
    let local = SystemTime::UNIX_EPOCH;
    of_answer(&Answer { status, retry_after, date: None, body: b"{\"Ok\": true}", local })
}

pub(super) fn not_sent() -> Outcome {
    of_no_answer(NoAnswer::NotConnected)
}

/// What the outbox tells the gate, and what the gate answers.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Titles, and whether with their opening.
    reopened: Mutex<Vec<(u64, bool)>>,
    /// Titles, severities and counts.
    folded: Mutex<Vec<(String, Option<Severity>, u64)>>,
    /// A fold sends the storm incident, with this number and status.
    storm: Mutex<Option<(u64, Status)>>,
    /// How often it was asked, and the next answer.
    pub(super) quiet: Mutex<(usize, Option<Quiet>)>,
    /// How far the storm has come, told once.
    pub(super) so_far: Mutex<Option<SoFar>>,
    /// Whether somebody waited each time that it was asked of a held resolve, and the next answers;
    /// without one, it goes out.
    held: Mutex<(Vec<bool>, VecDeque<Held>)>,
}

/// The key of the storm incident.
pub(super) const STORM: u64 = 99_999;

impl Gatekeeper for Gate {
    fn give_back(&self, key: u64, _: u64) {
        panic!("title {key} was committed and is given back");
    }

    fn reopen(&self, key: u64, _: u64, opening: bool) {
        self.reopened.lock().unwrap().push((key, opening));
    }

    fn fold(&self, _: u64, _: u64, folded: Folded<'_>, now: Duration) -> Option<Storm> {
        let Folded { title, severity, count } = folded;
        let mut folds = self.folded.lock().unwrap();
        folds.push((title.to_owned(), severity, count));
        let (seq, status) = self.storm.lock().unwrap().take()?;
        let count = folds.len() as u64;
        let sending = Sending { seq, status, count, since_last: 1, first: now };
        let detail = StormDetail { titles: count, sample: Vec::new() };
        Some(Storm { key: STORM, title: "error storm".to_owned(), sending, detail })
    }

    fn held(&self, _: u64, _: u64, _: Duration, hurried: bool) -> Held {
        let mut held = self.held.lock().unwrap();
        held.0.push(hurried);
        held.1.pop_front().unwrap_or(Held::Out(None))
    }

    fn so_far(&self, _: u64, _: u64) -> Option<SoFar> {
        self.so_far.lock().unwrap().take()
    }

    fn quiet(&self, _: u64, _: Duration) -> Quiet {
        let mut quiet = self.quiet.lock().unwrap();
        quiet.0 += 1;
        quiet.1.take().unwrap_or(Quiet::Never)
    }
}

/// An attempt, as the endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent {
    pub(super) key: u64,
    pub(super) status: Status,
    pub(super) at: Duration,
    pub(super) minimal: bool,
    pub(super) severity: Option<Severity>,
    pub(super) count: u64,
    pub(super) since_last: u64,
}

impl Sent {
    pub(super) fn is_trigger(&self) -> bool {
        matches!(self.status, Status::Trigger { .. })
    }
}

/// An outbox with its surroundings.
pub(super) struct Bench {
    pub(super) outbox: Outbox,
    pub(super) gate: Arc<Gate>,
    counters: Arc<Counters>,
    pub(super) now: Duration,
    seq: u64,
    entropy: u64,
    /// What is said to a person.
    pub(super) said: Vec<Change>,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            outbox: Outbox::default(),
            gate: Arc::default(),
            counters: Arc::new(Counters::new()),
            now: Duration::ZERO,
            seq: 0,
            entropy: 0,
            said: Vec::new(),
        }
    }
}

impl Bench {
    pub(super) fn with(limits: Limits) -> Self {
        let mut bench = Self::default();
        bench.outbox = Outbox::new(limits);
        bench
    }

    pub(super) fn op(&mut self, key: u64, status: Status) -> Box<Op> {
        self.seq += 1;
        self.counters.add(Count::Seen);
        let (gate, counters) = (Arc::clone(&self.gate), Arc::clone(&self.counters));
        let sending = Sending { seq: self.seq, status, count: 1, since_last: 1, first: self.now };
        let mut ticket = Ticket::reserved(gate, counters, key, &sending);
        ticket.commit();
        // As the gate counts: of an opening nothing was told before.
        let count = if status == REPEAT { 5 } else { 1 };
        let op = Op::sample(key, self.seq, status, self.now);
        let occurrences = Occurrences { count, since_last: count.min(4), ..op.occurrences };
        Box::new(Op { title: format!("title {key}"), occurrences, ticket, ..op })
    }

    pub(super) fn push(&mut self, key: u64, status: Status) {
        let op = self.op(key, status);
        self.give(op);
    }

    pub(super) fn give(&mut self, op: Box<Op>) {
        self.outbox.push(op, self.now);
    }

    /// A flush.
    pub(super) fn hurry(&mut self) {
        self.outbox.hurry(self.seq);
    }

    /// The gate's next answer about a resolve that is held back.
    pub(super) fn holds(&self, answer: Held) {
        self.gate.held.lock().unwrap().1.push_back(answer);
    }

    /// The times that it was asked about one, and whether somebody waited.
    pub(super) fn asked_of_held(&self) -> Vec<bool> {
        self.gate.held.lock().unwrap().0.clone()
    }

    /// The next opening that is folded sends the storm incident.
    pub(super) fn storm(&mut self, status: Status) {
        self.seq += 1;
        *self.gate.storm.lock().unwrap() = Some((self.seq, status));
    }

    /// The next number of an admission.
    pub(super) fn seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    pub(super) fn folded(&self) -> Vec<(String, Option<Severity>, u64)> {
        self.gate.folded.lock().unwrap().clone()
    }

    /// A title that is open at the endpoint, resolved once before.
    pub(super) fn delivered(&mut self, key: u64) {
        self.push(key, OPENING);
        assert_eq!(self.answer(ACCEPTED).map(|sent| sent.key), Some(key));
    }

    /// What goes out now, or when there may be something (`None`: idle).
    pub(super) fn next(&mut self) -> Result<Sent, Option<Duration>> {
        match self.outbox.next(self.now) {
            Next::Attempt { op, minimal } => Ok(Sent {
                key: op.key,
                status: op.status,
                at: self.now,
                minimal,
                severity: op.severity,
                count: op.occurrences.count,
                since_last: op.occurrences.since_last,
            }),
            Next::Wait(until) => Err(Some(until)),
            Next::Idle => Err(None),
        }
    }

    pub(super) fn finish(&mut self, outcome: Outcome) {
        self.entropy = scramble(self.entropy);
        let said = self.outbox.finish(outcome, self.now, self.entropy);
        self.said.extend(said);
    }

    /// One attempt that ends at once; `None` when nothing may be sent now.
    pub(super) fn answer(&mut self, outcome: Outcome) -> Option<Sent> {
        let sent = self.next().ok()?;
        self.finish(outcome);
        Some(sent)
    }

    /// Time goes on to `end`, and `world` answers all that is attempted.
    pub(super) fn until(
        &mut self,
        end: Duration,
        mut world: impl FnMut(&Sent) -> Outcome,
    ) -> Vec<Sent> {
        let mut sent = Vec::new();
        loop {
            match self.next() {
                Ok(attempt) => {
                    sent.push(attempt);
                    self.finish(world(&attempt));
                }
                Err(Some(at)) if at <= end => {
                    assert!(at > self.now, "a wait that is over");
                    self.now = at;
                }
                Err(_) => break,
            }
        }
        self.now = self.now.max(end);
        sent
    }

    /// The same for so many seconds; everything is accepted. What went out: titles and kinds.
    pub(super) fn settle(&mut self, seconds: u64) -> Vec<(u64, Status)> {
        let sent = self.until(self.now + secs(seconds), |_| ACCEPTED);
        assert_eq!(self.outbox.pending(), 0);
        sent.into_iter().map(|sent| (sent.key, sent.status)).collect()
    }

    pub(super) fn stats(&self) -> Stats {
        self.counters.snapshot(Vec::new())
    }

    pub(super) fn reopened(&self) -> Vec<u64> {
        self.gate.reopened.lock().unwrap().iter().map(|(key, _)| *key).collect()
    }

    /// Of those, the ones whose opening was lost.
    pub(super) fn lost_openings(&self) -> Vec<u64> {
        let reopened = self.gate.reopened.lock().unwrap();
        reopened.iter().filter(|(_, opening)| *opening).map(|(key, _)| *key).collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let stats = self.stats();
            assert_eq!(stats.accounted(), stats.seen, "{stats:?}");
            self.outbox = Outbox::default();
            let left = self.stats();
            let lost = stats.lost.shutdown + stats.pending;
            assert_eq!((left.pending, left.lost.shutdown), (0, lost), "{left:?}");
        }
    }
}
