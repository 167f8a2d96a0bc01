//! The naive gate: its titles, what they may cost, and its answers.

use std::{collections::HashMap, time::Duration};

use super::{
    super::{Admission, Ask, Folded, Held, Quiet, STORM, Sending, Status},
    FIVE_MINUTES, MINUTE,
    title::{Entry, Fate, Now, Sent, Title, What},
};
use crate::{backoff::scramble, capture::gate::rank};

/// A burst, then a rate: what is left, and when that was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purse {
    left: i128,
    at: u64,
    burst: i128,
    each: i128,
}

impl Purse {
    pub(super) fn new(burst: u32, per_minute: u32) -> Self {
        let each = i128::from(MINUTE / u64::from(per_minute));
        let burst = i128::from(burst.max(1)) * each;
        Self { left: burst, at: 0, burst, each }
    }

    fn pays(&mut self, now: u64) -> bool {
        let left = (self.left + i128::from(now) - i128::from(self.at)).min(self.burst);
        if left < self.each {
            return false;
        }
        (self.left, self.at) = (left - self.each, now);
        true
    }
}

#[derive(Debug)]
pub(super) struct Naive {
    pub(super) titles: HashMap<u64, Title>,
    purses: [Purse; 2],
    pub(super) repeats: Vec<u64>,
    every: u64,
    resolve_after: Option<u64>,
    seq: u64,
}

/// What the reference says, in the gate's words.
pub(super) type Answer = Admission;

impl Naive {
    pub(super) fn new(purses: [Purse; 2], every: u64, resolve_after: Option<u64>) -> Self {
        let (titles, repeats) = (HashMap::new(), Vec::new());
        Self { titles, purses, repeats, every, resolve_after, seq: 1 }
    }

    pub(super) fn quiet_after(&self) -> u64 {
        self.resolve_after.unwrap_or(0)
    }

    pub(super) fn now(&self, key: u64) -> Now {
        let title = self.titles.get(&key.max(1));
        title.map_or(Now::default(), |title| title.read(self.quiet_after()))
    }

    fn put(&mut self, key: u64, at: u64, what: What, admitted: bool) -> u64 {
        let (key, seq) = (key.max(1), self.seq);
        self.seq += u64::from(admitted);
        self.titles.entry(key).or_default().put(Entry::new(at, what, admitted.then_some(seq)));
        seq
    }

    /// The jitter is the gate's, and is a tenth at most.
    fn jittered(&self, key: u64, triggers: u64) -> u64 {
        let every = self.every * (900 + scramble(key ^ triggers) % 201) / 1_000;
        assert!((self.every * 9 / 10..=self.every * 11 / 10).contains(&every));
        every
    }

    pub(super) fn admit(&mut self, ask: Ask, now: u64) -> Answer {
        let Ask { key, rank, meant, before } = Ask { key: ask.key.max(1), ..ask };
        let (count, first) = match before {
            Some((earlier, first)) => (earlier + 1, ms(first)),
            None => (1, now),
        };
        let state = self.now(key);
        let occurs = |sent| What::Occurs { count, first, sent };
        let sent = if state.lost && state.held.is_some() {
            // It is over, and there is nothing that it could keep open.
            Sent::Opening { rank }
        } else if !state.open {
            if state.lost && now < state.due(0) && rank <= state.worst {
                Sent::No
            } else if state.paid || key == STORM || self.purses[usize::from(meant)].pays(now) {
                Sent::Opening { rank }
            } else {
                return Admission::Storm;
            }
        } else if rank > state.worst {
            Sent::Trigger { rank }
        } else if now >= state.due(self.jittered(key, state.triggers)) && self.may_repeat(now) {
            self.repeats.push(now);
            Sent::Trigger { rank }
        } else {
            Sent::No
        };
        let seq = self.put(key, now, occurs(sent), sent != Sent::No);
        let status = match sent {
            Sent::No => return Admission::Repeat,
            Sent::Opening { .. } => Status::Trigger { opening: true },
            Sent::Trigger { rank } => Status::Trigger { opening: rank > state.worst },
        };
        let first = Duration::from_millis(state.first.unwrap_or(first));
        let (all, since_last) = (state.count + count, state.untold + count);
        Admission::Send(Sending { seq, status, count: all, since_last, first })
    }

    fn may_repeat(&self, now: u64) -> bool {
        self.repeats.iter().filter(|at| **at + MINUTE >= now).count() < 30
    }

