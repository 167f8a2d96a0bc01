//! One title: what has gone out, what is due next, and whether it flaps.
//!
//! Pure: times are arguments, in milliseconds. It counts nothing: the slot's counter does, which
//! only ever grows; `base` and `reported` are values of it.

use std::time::Duration;

use crate::{backoff::scramble, incident::Status};

/// The first occurrence this long after the opening goes out: one is enough for both.
const EARLY_REPEATS: [u64; 2] = [30_000, 120_000];
/// Two triggers of a title are never closer than this, openings and escalations aside: 9 in 60 s,
/// under half of Spike's limit of 20.
const PACE: u64 = 7_000;

/// A title that is triggered again this soon after its resolve flaps; an incident that is resolved
/// after a quiet period has been open for at least this long.
pub(super) const FLAP: u64 = 300_000;
/// Of a title that flaps, the resolve of so many triggers in a row is held back.
const FLAPS: u32 = 3;
/// The quiet period doubles with each flap, so many times at most.
const DOUBLINGS: u32 = 6;
/// And is never longer than a day, unless it was at the beginning.
const LONGEST_QUIET: u64 = 86_400_000;

/// What the builder decided about repeats and quiet periods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// Between repeats of a title that keeps failing.
    pub(super) every: u64,
    /// `None`: no incident is resolved because it has been quiet.
    pub(super) resolve_after: Option<u64>,
}

/// What is known of a title.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page {
    /// A trigger was admitted since the last resolve, and not lost.
    pub(super) open: bool,
    /// While `open`: somebody said that it is over, and that is held back until then, unless it
    /// is triggered before.
    held_until: Option<u64>,
    /// While `open`: a resolve is with the worker, which asks before it sends it. What is said
    /// meanwhile need not be sent.
    parked: bool,
    /// A resolve was admitted in this process, and not lost.
    pub(super) resolved: bool,
    /// The budget has paid for this opening.
    pub(super) paid: bool,
    /// Whether this opening is a flap has been decided.
    counted: bool,
    pub(super) worst: u8,
    /// Triggers since the opening.
    sent: u32,
    opened_at: u64,
    pub(super) sent_at: u64,
    /// The newest trigger was lost: the next occurrence goes out, at the pace.
    pub(super) lost: bool,
    /// When the first occurrence since the last resolve was.
    pub(super) first: Option<u64>,
    /// The slot's count when it was resolved last.
    pub(super) base: u64,
    /// The slot's count at the newest trigger.
    pub(super) reported: u64,
    /// Triggers again soon after a resolve, in a row.
    flaps: u32,
    resolve: Option<Resolved>,
    /// When it was last over, as somebody said; what is older is no news.
    over_at: u64,
}

/// What becomes of a resolve that the worker holds back.
pub(super) enum Answer {
    Off,
    Until(u64),
    /// It goes out.
    Out,
}

/// The last resolve of an open title.
#[derive(Clone, Copy, Debug)]
struct Resolved {
    at: u64,
    /// Because it had been quiet.
    quietly: bool,
}

impl Page {
    /// Of a title that is new, with the slot's count as it is.
    pub(super) fn new(base: u64) -> Self {
        Self { base, reported: base, ..Self::default() }
    }

    pub(super) fn is_held(&self) -> bool {
        self.held_until.is_some()
    }

    /// Until when its resolve is held back; 0 when there is none.
    pub(super) fn held_until(&self) -> u64 {
        self.held_until.unwrap_or(0)
    }

    /// The trigger was lost that came before a resolve that is with the worker; `reported` is what
    /// was told before it.
    pub(super) fn lose_under(&mut self, reported: u64, opening: bool) {
        match self.held_until {
            _ if !self.open || !self.parked => {}
            // It was triggered since, and nothing was sent.
            None => self.lose(reported, opening),
            // The next occurrence has nothing to keep open.
            Some(_) => {
                self.lost |= opening;
                self.reported = if opening { self.base } else { reported.max(self.base) };
            }
        }
    }

    /// A resolve is held back of a title that is not open any more.
    pub(super) fn is_held_in_vain(&self) -> bool {
        self.lost && self.held_until.is_some()
    }

