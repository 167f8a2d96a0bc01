//! An outbox with its surroundings, under virtual time.
//!
//! [`Bench`] makes ops as the gate does, with a stand-in for the gate that records what is
//! reopened, and asserts the balance of the counters when it is dropped.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use crate::{
    backoff::scramble,
    delivery::{
        outbox::{Change, Next, Outbox},
        outcome::{Answer, NoAnswer, Outcome, of_answer, of_no_answer},
    },
    incident::{
        Detail, Folded, Gatekeeper, Occurrences, Op, Quiet, Sending, Severity, Status, Storm,
        Ticket,
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

/// Records what is reopened.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Vec<u64>>);

impl Gatekeeper for Gate {
    fn give_back(&self, key: u64, _: u64) {
        panic!("title {key} was committed and is given back");
    }

    fn reopen(&self, key: u64, _: u64, _: bool) {
        self.0.lock().unwrap().push(key);
    }

    fn fold(&self, _: u64, _: u64, _: Folded<'_>, _: Duration) -> Option<Storm> {
        None
    }

    fn quiet(&self, _: u64, _: Duration) -> Quiet {
        Quiet::Never
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
    gate: Arc<Gate>,
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
    pub(super) fn op(&mut self, key: u64, status: Status) -> Box<Op> {
        self.seq += 1;
        self.counters.add(Count::Seen);
        let (gate, counters) = (Arc::clone(&self.gate), Arc::clone(&self.counters));
        let sending = Sending { seq: self.seq, status, count: 1, since_last: 1, first: self.now };
        let mut ticket = Ticket::reserved(gate, counters, key, &sending);
        ticket.commit();
        let (first, last) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        // As the gate counts: of an opening nothing was told before.
        let count = if status == REPEAT { 5 } else { 1 };
        Box::new(Op {
            endpoint: 0,
            key,
            seq: self.seq,
            status,
            title: format!("title {key}"),
            severity: None,
            priority: None,
            detail: Detail::Manual(serde_json::Map::new()),
            panic: false,
            occurrences: Occurrences { count, since_last: count.min(4), first, last },
            admitted: self.now,
            ticket,
        })
    }

    pub(super) fn push(&mut self, key: u64, status: Status) {
        let op = self.op(key, status);
        self.outbox.push(op);
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
        self.gate.0.lock().unwrap().clone()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let stats = self.stats();
            assert_eq!(stats.accounted(), stats.seen, "{stats:?}");
            self.outbox = Outbox::default();
            let left = self.stats();
            assert_eq!((left.pending, left.lost.shutdown), (0, stats.pending), "{left:?}");
        }
    }
}
