//! An incident as the sandbox shows it.
//!
//! Owns the public, read-only picture of one incident. Cheap to clone: a clone shares its
//! contents and never changes afterwards. The token is in no output.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

/// Marks of one incident kept, the newest; the opening one stays.
const MARKS: usize = 64;

/// Whether an incident still pages. From [`Incident::status`].
///
/// ```
/// use tracing_spike::sandbox::{Incident, Status};
/// fn is_somebody_at_it(incident: &Incident) -> bool {
///     incident.status() == Status::Acknowledged
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Triggered, and nobody has taken it yet; further triggers of its title are repeats.
    Open,
    /// Taken by a person on the page and not resolved yet; further triggers are repeats still.
    Acknowledged,
    /// Resolved; the next trigger of its title opens a new incident.
    Resolved,
}

/// One incident at the [`Sandbox`](super::Sandbox): what a person would be paged for.
///
/// Each opening is an incident of its own. This is a picture taken when you asked; it does
/// not change afterwards.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tracing_spike::{Incident, Severity, sandbox::{Sandbox, Status}};
///
/// let sandbox = Sandbox::start()?;
/// let (_layer, guard) = tracing_spike::builder(sandbox.webhook_url())
///     .build::<tracing_subscriber::Registry>()?;
/// let disk = Incident::new("disk is full").severity(Severity::Sev2).field("host", "db1");
/// guard.handle().trigger(disk)?;
///
/// let incidents = sandbox.wait_for(1, Duration::from_secs(5))?;
/// let incident = &incidents[0];
/// assert_eq!((incident.number(), incident.title()), (1, "disk is full"));
/// assert_eq!((incident.status(), incident.is_open()), (Status::Open, true));
/// assert_eq!((incident.severity(), incident.priority()), (Some("sev2"), None));
/// assert_eq!(incident.body()["fields"]["host"], "db1");
/// // Nothing has followed yet.
/// assert_eq!(incident.repeats(), 0);
/// assert_eq!(incident.last_at(), incident.first_at());
/// assert_eq!(incident.last_body(), incident.body());
/// assert_eq!(incident.resolved_at(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Incident {
    record: Arc<Record>,
    /// The two bodies once somebody has looked at them; of one that the model keeps, nobody does.
    body: OnceLock<Arc<Value>>,
    last_body: OnceLock<Arc<Value>>,
}

/// What the model writes and [`Incident`] shows.
#[derive(Clone)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) token: Arc<str>,
    /// Empty when the trigger had none.
    pub(super) title: String,
    pub(super) severity: Option<String>,
    pub(super) priority: Option<String>,
    pub(super) repeats: u64,
    /// Wall clock, since the Unix epoch, as are the next two.
    pub(super) first: Duration,
    pub(super) last: Duration,
    pub(super) acknowledged: Option<Duration>,
    pub(super) resolved: Option<Duration>,
    /// Triggers that the limit dropped while it was open.
    pub(super) limited: u64,
    /// Oldest first.
    pub(super) marks: VecDeque<Mark>,
    /// Goes up with each change of any incident; this is that of its last one.
    pub(super) revision: u64,
    /// As JSON, as is the last one.
    pub(super) body: Arc<str>,
    pub(super) last_body: Arc<str>,
}

/// A point on the time line of an incident.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Wall clock, since the Unix epoch.
    pub(super) at: Duration,
    pub(super) what: What,
}

/// What happened there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Opened,
    Repeated,
    Limited,
    Acknowledged,
    Resolved,
}

impl Record {
    /// Bytes of its texts.
    pub(super) fn weight(&self) -> usize {
        let is_one = Arc::ptr_eq(&self.body, &self.last_body);
        let last = if is_one { 0 } else { self.last_body.len() };
        self.title.len().saturating_add(self.body.len()).saturating_add(last)
    }

