//! A plain `fn main` without an async runtime: one line, and the errors it has already page.
//!
//!     cargo run --example no_tokio
//!     SPIKE_MODE=dry-run cargo run --example no_tokio
//!     SPIKE_WEBHOOK_URL=… cargo run --example no_tokio

use tracing::{error, info};

fn main() -> Result<(), tracing_spike::Error> {
    let _spike = tracing_spike::init()?;

    info!("import begins");
    for row in [17, 18] {
        if let Err(problem) = import(row) {
            error!(row, error = &problem as &dyn std::error::Error, "row {row} was not imported");
        }
    }
    info!("import ends");
    Ok(())
    // Dropping `_spike` delivers what is pending, for at most 3 s.
}

fn import(row: u64) -> Result<u64, std::num::ParseIntError> {
    format!("{row} pieces").parse()
}
