//! The inbox: a page at `/` for a person, and the JSON under `/api` that it is made of.
//!
//! Owns their paths, and the headers of every answer. Invariants: the page loads nothing from
//! elsewhere and runs no script but its own files; whoever asks passes the door first; no token is
//! in an answer but that of the webhook URL to set. What is asked here is not in the ledger and
//! meets no fault.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use axum::{Json, Router};
use serde_json::json;

use super::fault;
use super::model::{Moment, Spike};
use super::server::Site;

pub(super) mod door;
mod live;
mod view;

/// Incidents shown, and requests: the newest.
const SHOWN: usize = 500;
const PAGE: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
/// Only our own files are loaded, and only our own server is asked.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";
/// On every answer.
const HEADERS: [(header::HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What a handler answers when it can't do what it is asked.
type Answer = Result<Response, (StatusCode, String)>;

/// The page itself, at `/`.
pub(super) fn page() -> MethodRouter<Arc<Site>> {
    get(|| file(PAGE, include_str!("inbox/inbox.html"))).layer(from_fn(enter))
}

/// All else.
pub(super) fn routes() -> Router<Arc<Site>> {
    Router::new()
        .route("/inbox.css", get(|| file(STYLE, include_str!("inbox/inbox.css"))))
        .route("/inbox.js", get(|| file(SCRIPT, include_str!("inbox/inbox.js"))))
        .route("/detail.js", get(|| file(SCRIPT, include_str!("inbox/detail.js"))))
        .route("/rows.js", get(|| file(SCRIPT, include_str!("inbox/rows.js"))))
        .route("/tree.js", get(|| file(SCRIPT, include_str!("inbox/tree.js"))))
        .route("/build.js", get(|| file(SCRIPT, include_str!("inbox/build.js"))))
        .route("/api/events", get(live::events))
        .route("/api/incidents", get(incidents).delete(clear))
        .route("/api/incidents/{number}", get(incident))
        .route("/api/incidents/{number}/acknowledge", post(acknowledge))
        .route("/api/incidents/{number}/resolve", post(resolve))
        .route("/api/requests", get(requests))
        .route("/api/requests/{number}", get(request))
        .route("/api/fault/{word}", put(set_fault))
        .layer(from_fn(enter))
}

/// Every request passes here, and every answer on its way back.
async fn enter(request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let mut response = match door::refusal(request.headers(), is_api) {
        Some(words) => error(StatusCode::FORBIDDEN, words.to_owned()),
        None => next.run(request).await,
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn file(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn incidents(State(site): State<Arc<Site>>) -> Response {
    Json(view::look(&site, &site.board.look(None, SHOWN))).into_response()
}

async fn incident(State(site): State<Arc<Site>>, Path(number): Path<String>) -> Response {
    about(&site, &number, None).unwrap_or_else(refuse)
}

async fn acknowledge(State(site): State<Arc<Site>>, Path(number): Path<String>) -> Response {
    about(&site, &number, Some(Spike::acknowledge)).unwrap_or_else(refuse)
}

async fn resolve(State(site): State<Arc<Site>>, Path(number): Path<String>) -> Response {
    about(&site, &number, Some(Spike::resolve_number)).unwrap_or_else(refuse)
}

/// One incident, after what is done to it.
fn about(site: &Site, number: &str, act: Option<fn(&mut Spike, u64, Moment)>) -> Answer {
    let found = number.parse().ok().and_then(|number| site.board.incident(number, act));
    let (now, incident, limit, requests) = found.ok_or_else(|| unknown("incident", number))?;
    Ok(Json(view::detail(now, &incident, &limit, &requests)).into_response())
}

async fn clear(State(site): State<Arc<Site>>) -> StatusCode {
    site.board.clear();
    StatusCode::NO_CONTENT
}

async fn requests(State(site): State<Arc<Site>>) -> Response {
    let now = site.board.now();
    let requests = site.board.requests();
    let newest = requests.iter().rev().take(SHOWN);
    let newest: Vec<_> = newest.map(|request| view::request(now, request)).collect();
    Json(json!({ "requests": newest })).into_response()
}

async fn request(State(site): State<Arc<Site>>, Path(number): Path<String>) -> Response {
    let now = site.board.now();
    let requests = site.board.requests();
    let wanted = number.parse().ok();
    match requests.iter().find(|request| Some(request.number()) == wanted) {
        Some(request) => Json(view::raw_request(now, request)).into_response(),
        None => refuse(unknown("request", &number)),
    }
}

async fn set_fault(State(site): State<Arc<Site>>, Path(word): Path<String>) -> Response {
    let Some(wanted) = fault::on_page(&word) else {
        let words = format!("expected the fault off, 500, 429 or hang, found {word:?}");
        return error(StatusCode::BAD_REQUEST, words);
    };
    site.board.set_faults(|faults| *faults = wanted);
    Json(json!({ "fault": word })).into_response()
}

fn unknown(what: &str, number: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("expected the number of a kept {what}, found {number:?}"))
}

fn refuse((status, words): (StatusCode, String)) -> Response {
    error(status, words)
}

fn error(status: StatusCode, words: String) -> Response {
    (status, Json(json!({ "error": words }))).into_response()
}
