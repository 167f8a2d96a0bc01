//! Titles that are resolved because they have been quiet.
//!
//! Invariants: only those that a trigger of this process has opened, and of which nothing newer is
//! wanted; the gate decides when.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use crate::{
    delivery::outbox::Outbox,
    incident::{Detail, Gatekeeper, Occurrences, Op, Quiet, Sending, Ticket},
    stats::{Count, Counters},
};

/// An open title, for as long as the gate may resolve it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Watch {
    /// When to ask the gate.
    pub(super) at: Duration,
    origin: Origin,
}

/// Where an op came from, for one that follows from it.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Origin {
    endpoint: usize,
    key: u64,
    title: String,
    gate: Arc<dyn Gatekeeper>,
    counters: Arc<Counters>,
    /// The same moment on both clocks.
    admitted: Duration,
    last: SystemTime,
}

impl Watch {
    pub(super) fn new(
        op: &Op,
        gate: &Arc<dyn Gatekeeper>,
        counters: &Arc<Counters>,
        now: Duration,
    ) -> Self {
        Self { at: now, origin: Origin::new(op, op.key, op.title.clone(), gate, counters) }
    }
}

impl Origin {
    /// Of what follows from `op` under this title.
    pub(super) fn new(
        op: &Op,
        key: u64,
        title: String,
        gate: &Arc<dyn Gatekeeper>,
        counters: &Arc<Counters>,
    ) -> Self {
        let (gate, counters) = (Arc::clone(gate), Arc::clone(counters));
        let Occurrences { last, .. } = op.occurrences;
        Self { endpoint: op.endpoint, key, title, gate, counters, admitted: op.admitted, last }
    }

    /// An op that no event asked for, pending from now on.
    pub(super) fn op(self, sending: Sending, detail: Detail, now: Duration) -> Box<Op> {
        self.counters.add(Count::Seen);
        let Self { endpoint, key, title, gate, counters, admitted, last } = self;
        let mut ticket = Ticket::reserved(gate, counters, key, &sending);
        ticket.commit();
        let age = admitted.saturating_sub(sending.first);
        let first = last.checked_sub(age).unwrap_or(last);
        let Sending { seq, status, count, since_last, .. } = sending;
        Box::new(Op {
            endpoint,
            key,
            seq,
            status,
            title,
            severity: None,
            priority: None,
            detail,
            panic: false,
            occurrences: Occurrences { count, since_last, first, last },
            admitted: now,
            aged: Duration::ZERO,
            ticket,
        })
    }
}

impl Outbox {
    /// Takes over the resolves of titles that have been quiet; tells when to ask again.
    pub(super) fn resolve_quiet(&mut self, now: Duration) -> Option<Duration> {
        let mut wake: Option<Duration> = None;
        let mut room = self.room().resolves;
        let mut quiet = Vec::new();
        for (key, title) in &mut self.titles {
            let Some(at) = title.quiet_at() else { continue };
            if at <= now && room == 0 {
                // The next attempt that ends may make room.
                continue;
            }
            let Some(watch) = &mut title.watch else { continue };
            if at <= now {
                match watch.origin.gate.quiet(*key, now) {
                    Quiet::Until(at) if at > now => watch.at = at,
                    Quiet::Until(_) | Quiet::Never => title.watch = None,
                    Quiet::Resolved(sending) => {
                        room = room.saturating_sub(1);
                        quiet.extend(title.watch.take().map(|watch| (watch.origin, sending)));
                    }
                }
            }
            let at = title.watch.as_ref().map(|watch| watch.at);
            wake = wake.into_iter().chain(at).min();
        }
        for (origin, sending) in quiet {
            self.push(origin.op(sending, Detail::Quiet, now), now);
        }
        wake
    }
}
