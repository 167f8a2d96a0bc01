//! How paging is doing at this moment: [`Health`], and the board where the worker posts it.
//!
//! Invariant: the board is locked for a copy only, and never on the path of an event.

use std::{fmt, sync::Mutex, time::Duration};

use crate::lock::lock;

/// How paging is doing. From [`Handle::health`](crate::Handle::health).
///
/// Its `Display` is one sentence, without a secret: `paging works`, or what is wrong. It is
/// serialized with that sentence as `says`, with [`is_good`](Health::is_good) as `good`, and with
/// durations in seconds, so that the route of a web server is a few lines. With axum, for one:
///
#[cfg_attr(feature = "sandbox", doc = "```")]
#[cfg_attr(not(feature = "sandbox"), doc = "```text")]
/// use axum::{Json, Router, http::StatusCode, routing::get};
///
/// # let (_layer, guard) = tracing_spike::from_env()
/// #     .mode(tracing_spike::Mode::Off)
/// #     .build::<tracing_subscriber::Registry>()?;
/// let spike = guard.handle();
/// let paging = move || async move {
///     let health = spike.health();
///     let bad = StatusCode::SERVICE_UNAVAILABLE;
///     (if health.is_good() { StatusCode::OK } else { bad }, Json(health))
/// };
/// let app: Router = Router::new().route("/health/paging", get(paging));
/// # drop(app);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
///
/// Let somebody watch that route, but give it to no probe that takes traffic from the program or
/// starts it anew: when Spike can't be reached, the program is as well as before.
///
/// ```
/// let (_layer, guard) = tracing_spike::from_env()
///     .mode(tracing_spike::Mode::Off)
///     .build::<tracing_subscriber::Registry>()?;
/// let health = guard.handle().health();
/// assert_eq!(health.worker, tracing_spike::WorkerState::Off);
/// assert_eq!(health.to_string(), "paging is off");
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// How long ago an endpoint accepted something last; `None` when it never did.
    pub last_accepted: Option<Duration>,
    /// How old the oldest incident is that is not delivered, what an earlier run has left included;
    /// `None` when nothing waits.
    pub oldest_pending: Option<Duration>,
    /// How the worker is.
    pub worker: WorkerState,
    /// The endpoints, the default one first, then those of the rules.
    pub endpoints: Vec<EndpointHealth>,
}

/// How one endpoint is doing. Part of [`Health`].
///
/// ```
/// use tracing_spike::{EndpointState, Handle};
/// /// The webhooks that take nothing now.
/// fn ailing(spike: &Handle) -> Vec<String> {
///     let mut endpoints = spike.health().endpoints;
///     endpoints.retain(|endpoint| endpoint.state != EndpointState::Works);
///     endpoints.into_iter().map(|endpoint| endpoint.name).collect()
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointHealth {
    /// Scheme, host and port, and the rules where several endpoints have the same.
    pub name: String,
    /// What its last answers say.
    pub state: EndpointState,
}

/// What the last answers of an endpoint say. Part of [`Health`].
///
/// ```
/// use tracing_spike::{EndpointState, Health};
/// fn is_token_wrong(health: &Health) -> bool {
///     health.endpoints.iter().any(|endpoint| endpoint.state == EndpointState::Refuses)
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndpointState {
    /// Nothing is known against it.
    #[default]
    Works,
    /// It failed three times in a row or more. Incidents are kept and tried again.
    Fails,
    /// It answers 401, 403, 404 or 410. Incidents are kept, and it is tried every 5 min.
    Refuses,
}

/// How the thread that delivers is. Part of [`Health`].
///
/// ```
/// use tracing_spike::{Health, WorkerState};
/// fn is_switched_off(health: &Health) -> bool {
///     health.worker == WorkerState::Off
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkerState {
    /// Paging is off: there is none.
    Off,
    /// It delivers.
    #[default]
    Runs,
    /// Our own code panicked more than 5 times in a minute: nothing is sent until that minute is
    /// over.
    Degraded,
    /// The guard was dropped, the worker is gone, or this is a forked child.
    Ended,
}

impl Health {
    /// Of a pipeline without a worker, of which nothing else is known.
    pub(crate) fn ended() -> Self {
        let worker = WorkerState::Ended;
        Self { last_accepted: None, oldest_pending: None, worker, endpoints: Vec::new() }
    }

    /// Whether whoever is to be paged is paged: the worker runs, and no endpoint refuses or fails.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// assert!(!guard.handle().health().is_good(), "paging is off");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn is_good(&self) -> bool {
        let works = |endpoint: &EndpointHealth| endpoint.state == EndpointState::Works;
        self.worker == WorkerState::Runs && self.endpoints.iter().all(works)
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = "paging has ended: the guard was dropped or the worker is gone";
        match self.worker {
            WorkerState::Off => return f.write_str("paging is off"),
            WorkerState::Ended => return f.write_str(ended),
            WorkerState::Degraded => {
                return f.write_str("nothing is sent for up to a minute: the worker panicked");
            }
            WorkerState::Runs => {}
        }
        let bad = |state, verb| {
            let endpoints = self.endpoints.iter().filter(move |one| one.state == state);
            endpoints.map(move |one| format!("{} {verb}", one.name))
        };
        let refused = bad(EndpointState::Refuses, "refuses this webhook");
        let failing = bad(EndpointState::Fails, "does not take incidents");
        let bad: Vec<_> = refused.chain(failing).collect();
        f.write_str(if bad.is_empty() { "paging works" } else { "" })?;
        f.write_str(&bad.join("; "))
    }
}

/// Where the worker posts how it is doing. Times are since the pipeline started.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<Posted>);

/// What was posted last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Posted {
    pub(crate) last_accepted: Option<Duration>,
    /// How old the oldest incident was then.
    pub(crate) oldest: Option<Duration>,
    pub(crate) at: Duration,
    pub(crate) worker: WorkerState,
    pub(crate) endpoints: Vec<EndpointHealth>,
}

impl Board {
    pub(crate) fn post(&self, change: impl FnOnce(&mut Posted)) {
        change(&mut lock(&self.0));
    }

    pub(crate) fn read(&self, now: Duration) -> Health {
        let Posted { last_accepted, oldest, at, worker, endpoints } = lock(&self.0).clone();
        let ago = |at: Duration| now.saturating_sub(at);
        Health {
            last_accepted: last_accepted.map(ago),
            oldest_pending: oldest.map(|age| age.saturating_add(ago(at))),
            worker,
            endpoints,
        }
    }
}
