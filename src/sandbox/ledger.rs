//! One entry of the ledger: an HTTP request that reached the sandbox.
//!
//! Owns the public picture of a request, with its raw bytes, and how a path is shown without
//! its token. Cheap to clone. Never written after it was shown, but for a late effect.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::fault::Fault;
use super::incident::is_webhook_of;
use super::model::{Answer, Effect};

/// One HTTP request that reached the [`Sandbox`](super::Sandbox), in the order of arrival.
///
/// A request arrives when its last byte was read (or when it broke off, or when a fault
/// answered before). Requests that are no HTTP, and connections that a fault refused before
/// they were read, are not in the ledger; [`connections`](super::Sandbox::connections) counts
/// those.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tracing_spike::sandbox::{Effect, Sandbox};
///
/// let sandbox = Sandbox::start()?;
/// let (_layer, guard) = tracing_spike::builder(sandbox.webhook_url())
///     .build::<tracing_subscriber::Registry>()?;
/// guard.handle().resolve("disk is full")?;
///
/// let requests = sandbox.wait_for_requests(1, Duration::from_secs(5))?;
/// let request = &requests[0];
/// assert_eq!((request.number(), request.method()), (1, "POST"));
/// assert_eq!(request.path(), "/{token}/push-events");
/// assert!(sandbox.webhook_url().ends_with(request.raw_path()));
/// assert!(request.headers().any(|(name, _)| name == "content-type"));
/// assert_eq!((request.title(), request.is_resolve()), (Some("disk is full"), true));
/// assert_eq!(request.json().ok_or("that is no JSON")?["status"], "resolve");
/// assert_eq!(request.body().first(), Some(&b'{'));
/// // What became of it.
/// assert_eq!((request.status(), request.effect()), (Some(200), Effect::NothingOpen));
/// assert_eq!(request.fault(), None);
/// assert!(request.came_to(&sandbox.webhook_url()));
/// assert!(request.at() < Duration::from_secs(60));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Request {
    inner: Arc<Entry>,
}

/// What the server writes and [`Request`] shows.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) at: Duration,
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) title: Option<String>,
    pub(super) resolve: bool,
    pub(super) status: Option<u16>,
    pub(super) fault: Option<Fault>,
    pub(super) effect: Effect,
    /// Number of the incident that it was about.
    pub(super) incident: Option<u64>,
}

/// What stands before the body.
#[derive(Clone, Default)]
pub(super) struct Head {
    pub(super) method: String,
    /// Path and query as they came.
    pub(super) path: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    /// Bytes of memory, roughly.
    pub(super) fn size(&self) -> usize {
        let headers =
            self.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        headers.fold(self.path.len(), usize::saturating_add)
    }
}

impl Request {
    pub(super) fn new(entry: Entry) -> Self {
        Self { inner: Arc::new(entry) }
    }

    /// For a fault that applies the request later.
    pub(super) fn settle(&mut self, answer: Answer) {
        let entry = Arc::make_mut(&mut self.inner);
        entry.status = Some(answer.status);
        entry.effect = answer.effect;
        entry.incident = answer.incident;
    }

    /// Number of the incident that it was about.
    pub(super) fn incident(&self) -> Option<u64> {
        self.inner.incident
    }

    /// 1 for the first request of this sandbox, and so on in the order of arrival.
    pub fn number(&self) -> u64 {
        self.inner.number
    }

    /// When it arrived, since the start of the sandbox; never goes back from one request to
    /// the next.
    pub fn at(&self) -> Duration {
        self.inner.at
    }

    /// `POST`, usually.
    pub fn method(&self) -> &str {
        &self.inner.head.method
    }

    /// The path with its token hidden: `/{token}/push-events`.
    pub fn path(&self) -> String {
        redacted(self.raw_path())
    }

    /// The path and query as they came, **with the token**.
    pub fn raw_path(&self) -> &str {
        &self.inner.head.path
    }

    /// Names in lower case, raw values, in the order of arrival (a name that came more than
    /// once stands where it came first).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.inner.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))
    }

    /// The first header of this name, in any case, if its value is text.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start()?;
    /// for request in sandbox.requests() {
    ///     assert_eq!(request.header("Content-Type"), Some("application/json"));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The raw body, or as much of it as came.
    pub fn body(&self) -> &[u8] {
        &self.inner.body
    }

    /// The body as JSON, if it is JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body()).ok()
    }

    /// The title, if the body has one.
    pub fn title(&self) -> Option<&str> {
        self.inner.title.as_deref()
    }

    /// Whether the body says `"status": "resolve"`.
    pub fn is_resolve(&self) -> bool {
        self.inner.resolve
    }

    /// The status that the sandbox set out to answer, whether or not all of it went out.
    /// `None`: no status line at all.
    pub fn status(&self) -> Option<u16> {
        self.inner.status
    }

    /// The fault that it met.
    pub fn fault(&self) -> Option<&Fault> {
        self.inner.fault.as_ref()
    }

    /// What the model of Spike did with it.
    pub fn effect(&self) -> Effect {
        self.inner.effect
    }

    /// Whether it was sent to this webhook URL.
    pub fn came_to(&self, webhook_url: &str) -> bool {
        token_of(self.raw_path()).is_some_and(|token| is_webhook_of(webhook_url, token))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("number", &self.number())
            .field("at", &self.at())
            .field("method", &self.method())
            .field("path", &self.path())
            .field("body_bytes", &self.body().len())
            .field("title", &self.title())
            .field("is_resolve", &self.is_resolve())
            .field("status", &self.status())
            .field("fault", &self.fault())
            .field("effect", &self.effect())
            .finish_non_exhaustive()
    }
}

/// The token of `/{token}/push-events`, a query after it or not.
pub(super) fn token_of(path: &str) -> Option<&str> {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let token = path.strip_prefix('/')?.strip_suffix("/push-events")?;
    (!token.is_empty() && !token.contains('/')).then_some(token)
}

/// Hides every part of a path that could be a token, well-formed or not, and the query.
fn redacted(path: &str) -> String {
    let (path, query) = match path.split_once('?') {
        Some((path, _)) => (path, "?..."),
        None => (path, ""),
    };
    let shown = |part| match part {
        "" | "push-events" => part,
        _ => "{token}",
    };
    let parts: Vec<&str> = path.split('/').map(shown).collect();
    parts.join("/") + query
}

#[cfg(test)]
mod tests {
    use super::{redacted, token_of};

    #[test]
    fn a_path_is_shown_without_anything_like_a_token() {
        assert_eq!(redacted("/abcdefgh1234/push-events"), "/{token}/push-events");
        assert_eq!(redacted("/abcdefgh1234/push-events?key=abcd"), "/{token}/push-events?...");
        assert_eq!(redacted("//a%62c/push-events/x"), "//{token}/push-events/{token}");
        assert_eq!(redacted("/"), "/");
        assert_eq!(redacted("*"), "{token}");
    }

    #[test]
    fn the_token_stands_between_the_slashes() {
        assert_eq!(token_of("/abcdefgh/push-events"), Some("abcdefgh"));
        assert_eq!(token_of("/abcdefgh/push-events?a=/b"), Some("abcdefgh"));
        assert_eq!(token_of("//push-events"), None);
        assert_eq!(token_of("/a/b/push-events"), None);
        assert_eq!(token_of("/abcdefgh/push-events/"), None);
        assert_eq!(token_of("/"), None);
    }
}
