//! What earlier runs have left in the spool, on its way in: through the gate and its budget like
//! an event, but not asked about thresholds, which it has passed before. While all is muted it is
//! left where it is, and not asked at all.

use super::{Head, Pipeline};
use crate::{
    capture::gate::{Admission, Ask, rank},
    incident::{Detail, Leftover, Op, Replay, Says, Status},
    stats::Count,
};

impl Replay for Pipeline {
    fn replay(&self, leftover: Leftover) -> bool {
        let is_resolve = matches!(leftover.says, Says::Resolve);
        let Some(queue) = self.queue.as_ref().filter(|queue| !queue.is_closed()) else {
            return false;
        };
        let slot = match is_resolve {
            true => queue.reserve_resolve(leftover.endpoint),
            false => queue.reserve_trigger(leftover.endpoint),
        };
        let Ok(slot) = slot else { return false };
        self.counters.add(Count::Seen);
        self.counters.add(Count::Replayed);
        let op =
            if is_resolve { self.resolve_again(leftover) } else { self.trigger_again(leftover) };
        match op {
            Ok(op) => slot.send(op),
            Err(count) => self.counters.add(count),
        }
        true
    }

    fn is_muted(&self) -> bool {
        self.mute.left(|| self.clock.now()).is_some()
    }
}

impl Pipeline {
    fn trigger_again(&self, leftover: Leftover) -> Result<Box<Op>, Count> {
        let (now, key) = (self.clock.now(), self.key(&leftover.title));
        // By the wall clock, all that two processes share.
        let at = now.saturating_sub(leftover.age);
        if self.gate(leftover.endpoint).was_over_after(key, at) {
            return Err(Count::SuppressedCancelled);
        }
        let (opening, panic) = match leftover.says {
            Says::Trigger { opening, panic } if !leftover.is_expired => (opening, panic),
            Says::Trigger { .. } => return self.tell_in_storm(&leftover, Count::LostExpired),
            _ => return self.tell_in_storm(&leftover, Count::SuppressedStorm),
        };
        let Leftover { endpoint, severity, priority, occurrences, .. } = leftover;
        let earlier = occurrences.count.checked_sub(1).filter(|earlier| *earlier > 0);
        let ago = self.clock.date().duration_since(occurrences.first).unwrap_or_default();
        let before = earlier.map(|earlier| (earlier, now.saturating_sub(ago)));
        let ask = Ask { key, rank: rank(severity), meant: panic, before };
        match self.gate(endpoint).admit(ask, now) {
            Admission::Repeat => Err(Count::SuppressedRepeat),
            Admission::Storm => self.tell_in_storm(&leftover, Count::SuppressedStorm),
            Admission::Send(sending) => {
                let admitted = self.admitted(endpoint, key, now, sending);
                let head = Head {
                    title: &leftover.title,
                    endpoint,
                    severity,
                    priority,
                    ..Head::default()
                };
                let mut op = self.op(head, admitted, Detail::Stored(leftover.body));
                if sending.status == (Status::Trigger { opening: true }) {
                    // A repeat stays one: the title may be open at Spike, as a person has left it.
                    op.status = Status::Trigger { opening };
                }
                (op.occurrences, op.aged, op.panic) = (occurrences, leftover.age, panic);
                Ok(op)
            }
        }
    }

    /// It is told by the storm incident; `or`: what it counts as when that sends nothing now.
    fn tell_in_storm(&self, leftover: &Leftover, or: Count) -> Result<Box<Op>, Count> {
        let Leftover { endpoint, severity, occurrences, .. } = *leftover;
        let sample = match &leftover.says {
            Says::Storm { sample } => sample.first(),
            _ => None,
        };
        let title = sample.unwrap_or(&leftover.title);
        let (now, key) = (self.clock.now(), self.key(title));
        let gate = self.gate(endpoint);
        match gate.fold_many(key, title, rank(severity), occurrences.count.max(1), now) {
            Admission::Send(sending) => {
                let admitted = self.admitted(endpoint, gate.storm_key(), now, sending);
                let head =
                    Head { title: gate.storm_title(), endpoint, severity, ..Head::default() };
                Ok(self.op(head, admitted, Detail::Storm(gate.storm_detail())))
            }
            Admission::Repeat | Admission::Storm => Err(or),
        }
    }

    fn resolve_again(&self, leftover: Leftover) -> Result<Box<Op>, Count> {
        let Leftover { endpoint, title, occurrences, age, is_expired, body, .. } = leftover;
        let (now, key) = (self.clock.now(), self.key(&title));
        if is_expired {
            return Err(Count::LostExpired);
        }
        if self.gate(endpoint).is_open(key) {
            // It failed again since.
            return Err(Count::SuppressedCancelled);
        }
        let said = now.saturating_sub(age);
        let Admission::Send(sending) = self.gate(endpoint).resolve_late(key, said, now) else {
            return Err(Count::SuppressedRepeat);
        };
        let admitted = self.admitted(endpoint, key, now, sending);
        let head = Head { title: &title, endpoint, ..Head::default() };
        let mut op = self.op(head, admitted, Detail::Stored(body));
        (op.occurrences, op.aged) = (occurrences, age);
        Ok(op)
    }
}
