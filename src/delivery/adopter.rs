//! Takes over what dead runs have left in the spool.
//!
//! Invariants: a record's file is deleted only once what it says is in this run's own files, or
//! needs not be said any more; of several records of a title the newest counts.

use std::{
    cmp::Reverse,
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use serde_json::Value as Json;

use crate::{
    clock::Clock,
    delivery::{
        outbox::{LATEST, MAX_AGE},
        spool::{Adopted, Found, Record, Says as Recorded, Spool},
    },
    incident::{Leftover, Occurrences, Replay, Says},
};

/// Between two looks for dead runs.
const EVERY: Duration = Duration::from_secs(30);
/// The next look, when there was too much for one.
const SOON: Duration = Duration::from_secs(1);
/// Files deleted at once: a disk may take milliseconds for each.
const DELETED: usize = 32;

pub(crate) struct Adopter {
    spool: Arc<Spool>,
    /// By endpoint, how the spool knows it.
    ids: Vec<u32>,
    pipeline: Weak<dyn Replay>,
    next: Duration,
}

/// What was taken over from dead runs, which stay locked until this is dropped.
pub(crate) struct Taken {
    adopted: Adopted,
    done: Vec<Found>,
}

impl Adopter {
    pub(crate) fn new(spool: Arc<Spool>, ids: Vec<u32>, pipeline: Weak<dyn Replay>) -> Self {
        Self { spool, ids, pipeline, next: Duration::ZERO }
    }

    /// When it looks next.
    pub(crate) fn next(&self) -> Duration {
        self.next
    }

    /// Looks for dead runs if it is time, and tells the pipeline what they have left.
    pub(crate) fn look(&mut self, now: Duration) -> Option<Taken> {
        if now < self.next {
            return None;
        }
        self.next = now.saturating_add(EVERY);
        let pipeline = self.pipeline.upgrade()?;
        let mut adopted = self.spool.adopt(&self.ids);
        let records = std::mem::take(&mut adopted.records);
        let (records, mut done) = newest(records);
        for (record, found) in records {
            let Some(leftover) = self.leftover(record) else {
                done.push(found);
                continue;
            };
            if pipeline.replay(leftover) {
                done.push(found);
            } else {
                // There was no room: it stays, for the next look.
                self.next = now.saturating_add(SOON);
            }
        }
        if adopted.more {
            self.next = now.saturating_add(SOON);
        }
        Some(Taken { adopted, done })
    }

    /// What a record says now; `None` when that need not be said any more.
    fn leftover(&self, record: Record) -> Option<Leftover> {
        let Record { title, severity, priority, count, since_last, first, last, .. } = record;
        let endpoint = self.ids.iter().position(|id| *id == record.endpoint)?;
        let age = Clock::wall().duration_since(record.accepted).unwrap_or_default();
        let says = match record.says {
            // It was accepted. Sent once more so late, it could undo what a person has done since.
            Recorded::Trigger { .. } if record.again && age > LATEST => return None,
            Recorded::Trigger { .. } if record.storm => {
                Says::Storm { sample: sample(&record.body) }
            }
            Recorded::Trigger { opening } => Says::Trigger { opening, panic: record.panic },
            Recorded::Resolve => Says::Resolve,
        };
        let occurrences = Occurrences { count, since_last, first, last };
        let (is_expired, body) = (age > MAX_AGE, record.body);
        Some(Leftover {
            endpoint,
            title,
            says,
            severity,
            priority,
            occurrences,
            age,
            is_expired,
            body,
        })
    }
}

impl Taken {
    /// What was replayed is in this run's own files: deletes some of those that it was in; whether
    /// that were all.
    pub(crate) fn delete_some(&mut self) -> bool {
        let left = self.done.len().saturating_sub(DELETED);
        for found in self.done.drain(left..) {
            // One that can't be deleted is found again, and is a repeat then.
            self.adopted.take_over(found).ok();
        }
        left == 0
    }

    /// Files that could not be read, and were set aside.
    pub(crate) fn set_aside(&self) -> usize {
        self.adopted.set_aside
    }

    /// Files and directories that could not be read, for now.
    pub(crate) fn failed(&self) -> usize {
        self.adopted.failed
    }

    /// Records of other webhooks, or of later versions.
    pub(crate) fn foreign(&self) -> usize {
        self.adopted.foreign
    }
}

/// Of each title the newest record, but of a storm incident all, since each has counts of its own;
/// in the order of telling: panics first, the most severe, the
/// oldest. And the files of the others.
fn newest(records: Vec<(Record, Found)>) -> (Vec<(Record, Found)>, Vec<Found>) {
    let mut newest: HashMap<(u32, String), (Record, Found)> = HashMap::new();
    let (storms, records): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|(record, _)| record.storm);
    let mut old = Vec::new();
    for (record, found) in records {
        let title = (record.endpoint, record.title.clone());
        if let Some((_, found)) = newest.insert(title, (record, found)) {
            old.push(found);
        }
    }
    let mut records: Vec<_> = newest.into_values().chain(storms).collect();
    records.sort_by_key(|(record, _)| {
        let mildness = Reverse(record.severity);
        (!record.panic, record.storm, mildness, record.accepted)
    });
    (records, old)
}

/// The titles that a storm incident names.
fn sample(body: &serde_json::Map<String, Json>) -> Vec<String> {
    let sample = body.get("storm").and_then(|storm| storm.get("sample"));
    let titles = sample.and_then(Json::as_array).into_iter().flatten();
    titles.filter_map(Json::as_str).map(str::to_owned).collect()
}
