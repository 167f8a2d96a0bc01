//! A program that knows only the `log` crate: one line, and the errors that it has already page.
//!
//!     cargo run --example log_crate --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::{error::Error, time::Duration};

use log::{error, info, warn};
use tracing_spike::{Builder, sandbox::Sandbox};

fn import(builder: Builder) -> Result<(), tracing_spike::Error> {
    // Takes in the records of `log` and prints them: no other logger is needed, nor can one be set.
    let guard = builder.filter("error,pool=warn").init()?;
    let spike = guard.handle();

    info!("import begins");
    for row in [17, 18] {
        error!("row {row} was not imported");
    }
    // As a library does that uses `log`; by the filter its warnings page, too.
    warn!(target: "pool", "connection to 10.0.0.7:5432 lost after 31 s");
    // It takes a while to connect again. (Over before it was sent, it would page nobody.)
    drop(spike.flush(Duration::from_secs(2)));

    // A record of `log` has no fields to say so with: what is over is resolved by its title.
    info!(target: "pool", "connected again");
    spike.resolve("connection to # lost after # in pool")
    // Dropping `guard` delivers what is pending, for at most 3 s.
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    import(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        let state = if page.is_open() { "open" } else { "resolved" };
        println!("paged: {} ({state})", page.title());
    }
    Ok(())
}
