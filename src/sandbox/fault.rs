//! What can go wrong on purpose, and which request it hits.
//!
//! Owns the list of faults and the choice among them. Pure: the choice does no I/O; playing a
//! fault is the business of `server.rs` and `wire.rs`.

use std::collections::VecDeque;
use std::time::Duration;

/// Something that the [`Sandbox`](super::Sandbox) does instead of a plain answer.
///
/// "Applied" below: the model of Spike sees the request, and an incident may come of it. The
/// ledger says so for each ([`Request::effect`](super::Request::effect)).
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tracing_spike::sandbox::{Fault, Sandbox};
///
/// let sandbox = Sandbox::start()?;
/// sandbox.fault_next(2, Fault::Status(500)); // the next two requests
/// sandbox.fault_next(1, Fault::retry_after(429, "1")); // then one more
/// sandbox.fault_title("poison", Fault::Reset); // these for as long as it stands
/// sandbox.fault(Fault::Slow(Duration::from_millis(5))); // everything else
/// sandbox.clear_faults();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers this status with the body `{}`. Not applied.
    Status(u16),
    /// Answers exactly this. Not applied. What HTTP allows goes out over a kept connection;
    /// what it does not (a line break in a header, a wrong `content-length`, a status of 99)
    /// goes out as it is, and the connection ends.
    StatusWith {
        /// The status code.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body, in full.
        body: String,
    },
    /// Reads the request and never answers. Not applied.
    Hang,
    /// Accepts the connection and never reads from it. On a connection that was accepted
    /// before the fault was set, reads the request and hangs. Not applied.
    HangBeforeRead,
    /// Sends half a status line, then nothing. Not applied.
    HangMidHead,
    /// Sends the right status and headers with a promised length, then no body. Applied: the
    /// status says that it was accepted.
    HangAfterHead,
    /// Reads the request, then resets the connection. Not applied.
    Reset,
    /// Resets each new connection. On one that was accepted before, resets after the head of
    /// the request. Not applied.
    ResetOnAccept,
    /// Resets as soon as the head of the request was read. Not applied.
    ResetBeforeBody,
    /// The right answer, so much later. Applied on arrival.
    Slow(Duration),
    /// The right answer, one byte per duration. Applied on arrival.
    Drip(Duration),
    /// The right status, and a chunked body of so many bytes (`u64::MAX`: endless). Applied.
    HugeBody(u64),
    /// Sends these bytes in place of an answer, then closes. Not applied.
    Garbage(Vec<u8>),
    /// Applied, but never answered.
    AppliedThenHang,
    /// Applied, then the connection is reset without an answer.
    AppliedThenReset,
    /// Holds the request back: applied and answered so much later, even if the client has gone
    /// by then.
    AppliedLate(Duration),
}

/// How far a request has come when a fault can hit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// The connection was accepted.
    Accept,
    /// The head was read.
    Head,
    /// The whole request was read.
    Body,
}

impl Fault {
    /// A status with a `Retry-After` of any text, sensible or not.
    ///
    /// ```
    /// use tracing_spike::sandbox::Fault;
    /// let fault = Fault::retry_after(503, "Wed, 21 Oct 2026 07:28:00 GMT");
    /// assert!(matches!(fault, Fault::StatusWith { status: 503, .. }));
    /// ```
    pub fn retry_after(status: u16, value: &str) -> Self {
        Self::with_header(status, "retry-after", value)
    }

    /// A status with a `Location`.
    ///
    /// ```
    /// use tracing_spike::sandbox::Fault;
    /// let fault = Fault::redirect(307, "http://127.0.0.1:9/stolen");
    /// assert!(matches!(fault, Fault::StatusWith { status: 307, .. }));
    /// ```
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::with_header(status, "location", location)
    }

    /// A status with a body of this content type: `{"Ok":false}` with 200, an HTML page.
    ///
    /// ```
    /// use tracing_spike::sandbox::Fault;
    /// let fault = Fault::body(200, "application/json", r#"{"Ok":false}"#);
    /// assert!(matches!(fault, Fault::StatusWith { status: 200, .. }));
    /// ```
    pub fn body(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self::StatusWith { status, headers, body: body.to_owned() }
    }

    fn with_header(status: u16, name: &str, value: &str) -> Self {
        let headers = vec![(name.to_owned(), value.to_owned())];
        Self::StatusWith { status, headers, body: "{}".to_owned() }
    }

    /// The earliest stage at which it can be played.
    fn stage(&self) -> Stage {
        match self {
            Self::HangBeforeRead | Self::ResetOnAccept => Stage::Accept,
            Self::ResetBeforeBody => Stage::Head,
            _ => Stage::Body,
        }
    }

    /// Whether the model sees the request at once.
    pub(super) fn applies_on_arrival(&self) -> bool {
        matches!(
            self,
            Self::HangAfterHead
                | Self::Slow(_)
                | Self::Drip(_)
                | Self::HugeBody(_)
                | Self::AppliedThenHang
                | Self::AppliedThenReset
        )
    }

    /// The status that the client gets to see, if any, when `right` is the right one. That of
    /// a late answer is not known yet.
    pub(super) fn status(&self, right: u16) -> Option<u16> {
        match self {
            Self::Status(status) | Self::StatusWith { status, .. } => Some(*status),
            Self::HangAfterHead | Self::Slow(_) | Self::Drip(_) | Self::HugeBody(_) => Some(right),
            _ => None,
        }
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// First come, first served, with how often each is still due.
    next: VecDeque<(u64, Fault)>,
    /// The latest is asked first.
    by_title: Vec<(String, Fault)>,
    always: Option<Fault>,
}

