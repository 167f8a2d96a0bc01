//! What the spool has of one endpoint's outbox: the last word on each title that is not delivered.
//!
//! Invariants: it follows the outbox and decides nothing; a title whose file can't be written stays
//! in memory, and is tried again a second later; the others do not wait for it.

use std::{
    collections::{HashMap, HashSet},
    io,
    sync::Arc,
    time::Duration,
};

use crate::{
    clock::Clock,
    delivery::{
        body::{self, Source, Telling},
        outbox::Outbox,
        spool::{Record, Says, Spool},
    },
    incident::{Detail, Keep, Op, Status},
    webhook::Webhook,
};

/// After a write that failed, the next one.
const AGAIN: Duration = Duration::from_secs(1);

/// An endpoint's part of the spool.
#[derive(Debug)]
pub(crate) struct Kept {
    spool: Arc<Spool>,
    home: Home,
    /// What is in the files, by the titles' keys; also of titles whose file may be there.
    stamps: HashMap<u64, Stamp>,
    /// Which run the files are of, as [`Spool::look`] tells.
    renewed: u64,
    /// Until then nothing is written: the directory could not be looked at.
    paused_until: Duration,
}

/// How the spool knows an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) id: u32,
    /// Scheme, host and port.
    pub(crate) place: String,
}

/// The spool of all endpoints, for who is about to die.
#[derive(Debug)]
pub(crate) struct LastWords {
    pub(crate) spool: Arc<Spool>,
    /// By endpoint.
    pub(crate) homes: Vec<Option<Home>>,
    pub(crate) source: Source,
}

impl Keep for LastWords {
    fn keep(&self, op: &Op, now: Duration) {
        if let Some(Some(home)) = self.homes.get(op.endpoint) {
            // The worker writes it once more, and counts it if that fails, too.
            self.spool.write(&record(op, false, home, &self.source, now)).ok();
        }
    }

    fn let_go_in_child(&self) {
        self.spool.let_go_in_child();
    }
}

/// Which state of a title is in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    title: String,
    seq: u64,
    says: Says,
    again: bool,
    count: u64,
    /// Nobody may rely on it, as the last write failed, or may have; when it is to be tried again.
    doubtful: Option<Duration>,
}

impl Home {
    pub(crate) fn of(webhook: &Webhook) -> Self {
        Self { id: webhook.id(), place: webhook.place().to_owned() }
    }
}

impl Kept {
    pub(crate) fn new(spool: Arc<Spool>, home: Home) -> Self {
        Self { spool, home, stamps: HashMap::new(), renewed: 0, paused_until: Duration::ZERO }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Whether the title's last word is in a file.
    pub(crate) fn has(&self, key: u64) -> bool {
        self.stamps.get(&key).is_some_and(|stamp| stamp.doubtful.is_none())
    }

    /// An op arrives of which whoever sent it may have written a file.
    pub(crate) fn foresee(&mut self, op: &Op) {
        if op.panic {
            let doubtful = Some(Duration::ZERO);
            self.stamps.insert(op.key, Stamp { doubtful, ..Stamp::of(op, false) });
        }
    }

    /// Brings the files in step with the outbox, but for those of which that failed a moment ago.
    pub(crate) fn follow(
        &mut self,
        outbox: &Outbox,
        source: &Source,
        now: Duration,
    ) -> io::Result<()> {
        if now < self.paused_until {
            return Ok(());
        }
        if !self.stamps.is_empty() {
            self.look().inspect_err(|_| self.paused_until = now.saturating_add(AGAIN))?;
        }
        self.write(outbox, source, now)
    }

    /// What failed a moment ago is tried again at once: there will be no later.
    pub(crate) fn hurry(&mut self) {
        self.paused_until = Duration::ZERO;
        for stamp in self.stamps.values_mut().filter(|stamp| stamp.doubtful.is_some()) {
            stamp.doubtful = Some(Duration::ZERO);
        }
    }

    /// Whether what was written is there still.
    fn look(&mut self) -> io::Result<()> {
        let renewed = self.spool.look();
        if renewed.as_ref().ok() != Some(&self.renewed) {
            self.stamps.values_mut().for_each(|stamp| stamp.doubtful = Some(Duration::ZERO));
        }
        self.renewed = renewed?;
        Ok(())
    }

    /// When there is something to write that could not be written.
    pub(crate) fn wake(&self, now: Duration) -> Option<Duration> {
        let stamps = self.stamps.values().filter_map(|stamp| stamp.doubtful);
        stamps.chain([self.paused_until]).filter(|at| now < *at).min()
    }

    fn write(&mut self, outbox: &Outbox, source: &Source, now: Duration) -> io::Result<()> {
        let (mut words, mut failed, mut storm_waits) = (HashSet::new(), Ok(()), false);
        let later = now.saturating_add(AGAIN);
        for (op, again) in outbox.last_words() {
            words.insert(op.key);
            let (stamp, has) = (Stamp::of(op, again), self.stamps.get(&op.key));
            if has == Some(&stamp) {
                continue;
            }
            let mut waits = has.is_some_and(|has| has.waits(now));
            if !waits {
                let written = self.spool.write(&record(op, again, &self.home, source, now));
                waits = written.is_err();
                self.stamps.insert(op.key, Stamp { doubtful: waits.then_some(later), ..stamp });
                failed = failed.and(written);
            }
            storm_waits |= waits && matches!(op.detail, Detail::Storm(_));
        }
        if storm_waits {
            // What was folded into it stays where it is.
            return failed;
        }
        // In any case: a full disk gets room only so.
        let (spool, id) = (&self.spool, self.home.id);
        self.stamps.retain(|key, stamp| {
            if words.contains(key) || stamp.waits(now) {
                return true;
            }
            let removed = spool.remove(id, &stamp.title);
            let stays = removed.is_err();
            if stays {
                stamp.doubtful = Some(later);
                failed = removed;
            }
            stays
        });
        failed
    }
}

impl Stamp {
    fn of(op: &Op, again: bool) -> Self {
        let (title, count) = (op.title.clone(), op.occurrences.count);
        Self { title, seq: op.seq, says: says(op), again, count, doubtful: None }
    }

    /// Whether it failed a moment ago.
    fn waits(&self, now: Duration) -> bool {
        self.doubtful.is_some_and(|at| now < at)
    }
}

fn says(op: &Op) -> Says {
    match op.status {
        Status::Trigger { opening } => Says::Trigger { opening },
        Status::Resolve { .. } => Says::Resolve,
    }
}

/// What is to be kept of an op.
pub(crate) fn record(op: &Op, again: bool, home: &Home, source: &Source, now: Duration) -> Record {
    let wall = Clock::wall();
    let age = now.saturating_sub(op.admitted).saturating_add(op.aged);
    Record {
        endpoint: home.id,
        place: home.place.clone(),
        title: op.title.clone(),
        says: says(op),
        again,
        panic: op.panic,
        storm: matches!(op.detail, Detail::Storm(_)),
        severity: op.severity,
        priority: op.priority,
        count: op.occurrences.count,
        since_last: op.occurrences.since_last,
        first: op.occurrences.first,
        last: op.occurrences.last,
        accepted: wall.checked_sub(age).unwrap_or(wall),
        body: body::body(op, source, Telling::default()),
    }
}

#[cfg(test)]
mod tests;