    pub(super) fn resolve(&mut self, key: u64, now: u64) -> Answer {
        let state = self.now(key);
        if state.held.is_some() || state.resolved && !state.open {
            return Admission::Repeat;
        }
        let calm = state.last + FIVE_MINUTES;
        let held = (state.open && state.flaps >= 2 && now < calm).then_some(calm);
        if let (Some(held), Some(with)) = (held, state.parked) {
            self.put(key, now, What::Said { held, with }, false);
            return Admission::Repeat;
        }
        if held.is_some() {
            let (seq, quiet_after) = (self.seq, self.quiet_after());
            self.titles.entry(key.max(1)).or_default().goes_under(seq, quiet_after);
        }
        let not_before = Duration::from_millis(held.unwrap_or(0));
        Admission::Send(self.closes(key, now, state, (held, false), not_before))
    }

    fn closes(
        &mut self,
        key: u64,
        now: u64,
        state: Now,
        (held, quiet): (Option<u64>, bool),
        not_before: Duration,
    ) -> Sending {
        let seq = self.put(key, now, What::Resolve { held, quiet, open: state.open }, true);
        Sending {
            seq,
            status: Status::Resolve { first: !state.resolved, not_before },
            count: state.count,
            since_last: state.untold,
            first: Duration::from_millis(state.first.unwrap_or(now)),
        }
    }

    pub(super) fn quiet(&mut self, key: u64, now: u64) -> Quiet {
        let state = self.now(key);
        if let (Some(_), Some(held)) = (self.resolve_after.filter(|_| state.open), state.held) {
            return Quiet::Until(Duration::from_millis(held.max(now + 100)));
        }
        let Some(after) = self.resolve_after.filter(|_| state.open && state.held.is_none()) else {
            return Quiet::Never;
        };
        let doubled = (after << state.flaps.min(6)).min(after.max(24 * 60 * MINUTE));
        let at = (state.last + doubled).max(state.opened + FIVE_MINUTES);
        if now < at {
            return Quiet::Until(Duration::from_millis(at));
        }
        Quiet::Resolved(self.closes(key, now, state, (None, true), Duration::ZERO))
    }

    pub(super) fn held(&mut self, key: u64, seq: u64, now: u64, hurried: bool) -> Held {
        let (state, quiet_after) = (self.now(key), self.quiet_after());
        let Some(title) = self.titles.get_mut(&key) else { return Held::Out(None) };
        if title.newest > Some(seq) {
            return Held::Until(Duration::from_millis(now + 100));
        }
        if title.newest < Some(seq) {
            // What came after it was given back, or the title was forgotten since.
            if !state.open {
                return Held::Out(None);
            }
            title.take_up(seq, now);
        }
        match state.held {
            None => {
                title.past.push(Entry::new(now, What::Off, None));
                title.withdraw();
                Held::Off
            }
            Some(until) if now < until && !hurried => Held::Until(Duration::from_millis(until)),
            Some(_) => {
                let counts = title.told_by(seq, quiet_after);
                title.past.push(Entry::new(now, What::Out, Some(seq)));
                Held::Out(Some(counts))
            }
        }
    }

    pub(super) fn give_back(&mut self, key: u64, seq: u64) {
        let quiet_after = self.quiet_after();
        if let Some(title) = self.titles.get_mut(&key) {
            title.goes_wrong(seq, Fate::GivenBack, quiet_after);
        }
    }

    /// Whether something was sent since, that is held back or was.
    pub(super) fn reopen(&mut self, key: u64, seq: u64, opening: bool, now: u64) -> bool {
        let quiet_after = self.quiet_after();
        let Some(title) = self.titles.get_mut(&key) else { return false };
        title.goes_wrong(seq, if opening { Fate::OpeningLost } else { Fate::Lost }, quiet_after);
        title.loses_before(seq, opening, now, quiet_after)
    }

    pub(super) fn fold(
        &mut self,
        key: u64,
        seq: u64,
        folded: Folded<'_>,
        now: u64,
    ) -> Option<Sending> {
        let mut count = folded.count;
        let quiet_after = self.quiet_after();
        if let Some(title) = self.titles.get_mut(&key).filter(|title| title.newest == Some(seq)) {
            count = title.read(quiet_after).count;
            let known = (title.newest, title.earlier);
            title.goes_wrong(seq, Fate::GivenBack, quiet_after);
            (title.newest, title.earlier) = known;
            title.past.push(Entry::new(now, What::Folded, Some(seq)));
        }
        let before = (count > 1).then(|| (count - 1, Duration::from_millis(now)));
        let rank = rank(folded.severity);
        match self.admit(Ask { key: STORM, rank, meant: false, before }, now) {
            Admission::Send(sending) => Some(sending),
            _ => None,
        }
    }
}

pub(super) fn ms(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap()
}
