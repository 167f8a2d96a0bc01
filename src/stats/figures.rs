//! The counters as figures with names and words, for whoever collects metrics.
//!
//! Pure. Invariant: each field of [`Stats`] is there; one that is left out does not compile.

use super::{Ignored, Lost, Refused, Stats, Suppressed};

/// Has stats to tell, as long as somebody holds it.
pub(crate) trait Books: Send + Sync {
    fn stats(&self) -> Stats;
}

/// One figure: `spike_delivered_total`, or `spike_lost_total` for one reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    /// What it is, in words, for all reasons.
    pub(crate) words: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) value: u64,
}

impl Figure {
    /// Whether it is what is at this moment, and not what has been so far.
    pub(crate) fn is_gauge(&self) -> bool {
        !self.name.ends_with("_total")
    }
}

/// The figures of a group, a reason each.
macro_rules! reasons {
    ($out:ident, $group:ident, $type:ident { $($reason:ident),* }, $name:expr, $words:expr) => {
        let $type { $($reason),* } = $group;
        $($out.push(Figure {
            reason: Some(stringify!($reason)),
            ..alone($name, $words, *$reason)
        });)*
    };
}

/// All of them, in the same order each time.
pub(crate) fn figures(stats: &Stats) -> Vec<Figure> {
    let Stats {
        seen,
        ignored,
        suppressed,
        refused,
        lost,
        delivered,
        spooled,
        pending,
        retries,
        tls,
        asserted,
        evicted,
        unverified,
        folded,
        restarts,
        replayed,
        set_aside,
        spool_errors,
        panicked_fields,
        panicked_titles,
        unmatched_rules,
        muted_for,
    } = stats;
    let rules = u64::try_from(unmatched_rules.len()).unwrap_or(u64::MAX);
    let muted = muted_for.map_or(0, |left| left.as_secs().saturating_add(1));
    let mut out = vec![
        alone("spike_seen_total", "events that reached the layer", *seen),
        alone("spike_delivered_total", "triggers and resolves that were accepted", *delivered),
        alone("spike_spooled_total", "left in the spool for the next run", *spooled),
        alone("spike_pending", "taken and not settled yet", *pending),
        alone("spike_retries_total", "attempts that failed in a way that may pass", *retries),
        alone("spike_tls_total", "attempts that TLS has ended", *tls),
        alone("spike_asserted_total", "states sent once more, to be sure", *asserted),
        alone("spike_evicted_total", "incidents that had to make room for others", *evicted),
        alone("spike_unverified_total", "accepted with an answer of another form", *unverified),
        alone("spike_folded_total", "taken for more kinds of another title", *folded),
        alone("spike_restarts_total", "times that the worker was started again", *restarts),
        alone("spike_replayed_total", "taken over from earlier runs", *replayed),
        alone("spike_set_aside_total", "files of the spool that can't be read", *set_aside),
        alone("spike_spool_errors_total", "failures to write or read the spool", *spool_errors),
        alone("spike_panicked_fields_total", "fields whose formatting panicked", *panicked_fields),
        alone("spike_panicked_titles_total", "titles whose closure panicked", *panicked_titles),
        alone("spike_unmatched_rules", "rules that have matched nothing so far", rules),
        alone("spike_muted_for_seconds", "seconds that paging is muted still", muted),
    ];
    groups((ignored, suppressed, refused, lost), &mut out);
    out
}

/// Those of a reason each.
fn groups(
    (ignored, suppressed, refused, lost): (&Ignored, &Suppressed, &Refused, &Lost),
    out: &mut Vec<Figure>,
) {
    reasons!(
        out,
        ignored,
        Ignored { own_thread, reentrant, unwanted, field, bad_status, off, failed },
        "spike_ignored_total",
        "events that did not concern paging"
    );
    reasons!(
        out,
        suppressed,
        Suppressed { repeat, storm, mute, threshold, same_cause, cancelled },
        "spike_suppressed_total",
        "not sent on purpose"
    );
    reasons!(
        out,
        refused,
        Refused { full, closed, forked },
        "spike_refused_total",
        "not taken: a queue was full, or paging had ended"
    );
    reasons!(
        out,
        lost,
        Lost { rejected, redirect, poison, expired, shutdown, failed },
        "spike_lost_total",
        "taken and then given up"
    );
}

fn alone(name: &'static str, words: &'static str, value: u64) -> Figure {
    Figure { name, words, reason: None, value }
}
