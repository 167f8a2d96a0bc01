//! Names of fields as `tracing` wants them: constants of a call site, which a log has none of.
//!
//! Invariant: only names that decide something are known, so that what is kept for ever is bounded.

use std::{borrow::Cow, fmt};

use tracing::{
    Level, Metadata,
    callsite::{Callsite, Identifier},
    field::{Field, FieldSet, Visit},
    metadata::Kind,
    subscriber::Interest,
};

use super::line::Value;

/// The names that the layer itself looks for.
const KNOWN: [&str; 9] = [
    "message",
    "error",
    "err",
    "e",
    "spike",
    "spike.title",
    "spike.severity",
    "spike.priority",
    "spike.status",
];

/// The fields that decide whether an event concerns the layer.
pub(super) const WITHOUT: &[&str] = &[];
pub(super) const WITH_SPIKE: &[&str] = &["spike"];
pub(super) const WITH_STATUS: &[&str] = &["spike.status"];

/// The call site of all lines.
struct Log;

static LOG: Log = Log;
static METADATA: Metadata<'static> = metadata("log", Level::ERROR, WITHOUT);

impl Callsite for Log {
    fn set_interest(&self, _: Interest) {}

    fn metadata(&self) -> &Metadata<'_> {
        &METADATA
    }
}

/// What is known of an event before its fields are read.
pub(super) const fn metadata<'a>(
    target: &'a str,
    level: Level,
    fields: &'static [&'static str],
) -> Metadata<'a> {
    let fields = FieldSet::new(fields, Identifier(&LOG));
    Metadata::new("line of a log", target, level, None, None, None, fields, Kind::EVENT)
}

/// The fields that are recorded.
pub(super) struct Names {
    fields: Vec<Field>,
}

impl Names {
    /// Those that are known, and these. They are kept for ever: once in a process.
    pub(super) fn with(more: &[String]) -> Self {
        let more = more.iter().filter(|name| !KNOWN.contains(&name.as_str()));
        let more = more.map(|name| &*String::leak(name.clone()));
        let names: Vec<&'static str> = KNOWN.into_iter().chain(more).collect();
        let fields = FieldSet::new(Vec::leak(names), Identifier(&LOG));
        Self { fields: fields.iter().collect() }
    }

    /// Shows a visitor the fields that it may look for, in their order.
    pub(super) fn record(&self, fields: &[(Cow<'_, str>, Value<'_>)], visitor: &mut dyn Visit) {
        for (name, value) in fields {
            let Some(field) = self.fields.iter().find(|field| field.name() == name) else {
                continue;
            };
            match value {
                Value::Text(text) => visitor.record_str(field, text),
                Value::Bool(value) => visitor.record_bool(field, *value),
                Value::I64(value) => visitor.record_i64(field, *value),
                Value::U64(value) => visitor.record_u64(field, *value),
                Value::F64(value) => visitor.record_f64(field, *value),
                Value::Other(text) => visitor.record_debug(field, &AsIs(text)),
            }
        }
    }
}

/// A text without quotes around it.
struct AsIs<'a>(&'a str);

impl fmt::Debug for AsIs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Whether the layer looks for a field of this name.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}
