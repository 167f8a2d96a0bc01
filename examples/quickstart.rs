//! The main job, watched: real `error!` calls of a small order service become incidents.
//!
//!     cargo run --example quickstart --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(clippy::arithmetic_side_effects, reason = "four orders don't overflow")]

use std::{error::Error, fmt, io::IsTerminal, time::Duration};

use tracing::{error, info, info_span, instrument, warn};
use tracing_spike::{Handle, Stats, sandbox::Sandbox};
use tracing_subscriber::{filter::Targets, prelude::*};

fn main() -> Result<(), Box<dyn Error>> {
    // The part that a program of yours has: a builder, and one `.with(spike)`.
    let real = std::env::var_os("SPIKE_WEBHOOK_URL").is_some_and(|url| !url.is_empty());
    let sandbox = if real { None } else { Some(Sandbox::start()?) };
    let builder = match &sandbox {
        Some(sandbox) => tracing_spike::builder(sandbox.webhook_url()),
        None => tracing_spike::from_env(),
    };
    let (spike, guard) = builder.service("orders").version("1.4.2").build()?;

    // What the service prints. The storm is left out, or you would see nothing else.
    let printed: Targets = "info,orders::warehouse=off".parse()?;
    let fmt = tracing_subscriber::fmt::layer()
        .without_time()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    tracing_subscriber::registry().with(fmt.with_filter(printed)).with(spike).try_init()?;

    serve_orders(&guard.handle());
    let report = guard.handle().flush(Duration::from_secs(5));

    match &sandbox {
        Some(sandbox) => print_incidents(sandbox),
        None => println!("\nAccepted by Spike: {} of your pages.", report.delivered),
    }
    print_counts(&guard.handle().stats());
    Ok(())
}

/// A day in the life of a small service. Nothing below knows of Spike but for the `spike` fields.
fn serve_orders(spike: &Handle) {
    info!("taking orders");

    // The same failure with other values: one incident.
    for order in 1..=4_u64 {
        let _order = info_span!("order", order, customer = 7_000 + order * 13).entered();
        reserve(order);
        if let Err(failed) = charge(order, 1_999 * order) {
            warn!("order {order} is on hold: {failed}");
        }
    }

    // A library that uses the `log` crate.
    log::error!(target: "pool", "connection to 10.0.0.7:5432 lost after 31 s");

    // How grave it is, said at the call.
    error!(spike.severity = "sev1", spike.priority = "p1", free_mb = 3, "order book disk is full");

    // A warning that should page, and an error that should not.
    warn!(spike = true, "stock is counted by hand today");
    error!(spike = false, "customer typed an invalid voucher");

    // A storm: 5,000 errors in a moment, one incident.
    info!("5,000 errors of orders::warehouse follow, which are not printed");
    for shelf in 0..5_000 {
        error!(target: "orders::warehouse", shelf, "shelf {shelf} does not answer");
    }

    // And what has recovered is resolved, by the same message from the same place.
    error!("payment gateway is unreachable");
    // Flushed, so that both are seen: unsent, the two would cancel each other.
    drop(spike.flush(Duration::from_secs(2)));
    info!(spike.status = "resolve", "payment gateway is unreachable");
}

fn reserve(order: u64) {
    if order.is_multiple_of(2) {
        error!(item = "bolt M8", missing = order * 10, "could not reserve {} items", order * 10);
    }
}

#[instrument(err)]
fn charge(order: u64, cents: u64) -> Result<(), PaymentError> {
    if order == 3 { Err(PaymentError) } else { Ok(()) }
}

#[derive(Debug)]
struct PaymentError;

impl fmt::Display for PaymentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined by the bank")
    }
}

impl Error for PaymentError {}

fn print_incidents(sandbox: &Sandbox) {
    let incidents = sandbox.incidents();
    println!("\nWhat paged: {} incidents\n", incidents.len());
    println!("  {:<9} {:<6} {:>8}  title", "state", "sev", "repeats");
    for incident in incidents {
        let state = if incident.is_open() { "open" } else { "resolved" };
        let severity = incident.severity().unwrap_or("-");
        println!("  {state:<9} {severity:<6} {:>8}  {}", incident.repeats(), incident.title());
    }
    println!("\n  (A repeat is told after 30 s at the earliest; this program is done before.)");
    if let Some(incident) = sandbox.incidents().first() {
        println!("\nThe details of the first:\n\n{:#}", incident.body());
    }
}

fn print_counts(stats: &Stats) {
    println!(
        "\n  {:>5} events concerned the layer (errors, and those with a spike field):",
        stats.seen
    );
    println!("  {:>5} were sent and accepted", stats.delivered);
    println!("  {:>5} were counted on an incident that was open already", stats.suppressed.repeat);
    println!("  {:>5} said spike = false", stats.ignored.field);
    println!("  {:>5} were refused or lost", stats.undelivered());
    println!(
        "\n  To see incidents come in, in a browser: cargo run --example sandbox --features sandbox\n"
    );
}
