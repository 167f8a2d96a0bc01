//! Incidents: what a person describes ([`Incident`]), and what travels from the gate to the
//! endpoint ([`Op`]), with the [`Ticket`] that says where it ended.
//!
//! Invariant: every committed ticket ends in exactly one counter, whatever path its op takes; an
//! op that is dropped undelivered reopens its title.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value as Json};

use crate::{
    fields::{Fields, Value},
    reentry,
    stats::{Count, Counters},
};

pub(crate) use raw::{Place, Raw, RawError, Redact, Step, Trace, Trail};
pub(crate) use weight::Manual;

mod nested;
mod raw;
mod weight;

/// How bad it is: Spike's `severity`.
///
/// ```
/// use tracing_spike::Severity;
/// assert!(Severity::Sev1 > Severity::Sev3);
/// assert_eq!("sev2".parse(), Ok(Severity::Sev2));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// `sev3`, low.
    Sev3,
    /// `sev2`, medium.
    Sev2,
    /// `sev1`, high.
    Sev1,
}

/// How soon somebody should look: Spike's `priority`.
///
/// ```
/// use tracing_spike::Priority;
/// assert!(Priority::P1 > Priority::P5);
/// assert_eq!("p3".parse(), Ok(Priority::P3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// `p5`, for information.
    P5,
    /// `p4`, low.
    P4,
    /// `p3`, medium.
    P3,
    /// `p2`, high.
    P2,
    /// `p1`, urgent.
    P1,
}

/// A word that is no severity or priority.
///
/// ```
/// use tracing_spike::Severity;
/// let error = "sev9".parse::<Severity>().err().ok_or("there is no sev9")?;
/// assert_eq!(error.to_string(), "expected sev1, sev2 or sev3");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseWordError {
    expected: &'static str,
}

impl Severity {
    const EXPECTED: &str = "sev1, sev2 or sev3";

    /// The word as Spike knows it: `sev1`, `sev2` or `sev3`.
    ///
    /// ```
    /// assert_eq!(tracing_spike::Severity::Sev1.as_str(), "sev1");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Sev1 => "sev1",
            Severity::Sev2 => "sev2",
            Severity::Sev3 => "sev3",
        }
    }
}

impl Priority {
    const EXPECTED: &str = "p1, p2, p3, p4 or p5";

    /// The word as Spike knows it: `p1` to `p5`.
    ///
    /// ```
    /// assert_eq!(tracing_spike::Priority::P1.as_str(), "p1");
    /// ```
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Priority::P1 => "p1",
            Priority::P2 => "p2",
            Priority::P3 => "p3",
            Priority::P4 => "p4",
            Priority::P5 => "p5",
        }
    }
}

impl FromStr for Severity {
    type Err = ParseWordError;

    /// Parses `sev1`, `sev2` or `sev3`, in any case.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Severity::Sev1, Severity::Sev2, Severity::Sev3]
            .into_iter()
            .find(|severity| severity.as_str().eq_ignore_ascii_case(word))
            .ok_or(ParseWordError { expected: Severity::EXPECTED })
    }
}

impl FromStr for Priority {
    type Err = ParseWordError;

    /// Parses `p1` to `p5`, in any case.
    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Priority::P1, Priority::P2, Priority::P3, Priority::P4, Priority::P5]
            .into_iter()
            .find(|priority| priority.as_str().eq_ignore_ascii_case(word))
            .ok_or(ParseWordError { expected: Priority::EXPECTED })
    }
}

impl fmt::Display for ParseWordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for ParseWordError {}

/// An incident that a program opens by hand, with [`Handle::trigger`](crate::Handle::trigger).
///
/// ```
/// use tracing_spike::{Incident, Priority, Severity};
/// let incident = Incident::new("nightly import did not finish")
///     .severity(Severity::Sev2)
///     .priority(Priority::P2)
///     .field("rows_read", 4_711)
///     .field("source", "warehouse");
/// # drop(incident);
/// ```
#[derive(Clone, Debug)]
#[must_use = "an incident does nothing until it is given to `Handle::trigger`"]
pub struct Incident {
    pub(crate) title: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) fields: Manual,
}

