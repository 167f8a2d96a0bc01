//! From an answer of the model, or a fault, to what goes out.
//!
//! Owns the HTTP form of both. What HTTP can say goes through HTTP; the rest becomes a plan for
//! the connection (`wire.rs`). Decides nothing, and touches neither model nor ledger.

use std::future::pending;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use super::fault::Fault;
use super::model::Answer;
use super::wire::{Line, Plan, Script};

/// Plays a fault; `right` is the answer that the client would have got.
pub(super) async fn play(fault: Fault, line: &Line, right: Answer) -> Response {
    let head = |rest: &str| {
        format!("HTTP/1.1 {} X\r\ncontent-type: application/json\r\n{rest}\r\n", right.status)
            .into_bytes()
    };
    let plan = match fault {
        // These have no body, as HTTP defines them.
        Fault::Status(status @ (204 | 205 | 304)) => return written(status, &[], "", line),
        Fault::Status(status) => return written(status, &[], "{}", line),
        Fault::StatusWith { status, headers, body } => {
            return written(status, &headers, &body, line);
        }
        Fault::Slow(delay) => {
            tokio::time::sleep(delay).await;
            return response(&right);
        }
        Fault::Hang | Fault::HangBeforeRead | Fault::AppliedThenHang => return pending().await,
        Fault::Reset | Fault::ResetOnAccept | Fault::ResetBeforeBody | Fault::AppliedThenReset => {
            Plan::Reset
        }
        Fault::Drip(every) => Plan::Drip(every),
        Fault::HangMidHead => Plan::Script(Script::then_hang(b"HTTP/1.1 2".to_vec())),
        Fault::HangAfterHead => Plan::Script(Script::then_hang(head("content-length: 11\r\n"))),
        Fault::HugeBody(bytes) => {
            let head = head("transfer-encoding: chunked\r\nconnection: close\r\n");
            Plan::Script(Script::then_chunks(head, bytes))
        }
        Fault::Garbage(bytes) => Plan::Script(Script::then_close(bytes)),
        // `answer` plays it.
        Fault::AppliedLate(_) => return response(&right),
    };
    line.play(plan);
    let mut response = response(&right);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// An answer with these parts; through HTTP if HTTP can say it, else straight on the wire.
fn written(status: u16, headers: &[(String, String)], body: &str, line: &Line) -> Response {
    let framing = |name: &str| {
        ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own))
    };
    let bodiless = matches!(status, 204 | 205 | 304);
    let framed = headers.iter().any(|(name, _)| framing(name));
    let proper = status >= 200 && !framed && (body.is_empty() || !bodiless);
    let mut builder = Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    match builder.body(Body::from(body.to_owned())) {
        Ok(response) if proper => response,
        _ => {
            let mut raw = format!("HTTP/1.1 {status} X\r\n");
            for (name, value) in headers {
                raw.push_str(&format!("{name}: {value}\r\n"));
            }
            if !framed {
                raw.push_str(&format!("content-length: {}\r\n", body.len()));
            }
            raw.push_str(&format!("connection: close\r\n\r\n{body}"));
            line.play(Plan::Script(Script::then_close(raw.into_bytes())));
            response(&Answer::NOT_APPLIED)
        }
    }
}

/// The plain answer.
pub(super) fn response(answer: &Answer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
