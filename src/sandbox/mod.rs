//! An embedded receiver that behaves as Spike.sh does, for tests and for trying things out.
//!
//! It listens on 127.0.0.1 unless told otherwise, needs no account and no network, pages no one,
//! and keeps at most 10,000 incidents and 10,000 requests (64 MiB of bodies each). Nothing in it
//! waits without a deadline, and its token is in no `Debug` output.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use tracing_spike::sandbox::Sandbox;
//! use tracing_subscriber::prelude::*;
//!
//! let sandbox = Sandbox::start()?;
//! let (spike, _guard) = tracing_spike::builder(sandbox.webhook_url()).build()?;
//! tracing::subscriber::with_default(tracing_subscriber::registry().with(spike), || {
//!     tracing::error!(target: "shop", "card payment failed");
//! });
//!
//! let incidents = sandbox.wait_for(1, Duration::from_secs(5))?;
//! assert_eq!(incidents[0].title(), "card payment failed in shop");
//! # Ok(())
//! # }
//! ```
//!
//! # What it does
//!
//! | request | what happens | answer |
//! |---|---|---|
//! | a trigger of a title that has no open incident | opens one | 200 `{"Ok":true}` |
//! | a trigger of a title that has one | a repeat | 200 |
//! | `"status": "resolve"` | resolves it; the next trigger opens a new one | 200 |
//! | a resolve with nothing open | dropped | 200 |
//! | the 20th trigger of a title in 60 s, and all in the minute after it | dropped | 200 |
//! | a trigger without a title | opens an incident of its own | 200 |
//! | no JSON object | rejected | 500 `{}` |
//!
//! Titles count per token. Severity and priority overwrite, and are remembered for the later
//! incidents of a title. What nobody outside Spike knows is a switch in [`Unknowns`]; what can
//! go wrong is a [`Fault`].
//!
//! # The inbox
//!
//! [`Sandbox::page_url`] is a page for a person: the incidents as they come, how their titles are
//! told, their bodies, the requests, what the limit did; they are acknowledged, resolved and
//! cleared there, and faults switched on. It shows the newest 500 incidents and requests.
//!
//! What it shows is there for other programs, too, as JSON:
//!
//! | request | what it does |
//! |---|---|
//! | `GET /api/incidents` | the list, newest first, and the state of the sandbox |
//! | `GET /api/incidents/{number}` | one in full |
//! | `POST /api/incidents/{number}/acknowledge` | acknowledges it if it is open; then as above |
//! | `POST /api/incidents/{number}/resolve` | resolves it if it is not resolved; then as above |
//! | `DELETE /api/incidents` | forgets all incidents, titles and requests; 204 |
//! | `GET /api/requests` | `requests`, newest first |
//! | `GET /api/requests/{number}` | one in full |
//! | `PUT /api/fault/{word}` | `500`, `429` (with `Retry-After: 5`), `hang`, or `off` |
//! | `GET /api/events` | server-sent events, see below |
//!
//! - The list has `fault`, `incidents`, `listens` and `loopback` (the address, and whether it is
//!   one of this machine alone), `now`, `opened`, `received` and `webhook_url`.
//! - An incident has `acknowledged`, `first`, `last`, `limit`, `number`, `priority`, `repeats`,
//!   `resolved`, `severity`, `status` (`open`, `acknowledged`, `resolved`) and `title`. In `limit`
//!   are `counted` (the times that count now), `dropped`, `of` (20) and `until`.
//! - In full it has `body` and `last_body`, too, `requests` (in full; the newest 50, oldest first)
//!   and `timeline`, each with `at` and `what`: `opened`, `repeated`, `limited`, `acknowledged` or
//!   `resolved`.
//! - A request has `at`, `bytes`, `effect`, `fault`, `incident`, `method`, `number`, `path` (its
//!   token hidden), `reason`, `resolve`, `status` and `title`; in full also `body` (as text, at
//!   most 64 KiB), `cut` and `headers`. `effect` is the name of an [`Effect`] in snake case.
//! - An event `whole` has the list: the first, and after all was forgotten. Any other is `changed`,
//!   the list with only those incidents that have changed. Who comes back with its
//!   `Last-Event-ID` misses nothing.
//! - Times are RFC 3339, what there is not is `null`, and an error has `error`, in words.
//!
//! The inbox answers only a request to an address or to `localhost`; and what a web page sends,
//! be it to `/api` or to a webhook, is refused unless it is the inbox itself. So no web site can
//! look at the incidents, change them, or make some up.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

mod board;
mod fault;
mod inbox;
mod incident;
mod ledger;
mod model;
mod payload;
mod play;
mod ring;
mod server;
#[cfg(test)]
mod tests;
mod topics;
mod unknowns;
mod wait;
mod wire;

pub use fault::Fault;
pub use incident::{Incident, Status};
pub use ledger::Request;
pub use model::Effect;
pub use unknowns::Unknowns;
pub use wait::WaitError;

