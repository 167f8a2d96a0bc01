//! How the endpoint is doing: what holds everything up, and what a person should hear of it.

use std::time::Duration;

use crate::{backoff, delivery::outcome::Later, health::EndpointState};

/// A refused endpoint is tried again after this.
pub(crate) const PROBE: Duration = Duration::from_secs(300);

/// So many failures in a row are told a person, and again after this.
const TELLING_FAILURES: u32 = 3;
const TELL_AGAIN: Duration = Duration::from_secs(3600);

/// What a finished attempt changed that a person should hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It says no to every title.
    Refuses,
    /// It can't be reached, or fails again and again.
    Fails,
    /// It was one of the two, and works again.
    Accepts,
}

#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Endpoint {
    pause: Pause,
    /// The title that failed last, with no other answer since.
    failed: Option<u64>,
    /// Failures of any title with no other answer since.
    failures: u32,
    /// What is wrong with it and was told a person, and when.
    told: Option<(Change, Duration)>,
}

/// Failures in a row, and until when they hold things up.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    failures: u32,
    pub(super) until: Duration,
    /// The server asked for it, so nothing shortens it.
    asked: bool,
}

impl Endpoint {
    pub(super) fn paused_until(&self) -> Duration {
        self.pause.until
    }

    pub(super) fn waive(&mut self) {
        self.pause.waive();
    }

    /// What its last answers say, as a person was told.
    pub(super) fn state(&self) -> EndpointState {
        match self.told {
            Some((Change::Refuses, _)) => EndpointState::Refuses,
            Some((Change::Fails, _)) => EndpointState::Fails,
            Some((Change::Accepts, _)) | None => EndpointState::Works,
        }
    }

    pub(super) fn accepted(&mut self) -> Option<Change> {
        self.answered();
        self.told.take().map(|_| Change::Accepts)
    }

    /// It has read a request and answered it for good.
    pub(super) fn answered(&mut self) {
        *self = Self { told: self.told, ..Self::default() };
    }

    pub(super) fn refused(&mut self, now: Duration) -> Option<Change> {
        let until = now.saturating_add(PROBE);
        self.pause = Pause { failures: 0, until, asked: true };
        self.tell(Change::Refuses, now)
    }

    /// The title `key` was not delivered.
    pub(super) fn failed(
        &mut self,
        key: u64,
        later: Later,
        now: Duration,
        entropy: u64,
    ) -> Option<Change> {
        if later.blames.is_endpoint() {
            self.pause.extend(later.asked, now, entropy);
        } else {
            // Two different titles in a row: it is not the title.
            if self.failed.is_some_and(|other| other != key) {
                self.pause.extend(None, now, entropy);
            }
            self.failed = Some(key);
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < TELLING_FAILURES {
            return None;
        }
        self.tell(Change::Fails, now)
    }

    /// What a person should be told, unless that was told less than an hour ago.
    fn tell(&mut self, change: Change, now: Duration) -> Option<Change> {
        let known = self
            .told
            .is_some_and(|(told, at)| told == change && now.saturating_sub(at) < TELL_AGAIN);
        if !known {
            self.told = Some((change, now));
        }
        (!known).then_some(change)
    }
}

impl Pause {
    pub(super) fn extend(&mut self, asked: Option<Duration>, now: Duration, entropy: u64) {
        self.failures = self.failures.saturating_add(1);
        let delay = asked.unwrap_or_else(|| backoff::delay(self.failures, entropy));
        self.until = now.saturating_add(delay);
        self.asked = asked.is_some();
    }

    pub(super) fn waive(&mut self) {
        if !self.asked {
            self.until = Duration::ZERO;
        }
    }
}

#[cfg(test)]
impl Endpoint {
    /// All that its decisions depend on, as seen from `now`.
    pub(super) fn fingerprint(
        &self,
        now: Duration,
        index: &dyn Fn(u64) -> Option<usize>,
        hasher: &mut impl std::hash::Hasher,
    ) {
        let parts = (self.pause.until.saturating_sub(now), self.failed.map(index));
        std::hash::Hash::hash(&parts, hasher);
    }
}
