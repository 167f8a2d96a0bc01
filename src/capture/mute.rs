//! Whether triggers are muted, and until when.
//!
//! What decides is pure and gets `now`; around it is a lock, for those who change it, and one
//! atomic, for those who ask. Invariant: nothing is muted for longer than [`LONGEST`] after it was
//! asked for, whatever becomes of who asked.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::lock::lock;

/// No mute lasts longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(86_400);

/// The mutes of one pipeline.
#[derive(Debug, Default)]
pub(crate) struct Mute {
    /// When the last of them ends, in nanoseconds; 0 when there is none. Written under the lock.
    until: AtomicU64,
    mutes: Mutex<Mutes>,
}

/// All that mutes, with when each ends.
#[derive(Debug, Default)]
struct Mutes {
    timed: Duration,
    scopes: Vec<Scope>,
    /// The number of the next scope.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Scope {
    id: u64,
    until: Duration,
}

impl Mute {
    /// How much longer it is muted; `None` when it is not.
    pub(crate) fn left(&self, now: impl FnOnce() -> Duration) -> Option<Duration> {
        match self.until.load(Ordering::Relaxed) {
            0 => None,
            until => Duration::from_nanos(until).checked_sub(now()).filter(|left| !left.is_zero()),
        }
    }

    /// Sets the timed mute, in the place of the one before; zero ends it.
    pub(crate) fn set(&self, lasts: Duration, now: Duration) {
        self.change(now, |mutes| mutes.timed = now.saturating_add(lasts.min(LONGEST)));
    }

    /// Begins a scope, and returns its number.
    pub(crate) fn enter(&self, longest: Duration, now: Duration) -> u64 {
        self.change(now, |mutes| {
            let id = mutes.next;
            mutes.next = id.wrapping_add(1);
            mutes.scopes.push(Scope { id, until: now.saturating_add(longest.min(LONGEST)) });
            id
        })
    }

    /// Ends the scope with this number.
    pub(crate) fn leave(&self, id: u64, now: Duration) {
        self.change(now, |mutes| mutes.scopes.retain(|scope| scope.id != id));
    }

    fn change<T>(&self, now: Duration, change: impl FnOnce(&mut Mutes) -> T) -> T {
        let mut mutes = lock(&self.mutes);
        let made = change(&mut mutes);
        let until = u64::try_from(mutes.until(now).as_nanos()).unwrap_or(u64::MAX);
        self.until.store(until, Ordering::Relaxed);
        made
    }
}

impl Mutes {
    /// When the last one ends, zero when none lasts; forgets those that are over.
    fn until(&mut self, now: Duration) -> Duration {
        self.scopes.retain(|scope| scope.until > now);
        let scopes = self.scopes.iter().map(|scope| scope.until);
        let last = scopes.fold(self.timed, Duration::max);
        if last > now { last } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests;
