//! What a program pages and resolves by hand, through its `Handle`.

use super::{Asked, Goes, Head, Pipeline};
use crate::{
    capture::title,
    error::{Error, Kind},
    incident::{Detail, Incident, Manual},
    queue::{RESOLVE_SLOTS, Sender},
    stats::Count,
};

impl Pipeline {
    /// `Handle::trigger`.
    pub(crate) fn trigger_manual(&self, incident: Incident) -> Result<(), Error> {
        let name = self.clean_title(&incident.title)?;
        let Incident { severity, priority, mut fields, .. } = incident;
        fields.redact(|map| self.settings.scrubber.scrub_fields(map));
        let head = Head { title: &name, severity, priority, ..Head::default() };
        let capacity = self.queue.as_ref().map_or(0, Sender::capacity);
        let sent = self.trigger(Asked::by_hand(head), || Detail::Manual(fields));
        self.manual(sent, "incident", capacity)
    }

    /// `Handle::resolve`.
    pub(crate) fn resolve_manual(&self, title: &str) -> Result<(), Error> {
        let name = self.clean_title(title)?;
        let goes = Goes::WhereOpen { or: 0 };
        let sent = self.resolve(&name, goes, || Detail::Manual(Manual::default()));
        self.manual(sent, "resolve", RESOLVE_SLOTS)
    }

    /// A title that a person wrote: redacted and cleaned, nothing appended.
    fn clean_title(&self, title: &str) -> Result<String, Error> {
        let mut scrubbed = title.to_owned();
        self.settings.scrubber.scrub_all(&mut scrubbed);
        let mut clean = String::new();
        title::verbatim(&scrubbed, &mut clean);
        if clean.is_empty() {
            return Err(Error::new(Kind::Setting {
                name: "title",
                expected: "text that can be read",
                found: "nothing".to_owned(),
            }));
        }
        Ok(clean)
    }

    fn manual(
        &self,
        sent: Result<(), Count>,
        queue: &'static str,
        capacity: usize,
    ) -> Result<(), Error> {
        self.counters.add(Count::Seen);
        let Err(count) = sent else { return Ok(()) };
        self.counters.add(count);
        match count {
            Count::RefusedFull => Err(Error::new(Kind::Full { queue, capacity })),
            Count::RefusedClosed | Count::RefusedForked => Err(Error::new(Kind::Closed)),
            _ => Ok(()),
        }
    }
}
