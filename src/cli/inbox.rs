//! `spike sandbox`: a stand-in for Spike on this machine, to look at.
//!
//! Invariant: opens nothing by itself, and prints to stdout the one line to set and no more.

use std::{
    io::{self, Write},
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
    thread,
};

use clap::Args;

use super::{Failed, Screen, terminal::wrap, write_out};
use crate::sandbox::Sandbox;

/// The same on each start, so that what was set stays right. It is no secret: who reaches the
/// sandbox sees it on its page.
const TOKEN: &str = "sandbox-on-this-machine";

/// What `spike sandbox` was asked.
#[derive(Args, Debug)]
pub(super) struct Inbox {
    /// Where to listen; 0 takes a free port
    #[arg(long, value_name = "PORT", default_value_t = 4774)]
    port: u16,

    /// The address to listen on; whoever reaches it can read and change the incidents
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    address: IpAddr,
}

impl Inbox {
    pub(super) fn run(self) -> Result<ExitCode, Failed> {
        let sandbox = Sandbox::start_with((self.address, self.port).into(), TOKEN);
        let sandbox = sandbox.map_err(|error| {
            let Self { address, port } = self;
            let why = match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "port {port} is taken, by another sandbox perhaps; --port 0 takes a free one"
                ),
                _ => format!("expected to listen on port {port} of {address}, found: {error}"),
            };
            Failed::usage(why)
        })?;
        let screen = Screen::stderr();
        let page = format!("  {}\n", screen.bold(&sandbox.page_url()));
        let about = wrap(
            "",
            "The inbox of a Spike on this machine, which pages nobody, is at",
            screen.columns,
        );
        let set = "Set this where your program runs; Ctrl-C ends it:\n";
        write!(io::stderr(), "{about}{page}{set}").ok();
        let indent = if screen.is_for_people() { "  " } else { "" };
        write_out(&format!("{indent}export SPIKE_WEBHOOK_URL={}\n", sandbox.webhook_url()))?;
        loop {
            thread::park();
        }
    }
}
