//! The receiver alone: a stand-in for Spike on this machine, with an inbox to look at.
//!
//!     cargo run --example sandbox --features sandbox -- 4774
//!     cargo run --example sandbox --features sandbox -- 0.0.0.0:4774
//!
//! Without a port it takes a free one; with an address it can be looked at from elsewhere, too.
//! Ends with Ctrl-C.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use tracing_spike::sandbox::Sandbox;

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = match std::env::args().nth(1) {
        None => Sandbox::start()?,
        Some(place) => match (place.parse(), place.parse()) {
            (Ok(port), _) => Sandbox::start_on(port)?,
            (_, Ok(address)) => Sandbox::start_at(address)?,
            _ => {
                println!("usage: sandbox [PORT | ADDRESS:PORT], as 4774; found {place:?}");
                return Ok(());
            }
        },
    };
    println!("inbox:     {}", sandbox.page_url());
    println!("set this:  export SPIKE_WEBHOOK_URL={}", sandbox.webhook_url());
    loop {
        std::thread::park();
    }
}
