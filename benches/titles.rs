//! What a title costs: instructions for each byte of the message, from the message to the hash of
//! the title; titles a second; and the worst line.
//!
//! ```text
//! RUSTFLAGS="--cfg spike_internals" cargo bench --bench titles --target-dir target/titles
//! ```
//!
//! The cfg shows the bench what the pipeline calls, a buffer that is reused and the hash with it;
//! without it, the bench calls the public `title::derive`, which allocates, and says so. A target
//! folder of its own keeps the cfg from building everything else again.
//!
//! Instructions are counted by valgrind, in two runs of this program that differ by one pass over
//! the messages: they are the same on every machine for one compiler, and may be compared. Titles
//! a second are medians, and may not.
//!
//! The messages are those in `benches/titles.txt`, written for it, and the corpora in
//! `../shared/titles` where those are.

#![expect(
    clippy::print_stdout,
    clippy::arithmetic_side_effects,
    reason = "a bench talks to a person, and its sums are small"
)]

use std::{
    env, fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// The target of each message; its ` in shop::orders` is in what is measured.
const TARGET: &str = "shop::orders";

const EMBEDDED: &str = include_str!("titles.txt");

/// Runs of which the median is told.
const RUNS: usize = 7;

/// Of a line of these, again and again, something is slow if anything is.
const UNITS: [&str; 64] = include!("hostile.inc");

/// Bytes of the worst line.
const WORST: usize = 100_000;

fn main() {
    let mut args = env::args().skip(1);
    match (args.next().as_deref(), args.next(), args.next()) {
        (Some("--passes"), Some(passes), Some(corpus)) => {
            let messages = messages(&corpus);
            let mut titler = Titler::default();
            for _ in 0..passes.parse().unwrap_or(0) {
                pass(&mut titler, &messages);
            }
        }
        _ => report(),
    }
}

fn report() {
    if !cfg!(spike_internals) {
        println!("without --cfg spike_internals: title::derive, a String each, and no hash");
    }
    let mut corpora = vec!["benches/titles.txt"];
    if shared().is_dir() {
        corpora.extend(["rust", "loghub"]);
    } else {
        println!("no {}: the messages of benches/titles.txt alone", shared().display());
    }
    let mut counted = true;
    for corpus in corpora {
        let messages = messages(corpus);
        let bytes: usize = messages.iter().map(String::len).sum();
        let mut titler = Titler::default();
        let took = median(|| pass(&mut titler, &messages)).as_secs_f64();
        print!(
            "{corpus}: {} messages of {} bytes, {:.2} million titles/s",
            messages.len(),
            bytes / messages.len().max(1),
            messages.len() as f64 / took / 1e6
        );
        match instructions(corpus, 2).zip(instructions(corpus, 1)) {
            Some((two, one)) => {
                let cost = two.saturating_sub(one) as f64;
                println!(
                    ", {:.2} instructions/byte, {:.0} a title",
                    cost / bytes as f64,
                    cost / messages.len() as f64
                );
            }
            None => {
                counted = false;
                println!();
            }
        }
    }
    if !counted {
        println!("no instructions: they need valgrind (`apt install valgrind`, `brew install …`)");
    }
    worst();
}

/// The line that takes longest.
fn worst() {
    let mut titler = Titler::default();
    let times = UNITS.map(|unit| {
        let message = unit.repeat(WORST / unit.len());
        let time = median(|| {
            black_box(titler.key(&message, TARGET));
        });
        (time, unit)
    });
    if let Some((took, unit)) = times.into_iter().max() {
        println!("worst of {} lines of {WORST} bytes: {took:?}, of {unit:?}", UNITS.len());
    }
}

fn pass(titler: &mut Titler, messages: &[String]) {
    for message in messages {
        black_box(titler.key(message, TARGET));
    }
}

fn median(mut run: impl FnMut()) -> Duration {
    let mut times = [Duration::ZERO; RUNS];
    for time in &mut times {
        let start = Instant::now();
        run();
        *time = start.elapsed();
    }
    times.sort();
    times.get(RUNS / 2).copied().unwrap_or_default()
}

/// What this program executes in so many passes over a corpus; `None` without valgrind.
fn instructions(corpus: &str, passes: usize) -> Option<u64> {
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(["--passes", &passes.to_string(), corpus])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&run.stderr);
    let (_, collected) = said.split_once("Collected : ")?;
    collected.split_ascii_whitespace().next()?.parse().ok()
}

// === The messages ===

fn shared() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/titles")
}

fn messages(corpus: &str) -> Vec<String> {
    let mut messages = Vec::new();
    let mut systems = Vec::new();
    match fs::read_dir(shared().join(corpus)) {
        Ok(entries) => systems.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
        Err(_) => messages.extend(EMBEDDED.lines().map(str::to_owned)),
    }
    systems.sort();
    for system in systems {
        if let Ok(text) = fs::read_to_string(system.join("messages.tsv")) {
            let of_line = |line: &str| line.splitn(4, '\t').nth(3).map(str::to_owned);
            messages.extend(text.lines().filter_map(of_line));
        }
        if let Ok(text) = fs::read_to_string(system.join("messages.csv")) {
            messages.extend(text.lines().skip(1).map(last_field));
        }
    }
    messages
}

/// The last of a line's four fields; fields may be quoted.
fn last_field(line: &str) -> String {
    let mut quoted = false;
    let commas = line.char_indices().filter(|&(_, c)| {
        quoted ^= c == '"';
        c == ',' && !quoted
    });
    let field = commas.last().and_then(|(at, _)| line.get(at + 1..)).unwrap_or(line);
    match field.strip_prefix('"').and_then(|field| field.strip_suffix('"')) {
        Some(field) => field.replace("\"\"", "\""),
        None => field.to_owned(),
    }
}

// === What is measured ===

#[cfg(spike_internals)]
use tracing_spike::internals::Titler;

#[cfg(not(spike_internals))]
#[derive(Default)]
struct Titler {}

#[cfg(not(spike_internals))]
impl Titler {
    fn key(&mut self, message: &str, target: &str) -> usize {
        black_box(tracing_spike::title::derive(message, target)).len()
    }
}
