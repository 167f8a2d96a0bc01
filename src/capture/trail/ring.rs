//! The last events of one root span, one behind the other.
//!
//! Pure: time is an argument. Invariants: never more than [`BYTES`] of them, nor more events than
//! was asked for, the oldest go; once it has room for that much, nothing is allocated.

use std::{collections::VecDeque, fmt, time::Duration};

use super::recording::Recording;
use crate::incident::{Step, Trail};

/// Bytes of a root span's events.
pub(super) const BYTES: usize = 8 * 1024;
/// Room that is made at first.
const FIRST: usize = 16;

#[derive(Default)]
pub(super) struct Ring {
    /// When each was, instead of how long before.
    steps: VecDeque<Step>,
    bytes: VecDeque<u8>,
}

impl Ring {
    pub(super) fn clear(&mut self) {
        self.steps.clear();
        self.bytes.clear();
    }

    pub(super) fn push(&mut self, recording: &Recording, now: Duration, most: usize) {
        let bytes = recording.bytes();
        let Ok(length) = u16::try_from(bytes.len()) else { return };
        while self.steps.len() >= most || self.bytes.len().saturating_add(bytes.len()) > BYTES {
            let Some(oldest) = self.steps.pop_front() else { break };
            self.bytes.drain(..usize::from(oldest.length).min(self.bytes.len()));
        }
        reserve(&mut self.steps, 1, most);
        reserve(&mut self.bytes, bytes.len(), BYTES);
        self.bytes.extend(bytes);
        self.steps.push_back(Step { at: now, length, ..recording.step() });
    }

    /// All of it, as at `now`.
    pub(super) fn copy(&self, now: Duration) -> Trail {
        let before = |step: &Step| Step { at: now.saturating_sub(step.at), ..*step };
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let (first, second) = self.bytes.as_slices();
        bytes.extend_from_slice(first);
        bytes.extend_from_slice(second);
        Trail { steps: self.steps.iter().map(before).collect(), bytes, missed: false }
    }
}

impl fmt::Debug for Ring {
    /// How many there are: their texts may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} in {} bytes)", self.steps.len(), self.bytes.len())
    }
}

/// Makes room for some more: twice as much each time, and `most` in the end.
fn reserve<T>(list: &mut VecDeque<T>, more: usize, most: usize) {
    let needed = list.len().saturating_add(more);
    if needed > list.capacity() {
        let room = list.capacity().saturating_mul(2).max(needed).max(FIRST);
        list.reserve_exact(room.min(most.max(needed)).saturating_sub(list.len()));
    }
}
