//! Every error of the public API: one opaque type over a private kind.
//!
//! Messages say what was expected, what was found and where to fix it. They never hold a URL, a
//! token, or the value of a variable that may hold one.

use std::{borrow::Cow, error, fmt, io, time::Duration};

use crate::rule::named;

/// What went wrong while paging was set up or an incident was handed over.
///
/// The message is one sentence for a person; [`is_config`](Error::is_config),
/// [`is_full`](Error::is_full) and [`is_closed`](Error::is_closed) are for programs.
///
/// ```
/// let error = tracing_spike::builder("http://hooks.spike.sh/not-secret-1/push-events")
///     .build::<tracing_subscriber::Registry>()
///     .err()
///     .ok_or("http is accepted only for a literal loopback address")?;
/// assert!(error.is_config() && !error.is_full() && !error.is_closed());
/// assert!(!error.to_string().contains("not-secret-1"));
/// # Ok::<(), &str>(())
/// ```
pub struct Error {
    kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    /// A webhook URL or token that can't be used. Holds no part of it.
    Webhook { from: Cow<'static, str>, problem: &'static str },
    /// Two variables that both name the webhook.
    TwoSources { first: &'static str, second: &'static str },
    /// A variable or builder setting with a value that can't be used.
    Setting { name: &'static str, expected: &'static str, found: String },
    /// A rule that can't be used. Its target can.
    Rule { target: String, expected: Cow<'static, str>, found: String },
    /// A link that can't be used. Its name can, if there is one.
    Link { name: String, expected: Cow<'static, str>, found: String },
    /// A bad filter directive; `at` is a character position, counted from 1.
    Filter { from: &'static str, at: usize, problem: String },
    /// A file that can't be read. The path is left out: it might be the secret itself.
    File { variable: &'static str, source: io::Error },
    /// A spool that can't be used. The path is left out, too.
    Spool { from: &'static str, why: &'static str, source: Option<io::Error> },
    /// TLS that isn't compiled in or has no provider.
    Tls(&'static str),
    /// The HTTP client could not be made; the source's URL is removed.
    Client(reqwest::Error),
    /// The worker could not be started.
    Worker { what: &'static str, source: io::Error },
    /// The worker did not report in time.
    Start(Duration),
    /// A global subscriber or logger is set already.
    AlreadySet { what: &'static str },
    /// A queue is full.
    Full { queue: &'static str, capacity: usize },
    /// The guard is gone or the worker has ended.
    Closed,
}

impl Error {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind }
    }

    /// Whether a setting, a variable or the set-up order has to be changed by a person.
    #[must_use]
    pub fn is_config(&self) -> bool {
        match self.kind {
            Kind::Webhook { .. }
            | Kind::TwoSources { .. }
            | Kind::Setting { .. }
            | Kind::Rule { .. }
            | Kind::Link { .. }
            | Kind::Filter { .. }
            | Kind::File { .. }
            | Kind::Spool { .. }
            | Kind::Tls(_)
            | Kind::AlreadySet { .. } => true,
            Kind::Client(_)
            | Kind::Worker { .. }
            | Kind::Start(_)
            | Kind::Full { .. }
            | Kind::Closed => false,
        }
    }

    /// Whether a bounded queue had no room; the same call may succeed later.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(self.kind, Kind::Full { .. })
    }

    /// Whether the [`Guard`](crate::Guard) has been dropped or the worker has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.kind, Kind::Closed)
    }
}

/// A found value, quoted when it is short and plain; anything else might be a pasted secret.
pub(crate) fn shown(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-:=.".contains(c);
    match value.chars().count() {
        0 => "nothing".to_owned(),
        1..=12 if value.chars().all(plain) => format!("\"{value}\""),
        n => format!("another value ({n} characters, not shown)"),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Webhook { from, problem } => write!(f, "webhook url from {from}: {problem}"),
            Kind::TwoSources { first, second } => {
                write!(f, "the webhook is named twice, by {first} and by {second}; unset one")
            }
            Kind::Setting { name, expected, found } => {
                write!(f, "{name}: expected {expected}, found {found}")
            }
            Kind::Rule { target, expected, found } => {
                write!(f, "{}: expected {expected}, found {found}", named(target))
            }
            Kind::Link { name, expected, found } if name.is_empty() => {
                write!(f, "link: expected {expected}, found {found}")
            }
            Kind::Link { name, expected, found } => {
                write!(f, "link(\"{name}\"): expected {expected}, found {found}")
            }
            Kind::Filter { from, at, problem } => {
                write!(f, "{from}, character {at}: {problem}")
            }
            Kind::File { variable, .. } => {
                write!(f, "the file that {variable} names could not be read as text")
            }
            Kind::Spool { from, why, .. } => write!(f, "spool from {from}: {why}"),
            Kind::Tls(problem) => f.write_str(problem),
            Kind::Client(_) => f.write_str("the https client could not be made"),
            Kind::Worker { what, .. } => write!(f, "the worker's {what} could not be started"),
            Kind::Start(waited) => write!(f, "the worker did not start within {waited:?}"),
            Kind::AlreadySet { what } => write!(
                f,
                "a global {what} is set already; call init() first, or add the layer of \
                 from_env().build() to your own subscriber"
            ),
            Kind::Full { queue, capacity } => {
                write!(f, "the {queue} queue is full ({capacity} waiting); nothing was sent")
            }
            Kind::Closed => f.write_str(
                "paging has ended: the guard was dropped or the worker is gone; nothing was sent",
            ),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a `main` that returns it prints.
        write!(f, "{self}")?;
        match error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            Kind::File { source, .. } | Kind::Worker { source, .. } => Some(source),
            Kind::Client(source) => Some(source),
            Kind::Spool { source, .. } => source.as_ref().map(|source| source as _),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_found_value_is_shown_only_when_it_is_short_and_plain() {
        assert_eq!(shown("dryrun"), "\"dryrun\"");
        assert_eq!(shown(""), "nothing");
        assert_eq!(shown("https://x"), "another value (9 characters, not shown)");
        assert_eq!(shown(&"a".repeat(24)), "another value (24 characters, not shown)");
    }
}
