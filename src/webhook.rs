//! The webhook: the URL that is the credential.
//!
//! Invariants: the URL and the token are in a secrecy type and in no `Debug`, `Display` or error;
//! whatever is accepted here can't change its meaning on the way (no escapes, no user info, no
//! query), and is https or a literal loopback address.

use std::{borrow::Cow, cmp::Reverse, net::IpAddr, sync::Arc};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Error, Kind};

/// Where Spike takes webhooks.
const SPIKE: &str = "https://hooks.spike.sh";
/// The shortest token that is accepted: a shorter one would be removed from ordinary words.
const SHORTEST_TOKEN: usize = 8;
/// The longest token that is accepted, in bytes.
pub(crate) const LONGEST_TOKEN: usize = 128;

/// Put in the place of a token.
const REDACTED: &str = "REDACTED";

/// A checked webhook URL.
#[derive(Clone, Debug)]
pub(crate) struct Webhook {
    url: SecretString,
    token: SecretString,
    /// Scheme, host and port: what may be shown.
    place: String,
    plain: bool,
}

impl Webhook {
    /// Checks a URL; `from` names where it came from, for the error.
    pub(crate) fn parse(text: &str, from: impl Into<Cow<'static, str>>) -> Result<Self, Error> {
        let from = from.into();
        Self::check(text).map_err(|problem| Error::new(Kind::Webhook { from, problem }))
    }

    fn check(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("expected https://hooks.spike.sh/{token}/push-events, found nothing");
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "expected visible ASCII, found white space, a control character or another \
                 alphabet; copy it again",
            );
        }
        if text.contains(['?', '#', '@', '%', '\\']) {
            return Err(
                "expected https://hooks.spike.sh/{token}/push-events, found a user name, a \
                 query, a fragment or an escape in it (one of ? # @ % \\)",
            );
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("expected it to begin with https://");
        };
        let Some((_, token, "push-events")) = parts(rest) else {
            return Err("expected the path /{token}/push-events");
        };
        if let Some(problem) = bad_token(token) {
            return Err(problem);
        }
        // A URL parser mends what it can: `https:///{token}` has the token for its host.
        let unmended = |url: &reqwest::Url| {
            url.scheme() == scheme && url.path().split('/').eq(["", token, "push-events"])
        };
        let Some(url) = reqwest::Url::parse(text).ok().filter(unmended) else {
            return Err("expected a host name or address, found none that is valid");
        };
        let host = url.host_str().unwrap_or_default();
        let loopback = is_loopback(host);
        match scheme {
            "https" => {}
            "http" if loopback => {}
            "http" if host == "localhost" => {
                return Err("localhost may lead elsewhere; write 127.0.0.1 in its place");
            }
            "http" => {
                return Err(
                    "http would show the token to the network; use https (http is accepted \
                     only for a literal loopback address such as 127.0.0.1)",
                );
            }
            _ => return Err("expected it to begin with https://"),
        }
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        let place = format!("{scheme}://{host}{port}");
        Ok(Self { url: text.into(), token: token.into(), place, plain: scheme == "http" })
    }

    /// The webhook at Spike with this token.
    pub(crate) fn with_token(token: &str, from: &'static str) -> Result<Self, Error> {
        match bad_token(token) {
            Some(problem) => Err(Error::new(Kind::Webhook { from: from.into(), problem })),
            None => Self::parse(&format!("{SPIKE}/{token}/push-events"), from),
        }
    }

    pub(crate) fn expose_url(&self) -> &str {
        self.url.expose_secret()
    }

    pub(crate) fn token(&self) -> &SecretString {
        &self.token
    }

    /// Scheme, host and port.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Tells this webhook from others on disk: 32 bits of place and token, so that a file tells no
    /// more than that of the token.
    pub(crate) fn id(&self) -> u32 {
        let text = SecretString::from(format!("{}\n{}", self.place, self.token.expose_secret()));
        let hash = twox_hash::XxHash3_64::oneshot(text.expose_secret().as_bytes());
        u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
    }

    /// Whether both are one integration at Spike.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.place == other.place && self.token.expose_secret() == other.token.expose_secret()
    }

    /// Whether it is http, to a literal loopback address such as the sandbox's, and not https.
    pub(crate) fn is_plain(&self) -> bool {
        self.plain
    }
}

/// The tokens of all our webhooks, none of which may be in anything that is sent or printed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tokens(Arc<[SecretString]>);

impl Tokens {
    pub(crate) fn new(mut tokens: Vec<SecretString>) -> Self {
        // One that is part of another must leave no rest of that one.
        tokens.sort_by_key(|token| Reverse(token.expose_secret().len()));
        Self(tokens.into())
    }

    /// Replaces the tokens wherever they stand in `text` from byte `from` on; tells whether there
    /// were any. Allocates nothing when there is nothing to replace.
    pub(crate) fn scrub(&self, text: &mut String, from: usize) -> bool {
        self.0.iter().fold(false, |found, token| scrub(token, text, from) | found)
    }

    /// Whether one of them looks like a number.
    pub(crate) fn are_digits(&self) -> bool {
        let is_number =
            |token: &SecretString| token.expose_secret().bytes().all(|b| b.is_ascii_digit());
        self.0.iter().any(is_number)
    }

    /// Whether one of them is in `text`.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        self.0.iter().any(|token| text.contains(token.expose_secret()))
    }
}

/// Replaces the token wherever it stands in `text` from byte `from` on, and tells whether it did.
fn scrub(token: &SecretString, text: &mut String, from: usize) -> bool {
    let token = token.expose_secret();
    let start = from;
    let mut from = from;
    while let Some(at) = text.as_bytes().get(from..).and_then(|tail| find(tail, token.as_bytes())) {
        let start = from.saturating_add(at);
        text.replace_range(start..start.saturating_add(token.len()), REDACTED);
        from = start.saturating_add(REDACTED.len());
    }
    from > start
}

/// Where the token stands. For a short text `str::find` takes longer to begin than this to end.
fn find(text: &[u8], token: &[u8]) -> Option<usize> {
    let first = *token.first()?;
    memchr::memchr_iter(first, text)
        .find(|&at| text.get(at..).is_some_and(|rest| rest.starts_with(token)))
}

/// Host, token and the rest of `host/token/rest`.
fn parts(rest: &str) -> Option<(&str, &str, &str)> {
    let (host, path) = rest.split_once('/')?;
    let (token, rest) = path.split_once('/')?;
    Some((host, token, rest))
}

fn bad_token(token: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if token == "{token}" {
        Some("expected your token in the place of {token}")
    } else if !token.bytes().all(plain) {
        Some("expected a token of letters, digits, - and _, found something else in it")
    } else if !(SHORTEST_TOKEN..=LONGEST_TOKEN).contains(&token.len()) {
        Some("expected a token of 8 to 128 characters; copy it again")
    } else {
        None
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests;