impl Incident {
    /// An incident with this title. The title is taken as it is but for cleaning and length
    /// (200 characters), and is the key at Spike: keep numbers and ids out of it, and put them
    /// into [`field`](Incident::field)s.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), severity: None, priority: None, fields: Manual::default() }
    }

    /// Sets the severity. Default: that of the builder, else none is sent.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// Sets the priority. Default: that of the builder, else none is sent.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Adds a field to `body.fields`; by default there is none. There are 64 at most, which
    /// together have 48 KiB; what does not fit is left out, and `body.notes.omitted_fields` tells
    /// how many. Of a nested value 8 levels are kept, and 64 entries of each list and map;
    /// `body.notes.cut` tells when there were more. What looks like a secret is redacted, as
    /// [`Builder::redact`](crate::Builder::redact) says.
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Json>) -> Self {
        self.fields.insert(name.into(), value.into());
        self
    }
}

/// One trigger or resolve on its way to its endpoint.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Op {
    /// Which of the pipeline's endpoints: 0 is the default one.
    pub(crate) endpoint: usize,
    /// Keyed hash of the title.
    pub(crate) key: u64,
    /// Order of admission over all titles; of two ops of a title the higher is newer.
    pub(crate) seq: u64,
    pub(crate) status: Status,
    pub(crate) title: String,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) detail: Detail,
    /// It tells of a panic: it goes first, and makes room for nothing.
    pub(crate) panic: bool,
    pub(crate) occurrences: Occurrences,
    /// When it was admitted, in time since the pipeline started.
    pub(crate) admitted: Duration,
    /// How old it was already then: an earlier run has left it.
    pub(crate) aged: Duration,
    pub(crate) ticket: Ticket,
}

#[cfg(test)]
impl Op {
    /// The op that tests make theirs of.
    pub(crate) fn sample(key: u64, seq: u64, status: Status, admitted: Duration) -> Self {
        let (first, last) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        Self {
            endpoint: 0,
            key,
            seq,
            status,
            title: String::new(),
            severity: None,
            priority: None,
            detail: Detail::Manual(Manual::default()),
            panic: false,
            occurrences: Occurrences { count: 1, since_last: 1, first, last },
            admitted,
            aged: Duration::ZERO,
            ticket: Ticket::spent(),
        }
    }
}

/// What an op asks of Spike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// `opening`: the first since the title was last resolved, so severity and priority travel.
    /// Also for an event more severe than any sent before.
    Trigger { opening: bool },
    /// `first`: the title's first resolve in this process, which goes out in any case.
    /// `not_before`: held back until then, and then only if [`Gatekeeper::held`] says so; zero for
    /// a title that does not flap.
    Resolve { first: bool, not_before: Duration },
}

impl Status {
    /// A resolve of which it is not decided yet whether it goes out.
    pub(crate) fn is_held_back(self) -> bool {
        matches!(self, Status::Resolve { not_before, .. } if !not_before.is_zero())
    }
}

/// What the gate has decided to send; `seq` names it to [`Gatekeeper`], and orders it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sending {
    pub(crate) seq: u64,
    pub(crate) status: Status,
    pub(crate) count: u64,
    pub(crate) since_last: u64,
    /// When the first of `count` occurred.
    pub(crate) first: Duration,
}

/// How often it happened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occurrences {
    pub(crate) count: u64,
    pub(crate) since_last: u64,
    pub(crate) first: SystemTime,
    pub(crate) last: SystemTime,
}

/// What the body is made of; rendered by the worker.
#[derive(Clone, Debug)]
pub(crate) enum Detail {
    /// Of which nothing may be shown before it is an [`Event`](Detail::Event).
    Raw(Raw),
    Event(Captured),
    Manual(Manual),
    Storm(StormDetail),
    /// Of a resolve after a quiet period, which no event asked for.
    Quiet,
    /// The body that an earlier run has made.
    Stored(Map<String, Json>),
}

