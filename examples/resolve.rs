//! A job that fails and recovers: its incident is opened once, and resolved by itself.
//!
//!     cargo run --example resolve --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::{error::Error, time::Duration};

use tracing::{error, info};
use tracing_spike::{Builder, Handle, sandbox::Sandbox};

/// The title, by which both find one another.
const FAILED: &str = "exchange rates are not fetched";

fn work(builder: Builder) -> Result<(), tracing_spike::Error> {
    let guard = builder.init()?;
    for run in 1..=4 {
        if fetch(run) {
            // Its first goes out in any case, since an earlier process may have failed; then those
            // that have something to resolve. (Without a title it is that of the same message.)
            info!(spike.status = "resolve", spike.title = FAILED, run, "rates are fetched");
        } else {
            error!(spike.title = FAILED, run, "rates are not fetched");
        }
        wait(&guard.handle());
    }
    Ok(())
}

/// The bank does not answer the second time and the third.
fn fetch(run: u64) -> bool {
    !(2..=3).contains(&run)
}

/// An hour, though this one is over as soon as all is sent. (A failure that is over before it was
/// sent pages nobody.)
fn wait(spike: &Handle) {
    drop(spike.flush(Duration::from_secs(2)));
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    work(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        let state = if page.is_open() { "still open" } else { "resolved" };
        println!("paged: {} ({state})", page.title());
    }
    Ok(())
}
