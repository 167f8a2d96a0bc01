//! The worker and the spool: keeps the files in step, takes over those of dead runs, and tells what
//! is wrong with them.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use super::Worker;
use crate::{
    delivery::{
        adopter::{Adopter, Taken},
        lines,
    },
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

    /// Takes over what dead runs have left, if it is time to look, or deletes what was.
    pub(super) fn adopt(&mut self) {
        let now = self.parts.clock.now();
        let Some(adopter) = &mut self.adopter else { return };
        // What can't be kept yet must not keep us from the rest: it is found again.
        self.taken.take_if(|taken| !taken.is_safe && now >= adopter.next());
        let mut taken = match self.taken.take() {
            Some(taken) => taken,
            None => {
                let Some(taken) = adopter.look(now) else { return };
                self.tell_of(&taken, now);
                taken
            }
        };
        if taken.is_safe {
            self.delete(&mut taken, now);
        } else if !taken.is_done() {
            self.receive();
            taken.is_safe = self.parts.receiver.slots_taken() == 0 && self.keep();
        }
        self.taken = Some(taken).filter(|taken| !taken.is_done());
    }

    fn delete(&mut self, taken: &mut Taken, now: Duration) {
        let Some(adopter) = &mut self.adopter else { return };
        let stay = adopter.delete_some(taken);
        if stay > 0 {
            self.parts.counters.add(Count::SpoolErrors);
            let sentence = format!(
                "{stay} files of the spool can't be deleted: the next run will tell them again"
            );
            self.tell_of_spool(sentence, now);
        }
    }

    fn tell_of(&mut self, taken: &Taken, now: Duration) {
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
        if taken.forgotten() > 0 {
            let count = taken.forgotten();
            let sentence = format!(
                "{count} records of another webhook or a later version were in the spool for 30 \
                 days, and are deleted"
            );
            self.tell_of_spool(sentence, now);
        }
    }

    /// The worker ends: what was taken over is deleted, as long as there is time for that. What is
    /// left after that is in this run's own files, too, or was delivered a moment ago.
    pub(super) fn leave_spool(&mut self) {
        let (clock, end) = (self.parts.clock.clone(), self.ends.map(|ends| ends.at));
        if let Some(mut taken) = self.taken.take().filter(|taken| taken.is_safe) {
            self.delete(&mut taken, clock.now());
            while !taken.is_done() && end.is_none_or(|end| clock.now() < end) {
                self.delete(&mut taken, clock.now());
            }
        }
        if let Some(spool) = &self.parts.spool {
            spool.close();
        }
    }

    /// When there is something to take over, or to delete of what was.
    pub(super) fn adopts_at(&self) -> Option<Duration> {
        match &self.taken {
            Some(taken) if taken.is_safe => Some(Duration::ZERO),
            _ => self.adopter.as_ref().map(Adopter::next),
        }
    }
}
