//! What became of every event, by reason: the counters and the public snapshot of them.
//!
//! Invariant: `seen = ignored + suppressed + refused + lost + delivered + spooled + pending` once
//! nothing is in motion. Counting never allocates, locks or fails.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::sync::thread_number;

#[cfg(feature = "metrics")]
pub(crate) mod figures;

/// One counter. The first group adds up to `Seen`; the rest tell how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Seen,
    IgnoredOwnThread,
    IgnoredReentrant,
    IgnoredUnwanted,
    IgnoredField,
    IgnoredBadStatus,
    IgnoredOff,
    IgnoredFailed,
    SuppressedRepeat,
    SuppressedStorm,
    SuppressedMute,
    SuppressedThreshold,
    SuppressedSameCause,
    SuppressedCancelled,
    RefusedFull,
    RefusedClosed,
    RefusedForked,
    LostRejected,
    LostRedirect,
    LostPoison,
    LostExpired,
    LostShutdown,
    LostFailed,
    Delivered,
    Spooled,
    Pending,
    Retries,
    Tls,
    Asserted,
    Evicted,
    Unverified,
    Folded,
    Restarts,
    Replayed,
    SetAside,
    SpoolErrors,
    PanickedFields,
    PanickedTitles,
}

pub(crate) const COUNTS: usize = Count::PanickedTitles as usize + 1;

/// Threads count in so many places, so that a storm on several of them does not have their
/// processors take one piece of memory from one another at each event.
const SHARDS: usize = 16;

/// The live counters, shared by the caller's threads and the worker.
#[derive(Debug)]
pub(crate) struct Counters {
    /// A count is the sum over all of them; each of them may have passed 0, and begun at the top.
    shards: Box<[Shard; SHARDS]>,
}

/// What some threads have counted, on pieces of memory that no other shard has a part of.
#[derive(Debug)]
#[repr(align(128))]
struct Shard([AtomicU64; COUNTS]);

impl Counters {
    pub(crate) fn new() -> Self {
        let shard = |_| Shard([const { AtomicU64::new(0) }; COUNTS]);
        Self { shards: Box::new(std::array::from_fn(shard)) }
    }

    fn here(&self, count: Count) -> Option<&AtomicU64> {
        // `SHARDS` is a power of two.
        self.shards.get(thread_number() & SHARDS.wrapping_sub(1))?.0.get(count as usize)
    }

