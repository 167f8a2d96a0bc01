//! What a webhook's JSON says.
//!
//! Owns the reading of a request body. Pure: bytes in, fields out. It never guesses: a field
//! that is not what Spike documents counts as absent.

use std::sync::Arc;

use serde_json::Value;

/// The documented fields of one webhook request.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    /// `None` when it is missing, blank, or not a string.
    pub(super) title: Option<String>,
    /// Whether `status` is `resolve`.
    pub(super) resolve: bool,
    /// `sev1` to `sev3`.
    pub(super) severity: Option<String>,
    /// `p1` to `p5`.
    pub(super) priority: Option<String>,
    /// The details as JSON, `null` when absent. Kept as text: of many small values, what is read
    /// from it takes a hundred times the room.
    pub(super) body: Arc<str>,
}

impl Payload {
    /// Reads a request body; the error is the reason in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut fields = match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Err("the JSON is not an object"),
            Err(_) => return Err("the body is not JSON"),
        };
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let one_of = |name: &str, known: &[&str]| {
            text(name).filter(|value| known.contains(value)).map(str::to_owned)
        };
        let title = text("title").filter(|title| !title.trim().is_empty()).map(str::to_owned);
        let resolve = text("status") == Some("resolve");
        let severity = one_of("severity", &["sev1", "sev2", "sev3"]);
        let priority = one_of("priority", &["p1", "p2", "p3", "p4", "p5"]);
        let body = fields.remove("body").unwrap_or(Value::Null).to_string().into();
        Ok(Self { title, resolve, severity, priority, body })
    }
}

#[cfg(test)]
mod tests {

    use super::Payload;

    #[test]
    fn undocumented_values_count_as_absent() {
        let json = br#"{"title": 7, "severity": "SEV1", "priority": "p6", "status": "resolved"}"#;
        let payload = Payload::parse(json).unwrap();
        assert_eq!(payload.title, None);
        assert_eq!(payload.severity, None);
        assert_eq!(payload.priority, None);
        assert!(!payload.resolve);
        assert_eq!(&*payload.body, "null");
    }

    #[test]
    fn what_is_no_json_object_says_so() {
        assert_eq!(Payload::parse(b"").unwrap_err(), "the body is not JSON");
        assert_eq!(Payload::parse(b"[1]").unwrap_err(), "the JSON is not an object");
        let deep = "[".repeat(100_000);
        assert_eq!(Payload::parse(deep.as_bytes()).unwrap_err(), "the body is not JSON");
    }
}
