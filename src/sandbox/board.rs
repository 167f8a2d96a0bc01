//! What the server thread writes and the test's thread reads.
//!
//! Owns the lock around the model, the ledger and the faults, the clock of the sandbox, and
//! every wait. A request is applied and entered in the ledger under one lock, so the ledger's
//! order is the order in which the model saw the requests. No lock is held while a caller's
//! closure runs, and every wait has a deadline.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::fault::{Fault, Faults, Stage};
use super::incident::Incident;
use super::ledger::{Entry, Head, Request, token_of};
use super::model::person::Limit;
use super::model::{Answer, Effect, KEPT, KEPT_BYTES, Moment, Post, Spike};
use super::payload::Payload;
use super::ring::Ring;
use super::unknowns::Unknowns;
use super::wait::WaitError;

/// A timeout that the clock cannot add is cut to this.
const LONGEST_WAIT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The last second of the year 9999, in milliseconds: later ones have no RFC 3339 form.
const LAST_WALL_MS: u64 = 253_402_300_799_000;

/// Shared between the server thread and the [`Sandbox`](super::Sandbox).
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
    /// The number of changes, for those who wait in async code.
    live: watch::Sender<u64>,
    started: Instant,
}

/// Everything under the lock.
struct State {
    spike: Spike,
    ledger: Ring<Request>,
    faults: Faults,
    connections: u64,
    /// Goes up with each change, so that a waiter sees that it missed one.
    changes: u64,
}

/// What the page gets to see at one moment.
pub(super) struct Look {
    pub(super) now: Moment,
    /// All that are shown, and not just those that changed.
    pub(super) whole: bool,
    /// Newest first.
    pub(super) incidents: Vec<(Incident, Limit)>,
    /// To ask with next time.
    pub(super) revision: u64,
    pub(super) fault: &'static str,
    pub(super) opened: u64,
    pub(super) received: u64,
}

/// A request that has been read, ready to be judged.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) payload: Result<Payload, &'static str>,
}

/// What is to be done about a request.
pub(super) struct Verdict {
    /// Its number in the ledger.
    pub(super) number: u64,
    pub(super) fault: Option<Fault>,
    /// The right answer; stands for none if the model was not asked.
    pub(super) answer: Answer,
}

impl Board {
    pub(super) fn new() -> Self {
        let state = State {
            spike: Spike::new(),
            ledger: Ring::new(KEPT, KEPT_BYTES),
            faults: Faults::default(),
            connections: 0,
            changes: 0,
        };
        let (live, _) = watch::channel(0);
        let changed = Condvar::new();
        Self { state: Mutex::new(state), changed, live, started: Instant::now() }
    }

    // === what the server does ===

    /// Counts a connection and tells which fault it meets.
    pub(super) fn connect(&self) -> Option<Fault> {
        self.change(|state| {
            state.connections = state.connections.saturating_add(1);
            state.faults.take(Stage::Accept, None)
        })
    }

    /// A fault for a request of which only the head was read; enters it if there is one.
    pub(super) fn fault_at_head(&self, head: &Head) -> Option<Fault> {
        self.change(|state| {
            let fault = state.faults.take(Stage::Head, None)?;
            let arrival = Arrival { head: head.clone(), body: Vec::new(), payload: Err("unread") };
            let met = Some(fault.clone());
            state.enter(arrival, self.now(), None, met, Answer::NOT_APPLIED);
            Some(fault)
        })
    }

    /// Judges a request that was read in full, and enters it.
    pub(super) fn judge(&self, arrival: Arrival) -> Verdict {
        self.change(|state| {
            let now = self.now();
            let title = arrival.payload.as_ref().ok().and_then(|payload| payload.title.as_deref());
            let fault = state.faults.take(Stage::Body, title);
            let applies = fault.as_ref().is_none_or(Fault::applies_on_arrival);
            let answer =
                if applies { apply(&mut state.spike, &arrival, now) } else { Answer::NOT_APPLIED };
            let status = match &fault {
                None => Some(answer.status),
                Some(fault) => fault.status(answer.status),
            };
            let number = state.enter(arrival, now, status, fault.clone(), answer);
            Verdict { number, fault, answer }
        })
    }

    /// Applies a request that was held back.
    pub(super) fn apply_late(&self, number: u64, arrival: &Arrival) -> Answer {
        self.change(|state| {
            let answer = apply(&mut state.spike, arrival, self.now());
            if let Some(request) = state.ledger.get_mut(number) {
                request.settle(answer);
            }
            answer
        })
    }

    /// Enters a request that the model has no say in.
    pub(super) fn enter(&self, arrival: Arrival, status: Option<u16>, effect: Effect) {
        let answer = Answer { effect, ..Answer::NOT_APPLIED };
        self.change(|state| state.enter(arrival, self.now(), status, None, answer));
    }

    // === what the page does ===

    /// What has changed since a look with this revision, of the newest incidents; all of them if
    /// it was not one of ours, or was before they were cleared.
    pub(super) fn look(&self, since: Option<u64>, newest: usize) -> Look {
        let state = self.lock();
        let now = self.now();
        let since = since.filter(|since| state.spike.follows(*since));
        let changed = state.spike.changed_since(since.unwrap_or(0), newest);
        Look {
            now,
            whole: since.is_none(),
            incidents: changed.map(|one| (one.clone(), state.spike.limit_of(one, now))).collect(),
            revision: state.spike.revision(),
            fault: state.faults.word(),
            opened: state.spike.opened(),
            received: state.ledger.total(),
        }
    }