    pub(crate) fn add(&self, count: Count) {
        if let Some(counter) = self.here(count) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Something pending was settled as `count`.
    pub(crate) fn settle(&self, count: Count) {
        self.add(count);
        if let Some(pending) = self.here(Count::Pending) {
            pending.fetch_sub(1, Ordering::Relaxed);
        }
    }

    #[cfg(test)]
    pub(crate) fn save(&self) -> [u64; COUNTS] {
        std::array::from_fn(|at| self.sum(at))
    }

    #[cfg(test)]
    pub(crate) fn restore(&self, counts: &[u64; COUNTS]) {
        for (number, shard) in self.shards.iter().enumerate() {
            for (counter, count) in shard.0.iter().zip(counts) {
                counter.store(if number == 0 { *count } else { 0 }, Ordering::Relaxed);
            }
        }
    }

    pub(crate) fn get(&self, count: Count) -> u64 {
        self.sum(count as usize)
    }

    /// All that was taken and then given up.
    pub(crate) fn lost(&self) -> u64 {
        [
            Count::LostRejected,
            Count::LostRedirect,
            Count::LostPoison,
            Count::LostExpired,
            Count::LostShutdown,
            Count::LostFailed,
        ]
        .into_iter()
        .fold(0, |sum: u64, count| sum.saturating_add(self.get(count)))
    }

    fn sum(&self, at: usize) -> u64 {
        let counters = self.shards.iter().filter_map(|shard| shard.0.get(at));
        let sum =
            counters.fold(0_u64, |sum, counter| sum.wrapping_add(counter.load(Ordering::Relaxed)));
        // What was added after its shard was looked at may have been taken away before the other
        // was.
        if sum > u64::MAX / 2 { 0 } else { sum }
    }

    /// A snapshot; exact once nothing is in motion.
    pub(crate) fn snapshot(&self, unmatched_rules: Vec<String>) -> Stats {
        Stats {
            seen: self.get(Count::Seen),
            ignored: Ignored {
                own_thread: self.get(Count::IgnoredOwnThread),
                reentrant: self.get(Count::IgnoredReentrant),
                unwanted: self.get(Count::IgnoredUnwanted),
                field: self.get(Count::IgnoredField),
                bad_status: self.get(Count::IgnoredBadStatus),
                off: self.get(Count::IgnoredOff),
                failed: self.get(Count::IgnoredFailed),
            },
            suppressed: Suppressed {
                repeat: self.get(Count::SuppressedRepeat),
                storm: self.get(Count::SuppressedStorm),
                mute: self.get(Count::SuppressedMute),
                threshold: self.get(Count::SuppressedThreshold),
                same_cause: self.get(Count::SuppressedSameCause),
                cancelled: self.get(Count::SuppressedCancelled),
            },
            refused: Refused {
                full: self.get(Count::RefusedFull),
                closed: self.get(Count::RefusedClosed),
                forked: self.get(Count::RefusedForked),
            },
            lost: Lost {
                rejected: self.get(Count::LostRejected),
                redirect: self.get(Count::LostRedirect),
                poison: self.get(Count::LostPoison),
                expired: self.get(Count::LostExpired),
                shutdown: self.get(Count::LostShutdown),
                failed: self.get(Count::LostFailed),
            },
            delivered: self.get(Count::Delivered),
            spooled: self.get(Count::Spooled),
            pending: self.get(Count::Pending),
            retries: self.get(Count::Retries),
            tls: self.get(Count::Tls),
            asserted: self.get(Count::Asserted),
            evicted: self.get(Count::Evicted),
            unverified: self.get(Count::Unverified),
            folded: self.get(Count::Folded),
            restarts: self.get(Count::Restarts),
            replayed: self.get(Count::Replayed),
            set_aside: self.get(Count::SetAside),
            spool_errors: self.get(Count::SpoolErrors),
            panicked_fields: self.get(Count::PanickedFields),
            panicked_titles: self.get(Count::PanickedTitles),
            unmatched_rules,
            muted_for: None,
        }
    }
}

/// What became of everything since the pipeline started, by reason. From
/// [`Handle::stats`](crate::Handle::stats).
///
/// Each event that reached the layer, and each call of `Handle::trigger` or `Handle::resolve`,
/// is in exactly one of the groups, so [`accounted`](Stats::accounted) equals
/// [`seen`](Stats::seen) once nothing is in motion.
///
/// It is serialized under the names of its fields, `muted_for` in seconds.
///
/// # As metrics
///
/// With the feature `metrics`, each field is told to the facade of that name
/// ([`metrics` 0.24](https://docs.rs/metrics/0.24)), with a description: every 5 s and at the end,
/// by our own thread, which that wakes. Several pipelines of a process are summed up. A recorder
/// that is installed later is told all, too.
///
/// | metric | field |
/// |---|---|
/// | `spike_seen_total`, `spike_delivered_total`, and so on: `spike_{field}_total` | each number that only grows |
/// | `spike_ignored_total`, `spike_suppressed_total`, `spike_refused_total`, `spike_lost_total`, each with the label `reason` | each field of the group of that name |
/// | `spike_pending`, a gauge | `pending` |
/// | `spike_unmatched_rules`, a gauge | how many are in `unmatched_rules` |
/// | `spike_muted_for_seconds`, a gauge | `muted_for`, 0 when nothing is muted |
///
/// To be told that nobody is told: `increase(spike_lost_total[15m]) > 0`, or `spike_pending > 0`
/// for as long.
///
/// ```
/// let (_layer, guard) = tracing_spike::from_env()
///     .mode(tracing_spike::Mode::Off)
///     .build::<tracing_subscriber::Registry>()?;
/// let stats = guard.handle().stats();
/// assert_eq!(stats.seen, stats.accounted());
/// assert_eq!(stats.undelivered(), 0);
/// assert!(serde_json::to_string(&stats)?.starts_with(r#"{"seen":0,"ignored":{"own_thread":0,"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events that reached the layer, calls of `Handle::trigger` and `Handle::resolve` (one that
    /// resolves a title at several webhooks counts for each), resolves after a quiet period, and
    /// panics, if they are [reported](crate::Builder::panics).
    pub seen: u64,
    /// Did not concern us.
    pub ignored: Ignored,
    /// Not sent on purpose.
    pub suppressed: Suppressed,
    /// Not taken: a queue was full, or paging had ended.
    pub refused: Refused,
    /// Taken and then given up, by reason.
    pub lost: Lost,
    /// Triggers and resolves that the endpoint accepted (in a dry run: printed).
    pub delivered: u64,
    /// Left in the [spool](crate::Builder::spool) for the next run, when paging ended.
    pub spooled: u64,
    /// Taken and not settled yet.
    pub pending: u64,
    /// Attempts that failed in a way that may pass, over all incidents. Not part of the balance.
    pub retries: u64,
    /// Of `retries`, those that TLS has ended before anything was sent: a certificate that can't
    /// be trusted, say. The endpoint is tried again every minute.
    pub tls: u64,
    /// States sent once more, 60 s after a change that followed an attempt without an answer: that
    /// attempt may have arrived late. Not part of the balance.
    pub asserted: u64,
    /// Incidents that had to make room for others while the endpoint took none: repeats, whose
    /// counts the next one tells, and openings, which the storm incident tells. Each is in one of
    /// the groups above, too.
    pub evicted: u64,
    /// Of `delivered`, those whose answer was not the documented `{"Ok": true}`.
    pub unverified: u64,
    /// Events whose title was new where five others had been opened within 10 min, so that they
    /// were taken for `more kinds of: {the first}`. Each is in one of the groups above, too, as
    /// what became of it under that title.
    pub folded: u64,
    /// Times that the worker was started again, since our own code had panicked. Please report a
    /// bug when this is not 0.
    pub restarts: u64,
    /// Incidents and resolves that earlier runs have left in the spool and this one has taken over,
    /// folded ones included. Each is in one of the groups above, too.
    pub replayed: u64,
    /// Files of the spool that could not be read. They are in its folder `quarantine`.
    pub set_aside: u64,
    /// Writes to the spool that failed: what they were to keep is in memory only. Also looks at it
    /// that could not read all that is there; the next one will.
    pub spool_errors: u64,
    /// Fields sent as `<panicked>` because their `Debug`, `Display` or `Error` panicked.
    pub panicked_fields: u64,
    /// Events that kept the title they have without the closure of
    /// [`Titles::custom`](crate::title::Titles::custom), because that panicked.
    pub panicked_titles: u64,
    /// Filter rules (`billing=warn`) and rules (`rule billing`) that have matched no callsite or
    /// `log` target so far: a typo, perhaps.
    pub unmatched_rules: Vec<String>,
    /// How much longer [`Handle::mute`](crate::Handle::mute) or
    /// [`mute_scope`](crate::Handle::mute_scope) mutes; `None` when nothing is muted.
    pub muted_for: Option<Duration>,
}