/// The spool, as the caller's side sees it.
pub(crate) trait Keep: Send + Sync + UnwindSafe + RefUnwindSafe + fmt::Debug {
    /// Writes an op at once, since the process is about to die. `now` is time since the pipeline
    /// started.
    fn keep(&self, op: &Op, now: Duration);
    /// In a forked child: from now on it does not keep the parent's run alive.
    fn let_go_in_child(&self);
}

/// What an earlier run has left to be said.
#[derive(Debug)]
pub(crate) struct Leftover {
    /// Which of the pipeline's endpoints.
    pub(crate) endpoint: usize,
    pub(crate) title: String,
    pub(crate) says: Says,
    pub(crate) severity: Option<Severity>,
    pub(crate) priority: Option<Priority>,
    pub(crate) occurrences: Occurrences,
    /// How old it is.
    pub(crate) age: Duration,
    /// It is too old to be told by itself.
    pub(crate) is_expired: bool,
    pub(crate) body: Map<String, Json>,
}

/// What a [`Leftover`] says.
#[derive(Debug)]
pub(crate) enum Says {
    Trigger {
        opening: bool,
        panic: bool,
    },
    /// The storm incident, with the titles of its sample.
    Storm {
        sample: Vec<String>,
    },
    Resolve,
}

/// The entrance for incidents, as what takes over from earlier runs sees it.
pub(crate) trait Replay: Send + Sync {
    /// Takes it in as if it occurred now; false when there is no room for it yet.
    fn replay(&self, leftover: Leftover) -> bool;
    /// Whether nobody is to be paged for now.
    fn is_muted(&self) -> bool;
}

/// An event, with no secret in it. All texts are in `fields`.
#[derive(Clone, Debug)]
pub(crate) struct Captured {
    pub(crate) level: tracing::Level,
    /// `None`: a `log` record, or a panic.
    pub(crate) callsite: Option<&'static tracing::Metadata<'static>>,
    pub(crate) message: Value,
    pub(crate) target: Value,
    pub(crate) thread: Value,
    pub(crate) file: Option<Value>,
    pub(crate) line: Option<u32>,
    pub(crate) error: Option<Value>,
    pub(crate) chain: Option<Value>,
    pub(crate) error_span: Option<Value>,
    /// The event's fields, then each span's, leaf first.
    pub(crate) fields: Fields,
    /// There were more spans than are in `fields`.
    pub(crate) spans_cut: bool,
    /// What was mistyped, for `body.notes`.
    pub(crate) notes: Fields,
    /// What was going on before, a line each, oldest first.
    pub(crate) trail: Vec<String>,
    /// Something of that is missing.
    pub(crate) trail_cut: bool,
    pub(crate) trace: Option<Box<Trace>>,
    /// The number of its rule's runbook.
    pub(crate) runbook: Option<usize>,
}

/// The gate, as what comes behind it sees it.
pub(crate) trait Gatekeeper: Send + Sync + fmt::Debug {
    /// Nothing was sent: as if it had never been admitted, but that what occurred has occurred.
    fn give_back(&self, key: u64, seq: u64);
    /// It was taken and then lost: the next occurrence may page again. `opening`: with it the
    /// title's opening is lost, and not only a repeat; of a resolve: nobody knows whether Spike has
    /// the title open.
    fn reopen(&self, key: u64, seq: u64, opening: bool);
    /// An opening that there is no room for is folded into the storm incident, with its `count`
    /// occurrences, and its title is reopened. What the storm incident sends, if anything.
    fn fold(&self, key: u64, seq: u64, folded: Folded<'_>, now: Duration) -> Option<Storm>;
    /// Whether a resolve that was held back goes out now. `hurried`: somebody waits for it.
    fn held(&self, key: u64, seq: u64, now: Duration, hurried: bool) -> Held;
    /// What has been folded into the storm incident until now, if its newest op is this one: what
    /// is told is more than was known when it was admitted.
    fn so_far(&self, key: u64, seq: u64) -> Option<SoFar>;
    /// Whether an open title has been quiet for long enough to be resolved.
    fn quiet(&self, key: u64, now: Duration) -> Quiet;
}

/// An opening that is folded into the storm incident.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folded<'a> {
    pub(crate) title: &'a str,
    pub(crate) severity: Option<Severity>,
    pub(crate) count: u64,
}