    /// The worker asks about the resolve that it holds back; `count` is the slot's.
    pub(super) fn ask(&mut self, count: u64, now: u64, hurried: bool) -> Answer {
        match self.held_until {
            None => {
                self.parked = false;
                Answer::Off
            }
            Some(until) if now < until && !hurried => Answer::Until(until),
            Some(_) => {
                self.close(count, Resolved { at: now, quietly: false });
                Answer::Out
            }
        }
    }

    /// As it was before somebody said that it is over.
    pub(super) fn unparked(self) -> Self {
        Self { held_until: None, parked: false, ..self }
    }

    /// An occurrence opens the title.
    pub(super) fn open(&mut self, now: u64, times: Times) {
        let soon = |resolve: Resolved| {
            let quiet = times.resolve_after.filter(|_| resolve.quietly).unwrap_or(0);
            now.saturating_sub(resolve.at) < FLAP.max(quiet)
        };
        // After one that was lost, this is the same one.
        if !self.counted {
            let again = self.resolve.is_some_and(soon);
            self.flaps = if again { self.flaps.saturating_add(1) } else { 0 };
        }
        (self.open, self.paid, self.counted, self.opened_at) = (true, true, true, now);
        (self.sent, self.worst) = (0, 0);
    }

    /// An occurrence of the open title is sent.
    pub(super) fn send(&mut self, rank: u8, count: u64, now: u64) {
        // A trigger that is sent takes the place of a resolve that is held back.
        (self.held_until, self.parked, self.lost) = (None, false, false);
        self.worst = self.worst.max(rank);
        self.sent = self.sent.saturating_add(1);
        (self.sent_at, self.reported) = (now, count);
    }

    /// The held title occurs again: it stays open.
    pub(super) fn keep_open(&mut self) {
        if self.is_held_in_vain() {
            // There is nothing to keep open: the next occurrence opens it.
            (self.open, self.resolved) = (false, false);
        }
        self.held_until = None;
    }

    /// Before then, an occurrence that is no more severe than any is a repeat, for which nobody
    /// has to look here. While a resolve is held back, there is none.
    pub(super) fn due(&self, key: u64, times: Times) -> u64 {
        let is_timed = self.held_until.is_none() && (self.open || self.lost);
        if is_timed { self.planned(key, times) } else { 0 }
    }

    /// From when on an occurrence of the title is sent again.
    pub(super) fn planned(&self, key: u64, times: Times) -> u64 {
        let paced = self.sent_at.saturating_add(PACE);
        if self.lost {
            return paced;
        }
        // ± 10 %, so that replicas don't beat in step: the key is hashed with a seed of its own
        // in each process.
        let share = scramble(key ^ u64::from(self.sent)) % 201;
        let every = times.every.saturating_mul(share.saturating_add(900)) / 1000;
        let regular = self.sent_at.saturating_add(every);
        let early = EARLY_REPEATS.iter().map(|after| self.opened_at.saturating_add(*after));
        let early = early.filter(|due| *due > self.sent_at).min().unwrap_or(u64::MAX);
        early.min(regular).max(paced)
    }

    /// It was over then, as somebody says.
    pub(super) fn note_over(&mut self, at: u64) {
        self.over_at = self.over_at.max(at);
    }

    /// Whether that was said of a later time.
    pub(super) fn was_over_after(&self, at: u64) -> bool {
        self.over_at > at
    }

    /// Somebody says that it is over. `last` is when it occurred last. What goes out; `None` when
    /// that was said already, or need not be told.
    pub(super) fn resolve(&mut self, count: u64, last: u64, now: u64) -> Option<Status> {
        if self.held_until.is_some() || self.resolved && !self.open {
            return None;
        }
        let first = !self.resolved;
        let calm_at = last.saturating_add(FLAP);
        if self.open && self.flaps.saturating_add(1) >= FLAPS && now < calm_at {
            (self.held_until, self.resolved) = (Some(calm_at), true);
            let is_told = std::mem::replace(&mut self.parked, true);
            let not_before = Duration::from_millis(calm_at);
            return (!is_told).then_some(Status::Resolve { first, not_before });
        }
        if self.open {
            self.close(count, Resolved { at: now, quietly: false });
        } else {
            let Self { paid, counted, flaps, resolve, sent_at, over_at, .. } = *self;
            let kept = Self { paid, counted, flaps, resolve, sent_at, over_at, ..Self::new(count) };
            *self = Self { resolved: true, ..kept };
        }
        Some(Status::Resolve { first, not_before: Duration::ZERO })
    }