/// Events that did not concern us, by reason. Part of [`Stats`].
///
/// ```
/// /// Our own code failed on an event: a bug to report.
/// fn has_bug(stats: &tracing_spike::Stats) -> bool {
///     stats.ignored.failed > 0 || stats.lost.failed > 0
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ignored {
    /// From our own worker or its DNS threads.
    pub own_thread: u64,
    /// From inside our own code on the same thread: a field's `Debug` that logs, say.
    pub reentrant: u64,
    /// Not wanted by level or rule, and delivered to us all the same.
    pub unwanted: u64,
    /// `spike = false`, or a `spike` field below ERROR under a rule that is `off`.
    pub field: u64,
    /// Below ERROR with a `spike.status` that is neither `resolve` nor `trigger`.
    pub bad_status: u64,
    /// Paging is off.
    pub off: u64,
    /// Our own code failed on it. Please report a bug when this is not 0.
    pub failed: u64,
}

/// What was not sent on purpose, by reason. Part of [`Stats`].
///
/// ```
/// fn tell(stats: &tracing_spike::Stats) {
///     let suppressed = &stats.suppressed;
///     println!("{} repeats, {} in a storm", suppressed.repeat, suppressed.storm);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Suppressed {
    /// Counted on the incident that is open already; the next repeat tells the number. Also a
    /// resolve of what this process has resolved already.
    pub repeat: u64,
    /// Beyond the budget for new titles, and counted on the storm incident.
    pub storm: u64,
    /// While [`Handle::mute`](crate::Handle::mute) lasted.
    pub mute: u64,
    /// Fewer than its rule's [`after`](crate::Rule::after) wants.
    pub threshold: u64,
    /// The same error text in the same root span within 1 s, on its way up under another title; or
    /// an error that a panic has caused, as [`Builder::panics`](crate::Builder::panics) says.
    pub same_cause: u64,
    /// A trigger and its resolve that met before either was attempted, a state that a newer one
    /// has replaced, or a resolve that was held back and voided by an occurrence.
    pub cancelled: u64,
}