/// The storm incident, to be sent.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) key: u64,
    pub(crate) title: String,
    pub(crate) sending: Sending,
    pub(crate) detail: StormDetail,
}

/// What becomes of a resolve that was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// The title was triggered since, and stays open: there is nothing to hold any more.
    Off,
    /// It is held still; ask again at this time.
    Until(Duration),
    /// It goes out, with what has occurred until now as far as that is known.
    Out(Option<Counts>),
}

/// How often a title has occurred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) count: u64,
    pub(crate) since_last: u64,
}

/// How far the storm incident has come.
#[derive(Debug)]
pub(crate) struct SoFar {
    pub(crate) count: u64,
    /// Since that was told last.
    pub(crate) more: u64,
    pub(crate) last: Duration,
    pub(crate) detail: StormDetail,
}

/// What a storm has folded since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StormDetail {
    /// About how many different titles.
    pub(crate) titles: u64,
    /// A few of them, others each time.
    pub(crate) sample: Vec<String>,
}

/// Whether a title has been quiet for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// It is not open, or the gate has forgotten it: there is nothing to wait for.
    Never,
    /// Not before this time.
    Until(Duration),
    /// It is resolved with this. Counts as seen.
    Resolved(Sending),
}

/// The right to send one op. Dropped before [`commit`](Ticket::commit), the title is given back
/// and whoever dropped it counts why; dropped after it without being settled, the op counts as
/// lost and the title is reopened.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Ticket {
    /// `None` once it is settled.
    held: Option<Claim>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Claim {
    gate: Arc<dyn Gatekeeper>,
    counters: Arc<Counters>,
    key: u64,
    seq: u64,
    /// The op opens its title.
    opening: bool,
    committed: bool,
}

impl Ticket {
    pub(crate) fn reserved(
        gate: Arc<dyn Gatekeeper>,
        counters: Arc<Counters>,
        key: u64,
        sending: &Sending,
    ) -> Self {
        let opening = matches!(sending.status, Status::Trigger { opening: true });
        let held = Claim { gate, counters, key, seq: sending.seq, opening, committed: false };
        Self { held: Some(held) }
    }

    /// Of an op that has come to its end and is kept.
    pub(crate) fn spent() -> Self {
        Self { held: None }
    }

    /// The op is on its way: from now on it is pending.
    pub(crate) fn commit(&mut self) {
        if let Some(held) = &mut self.held {
            held.committed = true;
            held.counters.add(Count::Pending);
        }
    }

    /// Whether the loss of the op would leave the title without an opening.
    pub(crate) fn set_opening(&mut self, opening: bool) {
        if let Some(held) = &mut self.held {
            held.opening = opening;
        }
    }

    /// The op goes on as another one that the gate has let through.
    pub(crate) fn readmit(&mut self, key: u64, sending: &Sending) {
        if let Some(held) = &mut self.held {
            (held.key, held.seq) = (key, sending.seq);
            held.opening = matches!(sending.status, Status::Trigger { opening: true });
        }
    }

    /// The gate that has let the op through, and its counters; `None` once it is settled.
    pub(crate) fn gate(&self) -> Option<(Arc<dyn Gatekeeper>, Arc<Counters>)> {
        self.held.as_ref().map(|held| (Arc::clone(&held.gate), Arc::clone(&held.counters)))
    }

    /// The op has reached its end and the title stays as it is.
    pub(crate) fn settle(mut self, count: Count) {
        if let Some(held) = self.held.take() {
            held.counters.settle(count);
        }
    }

    /// The op is given up and the title is reopened.
    pub(crate) fn lose(mut self, reason: Count) {
        self.end(reason);
    }

    fn end(&mut self, reason: Count) {
        let Some(held) = self.held.take() else { return };
        if held.committed {
            held.counters.settle(reason);
            held.gate.reopen(held.key, held.seq, held.opening);
        } else {
            held.gate.give_back(held.key, held.seq);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let ours = std::thread::panicking() && reentry::is_own_thread();
        self.end(if ours { Count::LostFailed } else { Count::LostShutdown });
    }
}
