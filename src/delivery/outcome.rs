//! What an answer, or the lack of one, means.
//!
//! Pure: reads no clock; what time it is comes in with the answer.

use std::time::{Duration, SystemTime};

use crate::stats::Count;

/// What one attempt came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A 2xx. `verified`: with the documented `{"Ok": true}`.
    Accepted {
        verified: bool,
    },
    Later(Later),
    /// 401 403 404 410: the token or the address is wrong, for every title.
    Refused,
    /// 413: once more, with less.
    TooLarge,
    /// No for good; counted as this.
    Rejected(Count),
}

/// A failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    pub(crate) blames: Blames,
    /// How long to wait, if that is not for our own backoff to say: what the server asked for,
    /// within [`SHORTEST_ASKED`] and [`LONGEST_ASKED`], or [`TLS_PROBE`].
    pub(crate) asked: Option<Duration>,
    pub(crate) reach: Reach,
}

/// How far a request that failed has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The server has not seen it.
    NotSent,
    /// The server has read it and did not apply it.
    Answered,
    /// It may have been applied, or may be so later: there was no answer, or one from a proxy that
    /// had none.
    Ambiguous,
}

impl Reach {
    /// Whether the server may have seen the request.
    pub(crate) fn is_sent(self) -> bool {
        self != Reach::NotSent
    }
}

/// Whom a failure holds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blames {
    /// This title alone; the next one may pass.
    Title,
    /// This title, and Spike's documented "could not process your request" at that.
    Poison,
    /// Every title.
    Endpoint,
    /// Every title, and no attempt will do better until a person has seen to a certificate.
    Tls,
}

impl Blames {
    /// Whether it holds up every title.
    pub(crate) fn is_endpoint(self) -> bool {
        matches!(self, Blames::Endpoint | Blames::Tls)
    }
}

/// A server that asks for less is asked again after this.
pub(crate) const SHORTEST_ASKED: Duration = Duration::from_secs(1);
/// A server that asks for more is asked again after this.
pub(crate) const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// A `Retry-After` that can't be read, and a 429 without one, mean this.
pub(crate) const UNREADABLE_ASKED: Duration = Duration::from_secs(60);

/// After TLS has failed the endpoint is tried again after this.
pub(crate) const TLS_PROBE: Duration = Duration::from_secs(60);

/// The parts of an answer that decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<&'a str>,
    /// The server's `Date` header.
    pub(crate) date: Option<&'a str>,
    /// The beginning of the body.
    pub(crate) body: &'a [u8],
    /// Local wall-clock time, used only when the server sent no `Date`.
    pub(crate) local: SystemTime,
}

/// What went wrong when there was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Refused, unreachable, DNS: the request was not sent.
    NotConnected,
    /// TLS could not be agreed on, or the certificate was not right: the request was not sent.
    Tls,
    /// A timeout or a reset once connected: the server may have seen it.
    Ambiguous,
}

pub(crate) fn of_answer(answer: &Answer<'_>) -> Outcome {
    let later = |blames| {
        let asked = match (answer.retry_after, answer.status) {
            (Some(text), _) => Some(asked(text, answer)),
            (None, 429) => Some(UNREADABLE_ASKED),
            (None, _) => None,
        };
        let reach = match answer.status {
            // Neither are those that end no request, or that HTTP does not have.
            408 | 502 | 504 | 520..=527 | ..=199 | 600.. => Reach::Ambiguous,
            _ => Reach::Answered,
        };
        Outcome::Later(Later { blames, asked, reach })
    };
    match answer.status {
        200..=299 => match ok_of(answer.body) {
            Some(false) => later(Blames::Poison),
            ok => Outcome::Accepted { verified: ok == Some(true) },
        },
        401 | 403 | 404 | 410 => Outcome::Refused,
        413 => Outcome::TooLarge,
        500 => later(Blames::Poison),
        502..=504 => later(Blames::Endpoint),
        408 | 425 | 429 | 500.. | ..=199 => later(Blames::Title),
        300..=399 => Outcome::Rejected(Count::LostRedirect),
        _ => Outcome::Rejected(Count::LostRejected),
    }
}

pub(crate) fn of_no_answer(failure: NoAnswer) -> Outcome {
    Outcome::Later(match failure {
        NoAnswer::NotConnected => {
            Later { blames: Blames::Endpoint, asked: None, reach: Reach::NotSent }
        }
        NoAnswer::Tls => {
            Later { blames: Blames::Tls, asked: Some(TLS_PROBE), reach: Reach::NotSent }
        }
        NoAnswer::Ambiguous => {
            Later { blames: Blames::Title, asked: None, reach: Reach::Ambiguous }
        }
    })
}

/// The value of `Ok` in a JSON answer.
fn ok_of(body: &[u8]) -> Option<bool> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    answer.get("Ok")?.as_bool()
}

/// `Retry-After`, as seconds or as a date against the server's own clock.
fn asked(text: &str, answer: &Answer<'_>) -> Duration {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else if let Ok(until) = httpdate::parse_http_date(text) {
        let server = answer.date.and_then(|date| httpdate::parse_http_date(date).ok());
        until.duration_since(server.unwrap_or(answer.local)).unwrap_or(Duration::ZERO)
    } else {
        UNREADABLE_ASKED
    };
    asked.clamp(SHORTEST_ASKED, LONGEST_ASKED)
}

#[cfg(test)]
mod tests;
