//! A program that pages what you type: each line is an `error!`.
//!
//!     cargo run --example sandbox --features sandbox -- 4774
//!     SPIKE_WEBHOOK_URL=… cargo run --example say
//!
//! A line that begins with `ok ` is the recovery of what follows: it resolves.

use std::io::BufRead;

use tracing::{error, info};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _spike = tracing_spike::init()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.strip_prefix("ok ") {
            Some(line) => info!(spike.status = "resolve", "{line}"),
            None => error!("{line}"),
        }
    }
    Ok(())
}
