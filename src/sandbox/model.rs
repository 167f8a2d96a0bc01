//! Spike as its public documentation describes it, as a state machine:
//! `(state, request, now) → answer`.
//!
//! Owns every decision about incidents: what opens, repeats, resolves or is dropped. Pure: it
//! does no I/O, reads no clock and draws no random number; `now` is an argument. Its memory is
//! bounded: 10,000 incidents and 10,000 titles, the longest unseen going first.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::incident::{Incident, Record, What};
use super::payload::Payload;
use super::ring::Ring;
use super::topics::{Key, Topics, overwrite};
use super::unknowns::Unknowns;

pub(super) mod person;
#[cfg(test)]
mod tests;

/// Incidents and requests kept, each.
pub(super) const KEPT: usize = 10_000;
/// Bytes of titles and bodies kept in the incidents, and of requests in the ledger.
pub(super) const KEPT_BYTES: usize = 64 << 20;

/// An instant, given by the caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    /// Monotonic, since any fixed start; decides.
    pub(super) at: Duration,
    /// Wall clock in milliseconds since the Unix epoch; only shown.
    pub(super) wall_ms: u64,
}

impl Moment {
    /// The wall clock, since the Unix epoch.
    pub(super) fn wall(self) -> Duration {
        Duration::from_millis(self.wall_ms)
    }
}

/// One request to `POST /{token}/push-events`.
#[derive(Clone, Copy)]
pub(super) struct Post<'a> {
    pub(super) token: &'a str,
    /// Length of the request body in bytes.
    pub(super) size: usize,
    /// The fields, or why there are none.
    pub(super) payload: Result<&'a Payload, &'static str>,
}

/// What the model of Spike did with a request. From [`Request::effect`](super::Request::effect).
///
/// ```
/// use tracing_spike::sandbox::{Effect, Sandbox};
/// fn limited(sandbox: &Sandbox) -> usize {
///     sandbox.requests().iter().filter(|one| one.effect() == Effect::RateLimited).count()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// It opened an incident.
    Opened,
    /// It was counted as a repeat of the open incident.
    Repeated,
    /// It resolved the open incident.
    Resolved,
    /// A resolve with no open incident of its title: dropped.
    NothingOpen,
    /// Its title was sent 20 times within 60 s: dropped.
    RateLimited,
    /// It was no valid request; the reason in words.
    Rejected(&'static str),
    /// The model never saw it: a fault answered.
    NotApplied,
}

impl Effect {
    /// Whether it changed an incident: opened, repeated or resolved one.
    ///
    /// ```
    /// use tracing_spike::sandbox::Effect;
    /// assert!(Effect::Repeated.is_applied());
    /// assert!(!Effect::RateLimited.is_applied());
    /// ```
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Opened | Self::Repeated | Self::Resolved)
    }

    /// Whether Spike took it and threw it away: a limited title, a resolve with nothing open.
    fn is_dropped(self) -> bool {
        matches!(self, Self::NothingOpen | Self::RateLimited)
    }
}

/// What the model answers: the effect, and the response that tells the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) effect: Effect,
    pub(super) status: u16,
    /// Seconds for a `Retry-After` header.
    pub(super) retry_after: Option<u64>,
    pub(super) body: &'static str,
    /// Number of the incident that it was about.
    pub(super) incident: Option<u64>,
}

impl Answer {
    /// Stands where a fault takes the place of an answer.
    pub(super) const NOT_APPLIED: Self = Self {
        effect: Effect::NotApplied,
        status: 200,
        retry_after: None,
        body: "{}",
        incident: None,
    };

    /// A refusal with the reason in words.
    pub(super) fn rejected(status: u16, reason: &'static str) -> Self {
        Self { effect: Effect::Rejected(reason), status, ..Self::NOT_APPLIED }
    }

    fn about(self, incident: Option<u64>) -> Self {
        Self { incident, ..self }
    }
}

/// The state of Spike: incidents, what is known of each title, and the switches.
pub(super) struct Spike {
    pub(super) unknowns: Unknowns,
    incidents: Ring<Incident>,
    topics: Topics,
    registered: HashSet<String>,
    /// Goes up with each change of an incident.
    revision: u64,
    /// The revision at which all were cleared last.
    cleared: u64,
}

impl Spike {
    pub(super) fn new() -> Self {
        Self {
            unknowns: Unknowns::default(),
            incidents: Ring::new(KEPT, KEPT_BYTES),
            topics: Topics::new(),
            registered: HashSet::new(),
            revision: 0,
            cleared: 0,
        }
    }

    /// Makes a token known; matters only with [`Unknowns::unregistered_token`].
    pub(super) fn register(&mut self, token: &str) {
        if is_token(token) {
            self.registered.insert(token.to_owned());
        }
    }

    /// Incidents ever opened.
    pub(super) fn opened(&self) -> u64 {
        self.incidents.total()
    }

    /// The incidents that are kept, oldest first.
    pub(super) fn incidents(&self) -> Vec<Incident> {
        self.incidents.iter().cloned().collect()
    }

    /// Decides one request.
    pub(super) fn receive(&mut self, post: Post<'_>, now: Moment) -> Answer {
        if !is_token(post.token) {
            let status = self.unknowns.unregistered_token.unwrap_or(404);
            return Answer::rejected(status, "the token has no valid shape");
        }
        if let Some(status) = self.unknowns.unregistered_token
            && !self.registered.contains(post.token)
        {
            return Answer::rejected(status, "the token is not registered");
        }
        if self.unknowns.size_limit.is_some_and(|limit| post.size > limit) {
            return Answer::rejected(413, "the body is over the size limit");
        }
        match post.payload {
            Err(reason) => Answer::rejected(500, reason),
            Ok(payload) if payload.resolve => self.resolve(post, payload, now),
            Ok(payload) => self.trigger(post, payload, now),
        }
    }