use board::Board;
use server::Server;

/// Characters of a token.
const TOKEN_LENGTH: usize = 28;

/// A running sandbox; stops when dropped, within a second whatever hangs.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use tracing_spike::sandbox::Sandbox;
///
/// let sandbox = Sandbox::start()?;
/// assert!(sandbox.webhook_url().starts_with("http://127.0.0.1:"));
/// assert_eq!(sandbox.page_url(), format!("http://127.0.0.1:{}/", sandbox.port()));
/// // Nothing has come yet.
/// assert_eq!((sandbox.connections(), sandbox.received(), sandbox.opened()), (0, 0, 0));
/// assert!(sandbox.requests().is_empty());
/// assert!(sandbox.incidents().is_empty() && sandbox.open().is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use = "dropping the sandbox stops it; bind it: `let sandbox = Sandbox::start()?;`"]
pub struct Sandbox {
    server: Server,
    board: Arc<Board>,
    token: String,
}

impl Sandbox {
    /// Starts on 127.0.0.1, on a free port.
    ///
    /// # Errors
    ///
    /// If there is no free port, or no thread or runtime can be started.
    pub fn start() -> io::Result<Self> {
        Self::start_on(0)
    }

    /// Starts on 127.0.0.1, on this port; 0 is any free one.
    ///
    /// # Errors
    ///
    /// If the port is in use (kind `AddrInUse`) or not allowed, in words, or as for
    /// [`start`](Self::start).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let first = Sandbox::start()?;
    /// let second = Sandbox::start_on(first.port());
    /// assert!(second.is_err_and(|error| error.to_string().contains("in use")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_on(port: u16) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Starts on this address, for a page that is looked at from another machine or from outside
    /// a container. Anyone who reaches the address can read the incidents and change them; one
    /// beyond loopback is said on stderr, and at the top of the page.
    ///
    /// # Errors
    ///
    /// If this machine has no such address, or as for [`start_on`](Self::start_on).
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start_at("127.0.0.1:0".parse()?)?;
    /// assert!(sandbox.page_url().starts_with("http://127.0.0.1:"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_at(address: SocketAddr) -> io::Result<Self> {
        Self::start_with(address, &random_token())
    }

    /// Starts with this token, which is that of the page, too.
    pub(crate) fn start_with(address: SocketAddr, token: &str) -> io::Result<Self> {
        let token = token.to_owned();
        let board = Arc::new(Board::new());
        board.register(&token);
        let server = Server::start(address, &token, Arc::clone(&board))?;
        let address = server.address();
        if !address.ip().is_loopback() {
            let text = "whoever reaches it can read and change its incidents";
            // Nobody to tell if stderr is closed; the page says it, too.
            writeln!(io::stderr(), "spike: the sandbox listens on {address}: {text}").ok();
        }
        Ok(Self { server, board, token })
    }

    /// Where to send: `http://127.0.0.1:{port}/{token}/push-events`, the token random per
    /// sandbox.
    pub fn webhook_url(&self) -> String {
        server::webhook_url(self.server.address(), &self.token)
    }

    /// The URL of a second integration. A token must be `[A-Za-z0-9_-]{8,}`; the URL of any
    /// other answers 404.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start()?;
    /// assert!(sandbox.url_for("billing-team").ends_with("/billing-team/push-events"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn url_for(&self, token: &str) -> String {
        self.board.register(token);
        server::webhook_url(self.server.address(), token)
    }

    /// The inbox, for a person: `http://127.0.0.1:{port}/`.
    pub fn page_url(&self) -> String {
        format!("http://{}/", server::reachable(self.server.address()))
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The incidents, oldest first; the newest 10,000.
    pub fn incidents(&self) -> Vec<Incident> {
        self.board.incidents()
    }

    /// The incidents that are open, oldest first.
    pub fn open(&self) -> Vec<Incident> {
        let mut incidents = self.incidents();
        incidents.retain(Incident::is_open);
        incidents
    }

    /// Incidents ever opened; goes on when old ones are no longer kept.
    pub fn opened(&self) -> u64 {
        self.board.opened()
    }

    /// The ledger: every HTTP request in the order of arrival, but for those of the inbox; the
    /// newest 10,000.
    pub fn requests(&self) -> Vec<Request> {
        self.board.requests()
    }

    /// Requests that ever arrived; goes on when old ones are no longer kept.
    pub fn received(&self) -> u64 {
        self.board.received()
    }

    /// Connections ever accepted, refused ones included. 0 proves that nothing touched it.
    pub fn connections(&self) -> u64 {
        self.board.connections()
    }

    /// Waits until at least `n` incidents were opened in total, and returns them.
    ///
    /// # Errors
    ///
    /// When time is up; the error says which incidents did come.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::time::Duration;
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start()?;
    /// assert!(sandbox.wait_for(1, Duration::from_millis(1)).is_err());
    /// assert!(sandbox.wait_for(0, Duration::ZERO)?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for(&self, n: u64, timeout: Duration) -> Result<Vec<Incident>, WaitError> {
        self.board.wait_for(n, timeout)
    }

    /// Waits until at least `n` requests arrived in total, and returns the ledger.
    ///
    /// # Errors
    ///
    /// When time is up; the error says which requests did come.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// # use std::time::Duration;
    /// let sandbox = Sandbox::start()?;
    /// let none = sandbox.wait_for_requests(0, Duration::ZERO)?;
    /// assert!(none.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_requests(&self, n: u64, timeout: Duration) -> Result<Vec<Request>, WaitError> {
        self.board.wait_for_requests(n, timeout)
    }

    /// Waits until at least `n` connections were accepted in total, and returns their number.
    ///
    /// # Errors
    ///
    /// When time is up.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// # use std::time::Duration;
    /// let sandbox = Sandbox::start()?;
    /// assert_eq!(sandbox.wait_for_connections(0, Duration::ZERO)?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_connections(&self, n: u64, timeout: Duration) -> Result<u64, WaitError> {
        self.board.wait_for_connections(n, timeout)
    }

    /// Waits until the incidents, oldest first, are as `wanted` says, and returns them.
    ///
    /// # Errors
    ///
    /// When time is up; the error lists the incidents.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::time::Duration;
    /// # use tracing_spike::sandbox::{Incident, Sandbox};
    /// let sandbox = Sandbox::start()?;
    /// let all_resolved = |incidents: &[Incident]| !incidents.iter().any(Incident::is_open);
    /// sandbox.wait_until(Duration::from_secs(2), all_resolved)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_until(
        &self,
        timeout: Duration,
        wanted: impl FnMut(&[Incident]) -> bool,
    ) -> Result<Vec<Incident>, WaitError> {
        self.board.wait_until(timeout, wanted)
    }

    /// Resolves the open incidents with this title, as a person does at Spike, and returns how
    /// many that were.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::Sandbox;
    /// let sandbox = Sandbox::start()?;
    /// assert_eq!(sandbox.resolve_by_person("disk is full"), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn resolve_by_person(&self, title: &str) -> usize {
        self.board.resolve_by_person(title)
    }

    /// From now on each request meets this fault, until [`clear_faults`](Self::clear_faults).
    /// The inbox does not, except for a fault of the connection itself.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::{Fault, Sandbox};
    /// let sandbox = Sandbox::start()?;
    /// sandbox.fault(Fault::Status(503));
    /// // What is sent now is kept, and tried again.
    /// sandbox.clear_faults();
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault(&self, fault: Fault) {
        self.board.set_faults(|faults| faults.always(fault));
    }

    /// The next `n` requests meet this fault, after those that are already due one. For
    /// [`Fault::ResetOnAccept`] and [`Fault::HangBeforeRead`]: the next `n` connections.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::{Fault, Sandbox};
    /// let sandbox = Sandbox::start()?;
    /// sandbox.fault_next(2, Fault::ResetOnAccept);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault_next(&self, n: u64, fault: Fault) {
        self.board.set_faults(|faults| faults.next(n, fault));
    }

    /// From now on each request whose title contains `text` meets this fault. A title is known
    /// only after the request was read, so faults that strike earlier strike then.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::{Fault, Sandbox};
    /// let sandbox = Sandbox::start()?;
    /// sandbox.fault_title("disk is full", Fault::Status(500));
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault_title(&self, text: &str, fault: Fault) {
        self.board.set_faults(|faults| faults.title(text, fault));
    }

    /// No further request meets a fault. What hangs already goes on hanging.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::{Fault, Sandbox};
    /// let sandbox = Sandbox::start()?;
    /// sandbox.fault(Fault::Status(500));
    /// sandbox.clear_faults();
    /// # Ok(())
    /// # }
    /// ```
    pub fn clear_faults(&self) {
        self.board.set_faults(|faults| *faults = fault::Faults::default());
    }

    /// Replaces the assumptions about what nobody outside Spike knows.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use tracing_spike::sandbox::{Sandbox, Unknowns};
    /// let sandbox = Sandbox::start()?;
    /// sandbox.assume(Unknowns::default());
    /// # Ok(())
    /// # }
    /// ```
    pub fn assume(&self, unknowns: Unknowns) {
        self.board.assume(unknowns);
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("page_url", &self.page_url())
            .field("opened", &self.opened())
            .field("received", &self.received())
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// Letters and digits from the keys that the standard library draws for its hash maps.
fn random_token() -> String {
    let digit = |position: usize| {
        let value = RandomState::new().hash_one(position) % 36;
        u32::try_from(value).ok().and_then(|value| char::from_digit(value, 36)).unwrap_or('0')
    };
    (0..TOKEN_LENGTH).map(digit).collect()
}
