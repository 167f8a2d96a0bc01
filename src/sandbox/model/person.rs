//! What a person does to the incidents, and sees of them.
//!
//! Owns acknowledging, resolving and clearing by hand, and the look that the page takes. Pure, as
//! the model is. Never sends anything: the program that paged does not hear of it, as with Spike.

use std::time::Duration;

use super::super::incident::{Incident, Status, What};
use super::super::topics::{Key, Topics};
use super::{Moment, Spike};

/// What the limit of 20 in 60 s has counted for the title of an incident.
#[derive(Default)]
pub(in super::super) struct Limit {
    /// When each trigger arrived that counts, by the wall clock, oldest first.
    pub(in super::super) counted: Vec<Duration>,
    /// Until when the title is limited, by the wall clock.
    pub(in super::super) until: Option<Duration>,
}

impl Spike {
    /// Resolves every open incident with this title, as a person does in Spike's own pages.
    pub(in super::super) fn resolve_by_person(&mut self, title: &str, now: Moment) -> usize {
        let wanted = self.normalise(title);
        let open: Vec<u64> =
            self.topics.with_title(&wanted).filter_map(|topic| topic.open.take()).collect();
        let resolved = open.into_iter().filter(|number| self.set_resolved(*number, now));
        resolved.count()
    }

    /// Resolves one incident; one that is resolved stays as it is.
    pub(in super::super) fn resolve_number(&mut self, number: u64, now: Moment) {
        if !self.incidents.get(number).is_some_and(Incident::is_open) {
            return;
        }
        if let Some(topic) = self.key_of(number).and_then(|key| self.topics.get_mut(&key))
            && topic.open == Some(number)
        {
            topic.open = None;
        }
        self.set_resolved(number, now);
    }

    /// Acknowledges one incident, if it is open.
    pub(in super::super) fn acknowledge(&mut self, number: u64, now: Moment) {
        if self.incidents.get(number).is_some_and(|one| one.status() == Status::Open) {
            self.change(Some(number), now, What::Acknowledged, |record| {
                record.acknowledged = Some(now.wall());
            });
        }
    }

    /// Forgets all incidents and titles, with their counts towards the limit; numbers go on.
    pub(in super::super) fn clear(&mut self) {
        self.incidents.clear();
        self.topics = Topics::new();
        self.revision = self.revision.saturating_add(1);
        self.cleared = self.revision;
    }

    /// Goes up with each change of an incident.
    pub(in super::super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether who has seen this revision knows of every incident that is gone since.
    pub(in super::super) fn follows(&self, seen: u64) -> bool {
        (self.cleared..=self.revision).contains(&seen)
    }

    /// The newest of these many incidents that have changed since, the newest first.
    pub(in super::super) fn changed_since(
        &self,
        revision: u64,
        newest: usize,
    ) -> impl Iterator<Item = &Incident> {
        let newest = self.incidents.iter().rev().take(newest);
        newest.filter(move |incident| incident.record().revision > revision)
    }

    /// The incident with this number, if it is kept.
    pub(in super::super) fn incident(&self, number: u64) -> Option<&Incident> {
        self.incidents.get(number)
    }

    /// What the limit knows of an incident that is not resolved; its title's count belongs to
    /// the next one afterwards.
    pub(in super::super) fn limit_of(&self, incident: &Incident, now: Moment) -> Limit {
        let key = self.key_of(incident.number()).filter(|_| incident.is_open());
        let Some(topic) = key.and_then(|key| self.topics.get(&key)) else {
            return Limit::default();
        };
        let (ages, left) = topic.window(now.at);
        let wall = now.wall();
        let counted = ages.into_iter().map(|age| wall.saturating_sub(age)).collect();
        Limit { counted, until: left.map(|left| wall.saturating_add(left)) }
    }

    fn key_of(&self, number: u64) -> Option<Key> {
        let record = self.incidents.get(number)?.record();
        let title = self.normalise(&record.title);
        (!record.title.is_empty()).then(|| Key { token: record.token.clone(), title })
    }

    fn set_resolved(&mut self, number: u64, now: Moment) -> bool {
        self.change(Some(number), now, What::Resolved, |record| record.resolved = Some(now.wall()))
    }
}
