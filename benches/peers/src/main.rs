//! What an `error!` costs its caller, beside what people would use instead.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml             # all, in ten minutes
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- quick    # some, in two
//! cargo run --release --manifest-path benches/peers/Cargo.toml -- case=fresh,repeat of=visit,ours
//! ```
//!
//! Prints a table, and writes `target/peers.json` of the package. Each cell is a process of its
//! own: `tracing` caches who wants what for a whole process. Instructions are counted by valgrind
//! and only on the calling thread, without start-up and warm-up: of one compiler they are the same
//! on every machine, or nearly so, and may be compared; nanoseconds are those of this machine at
//! this moment.
//!
//! What is compared:
//!
//! - *fresh*: five fields, an error with a source, a message of 60 bytes with five values in it,
//!   inside two spans of two fields. To ours each is a title that it has not seen, and pages: 200
//!   callsites give 5 titles each, the most that one may open, within a budget of 1,000
//!   (`Builder::budget`); the first of each callsite only warms up. Every 100, the worker is waited
//!   for, outside of what is measured, since it has room for 256. That all were delivered is
//!   asserted. This budget is the one setting of ours that is not the default and matters here.
//! - *repeat*: the same, of one title and with another order each time; *repeat-same*: and with the
//!   same one. Both a second after the title was opened: until then, failures are compared.
//! - *storm-N*: repeats, from N threads. *distinct-N*: titles of their own, from eight callsites,
//!   with the default budget.
//! - *dead*: those, a million, and whoever takes what is sent is stuck for good.
//! - *trace*, *debug*, *info*: three fields, and only errors are wanted; *-beside*: another layer
//!   wants everything. *span*: two fields, made, entered, left, closed, around nothing.
//! - *nothing*: what the loop around the others costs, which is in their figures.
//!
//! *visit* is the floor: it writes each field of events and spans into one buffer. Whoever has no
//! filter of its own gets one for errors and spans: for the whole subscriber where it is alone,
//! which costs least, and for itself beside another layer. Ours has its own, always.
//!
//! What ours and Loki's send goes to a server in the process above, over loopback and without TLS;
//! what the others send is discarded in the process, so they pay less. Sentry has its default
//! integrations but no transport, and its three layers are added one by one: joined with
//! `and_then`, they see no spans.

mod cases;
mod contenders;
#[path = "../../shared/events.rs"]
#[expect(dead_code, reason = "benches/cost.rs needs more of it")]
mod events;
#[path = "../../shared/measure.rs"]
mod measure;
mod report;
#[path = "../../shared/sink.rs"]
#[expect(dead_code, reason = "benches/cost.rs needs more of it")]
mod sink;

use std::{env, process};

use cases::{CASES, Case, Effort};
use contenders::{NAMES, Setting};

#[global_allocator]
static HEAP: measure::Counting = measure::Counting;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["child", contender, case, effort, sink] = words[..] {
        let effort = match effort {
            "count" => Effort::Count,
            "quick" => Effort::Quick,
            _ => Effort::Full,
        };
        let case = CASES.iter().find(|known| known.name == case).expect("a case");
        let setting = Setting {
            contender: contender.to_owned(),
            beside: false,
            dead: false,
            unbudgeted: false,
            sink: sink.to_owned(),
        };
        println!("{}", cases::measure(case, setting, effort));
        // Nobody waits for what a dead one still has to do.
        process::exit(0);
    }
    let mut wanted = Wanted::default();
    for word in words {
        match word.split_once('=') {
            None if word == "quick" => {
                wanted.quick = true;
                wanted.cases = QUICK.map(str::to_owned).into();
            }
            Some(("of", names)) => wanted.contenders = list(names, &NAMES),
            Some(("case", names)) => wanted.cases = list(names, &CASES.map(|case| case.name)),
            _ => refuse(&format!("expected quick, of=NAME,… or case=NAME,…, found {word:?}")),
        }
    }
    report::run(&wanted);
}

/// What a short run looks at, unless it is told.
const QUICK: [&str; 7] = ["info", "info-beside", "fresh", "repeat", "span", "storm-2", "dead"];

/// What to run. Words that come later win.
pub struct Wanted {
    pub quick: bool,
    pub contenders: Vec<String>,
    pub cases: Vec<String>,
}

impl Default for Wanted {
    fn default() -> Self {
        let cases = CASES.iter().map(|case: &Case| case.name.to_owned()).collect();
        Self { quick: false, contenders: NAMES.map(str::to_owned).into(), cases }
    }
}

/// The names in a list, each of which has to be known.
fn list(names: &str, known: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for name in names.split(',') {
        if !known.contains(&name) {
            refuse(&format!("expected one of {}, found {name:?}", known.join(", ")));
        }
        found.push(name.to_owned());
    }
    found
}

fn refuse(sentence: &str) {
    eprintln!("{sentence}");
    process::exit(2);
}
