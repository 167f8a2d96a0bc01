//! An axum service: what fails in a request pages with that request around it.
//!
//!     cargo run --example axum --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set. It visits itself,
//! then shuts down as at a signal; how to wait for one is in `graceful.rs`.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(clippy::indexing_slicing, reason = "of JSON, what is not there is null")]

use std::{error::Error, net::SocketAddr};

use axum::extract::{Path, Request, State};
use axum::{Json, Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tower_http::trace::TraceLayer;
use tracing::{Span, error, info_span};
use tracing_spike::{Builder, Handle, Health, sandbox::Sandbox};

/// Serves until `end` completes, and lets the requests in progress finish.
async fn serve<E>(builder: Builder, listener: TcpListener, end: E) -> Result<(), Box<dyn Error>>
where
    E: Future<Output = ()> + Send + 'static,
{
    let spike = builder.service("shop").init()?;
    // It would page each 5xx without a reason; whoever has the reason pages it below.
    let trace = TraceLayer::new_for_http().make_span_with(span).on_failure(());
    let app = Router::new().route("/orders/{order}/pay", get(pay)).layer(trace);
    let app = app.route("/health/paging", get(paging)).with_state(spike.handle());
    axum::serve(listener, app).with_graceful_shutdown(end).await?;
    Ok(())
    // Dropping `spike` delivers what is pending, for at most 3 s.
}

/// At INFO: TraceLayer's own span is at DEBUG, of which an incident tells nothing.
fn span(request: &Request) -> Span {
    info_span!("request", method = %request.method(), path = request.uri().path())
}

async fn pay(Path(order): Path<u64>) -> StatusCode {
    if order.is_multiple_of(2) {
        error!(order, "card payment failed");
        return StatusCode::BAD_GATEWAY;
    }
    StatusCode::OK
}

/// For a monitor. Not for a probe that restarts the service, which would not mend paging.
async fn paging(State(spike): State<Handle>) -> (StatusCode, Json<Health>) {
    let health = spike.health();
    let good = health.is_good();
    (if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let visit = visit(listener.local_addr()?);
    serve(tracing_spike::builder(url), listener, visit).await?;
    for page in sandbox.incidents() {
        println!("paged: {}, with the request {}", page.title(), page.body()["span"]["fields"]);
    }
    Ok(())
}

/// A few requests, in the place of a signal.
async fn visit(address: SocketAddr) {
    let Ok(client) = reqwest::Client::builder().no_proxy().build() else { return };
    for path in ["orders/1/pay", "orders/2/pay", "orders/4/pay", "health/paging"] {
        match client.get(format!("http://{address}/{path}")).send().await {
            Ok(answer) => println!("GET /{path}: {}", answer.status()),
            Err(failed) => println!("GET /{path}: {failed}"),
        }
    }
}
