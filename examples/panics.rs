//! Panics page: of a thread, and what the program says of it is no second page.
//!
//!     cargo run --example panics --features sandbox
//!
//! Pages an embedded sandbox, or the real Spike when `SPIKE_WEBHOOK_URL` is set.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]
#![expect(clippy::indexing_slicing, reason = "one is to panic; of JSON, what is not there is null")]

use std::{error::Error, thread};

use tracing::error;
use tracing_spike::{Builder, sandbox::Sandbox};

fn serve(builder: Builder) -> Result<(), Box<dyn Error>> {
    // With a subscriber of your own it is `builder.panics().build()?`.
    let _spike = builder.init()?;

    for order in [4711, 4712] {
        let packer = thread::Builder::new().name(format!("packer of {order}"));
        if let Err(panic) = packer.spawn(|| pack(&[]))?.join() {
            // The panic has paged already: a text that it has within a second of it is the same.
            let text = panic.downcast_ref::<String>().map_or("unknown", String::as_str);
            error!(order, "order was not packed: {text}");
        }
    }
    Ok(())
    // One that ends the process is delivered first, for at most 2 s; else the guard's drop does it.
}

fn pack(shelves: &[u64]) -> u64 {
    shelves[3]
}

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = Sandbox::start()?;
    let url = std::env::var("SPIKE_WEBHOOK_URL").unwrap_or_else(|_| sandbox.webhook_url());
    serve(tracing_spike::builder(url))?;
    for page in sandbox.incidents() {
        println!("paged: {}, on {}", page.title(), page.body()["source"]["thread"]);
    }
    Ok(())
}