    /// When an open title that occurs no more after `last` is resolved for that.
    pub(super) fn quiet_at(&self, last: u64, times: Times) -> Option<u64> {
        let after = times.resolve_after.filter(|_| self.open && self.held_until.is_none())?;
        let doubled = after.saturating_mul(1 << self.flaps.min(DOUBLINGS));
        let quiet = last.saturating_add(doubled.min(LONGEST_QUIET.max(after)));
        Some(quiet.max(self.opened_at.saturating_add(FLAP)))
    }

    /// It has been quiet for long enough.
    pub(super) fn resolve_quietly(&mut self, count: u64, now: u64) -> Status {
        let first = !self.resolved;
        self.close(count, Resolved { at: now, quietly: true });
        Status::Resolve { first, not_before: Duration::ZERO }
    }

    /// As it was `before` an admission that came to nothing. What the budget has paid for is not
    /// paid again, and what occurred has occurred.
    pub(super) fn given_back(self, before: Page) -> Self {
        let Self { paid, first, .. } = self;
        Self { paid: paid || before.paid, first: before.first.or(first), ..before }
    }

    /// The opening that followed this has gone into another incident, with its occurrences. What
    /// the title did before is remembered.
    pub(super) fn folded(self, count: u64) -> Self {
        let Self { resolved, sent_at, flaps, resolve, over_at, .. } = self;
        Self { resolved, sent_at, flaps, resolve, over_at, ..Self::new(count) }
    }

    /// The resolve that followed this was lost, and with it what it took the place of: the next one
    /// must go out.
    pub(super) fn still_open(self) -> Self {
        Self { resolved: false, parked: false, ..self }
    }

    /// The resolve that followed this was lost, and nobody knows whether the title is open: the
    /// next trigger opens it, the next resolve goes out.
    pub(super) fn unknown(self) -> Self {
        let closed = Self { open: false, held_until: None, lost: false, ..self };
        Self { reported: self.base, ..closed }.still_open()
    }

    /// The newest trigger was lost; `reported` is what was told before it.
    pub(super) fn lose(&mut self, reported: u64, opening: bool) {
        self.lost = true;
        if opening {
            // Nothing of this incident was delivered.
            (self.open, self.resolved, self.reported) = (false, false, self.base);
        } else {
            self.reported = reported.max(self.base);
        }
    }

    /// The title is open for a new first occurrence. That it may flap is remembered.
    fn close(&mut self, count: u64, resolve: Resolved) {
        *self = Self {
            resolved: true,
            sent_at: self.sent_at,
            flaps: self.flaps,
            resolve: Some(resolve),
            over_at: self.over_at.max(resolve.at),
            ..Self::new(count)
        };
    }
}

#[cfg(test)]
impl Page {
    /// What decisions depend on, as seen from `now`: flags, the number of triggers and of flaps,
    /// how long ago it was opened, triggered and resolved, how long its resolve is held. What is
    /// long past is alike.
    pub(super) fn probe(&self, now: u64) -> [u64; 6] {
        let past = |at: u64| now.saturating_sub(at).min(2 * FLAP);
        let told = self.base == self.reported;
        let flags = [
            self.open,
            self.resolved,
            self.paid,
            self.counted,
            self.lost,
            told,
            self.first.is_some(),
            self.parked,
        ];
        let flags = flags.iter().fold(0, |sum, flag| sum << 1 | u64::from(*flag));
        let resolve = self.resolve.map_or(u64::MAX, |it| past(it.at) << 1 | u64::from(it.quietly));
        [
            flags | u64::from(self.worst) << 8 | u64::from(self.sent) << 16,
            u64::from(self.flaps),
            past(self.opened_at),
            past(self.sent_at),
            resolve,
            self.held_until.map_or(0, |until| until.saturating_sub(now)),
        ]
    }
}
