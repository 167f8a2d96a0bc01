//! Errors of `anyhow` and `eyre`: how a page tells what was behind them, and what hides it.
//!
//!     cargo run --example anyhow_eyre --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use tracing::error;
use tracing_spike::{Builder, sandbox::Sandbox};

fn import(builder: Builder) -> Result<(), tracing_spike::Error> {
    let _spike = builder.init()?;

    if let Err(e) = by_anyhow("17 pieces") {
        // With `?`: its report is read, so the page has what was behind it.
        error!(error = ?e, "import failed, told with ?e");
        // As an error: the same, and what prints the event has it in one line.
        error!(error = e.as_ref() as &(dyn Error + 'static), "import failed, told as an error");
        // With `%`, the outermost error is all that anybody learns.
        error!(error = %e, "import failed, told with %e");
    }
    if let Err(e) = by_eyre("18 pieces") {
        error!(error = ?e, "import by eyre failed");
    }
    Ok(())
    // Dropping `_spike` delivers what is pending, for at most 3 s.
}

fn by_anyhow(text: &str) -> anyhow::Result<u64> {
    use anyhow::Context;
    text.parse::<u64>().context("row 4 is no number")
}

fn by_eyre(text: &str) -> eyre::Result<u64> {
    use eyre::WrapErr;
    text.parse::<u64>().wrap_err("row 5 is no number")
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    import(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        println!("paged: {}\n{:#}", page.title(), page.body()["error"]);
    }
    Ok(())
}