    fn trigger(&mut self, post: Post<'_>, payload: &Payload, now: Moment) -> Answer {
        let Some(key) = self.key(post.token, payload) else {
            let number = self.open(post, payload, now, None);
            return self.answer(Effect::Opened, None).about(Some(number));
        };
        let topic = self.topics.see(key.clone(), now.at);
        let open = topic.open;
        if let Some(left) = topic.count(now.at) {
            self.change(open, now, What::Limited, |record| {
                record.limited = record.limited.saturating_add(1);
            });
            return self.answer(Effect::RateLimited, Some(left)).about(open);
        }
        topic.remember(payload);
        if let Some(number) = open {
            self.repeat(number, payload, now);
            return self.answer(Effect::Repeated, None).about(open);
        }
        let number = self.open(post, payload, now, Some(&key));
        self.answer(Effect::Opened, None).about(Some(number))
    }

    fn resolve(&mut self, post: Post<'_>, payload: &Payload, now: Moment) -> Answer {
        let key = self.key(post.token, payload);
        let open = key.as_ref().and_then(|key| self.topics.get(key)).and_then(|topic| topic.open);
        if open.is_none() && self.unknowns.resolve_with_nothing_open_opens {
            return self.trigger(post, payload, now);
        }
        let Some(key) = key else {
            return self.answer(Effect::NothingOpen, None);
        };
        if self.unknowns.resolves_count_towards_limit {
            let topic = self.topics.see(key.clone(), now.at);
            if let Some(left) = topic.count(now.at) {
                return self.answer(Effect::RateLimited, Some(left));
            }
        }
        if open.is_none() {
            return self.answer(Effect::NothingOpen, None);
        }
        let outlives = self.unknowns.limit_outlives_resolve;
        let topic = self.topics.see(key, now.at);
        topic.open = None;
        topic.remember(payload);
        if !outlives {
            topic.lift_limit();
        }
        self.change(open, now, What::Resolved, |record| {
            overwrite(&mut record.severity, &payload.severity);
            overwrite(&mut record.priority, &payload.priority);
            record.resolved = Some(now.wall());
        });
        self.answer(Effect::Resolved, None).about(open)
    }

    fn open(&mut self, post: Post<'_>, payload: &Payload, now: Moment, key: Option<&Key>) -> u64 {
        let number = self.incidents.next_number();
        let topic = key.and_then(|key| self.topics.get_mut(key));
        let (severity, priority) = match topic {
            Some(topic) => {
                topic.open = Some(number);
                (topic.severity.clone(), topic.priority.clone())
            }
            None => (payload.severity.clone(), payload.priority.clone()),
        };
        let wall = now.wall();
        self.revision = self.revision.saturating_add(1);
        let mut record = Record {
            number,
            token: key.map_or_else(|| Arc::from(post.token), |key| Arc::clone(&key.token)),
            title: payload.title.clone().unwrap_or_default(),
            severity,
            priority,
            repeats: 0,
            first: wall,
            last: wall,
            acknowledged: None,
            resolved: None,
            limited: 0,
            marks: VecDeque::new(),
            revision: self.revision,
            body: Arc::clone(&payload.body),
            last_body: Arc::clone(&payload.body),
        };
        record.mark(wall, What::Opened);
        let weight = record.weight();
        self.incidents.push(Incident::new(record), weight)
    }

    fn repeat(&mut self, number: u64, payload: &Payload, now: Moment) {
        let mut weight = 0;
        self.change(Some(number), now, What::Repeated, |record| {
            overwrite(&mut record.severity, &payload.severity);
            overwrite(&mut record.priority, &payload.priority);
            record.repeats = record.repeats.saturating_add(1);
            record.last = now.wall();
            record.last_body = Arc::clone(&payload.body);
            weight = record.weight();
        });
        self.incidents.reweigh(number, weight);
    }

    /// Changes an incident that is still kept, and says so on its time line.
    fn change(
        &mut self,
        number: Option<u64>,
        now: Moment,
        what: What,
        change: impl FnOnce(&mut Record),
    ) -> bool {
        let Some(incident) = number.and_then(|number| self.incidents.get_mut(number)) else {
            return false;
        };
        self.revision = self.revision.saturating_add(1);
        let record = incident.record_mut();
        change(record);
        record.revision = self.revision;
        record.mark(now.wall(), what);
        true
    }

    fn answer(&self, effect: Effect, limited_for: Option<Duration>) -> Answer {
        if let Some(left) = limited_for
            && self.unknowns.limiter_answers_429
        {
            // Whole seconds, rounded up: a client that waits as told is not limited again.
            let seconds = left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
            let retry_after = Some(seconds);
            return Answer { effect, status: 429, retry_after, ..Answer::NOT_APPLIED };
        }
        let refused = effect.is_dropped() && self.unknowns.dropped_answers_ok_false;
        let body = if refused { r#"{"Ok":false}"# } else { r#"{"Ok":true}"# };
        Answer { effect, body, ..Answer::NOT_APPLIED }
    }

    fn key(&self, token: &str, payload: &Payload) -> Option<Key> {
        let title = self.normalise(payload.title.as_deref()?);
        Some(Key { token: Arc::from(token), title })
    }

    fn normalise(&self, title: &str) -> String {
        if self.unknowns.titles_are_normalised {
            title.trim().to_lowercase()
        } else {
            title.to_owned()
        }
    }
}

/// `[A-Za-z0-9_-]{8,}`: the shape that a token must have.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.len() >= 8 && text.bytes().all(allowed)
}
