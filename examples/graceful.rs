//! A web service that ends on SIGTERM or ctrl-c, and pages what goes wrong on the way down.
//!
//!     cargo run --example graceful --features sandbox
//!     kill -TERM $(pgrep graceful)
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::{error::Error, time::Duration};

use axum::{Router, routing::get};
use tokio::{net::TcpListener, signal};
use tracing::error;
use tracing_spike::sandbox::Sandbox;
use tracing_subscriber::prelude::*;

/// What the last pages may take. An orchestrator kills some seconds after its SIGTERM.
const LAST_PAGES: Duration = Duration::from_millis(1_500);

/// An ordinary `main`: the guard lives here, outside the runtime, so whatever way `serve` ends,
/// the guard is dropped behind it and delivers what is pending.
pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let real = std::env::var_os("SPIKE_WEBHOOK_URL").is_some_and(|url| !url.is_empty());
    let sandbox = if real { None } else { Some(Sandbox::start()?) };
    let builder = match &sandbox {
        Some(sandbox) => tracing_spike::builder(sandbox.webhook_url()),
        None => tracing_spike::from_env(),
    };
    let (spike, guard) = builder.service("orders").panics().shutdown_timeout(LAST_PAGES).build()?;
    tracing_subscriber::registry().with(spike).try_init()?;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve());
    // What still runs is not waited for longer than the pages are.
    runtime.shutdown_background();
    drop(guard);
    if let Some(sandbox) = &sandbox {
        for incident in sandbox.incidents() {
            println!("paged: {}", incident.title());
        }
    }
    Ok(served?)
}

/// Serves until it is told to stop, then lets the requests in progress finish.
async fn serve() -> std::io::Result<()> {
    let app = Router::new().route("/", get(|| async { "taking orders" }));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("taking orders on http://{}", listener.local_addr()?);
    axum::serve(listener, app).with_graceful_shutdown(told_to_stop()).await?;
    error!(unsent = 3, "orders are left in the outbox");
    Ok(())
}

/// Completes at ctrl-c, and at SIGTERM where there is one.
async fn told_to_stop() {
    #[cfg(unix)]
    let terminate = async {
        match signal::unix::signal(signal::unix::SignalKind::terminate()) {
            Ok(mut terminate) => terminate.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        _ = signal::ctrl_c() => {}
        _ = terminate => {}
    }
}
