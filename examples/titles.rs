//! What would my log lines be called?
//!
//! Reads messages on stdin, one a line, and prints the title of each:
//!
//! ```text
//! cargo run --example titles -- --target shop::orders < messages.txt
//! cargo run --example titles -- --tsv < targets-and-messages.tsv
//! ```
//!
//! With `--tsv` a line is `target<TAB>message`; without a target the title has no ` in …`.

#![expect(clippy::print_stderr, reason = "an example talks to a person")]

use std::borrow::Cow;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use tracing_spike::title;

const USAGE: &str = "usage: titles [--target NAME | --tsv] < messages";

fn main() -> ExitCode {
    let mut target = String::new();
    let mut tsv = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), &mut args) {
            ("--target", args) => match args.next() {
                Some(name) => target = name,
                None => return usage(),
            },
            ("--tsv", _) => tsv = true,
            _ => return usage(),
        }
    }
    match run(&target, tsv) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough (`titles | head`).
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("titles: {e}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn run(target: &str, tsv: bool) -> io::Result<()> {
    let mut input = io::BufReader::with_capacity(1 << 16, io::stdin().lock());
    let mut output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let text = str::from_utf8(&line).map_or_else(|_| String::from_utf8_lossy(&line), Cow::from);
        let (target, message) = match tsv.then(|| text.split_once('\t')).flatten() {
            Some(both) => both,
            None => (target, text.as_ref()),
        };
        output.write_all(title::derive(message, target).as_bytes())?;
        output.write_all(b"\n")?;
        line.clear();
    }
    output.flush()
}