    /// One incident after what is done to it, with the requests about it, oldest first.
    pub(super) fn incident(
        &self,
        number: u64,
        act: Option<fn(&mut Spike, u64, Moment)>,
    ) -> Option<(Moment, Incident, Limit, Vec<Request>)> {
        let look = |state: &State, now: Moment| {
            let incident = state.spike.incident(number)?.clone();
            let limit = state.spike.limit_of(&incident, now);
            let about = |request: &&Request| request.incident() == Some(number);
            Some((now, incident, limit, state.ledger.iter().filter(about).cloned().collect()))
        };
        let Some(act) = act else {
            let state = self.lock();
            return look(&state, self.now());
        };
        self.change(|state| {
            let now = self.now();
            act(&mut state.spike, number, now);
            look(state, now)
        })
    }

    /// Forgets all incidents and requests.
    pub(super) fn clear(&self) {
        self.change(|state| {
            state.spike.clear();
            state.ledger.clear();
        });
    }

    /// Tells of each change; several at once may be told as one.
    pub(super) fn live(&self) -> watch::Receiver<u64> {
        self.live.subscribe()
    }

    // === what the test does ===

    pub(super) fn assume(&self, unknowns: Unknowns) {
        self.change(|state| state.spike.unknowns = unknowns);
    }

    pub(super) fn register(&self, token: &str) {
        self.change(|state| state.spike.register(token));
    }

    pub(super) fn resolve_by_person(&self, title: &str) -> usize {
        self.change(|state| state.spike.resolve_by_person(title, self.now()))
    }

    pub(super) fn set_faults(&self, set: impl FnOnce(&mut Faults)) {
        self.change(|state| set(&mut state.faults));
    }

    pub(super) fn incidents(&self) -> Vec<Incident> {
        self.lock().spike.incidents()
    }

    pub(super) fn opened(&self) -> u64 {
        self.lock().spike.opened()
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.lock().ledger.iter().cloned().collect()
    }

    pub(super) fn received(&self) -> u64 {
        self.lock().ledger.total()
    }

    pub(super) fn connections(&self) -> u64 {
        self.lock().connections
    }

    /// Waits until so many incidents were ever opened.
    pub(super) fn wait_for(
        &self,
        wanted: u64,
        timeout: Duration,
    ) -> Result<Vec<Incident>, WaitError> {
        self.wait(timeout, |board| (board.opened() >= wanted).then(|| board.incidents()))
            .ok_or_else(|| WaitError::incidents(wanted, timeout, &self.incidents()))
    }

    /// Waits until so many requests ever arrived.
    pub(super) fn wait_for_requests(
        &self,
        wanted: u64,
        timeout: Duration,
    ) -> Result<Vec<Request>, WaitError> {
        self.wait(timeout, |board| (board.received() >= wanted).then(|| board.requests()))
            .ok_or_else(|| WaitError::requests(wanted, timeout, &self.requests()))
    }

    /// Waits until so many connections were ever accepted.
    pub(super) fn wait_for_connections(
        &self,
        wanted: u64,
        timeout: Duration,
    ) -> Result<u64, WaitError> {
        self.wait(timeout, |board| Some(board.connections()).filter(|found| *found >= wanted))
            .ok_or_else(|| WaitError::connections(wanted, timeout, self.connections()))
    }

    /// Waits until the incidents look as wanted.
    pub(super) fn wait_until(
        &self,
        timeout: Duration,
        mut wanted: impl FnMut(&[Incident]) -> bool,
    ) -> Result<Vec<Incident>, WaitError> {
        self.wait(timeout, |board| Some(board.incidents()).filter(|found| wanted(found)))
            .ok_or_else(|| WaitError::condition(timeout, &self.incidents()))
    }

    /// Looks after each change, without the lock, until there is something or time is up.
    fn wait<T>(&self, timeout: Duration, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let now = Instant::now();
        let deadline =
            now.checked_add(timeout).or_else(|| now.checked_add(LONGEST_WAIT)).unwrap_or(now);
        loop {
            let seen = self.lock().changes;
            if let Some(found) = look(self) {
                return Some(found);
            }
            let mut state = self.lock();
            while state.changes == seen {
                let left = deadline.checked_duration_since(Instant::now())?;
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = change(&mut state);
        state.changes = state.changes.wrapping_add(1);
        let changes = state.changes;
        drop(state);
        self.changed.notify_all();
        self.live.send_replace(changes);
        result
    }

    /// The one place that takes the lock; poison is ignored, as no state is left half written.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Moment {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(LAST_WALL_MS).min(LAST_WALL_MS);
        Moment { at: self.started.elapsed(), wall_ms }
    }
}

impl State {
    fn enter(
        &mut self,
        arrival: Arrival,
        now: Moment,
        status: Option<u16>,
        fault: Option<Fault>,
        answer: Answer,
    ) -> u64 {
        let Arrival { head, body, payload } = arrival;
        let (title, resolve) = match payload {
            Ok(payload) => (payload.title, payload.resolve),
            Err(_) => (None, false),
        };
        let weight = head.size().saturating_add(body.len());
        let number = self.ledger.next_number();
        let Answer { effect, incident, .. } = answer;
        let entry = Entry {
            number,
            at: now.at,
            head,
            body,
            title,
            resolve,
            status,
            fault,
            effect,
            incident,
        };
        self.ledger.push(Request::new(entry), weight)
    }
}

/// What Spike answers, the parts of HTTP that the model does not know included.
fn apply(spike: &mut Spike, arrival: &Arrival, now: Moment) -> Answer {
    let Some(token) = token_of(&arrival.head.path) else {
        return Answer::rejected(404, "there is nothing at this path");
    };
    if arrival.head.method != "POST" {
        return Answer::rejected(405, "only POST is known here");
    }
    let payload = arrival.payload.as_ref().map_err(|reason| *reason);
    spike.receive(Post { token, size: arrival.body.len(), payload }, now)
}
