//! The report for programs.
//!
//! Invariant: keys are added, never renamed; numbers are numbers.

use serde_json::{Map, Value, json};

use super::{
    advice::{self, How},
    reading::Found,
    report::odd,
    tally::Title,
    time::{DAY, Date},
};

/// Titles that are told; the report for people has fewer.
const TITLES: usize = 1_000;

pub(super) fn json(found: &Found<'_>) -> String {
    let tally = found.tally;
    let mut titles: Vec<&Title> =
        tally.titles.values().filter(|title| title.pages > 0 || title.events > 0).collect();
    titles.sort_by(|one, other| {
        other.weight().cmp(&one.weight()).then_with(|| one.title.cmp(&other.title))
    });
    titles.truncate(TITLES);
    let days: Map<String, Value> = tally
        .days
        .iter()
        .map(|(day, pages)| (Date::of(day.saturating_mul(DAY)).day(), json!(pages)))
        .collect();
    let suppressed = &found.stats.suppressed;
    let report = json!({
        "schema": 1,
        "logs": found.names,
        "lines": {
            "all": found.lines.all,
            "events": found.lines.events,
            "foreign": found.lines.foreign,
            "broken": found.lines.broken,
            "too_long": found.lines.too_long,
            "unread_errors": found.lines.unread_errors,
        },
        "filter": found.filter,
        "from": found.clock.span.map(|(first, _)| moment(first)),
        "to": found.clock.span.map(|(_, last)| moment(last)),
        "events": tally.events,
        "pages": tally.pages,
        "repeats": tally.repeats,
        "resolves": tally.resolves,
        "suppressed": {
            "repeat": suppressed.repeat,
            "storm": suppressed.storm,
            "threshold": suppressed.threshold,
            "same_cause": suppressed.same_cause,
            "cancelled": suppressed.cancelled,
        },
        "pages_by_day": days,
        "titles": titles.into_iter().map(title).collect::<Vec<_>>(),
        "storms": tally.storms.iter().map(|storm| json!({
            "at": moment(storm.at),
            "events": storm.events,
            "titles": storm.titles,
            "sample": storm.sample,
        })).collect::<Vec<_>>(),
        "loose": advice::loose(tally).into_iter().map(|loose| json!({
            "pattern": loose.pattern,
            "titles": loose.titles,
            "events": loose.events,
            "pages": loose.pages,
            "sample": loose.sample,
            "sure": loose.is_sure,
        })).collect::<Vec<_>>(),
        "quieter": advice::quieter(tally).into_iter().map(|rule| json!({
            "rule": match rule.rule { How::Off => "off", How::After => "after" },
            "target": rule.target,
            "pages_left": rule.left,
        })).collect::<Vec<_>>(),
        "notes": odd(found),
    });
    format!("{report:#}\n")
}

fn title(title: &Title) -> Value {
    json!({
        "title": title.title,
        "target": title.target,
        "pages": title.pages,
        "repeats": title.repeats,
        "events": title.occurrences(),
        "in_storms": title.in_storms,
        "first": moment(title.first),
        "last": moment(title.last),
        "sample": title.sample,
    })
}

/// `2026-11-28T16:38Z`.
fn moment(at: i64) -> String {
    let date = Date::of(at);
    format!("{}T{}Z", date.day(), date.clock())
}
