//! A storm, watched: one noisy title, one rare, many new ones at once, and what Spike saw.
//!
//!     cargo run --release --example storm --features sandbox
//!     cargo run --release --example storm --features sandbox -- 40
//!
//! Pages an embedded sandbox for so many seconds, 8 if not said otherwise; from 30 s on the noisy
//! title is repeated, with its count.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(clippy::arithmetic_side_effects, reason = "seconds and counts don't overflow")]

use std::{
    error::Error,
    io::{IsTerminal, Write},
    thread,
    time::{Duration, Instant},
};

use tracing::error;
use tracing_spike::{Handle, sandbox::Sandbox};
use tracing_subscriber::prelude::*;

/// How often the counter line is written.
const TICK: Duration = Duration::from_millis(250);
/// Events of the noisy title between two looks at the clock.
const BURST: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u64 = std::env::args().nth(1).map_or(Ok(8), |text| text.parse())?;
    let length = Duration::from_secs(seconds.clamp(4, 600));

    let sandbox = Sandbox::start()?;
    let (spike, guard) =
        tracing_spike::builder(sandbox.webhook_url()).service("warehouse").build()?;
    tracing_subscriber::registry().with(spike).try_init()?;

    println!(
        "For {} s, two threads call error! as fast as they can, all with one title.",
        length.as_secs()
    );
    println!(
        "After 1 s a rare error occurs once; after 2 s, 500 different ones within a moment.\n"
    );

    let end = Instant::now() + length;
    thread::scope(|scope| {
        for thread in 0..2 {
            scope.spawn(move || be_noisy(thread, end));
        }
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(1));
            error!(free_mb = 3, "order book disk is full");
            thread::sleep(Duration::from_secs(1));
            fail_in_many_ways();
        });
        count(&guard.handle(), &sandbox, end);
    });
    drop(guard.handle().flush(Duration::from_secs(5)));
    print_end(&guard.handle(), &sandbox);
    Ok(())
}

fn be_noisy(thread: u64, end: Instant) {
    let mut shelf = thread;
    while Instant::now() < end {
        for _ in 0..BURST {
            error!(shelf, "shelf {shelf} does not answer");
            shelf += 2;
        }
    }
}

/// 500 titles, from as many places: here they give their titles themselves.
fn fail_in_many_ways() {
    const PARTS: [&str; 10] = [
        "conveyor", "scanner", "printer", "scale", "gate", "lift", "crane", "robot", "belt",
        "camera",
    ];
    for hall in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX".chars() {
        for part in PARTS {
            error!(spike.title = format!("{part} of hall {hall} has stopped"), "stopped");
        }
    }
}

/// The counter line, until the end.
fn count(spike: &Handle, sandbox: &Sandbox, end: Instant) {
    let mut stdout = std::io::stdout();
    let rewrites = stdout.is_terminal();
    let mut last = Instant::now();
    while Instant::now() < end {
        thread::sleep(TICK);
        let stats = spike.stats();
        if !rewrites && last.elapsed() < Duration::from_secs(1) {
            continue;
        }
        last = Instant::now();
        let line = format!(
            "{:>11} errors  {:>11} repeats counted  {:>4} folded by the storm  {:>3} requests to Spike",
            stats.seen,
            stats.suppressed.repeat,
            stats.suppressed.storm,
            sandbox.received(),
        );
        // A terminal shows one line that changes.
        let before = if rewrites { "\r" } else { "" };
        let after = if rewrites { "" } else { "\n" };
        write!(stdout, "{before}{line}{after}").and_then(|()| stdout.flush()).ok();
    }
    println!();
}

fn print_end(spike: &Handle, sandbox: &Sandbox) {
    let incidents = sandbox.incidents();
    println!("What Spike saw: {} requests, {} incidents\n", sandbox.received(), incidents.len());
    println!("  repeats  last count  title");
    for incident in &incidents {
        let count = incident.last_body().pointer("/occurrences/count").map(ToString::to_string);
        let count = count.unwrap_or_default();
        println!("  {:>7}  {count:>10}  {}", incident.repeats(), incident.title());
    }
    let stats = spike.stats();
    println!("\n{} errors in all:", stats.seen);
    println!("  {:>11} sent and accepted", stats.delivered);
    println!("  {:>11} counted on an incident that was open already", stats.suppressed.repeat);
    println!(
        "  {:>11} beyond the budget for new incidents, counted on the storm's",
        stats.suppressed.storm
    );
    println!("  {:>11} refused or lost", stats.undelivered());
    let storm = incidents.iter().find(|one| one.title().starts_with("error storm"));
    if let Some(told) = storm.and_then(|storm| storm.last_body().get("storm")) {
        println!("\nThe storm incident says:\n\n{told:#}");
    }
}
