//! The error of a wait that ran out of time.
//!
//! Owns its words: what was wanted, for how long, and what did come. Never a token.

use std::fmt;
use std::time::Duration;

use super::incident::Incident;
use super::ledger::Request;

/// So many entries of a list are written out.
const LISTED: usize = 20;

/// What [`Sandbox::wait_for`](super::Sandbox::wait_for) and its kin return when time is up.
///
/// `Debug` and `Display` both give the sentence, so that `unwrap` in a test says what came.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tracing_spike::sandbox::Sandbox;
///
/// let sandbox = Sandbox::start()?;
/// let error = sandbox.wait_for(1, Duration::from_millis(1)).err().map(|error| error.to_string());
/// assert_eq!(error.as_deref(), Some("expected 1 incident within 1ms, found none"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct WaitError {
    text: String,
}

impl WaitError {
    pub(super) fn incidents(wanted: u64, timeout: Duration, found: &[Incident]) -> Self {
        let found = list(found.iter().map(one_incident));
        Self::new(&count(wanted, "incident"), timeout, &found)
    }

    pub(super) fn requests(wanted: u64, timeout: Duration, found: &[Request]) -> Self {
        let found = list(found.iter().map(one_request));
        Self::new(&count(wanted, "request"), timeout, &found)
    }

    pub(super) fn connections(wanted: u64, timeout: Duration, found: u64) -> Self {
        Self::new(&count(wanted, "connection"), timeout, &found.to_string())
    }

    pub(super) fn condition(timeout: Duration, found: &[Incident]) -> Self {
        let found = list(found.iter().map(one_incident));
        Self::new("incidents that meet the condition", timeout, &found)
    }

    fn new(wanted: &str, timeout: Duration, found: &str) -> Self {
        Self { text: format!("expected {wanted} within {timeout:?}, found {found}") }
    }
}

impl fmt::Display for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for WaitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for WaitError {}

fn count(wanted: u64, noun: &str) -> String {
    format!("{wanted} {noun}{}", if wanted == 1 { "" } else { "s" })
}

fn one_incident(incident: &Incident) -> String {
    let state = if incident.is_open() { "open" } else { "resolved" };
    format!("{:?} ({state}, {})", incident.title(), count(incident.repeats(), "repeat"))
}

fn one_request(request: &Request) -> String {
    let kind = if request.is_resolve() { "resolve" } else { "trigger" };
    let outcome = match request.fault() {
        Some(fault) => format!("{fault:?}, {:?}", request.effect()),
        None => format!("{:?}", request.effect()),
    };
    format!("{kind} of {:?} ({outcome})", request.title().unwrap_or_default())
}

/// `2: "a", "b"`.
fn list(found: impl ExactSizeIterator<Item = String>) -> String {
    let total = found.len();
    if total == 0 {
        return "none".to_owned();
    }
    let mut text = found.take(LISTED).collect::<Vec<_>>().join(", ");
    let rest = total.saturating_sub(LISTED);
    if rest > 0 {
        text.push_str(&format!(", and {rest} more"));
    }
    format!("{total}: {text}")
}