/// What was not taken, by reason. Part of [`Stats`].
///
/// ```
/// fn is_queue_too_small(stats: &tracing_spike::Stats) -> bool {
///     stats.refused.full > 0
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The queue had no room; it is as if it had not occurred, and the next occurrence pages.
    pub full: u64,
    /// The guard was dropped, or the worker is gone.
    pub closed: u64,
    /// In a child that was forked after paging began, where there is no worker.
    pub forked: u64,
}

/// What was taken and then given up, by reason. Part of [`Stats`].
///
/// ```
/// fn tell(stats: &tracing_spike::Stats) {
///     let lost = &stats.lost;
///     println!("{} too old, {} pending at the end", lost.expired, lost.shutdown);
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The endpoint said no for good (another 4xx than 401 403 404 408 410 425 429).
    pub rejected: u64,
    /// The endpoint answered with a redirect, which is never followed.
    pub redirect: u64,
    /// Answered 500 eight times while other titles were accepted.
    pub poison: u64,
    /// Older than six hours.
    pub expired: u64,
    /// Not delivered when the shutdown deadline came.
    pub shutdown: u64,
    /// In the hands of our own code when that panicked. Please report a bug when this is not 0.
    pub failed: u64,
}

impl Stats {
    /// The sum of all groups; equals [`seen`](Stats::seen) once nothing is in motion.
    #[must_use]
    pub fn accounted(&self) -> u64 {
        let Ignored { own_thread, reentrant, unwanted, field, bad_status, off, failed } =
            &self.ignored;
        let Suppressed { repeat, storm, mute, threshold, same_cause, cancelled } = &self.suppressed;
        let Lost { rejected, redirect, poison, expired, shutdown, failed: broken } = &self.lost;
        [
            own_thread,
            reentrant,
            unwanted,
            field,
            bad_status,
            off,
            failed,
            repeat,
            storm,
            mute,
            threshold,
            same_cause,
            cancelled,
            &self.refused.full,
            &self.refused.closed,
            &self.refused.forked,
            rejected,
            redirect,
            poison,
            expired,
            shutdown,
            broken,
            &self.delivered,
            &self.spooled,
            &self.pending,
        ]
        .into_iter()
        .fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// What was not delivered since `told`, by reason, for the next incident that is.
    pub(crate) fn missed_since(&self, told: &Stats) -> Option<String> {
        let reasons = [
            ("queue full", self.refused.full, told.refused.full),
            ("rejected", self.lost.rejected, told.lost.rejected),
            ("redirected", self.lost.redirect, told.lost.redirect),
            ("failed while others were accepted", self.lost.poison, told.lost.poison),
            ("too old", self.lost.expired, told.lost.expired),
            ("pending when the program ended", self.lost.shutdown, told.lost.shutdown),
            ("in the hands of code that panicked", self.lost.failed, told.lost.failed),
            ("unreadable in the spool", self.set_aside, told.set_aside),
            ("pushed out by others", self.evicted, told.evicted),
        ];
        let missed = reasons.iter().filter_map(|(reason, now, then)| {
            let count = now.saturating_sub(*then);
            (count > 0).then(|| format!("{count} {reason}"))
        });
        Some(missed.collect::<Vec<_>>().join(", ")).filter(|missed| !missed.is_empty())
    }

    /// Everything that was given up or not taken, for whatever reason.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        let Lost { rejected, redirect, poison, expired, shutdown, failed } = &self.lost;
        let Refused { full, closed, forked } = &self.refused;
        [rejected, redirect, poison, expired, shutdown, failed, full, closed, forked]
            .into_iter()
            .fold(0, |sum: u64, count| sum.saturating_add(*count))
    }
}