    /// Adds to the time line; when it is full, the second oldest mark goes.
    pub(super) fn mark(&mut self, at: Duration, what: What) {
        if self.marks.len() >= MARKS {
            self.marks.remove(1);
        }
        self.marks.push_back(Mark { at, what });
    }
}

impl Incident {
    pub(super) fn new(record: Record) -> Self {
        Self { record: Arc::new(record), body: OnceLock::new(), last_body: OnceLock::new() }
    }

    /// For the model; a picture that somebody holds is not changed.
    pub(super) fn record_mut(&mut self) -> &mut Record {
        Arc::make_mut(&mut self.record)
    }

    /// For the page.
    pub(super) fn record(&self) -> &Record {
        &self.record
    }

    /// 1 for the first incident of this sandbox, and so on in the order of opening.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// The title of the opening trigger, empty if it had none.
    pub fn title(&self) -> &str {
        &self.record.title
    }

    /// Open, acknowledged or resolved.
    pub fn status(&self) -> Status {
        match (self.record.acknowledged, self.record.resolved) {
            (_, Some(_)) => Status::Resolved,
            (Some(_), None) => Status::Acknowledged,
            (None, None) => Status::Open,
        }
    }

    /// Whether it is not resolved yet, acknowledged or not.
    pub fn is_open(&self) -> bool {
        self.status() != Status::Resolved
    }

    /// `sev1`, `sev2` or `sev3`: the last one sent for this title, remembered from earlier
    /// incidents of the title too.
    pub fn severity(&self) -> Option<&str> {
        self.record.severity.as_deref()
    }

    /// `p1` to `p5`, as [`severity`](Self::severity).
    pub fn priority(&self) -> Option<&str> {
        self.record.priority.as_deref()
    }

    /// Triggers after the opening one, not counting those that were dropped.
    pub fn repeats(&self) -> u64 {
        self.record.repeats
    }

    /// When the opening trigger arrived (wall clock, to the millisecond).
    pub fn first_at(&self) -> SystemTime {
        wall(self.record.first)
    }

    /// When the last trigger arrived; the same as [`first_at`](Self::first_at) without repeats.
    pub fn last_at(&self) -> SystemTime {
        wall(self.record.last)
    }

    /// When it was resolved.
    pub fn resolved_at(&self) -> Option<SystemTime> {
        self.record.resolved.map(wall)
    }

    /// The `body` of the opening trigger, `null` if it had none.
    pub fn body(&self) -> &Value {
        read(&self.body, &self.record.body)
    }

    /// The `body` of the last trigger; the same as [`body`](Self::body) without repeats.
    pub fn last_body(&self) -> &Value {
        read(&self.last_body, &self.record.last_body)
    }

    /// Whether it was sent to this webhook URL; for programs with more than one.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start()?;
    /// let billing = sandbox.url_for("billing-team");
    /// let for_billing = sandbox.incidents().iter().filter(|one| one.came_to(&billing)).count();
    /// assert_eq!(for_billing, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn came_to(&self, webhook_url: &str) -> bool {
        is_webhook_of(webhook_url, &self.record.token)
    }
}

impl fmt::Debug for Incident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incident")
            .field("number", &self.number())
            .field("title", &self.title())
            .field("status", &self.status())
            .field("severity", &self.severity())
            .field("priority", &self.priority())
            .field("repeats", &self.repeats())
            .finish_non_exhaustive()
    }
}

fn read<'a>(known: &'a OnceLock<Arc<Value>>, json: &str) -> &'a Value {
    known.get_or_init(|| Arc::new(serde_json::from_str(json).unwrap_or_default()))
}

/// Whether a URL ends in `/{token}/push-events`.
pub(super) fn is_webhook_of(url: &str, token: &str) -> bool {
    url.strip_suffix("/push-events")
        .and_then(|rest| rest.strip_suffix(token))
        .is_some_and(|rest| rest.ends_with('/'))
}

fn wall(since_epoch: Duration) -> SystemTime {
    UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH)
}
