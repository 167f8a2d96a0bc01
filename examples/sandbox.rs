//! The receiver alone: a stand-in for Spike on this machine, with an inbox to look at.
//!
//!     cargo run --example sandbox --features sandbox -- 4774
//!
//! Without a port it takes a free one. Ends with Ctrl-C.

#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::error::Error;

use tracing_spike::sandbox::Sandbox;

fn main() -> Result<(), Box<dyn Error>> {
    let sandbox = match std::env::args().nth(1) {
        None => Sandbox::start()?,
        Some(port) => match port.parse() {
            Ok(port) => Sandbox::start_on(port)?,
            Err(_) => {
                println!("usage: sandbox [PORT], a port from 0 to 65535; found {port:?}");
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
