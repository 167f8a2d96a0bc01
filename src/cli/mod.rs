//! The command `spike`: a sandbox to look at, a test page, a contract to try, the settings in
//! words, and what logs would have paged.
//!
//! Invariants: what it prints holds no token; no line is wider than the terminal; it ends with 0
//! when all is well, with 1 when it is not, and with 2 when it was asked what it can't do.

use std::{
    borrow::Cow,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};

use terminal::{Screen, harmless, wrap};

mod check;
mod contract;
pub(crate) mod forecast;
mod inbox;
mod post;
mod terminal;
mod test_page;

/// Pages through Spike.sh what a Rust program logs: try it, check it, foresee it.
#[derive(Debug, Parser)]
#[command(name = "spike", version, max_term_width = 80, after_help = BEGIN)]
struct Spike {
    #[command(subcommand)]
    command: Command,
}

/// Where to begin.
const BEGIN: &str = "\
To try it without an account, run `spike sandbox`, set the line that it prints \
in another terminal, and run `spike test` there.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a Spike on this machine, with an inbox to look at
    Sandbox(inbox::Inbox),
    /// Sends a test page to the configured webhook, and resolves it
    Test(test_page::TestPage),
    /// Says what the environment makes page, where to, and what is odd about it
    Check(check::Check),
    /// Finds out, with you, what Spike's documentation leaves open
    Contract(contract::Contract),
    /// Tells what logs would have paged
    Forecast(Box<forecast::Forecast>),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let spike = match Spike::try_parse() {
        Ok(spike) => spike,
        Err(said) => {
            // Help is no failure.
            if said.use_stderr() {
                let text = said.render().to_string();
                let lines = text.lines().map(|line| wrap("", line, Screen::stderr().columns));
                io::stderr().write_all(lines.collect::<String>().as_bytes()).ok();
            } else {
                said.print().ok();
            }
            return ExitCode::from(u8::try_from(said.exit_code()).unwrap_or(2));
        }
    };
    let done = match spike.command {
        Command::Sandbox(inbox) => inbox.run(),
        Command::Test(page) => page.run(),
        Command::Check(check) => check.run(),
        Command::Contract(contract) => contract.run(),
        Command::Forecast(forecast) => forecast.run(),
    };
    done.unwrap_or_else(|failed| {
        if !failed.why.is_empty() {
            complain(&failed.why);
        }
        failed.code
    })
}

/// Says to a person why it ends as it does.
fn complain(why: &str) {
    let text = wrap("spike: ", &harmless(why), Screen::stderr().columns);
    // Not eprintln!, which panics when stderr is closed.
    io::stderr().write_all(text.as_bytes()).ok();
}

/// Why a command has failed, for a person.
#[derive(Debug)]
struct Failed {
    why: Cow<'static, str>,
    code: ExitCode,
}

impl Failed {
    fn new(why: impl Into<Cow<'static, str>>, code: ExitCode) -> Self {
        Self { why: why.into(), code }
    }

    /// It was asked something that it can't do.
    fn usage(why: impl Into<Cow<'static, str>>) -> Self {
        Self::new(why, ExitCode::from(2))
    }
}

/// Prints to stdout. A reader that has seen enough (`| head`) is no failure.
fn write_out(text: &str) -> Result<(), Failed> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failed::usage(format!("stdout takes nothing: {error}")))
        }
        _ => Ok(()),
    }
}

/// A duration in words: `90s`, `1h 30m`.
fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a time such as 90s, 5m or 1h".to_owned())
}
