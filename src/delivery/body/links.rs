//! The links of a body, made of what else is in it.

use std::time::SystemTime;

use serde_json::{Map, Value as Json};

use super::{Source, key, put};
use crate::{
    incident::{Detail, Op},
    link::Template,
};

/// The name of the link that a rule may set.
const RUNBOOK: &str = "runbook";

/// Those whose values are all there.
pub(super) fn links(op: &Op, source: &Source, body: &Map<String, Json>) -> Map<String, Json> {
    let mut links = Map::new();
    let mut add = |name: &str, template: &Template| {
        if let Some(link) = template.fill(|name| value(name, op, body)) {
            put(&mut links, name, link);
        }
    };
    source.links.iter().for_each(|(name, template)| add(name, template));
    if let Detail::Event(event) = &op.detail
        && let Some(runbook) = event.runbook.and_then(|number| source.runbooks.get(number))
    {
        add(RUNBOOK, runbook);
    }
    links
}

/// What is in the body for a placeholder.
fn value(name: &str, op: &Op, body: &Map<String, Json>) -> Option<String> {
    let at = |place: &str, name: &str| text(body.get(place)?.get(name)?);
    match name {
        "title" => Some(op.title.clone()),
        "first_ms" => millis(op.occurrences.first),
        "last_ms" => millis(op.occurrences.last),
        "first" | "last" => at("occurrences", name),
        "trace_id" | "span_id" => at("trace", name),
        "service" | "version" | "environment" | "host" => at("source", name),
        _ => match (name.strip_prefix("fields."), name.strip_prefix("span.fields.")) {
            (Some(field), _) => at("fields", &key(field)),
            (_, Some(field)) => text(body.get("span")?.get("fields")?.get(key(field))?),
            _ => text(body.get(name)?),
        },
    }
}

fn text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Milliseconds since 1970, which is how many a viewer of logs wants time.
fn millis(at: SystemTime) -> Option<String> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(since.as_millis().to_string())
}
