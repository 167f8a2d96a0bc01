//! What changes, told as it happens (server-sent events).
//!
//! Owns the stream of one open page. It has no log of events: each message is what differs from
//! the revision that the page has seen, so a page that was away for long misses nothing, and a
//! storm of requests is a few messages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::watch;

use super::{SHOWN, view};
use crate::sandbox::server::Site;

/// What happens within this time of a change is told with it.
const TOGETHER: Duration = Duration::from_millis(50);
/// How soon a page that was cut off asks again.
const RETRY: Duration = Duration::from_secs(1);

/// The stream for one page.
struct Feed {
    site: Arc<Site>,
    changes: watch::Receiver<u64>,
    /// The revision that the page has; `None` before the first message to a new page.
    seen: Option<u64>,
    begun: bool,
}

/// `GET /api/events`: `whole` for a start and after all were cleared, else `changed`.
pub(super) async fn events(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    // An id of a sandbox that ran here before means nothing to this one.
    let seen = last.and_then(|id| id.strip_prefix(&site.run)?.strip_prefix('.')?.parse().ok());
    let changes = site.board.live();
    let feed = Feed { site, changes, seen, begun: false };
    Sse::new(unfold(feed, Feed::next)).keep_alive(KeepAlive::default())
}

impl Feed {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        if self.begun {
            self.changes.changed().await.ok()?;
            tokio::time::sleep(TOGETHER).await;
        }
        self.begun = true;
        self.changes.mark_unchanged();
        let look = self.site.board.look(self.seen, SHOWN);
        self.seen = Some(look.revision);
        let event = Event::default()
            .id(format!("{}.{}", self.site.run, look.revision))
            .event(if look.whole { "whole" } else { "changed" })
            .retry(RETRY)
            .data(view::look(&self.site, &look).to_string());
        Some((Ok(event), self))
    }
}
