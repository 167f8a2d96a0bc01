//! Who watches what does not go out, if anybody does.

use super::Pipeline;
use crate::{queue::Control, stats::Count, witness::Witness};

impl Pipeline {
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
