//! Titles of one's own: by tenant, without what varies, in words of one's own.
//!
//!     cargo run --example custom_titles --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set. What your messages
//! would be called, and why: `cargo run --example titles -- --explain`.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use tracing::{error, info_span};
use tracing_spike::{Builder, sandbox::Sandbox, title::Titles};

fn shop(builder: Builder) -> Result<(), tracing_spike::Error> {
    let titles = Titles::text()
        // Without what follows the first `: `.
        .short()
        // Last, in what words you like; the same for a trigger and its resolve.
        .custom(|parts, out| write!(out, "{} [eu]", parts.title));
    // One incident for each tenant that has it.
    let _spike = builder.titles(titles).group_by(["tenant"]).init()?;

    for (tenant, order) in [("acme", 4711), ("acme", 4712), ("zenith", 4713)] {
        let _request = info_span!("request", tenant).entered();
        error!("order {order} was not charged: card declined by bank of {tenant}");
    }
    // As it is said here, whatever the settings are.
    error!(spike.title = "order book is closed", disk = "full", "no order can be written");
    Ok(())
    // Dropping `_spike` delivers what is pending, for at most 3 s.
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    shop(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        println!("paged: {}", page.title());
    }
    Ok(())
}
