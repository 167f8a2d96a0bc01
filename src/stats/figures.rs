//! The stats as figures with names and words, for whoever collects metrics.
//!
//! Pure. Invariant: each field that [`Stats`] is serialized with is there, under a name made of its
//! own.

use serde_json::Value as Json;

use super::Stats;

/// Has stats to tell, as long as somebody holds it.
pub(crate) trait Books: Send + Sync {
    fn stats(&self) -> Stats;
}

/// One figure: `spike_delivered_total`, or `spike_lost_total` for one reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) reason: Option<String>,
    /// What it is, in words, for all reasons.
    pub(crate) words: &'static str,
    /// It is what is at this moment, and not what has been so far.
    pub(crate) is_gauge: bool,
}

/// All of them, in the same order each time, with their values.
pub(crate) fn figures(stats: &Stats) -> Vec<(Figure, u64)> {
    let Ok(Json::Object(fields)) = serde_json::to_value(stats) else { return Vec::new() };
    let mut out = Vec::new();
    for (field, value) in &fields {
        let (unit, words) = about(field);
        let figure = |reason: Option<&String>| Figure {
            name: format!("spike_{field}{unit}"),
            reason: reason.cloned(),
            words,
            is_gauge: unit != TOTAL,
        };
        match value {
            Json::Object(reasons) => {
                let reasons =
                    reasons.iter().map(|(name, value)| (figure(Some(name)), whole(value)));
                out.extend(reasons);
            }
            value => out.push((figure(None), whole(value))),
        }
    }
    out
}

/// A number, a count of names, or seconds that have begun.
fn whole(value: &Json) -> u64 {
    match value {
        Json::Array(names) => u64::try_from(names.len()).unwrap_or(u64::MAX),
        Json::Number(number) => match (number.as_u64(), number.as_f64()) {
            (Some(number), _) => number,
            // As large as it can be, or as small.
            (None, seconds) => seconds.unwrap_or_default().ceil() as u64,
        },
        _ => 0,
    }
}

/// The end of the names of what only grows.
const TOTAL: &str = "_total";

/// The end of a field's name as a figure, and what it is.
fn about(field: &str) -> (&'static str, &'static str) {
    match field {
        "seen" => (TOTAL, "events that reached the layer"),
        "ignored" => (TOTAL, "events that did not concern paging"),
        "suppressed" => (TOTAL, "not sent on purpose"),
        "refused" => (TOTAL, "not taken: a queue was full, or paging had ended"),
        "lost" => (TOTAL, "taken and then given up"),
        "delivered" => (TOTAL, "triggers and resolves that were accepted"),
        "spooled" => (TOTAL, "left in the spool for the next run"),
        "pending" => ("", "taken and not settled yet"),
        "retries" => (TOTAL, "attempts that failed in a way that may pass"),
        "tls" => (TOTAL, "attempts that TLS has ended"),
        "asserted" => (TOTAL, "states sent once more, to be sure"),
        "evicted" => (TOTAL, "incidents that had to make room for others"),
        "unverified" => (TOTAL, "accepted with an answer of another form"),
        "folded" => (TOTAL, "events taken for more kinds of another title"),
        "restarts" => (TOTAL, "times that the worker was started again"),
        "replayed" => (TOTAL, "taken over from earlier runs"),
        "set_aside" => (TOTAL, "files of the spool that can't be read"),
        "spool_errors" => (TOTAL, "failures to write or read the spool"),
        "panicked_fields" => (TOTAL, "fields whose formatting panicked"),
        "panicked_titles" => (TOTAL, "titles whose closure panicked"),
        "unmatched_rules" => ("", "rules that have matched nothing so far"),
        "muted_for" => ("_seconds", "seconds that paging is muted still"),
        _ => (TOTAL, ""),
    }
}
