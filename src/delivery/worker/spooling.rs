//! The worker and the spool: keeps the files in step, takes over those of dead runs, and tells what
//! is wrong with them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::Worker;
use crate::{
    delivery::{adopter::Adopter, lines},
    incident::Replay,
    problem::{Problem, ProblemKind},
    stats::Count,
};

impl Worker {
    /// Brings the spool in step with the outboxes; whether it is.
    pub(super) fn keep(&mut self) -> bool {
        let now = self.parts.clock.now();
        let mut failed = None;
        for endpoint in &mut self.endpoints {
            failed = endpoint.keep(now, &self.parts.source).err().or(failed);
        }
        let Some(error) = failed else {
            return self.endpoints.iter().all(|endpoint| endpoint.keeps_at(now).is_none());
        };
        self.parts.counters.add(Count::SpoolErrors);
        let sentence =
            format!("the spool can't be written ({error}): incidents are in memory only");
        self.tell_of_spool(sentence, now);
        false
    }

    /// Tells what is wrong with the spool, at most once a minute.
    fn tell_of_spool(&mut self, sentence: String, now: Duration) {
        if now >= self.spool_told {
            self.spool_told = now.saturating_add(lines::EVERY);
            self.tell(Problem::new(ProblemKind::Spool, sentence));
        }
    }

    pub(super) fn adopter_for(&self, pipeline: Weak<dyn Replay>) -> Option<Adopter> {
        let spool = self.parts.spool.as_ref()?;
        let ids = self.endpoints.iter().map(|endpoint| endpoint.home().map_or(0, |home| home.id));
        Some(Adopter::new(Arc::clone(spool), ids.collect(), pipeline))
    }

    /// Takes over what dead runs have left, if it is time to look.
    pub(super) fn adopt(&mut self) {
        let now = self.parts.clock.now();
        if let Some(taken) = &mut self.taken {
            if taken.delete_some() {
                self.taken = None;
            }
            return;
        }
        let Some(taken) = self.adopter.as_mut().and_then(|adopter| adopter.look(now)) else {
            return;
        };
        self.receive();
        let arrived = self.parts.receiver.slots_taken() == 0;
        if taken.set_aside() > 0 {
            let count = taken.set_aside();
            (0..count).for_each(|_| self.parts.counters.add(Count::SetAside));
            let sentence = format!("{count} files of the spool can't be read, and are set aside");
            self.tell_of_spool(sentence, now);
        }
        if taken.failed() > 0 {
            self.parts.counters.add(Count::SpoolErrors);
            let count = taken.failed();
            self.tell_of_spool(format!("{count} files of the spool can't be read for now"), now);
        }
        if taken.foreign() > 0 && !self.foreign_told {
            self.foreign_told = true;
            let count = taken.foreign();
            let sentence = format!(
                "{count} records in the spool are of another webhook or a later version, and are \
                 left alone"
            );
            self.tell(Problem::new(ProblemKind::Spool, sentence));
        }
        // Else it is found again, and is a repeat then.
        if self.keep() && arrived {
            self.taken = Some(taken);
        }
    }

    /// The worker ends: what was taken over is deleted, as long as there is time for that, and what
    /// is left is for the next run.
    pub(super) fn leave_spool(&mut self) {
        let (clock, end) = (self.parts.clock, self.ends.map(|ends| ends.at));
        if let Some(mut taken) = self.taken.take() {
            while !taken.delete_some() && end.is_some_and(|end| clock.now() < end) {}
        }
        if let Some(spool) = &self.parts.spool {
            spool.close();
        }
    }

    /// When there is something to take over, or to delete of what was.
    pub(super) fn adopts_at(&self) -> Option<Duration> {
        match &self.taken {
            Some(_) => Some(Duration::ZERO),
            None => self.adopter.as_ref().map(Adopter::next),
        }
    }
}
