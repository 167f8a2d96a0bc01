//! A function that is frozen between calls: what failed is delivered before it answers.
//!
//!     cargo run --example lambda_like --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::{error::Error, time::Duration};

use tracing::error;
use tracing_spike::{Builder, Guard, Handle, sandbox::Sandbox};

/// What delivery may take of a call's time; a call without an error waits for nothing.
const DELIVERY: Duration = Duration::from_secs(2);

fn run(builder: Builder) -> Result<Guard, tracing_spike::Error> {
    // Once, at the cold start: later calls know what is open already.
    let guard = builder.service("thumbnails").init()?;
    for picture in ["a.png", "b.gif", "c.gif"] {
        let answer = call(picture, &guard.handle());
        println!("{picture}: {answer}");
        // Frozen here. What is not delivered by now is not until the next call, or never.
    }
    // In the end it is killed while it is frozen: no guard is dropped, which would deliver.
    Ok(guard)
}

fn call(picture: &str, spike: &Handle) -> &'static str {
    let answer = shrink(picture);
    let report = spike.flush(DELIVERY);
    if !report.is_complete() {
        // The platform keeps what is printed; the next call delivers it, if there is one.
        println!("{} incidents are not delivered", report.pending);
    }
    answer
}

fn shrink(picture: &str) -> &'static str {
    if picture.ends_with(".gif") {
        error!(picture, "format is not known");
        return "failed";
    }
    "done"
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    let _guard = run(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        println!("paged: {}", page.title());
    }
    Ok(())
}
