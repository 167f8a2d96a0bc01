//! What would my log lines be called?
//!
//! Reads messages on stdin, one a line, and prints the title of each:
//!
//! ```text
//! cargo run --example titles -- --target shop::orders < messages.txt
//! cargo run --example titles -- --tsv < targets-and-messages.tsv
//! cargo run --example titles -- --explain < messages.txt
//! ```
//!
//! With `--tsv` a line is `target<TAB>message`; without a target the title has no ` in …`. With
//! `--explain` each value of the message follows, and the rule that took it for one.

#![expect(clippy::print_stderr, clippy::print_stdout, reason = "an example talks to a person")]

use std::borrow::Cow;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use tracing_spike::title;

const HELP: &str = "\
Prints the title that Spike would get for each message on stdin, one a line.

usage: titles [--target NAME | --tsv] [--explain] < messages

  --target NAME  where the messages come from, the path of a module most often: `… in NAME`
  --tsv          lines are NAME<TAB>MESSAGE
  --explain      after each title, indented, what became # in it, a tab, and by which rule
  --help         this text";

#[derive(Debug, Default)]
struct Options {
    target: String,
    tsv: bool,
    explain: bool,
    help: bool,
    /// A person types: the title of a line is shown before the next.
    at_once: bool,
}

fn options(mut args: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--target" => {
                let name = args.next().filter(|name| !name.starts_with("--"));
                options.target =
                    name.ok_or("--target needs a name, as in --target shop::orders")?;
            }
            "--tsv" => options.tsv = true,
            "--explain" => options.explain = true,
            "--help" | "-h" => options.help = true,
            other => match other.strip_prefix("--target=") {
                Some(name) => options.target = name.to_owned(),
                None => return Err(format!("{other} is not known")),
            },
        }
    }
    if options.tsv && !options.target.is_empty() {
        return Err("with --tsv each line names its target: leave out --target".to_owned());
    }
    Ok(options)
}

fn main() -> ExitCode {
    let mut options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("titles: {why} (see --help)");
            return ExitCode::from(2);
        }
    };
    if options.help {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    options.at_once = io::stdin().is_terminal();
    if options.at_once {
        let line = if options.tsv { "NAME<TAB>MESSAGE" } else { "a message" };
        eprintln!("titles: waits for {line} on each line; ends with Ctrl-D");
    }
    let input = io::BufReader::with_capacity(1 << 16, io::stdin().lock());
    let output = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match run(&options, input, output) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader has seen enough (`titles | head`).
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("titles: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, mut input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let text = str::from_utf8(&line).map_or_else(|_| String::from_utf8_lossy(&line), Cow::from);
        let (target, message) = match options.tsv.then(|| text.split_once('\t')).flatten() {
            Some(both) => both,
            None => (options.target.as_str(), text.as_ref()),
        };
        output.write_all(title::derive(message, target).as_bytes())?;
        output.write_all(b"\n")?;
        if options.explain {
            for value in title::explain(message) {
                // What a terminal would obey is a space.
                let text = value.text.replace(char::is_control, " ");
                writeln!(output, "    {text}\t{}", value.rule)?;
            }
        }
        if options.at_once {
            output.flush()?;
        }
        line.clear();
    }
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::{HELP, options, run};

    fn titles(args: &[&str], input: &[u8]) -> String {
        let mut output = Vec::new();
        let options = options(args.iter().map(|&arg| arg.to_owned())).expect("options");
        run(&options, input, &mut output).expect("nothing fails to write to memory");
        String::from_utf8(output).expect("UTF-8")
    }

    #[test]
    fn lines_get_titles_and_explanations() {
        for (args, input, expected) in [
            (&["--target", "shop"][..], &b"user 7\ngone"[..], "user # in shop\ngone in shop\n"),
            (&["--tsv"], b"shop\tuser 7\nuser 8\n", "user # in shop\nuser #\n"),
            (&[], b"\xff is odd\n\n", "\u{fffd} is odd\nerror\n"),
            (
                &["--explain"],
                b"order 7 of 'ann' is late\nis late\n",
                "order # of # is late\n    7\ta number\n    'ann'\tin quotes\nis late\n",
            ),
            (&["--explain"], b"'a\x07b'", "#\n    'a b'\tin quotes\n"),
            (&["--tsv", "--explain"], b"shop\tat 7\n", "at # in shop\n    7\ta number\n"),
        ] {
            assert_eq!(titles(args, input), expected, "{args:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        for (args, why) in
            [("--trget x", "--trget is not known"), ("--tsv --target", "needs a name")]
        {
            let found = options(args.split(' ').map(str::to_owned)).unwrap_err();
            assert!(found.contains(why), "{found}");
        }
        assert!(options(["-h".to_owned()].into_iter()).is_ok_and(|options| options.help));
        for option in ["--target", "--tsv", "--explain", "--help"] {
            assert!(HELP.contains(option), "{option}");
        }
    }
}
