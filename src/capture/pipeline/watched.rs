//! The entrance of triggers, and who watches what does not go through, if anybody does.

use super::{Asked, Pipeline};
use crate::{
    incident::Detail,
    queue::{Control, Sender},
    stats::Count,
    witness::Witness,
};

impl Pipeline {
    /// Opens or repeats an incident. `Err` says where it ended instead of on its way; the caller
    /// counts that. `build` runs only when there is a slot for what it builds.
    pub(crate) fn trigger(
        &self,
        asked: Asked<'_>,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let queue = self.admitting()?;
        self.trigger_through(queue, asked, build)
    }

    /// As [`trigger`](Self::trigger), by the queue of [`admitting`](Self::admitting).
    pub(crate) fn trigger_through(
        &self,
        queue: &Sender,
        asked: Asked<'_>,
        build: impl FnOnce() -> Detail,
    ) -> Result<(), Count> {
        let title = asked.head.title;
        let paged = self.admit(queue, asked, build);
        if let Err(why) = paged {
            self.tell_stopped(title, why);
        }
        paged
    }

    pub(super) fn witness(&self) -> Option<&dyn Witness> {
        self.settings.witness.as_deref()
    }

    /// Tells that an occurrence of this title does not go out.
    pub(super) fn tell_stopped(&self, title: &str, why: Count) {
        if let (Some(witness), Some(queue)) = (self.witness(), &self.queue)
            && witness.stopped(title, why)
        {
            queue.control(Control::Look);
        }
    }
}
