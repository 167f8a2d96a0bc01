//! Takes over what dead runs have left in the spool.
//!
//! Invariants: a record's file is deleted only once what it says is in this run's own files, or
//! needs not be said any more; what was told is not told again while this run lives, whatever
//! becomes of its file; of several records of a title the newest counts; one look tells at most
//! [`RECORDS`] records.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::{Arc, Weak},
    time::{Duration, SystemTime},
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
/// Records that one look tells, at most, and about so many bytes of them.
const RECORDS: usize = 256;
const BYTES: u64 = 2 << 20;
/// Files deleted at once: a disk may take milliseconds for each.
const DELETED: usize = 32;

pub(crate) struct Adopter {
    spool: Arc<Spool>,
    /// By endpoint, how the spool knows it.
    ids: Vec<u32>,
    pipeline: Weak<dyn Replay>,
    next: Duration,
    /// The files that were told and are there still.
    told: HashMap<PathBuf, Told>,
}

struct Told {
    accepted: SystemTime,
    /// It can't be deleted, which a person knows.
    stays: bool,
}

/// What was taken over from dead runs, which stay locked until this is dropped.
pub(crate) struct Taken {
    adopted: Adopted,
    /// To be deleted, the first first: of a title the newest last, so that none that is older is
    /// left alone.
    done: VecDeque<Found>,
    /// What they say is in this run's own files, or was delivered.
    pub(crate) is_safe: bool,
}

impl Adopter {
    pub(crate) fn new(spool: Arc<Spool>, ids: Vec<u32>, pipeline: Weak<dyn Replay>) -> Self {
        Self { spool, ids, pipeline, next: Duration::ZERO, told: HashMap::new() }
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
        let is_muted = pipeline.is_muted();
        let (mut done, mut count, mut bytes) = (VecDeque::new(), 0_usize, 0_u64);
        for (head, files) in newest(std::mem::take(&mut adopted.records)) {
            let Some(file) = files.last() else { continue };
            if !self.has_told(file) {
                if is_muted && head.says != Recorded::Resolve {
                    continue;
                }
                if count >= RECORDS || bytes >= BYTES {
                    adopted.more = true;
                    continue;
                }
                let Some(record) = adopted.read(file) else { continue };
                (count, bytes) = (count.saturating_add(1), bytes.saturating_add(file.size));
                if self.leftover(record).is_some_and(|leftover| !pipeline.replay(leftover)) {
                    // There was no room: it stays, for the next look.
                    adopted.more = true;
                    continue;
                }
                self.note_told(&files);
            }
            done.extend(files);
        }
        // While it is muted, what is left would be read again and again.
        if adopted.more && !is_muted {
            self.next = now.saturating_add(SOON);
        }
        Some(Taken { adopted, done, is_safe: false })
    }

    fn has_told(&self, file: &Found) -> bool {
        self.told.get(&file.path).is_some_and(|told| told.accepted == file.accepted)
    }

    fn note_told(&mut self, files: &[Found]) {
        for file in files {
            if !self.has_told(file) {
                let told = Told { accepted: file.accepted, stays: false };
                self.told.insert(file.path.clone(), told);
            }
        }
    }

    /// Deletes some of what is safe; how many could not be, for the first time.
    pub(crate) fn delete_some(&mut self, taken: &mut Taken) -> usize {
        let mut stay = 0_usize;
        for found in taken.done.drain(..DELETED.min(taken.done.len())) {
            if taken.adopted.take_over(&found).is_ok() {
                self.told.remove(&found.path);
            } else if let Some(told) = self.told.get_mut(&found.path).filter(|told| !told.stays) {
                told.stays = true;
                stay = stay.saturating_add(1);
            }
        }
        stay
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
    /// Nothing is left to delete.
    pub(crate) fn is_done(&self) -> bool {
        self.done.is_empty()
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

    /// Those that were deleted, having been there for too long.
    pub(crate) fn forgotten(&self) -> usize {
        self.adopted.forgotten
    }
}

/// Of each title the newest record, with the files of all of them, its own last; but of a storm
/// incident each, since each has counts of its own. In the order of telling: panics first, the
/// most severe, the oldest.
///
/// Newest by the wall clock, all that runs share: one from the future is as new as one of now, and
/// of two that are equal it is the trigger, since a page too many is better than one too few.
fn newest(mut records: Vec<(Record, Found)>) -> Vec<(Record, Vec<Found>)> {
    let now = Clock::wall();
    records.sort_by_key(|(record, _)| (record.accepted.min(now), record.says != Recorded::Resolve));
    let mut newest: HashMap<(u32, String), (Record, Vec<Found>)> = HashMap::new();
    let mut storms = Vec::new();
    for (record, found) in records {
        if record.storm {
            storms.push((record, vec![found]));
            continue;
        }
        let title = (record.endpoint, record.title.clone());
        let files = newest.remove(&title).map(|(_, files)| files).into_iter().flatten();
        let files = files.chain([found]).collect();
        newest.insert(title, (record, files));
    }
    let mut records: Vec<_> = newest.into_values().chain(storms).collect();
    records.sort_by_key(|(record, _)| {
        let mildness = Reverse(record.severity);
        (!record.panic, record.storm, mildness, record.accepted)
    });
    records
}

/// The titles that a storm incident names.
fn sample(body: &serde_json::Map<String, Json>) -> Vec<String> {
    let sample = body.get("storm").and_then(|storm| storm.get("sample"));
    let titles = sample.and_then(Json::as_array).into_iter().flatten();
    titles.filter_map(Json::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
