//! Two teams: what fails in billing pages those of billing, and the rest pages the others.
//!
//!     cargo run --example routes --features sandbox
//!
//! Pages an embedded sandbox; or the real Spike when `SPIKE_WEBHOOK_URL`, and `BILLING_WEBHOOK_URL`
//! for the second service there, are set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::{env, error::Error};

use tracing::error;
use tracing_spike::{Builder, Priority, Rule, Severity, sandbox::Sandbox};

fn shop(builder: Builder, billing: &str) -> Result<(), tracing_spike::Error> {
    let _spike = builder
        .rule(Rule::target("shop::billing").severity(Severity::Sev1).webhook(billing))
        // Its webhook and severity are those of `shop::billing`.
        .rule(Rule::target("shop::billing::cards").priority(Priority::P1))
        .init()?;

    error!(target: "shop::billing", month = 11, "invoices were not sent");
    error!(target: "shop::billing::cards", order = 4711, "card payment failed");
    error!(target: "shop::stock", shelf = 17, "shelf does not answer");
    Ok(())
    // Dropping `_spike` delivers what is pending, for at most 3 s.
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    let billing =
        env::var("BILLING_WEBHOOK_URL").unwrap_or_else(|_| sandbox.url_for("billing-team"));
    shop(tracing_spike::builder(url), &billing)?;
    for page in sandbox.incidents() {
        let team = if page.came_to(&billing) { "billing" } else { "everyone else" };
        let severity = page.severity().unwrap_or("no severity");
        let priority = page.priority().unwrap_or("no priority");
        println!("paged {team}: {} ({severity}, {priority})", page.title());
    }
    Ok(())
}
