//! A short job, as cron starts it: its last error is delivered before the process ends.
//!
//!     cargo run --example cron --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(clippy::indexing_slicing, reason = "of JSON, what is not there is null")]

use std::{error::Error, path::Path, process::ExitCode};

use tracing::{error, info};
use tracing_spike::{Builder, sandbox::Sandbox};

/// As `main` would be. To return is what counts: `std::process::exit` drops no guard, so the error
/// before it would be lost. (`tracing_spike::exit(1)` delivers first, from wherever it is called.)
fn job(builder: Builder, spool: &Path) -> Result<ExitCode, tracing_spike::Error> {
    // What can't be delivered now is kept there, and sent by the next run.
    let _spike = builder.service("nightly").spool(spool).init()?;

    match export() {
        Ok(rows) => {
            // Resolves what an earlier run has opened, by the title that it has.
            info!(
                spike.status = "resolve",
                spike.title = "export failed in cron",
                rows,
                "exported"
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(failed) => {
            error!(error = &failed as &dyn Error, "export failed");
            Ok(ExitCode::FAILURE)
        }
    }
    // Dropping `_spike` delivers what is pending, for at most 3 s.
}

fn export() -> Result<u64, std::num::ParseIntError> {
    "many".parse()
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    let spool = tempfile::tempdir()?;
    let code = job(tracing_spike::builder(url), spool.path())?;
    println!("the job {}", if code == ExitCode::SUCCESS { "is done" } else { "failed" });
    for page in sandbox.incidents() {
        println!("paged: {}, since {}", page.title(), page.body()["error"]["message"]);
    }
    Ok(())
}
