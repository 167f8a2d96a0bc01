//! An incident and a request as JSON.
//!
//! Owns the shape of what `/api` answers, documented in the module `sandbox`. Pure. Times are
//! RFC 3339 with milliseconds; a token is in no path and no header.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::sandbox::board::Look;
use crate::sandbox::incident::{Incident, Status, What};
use crate::sandbox::ledger::Request;
use crate::sandbox::model::person::Limit;
use crate::sandbox::model::{Effect, Moment};
use crate::sandbox::server::Site;
use crate::sandbox::topics::LIMIT;

/// Requests told with an incident, the newest.
const TOLD: usize = 50;
/// Bytes of a request's body that are told.
const TOLD_BYTES: usize = 64 * 1024;

/// The list, or what has changed in it.
pub(super) fn look(site: &Site, look: &Look) -> Value {
    let incidents = look.incidents.iter();
    json!({
        "fault": look.fault,
        "incidents": incidents.map(|(one, limit)| summary(one, limit)).collect::<Value>(),
        "listens": site.address.to_string(),
        "loopback": site.address.ip().is_loopback(),
        "now": time(look.now.wall()),
        "opened": look.opened,
        "received": look.received,
        "webhook_url": site.webhook_url,
    })
}

/// A line of the list.
fn summary(incident: &Incident, limit: &Limit) -> Value {
    let record = incident.record();
    let status = match incident.status() {
        Status::Open => "open",
        Status::Acknowledged => "acknowledged",
        Status::Resolved => "resolved",
    };
    json!({
        "acknowledged": record.acknowledged.map(time),
        "first": time(record.first),
        "last": time(record.last),
        "limit": {
            "counted": limit.counted.iter().copied().map(time).collect::<Value>(),
            "dropped": record.limited,
            "of": LIMIT,
            "until": limit.until.map(time),
        },
        "number": record.number,
        "priority": record.priority,
        "repeats": record.repeats,
        "resolved": record.resolved.map(time),
        "severity": record.severity,
        "status": status,
        "title": record.title,
    })
}

/// All there is to an incident.
pub(super) fn detail(
    now: Moment,
    incident: &Incident,
    limit: &Limit,
    requests: &[Request],
) -> Value {
    let mut all = fields(summary(incident, limit));
    let marks = incident.record().marks.iter();
    let line = marks.map(|mark| json!({ "at": time(mark.at), "what": what(mark.what) }));
    let newest = requests.iter().skip(requests.len().saturating_sub(TOLD));
    all.extend([
        ("body".to_owned(), incident.body().clone()),
        ("last_body".to_owned(), incident.last_body().clone()),
        ("requests".to_owned(), newest.map(|request| raw_request(now, request)).collect()),
        ("timeline".to_owned(), line.collect()),
    ]);
    Value::Object(all)
}

/// A line of the list of requests.
pub(super) fn request(now: Moment, request: &Request) -> Value {
    let (effect, reason) = effect(request.effect());
    json!({
        "at": time(now.wall().saturating_sub(now.at.saturating_sub(request.at()))),
        "bytes": request.body().len(),
        "effect": effect,
        "fault": request.fault().map(|fault| name(&format!("{fault:?}"))),
        "incident": request.incident(),
        "method": request.method(),
        "number": request.number(),
        "path": request.path(),
        "reason": reason,
        "resolve": request.is_resolve(),
        "status": request.status(),
        "title": request.title(),
    })
}

/// A request as it came.
pub(super) fn raw_request(now: Moment, one: &Request) -> Value {
    let mut all = fields(request(now, one));
    let headers = one.headers().map(|(name, value)| json!([name, String::from_utf8_lossy(value)]));
    let told = one.body().get(..TOLD_BYTES).unwrap_or(one.body());
    all.extend([
        ("body".to_owned(), Value::from(String::from_utf8_lossy(told))),
        ("cut".to_owned(), Value::from(told.len() < one.body().len())),
        ("headers".to_owned(), headers.collect()),
    ]);
    Value::Object(all)
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn what(what: What) -> &'static str {
    match what {
        What::Opened => "opened",
        What::Repeated => "repeated",
        What::Limited => "limited",
        What::Acknowledged => "acknowledged",
        What::Resolved => "resolved",
    }
}

fn effect(effect: Effect) -> (&'static str, Option<&'static str>) {
    match effect {
        Effect::Opened => ("opened", None),
        Effect::Repeated => ("repeated", None),
        Effect::Resolved => ("resolved", None),
        Effect::NothingOpen => ("nothing_open", None),
        Effect::RateLimited => ("rate_limited", None),
        Effect::Rejected(reason) => ("rejected", Some(reason)),
        Effect::NotApplied => ("not_applied", None),
    }
}

/// `Hang` of `Hang`, `Status` of `Status(500)`.
fn name(debug: &str) -> String {
    debug.chars().take_while(char::is_ascii_alphanumeric).collect()
}

fn time(since_epoch: Duration) -> Value {
    let at = UNIX_EPOCH.checked_add(since_epoch).unwrap_or(UNIX_EPOCH);
    Value::from(humantime::format_rfc3339_millis(at).to_string())
}