impl Faults {
    /// Every request, until cleared or set again.
    pub(super) fn always(&mut self, fault: Fault) {
        self.always = Some(fault);
    }

    /// The next `n` requests, after those that are already due.
    pub(super) fn next(&mut self, n: u64, fault: Fault) {
        if n > 0 {
            self.next.push_back((n, fault));
        }
    }

    /// Requests whose title has this text in it; replaces what was set for the same text.
    pub(super) fn title(&mut self, text: &str, fault: Fault) {
        self.by_title.retain(|(known, _)| known != text);
        self.by_title.push((text.to_owned(), fault));
    }

    /// The word for what is set, one of [`on_page`]'s if it is one of these.
    pub(super) fn word(&self) -> &'static str {
        match &self.always {
            _ if !self.next.is_empty() || !self.by_title.is_empty() => "other",
            None => "off",
            Some(Fault::Status(500)) => "500",
            Some(Fault::StatusWith { status: 429, .. }) => "429",
            Some(Fault::Hang) => "hang",
            Some(_) => "other",
        }
    }

    /// Whatever reaches this stage now meets the fault that is returned, if any. A fault that
    /// is due `next` goes before one by title, and that before the one for everything.
    pub(super) fn take(&mut self, stage: Stage, title: Option<&str>) -> Option<Fault> {
        if let Some((left, fault)) = self.next.front_mut() {
            if fault.stage() > stage {
                return None;
            }
            let fault = fault.clone();
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.next.pop_front();
            }
            return Some(fault);
        }
        let by_title = title.and_then(|title| {
            self.by_title.iter().rev().find(|(text, _)| title.contains(text.as_str()))
        });
        if let Some((_, fault)) = by_title {
            return Some(fault.clone());
        }
        self.always.clone().filter(|fault| fault.stage() <= stage)
    }
}

/// The faults that a person can switch on from the page, by their words.
pub(super) fn on_page(word: &str) -> Option<Faults> {
    let always = match word {
        "off" => None,
        "500" => Some(Fault::Status(500)),
        "429" => Some(Fault::retry_after(429, "5")),
        "hang" => Some(Fault::Hang),
        _ => return None,
    };
    Some(Faults { always, ..Faults::default() })
}

#[cfg(test)]
mod tests {
    use super::{Fault, Faults, Stage};

    #[test]
    fn next_goes_before_title_and_title_before_everything() {
        let mut faults = Faults::default();
        faults.always(Fault::Status(500));
        faults.title("poison", Fault::Status(400));
        faults.next(2, Fault::Status(503));
        faults.next(0, Fault::Hang);
        let mut take = |title| faults.take(Stage::Body, Some(title));
        assert_eq!(take("poison"), Some(Fault::Status(503)));
        assert_eq!(take("any"), Some(Fault::Status(503)));
        assert_eq!(take("a poison pill"), Some(Fault::Status(400)));
        assert_eq!(take("any"), Some(Fault::Status(500)));
    }

    #[test]
    fn a_fault_waits_for_its_stage_and_keeps_its_turn() {
        let mut faults = Faults::default();
        faults.next(1, Fault::Status(500));
        faults.next(1, Fault::ResetOnAccept);
        assert_eq!(faults.take(Stage::Accept, None), None);
        assert_eq!(faults.take(Stage::Body, None), Some(Fault::Status(500)));
        assert_eq!(faults.take(Stage::Accept, None), Some(Fault::ResetOnAccept));
        assert_eq!(faults.take(Stage::Body, None), None);
    }
}
