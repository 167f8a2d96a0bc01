//! What each part of ours costs the thread that calls it, and what delivering costs the worker.
//!
//! ```text
//! cargo bench --bench cost                # all
//! cargo bench --bench cost -- spans gate  # some: capture, spans, trail, title, gate, drain
//! cargo bench --bench cost -- check       # fails if one costs more than LIMITS says
//! RUSTFLAGS="--cfg spike_internals" cargo bench --bench cost --target-dir target/titles
//! ```
//!
//! The cfg shows the gate and the title by themselves. Instructions are counted by valgrind, in a
//! process for each line, on the calling thread and after a warm-up: they are the same on every
//! machine for one compiler, or nearly so. Allocations are those of the calling thread, too.
//! Nanoseconds are medians, for a person, and nothing is checked against them.
//!
//! Beside others' crates: `benches/peers`, which has the same events.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::exit,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a bench talks to a person, fails by panicking, and its sums are small"
)]

use std::{
    env, fs,
    ops::Range,
    path::Path,
    process::{Command, exit},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use events::each;
use measure::{allocations, median, region, timed};
use tracing_spike::{Builder, Guard, title::Titles};
use tracing_subscriber::{Layer, Registry, prelude::*};

#[path = "shared/events.rs"]
#[expect(dead_code, reason = "benches/peers needs more of it")]
mod events;
#[path = "shared/measure.rs"]
#[expect(dead_code, reason = "benches/peers needs more of it")]
mod measure;
#[path = "shared/sink.rs"]
#[expect(dead_code, reason = "benches/peers needs more of it")]
mod sink;

#[global_allocator]
static HEAP: measure::Counting = measure::Counting;

/// The most instructions and allocations of a call, as counted with Rust 1.95 on x86-64; a tenth
/// more passes. They are to be lowered with what they limit.
const LIMITS: [(&str, f64, f64); 11] = [
    ("disabled", 21.0, 0.0),
    ("beside", 257.0, 0.0),
    ("fresh", 14_250.0, 2.0),
    ("repeat", 3_140.0, 0.0),
    ("anew", 8_000.0, 0.0),
    ("long", 30_600.0, 0.0),
    ("deep", 3_140.0, 0.0),
    ("rules", 3_140.0, 0.0),
    ("span", 2_250.0, 1.0),
    ("bare", 1_390.0, 0.0),
    ("recorded", 2_250.0, 0.0),
];

/// Calls that are counted, and of which the time is told.
const CALLS: u64 = 1_000;

/// Fresh incidents before the worker is waited for: it has room for 256.
const BATCH: u64 = 100;

/// Runs of which one has to be within the limits.
const TRIES: usize = 3;

/// Runs of which the median is told.
const RUNS: usize = 7;

/// A line of the table.
struct Part {
    group: &'static str,
    name: &'static str,
    what: &'static str,
    /// Runs in a process of its own, with the address of a server.
    run: fn(&str, Measuring),
}

const fn part(
    group: &'static str,
    name: &'static str,
    what: &'static str,
    run: fn(&str, Measuring),
) -> Part {
    Part { group, name, what, run }
}

const PARTS: [Part; 20] = [
    part("capture", "disabled", "info! of 3 fields, alone", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        measuring.calls(|numbers| each(numbers, events::disabled_info));
    }),
    part("capture", "beside", "info! of 3 fields that another layer wants", |sink, measuring| {
        let (layer, _guard) = build(sink, |builder| builder);
        tracing_subscriber::registry().with(layer).with(Noop).init();
        measuring.calls(|numbers| each(numbers, events::disabled_info));
    }),
    part("capture", "fresh", "error! that opens an incident, in 2 spans", |sink, measuring| {
        let guard = install(sink, |builder| builder.budget(1000, 1000));
        let _spans = events::spans();
        measuring.batches(&guard);
    }),
    part("capture", "repeat", "error! of a title that is open, in 2 spans", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        let _spans = events::spans();
        measuring.calls(|numbers| each(numbers, events::repeat));
    }),
    part("capture", "anew", "the same, of messages with no shape in common", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        let _spans = events::spans();
        measuring.calls(|numbers| each(numbers, events::anew));
    }),
    part(
        "capture",
        "long",
        "the same, with a message of ten times the length",
        |sink, measuring| {
            let _guard = install(sink, |builder| builder);
            let _spans = events::spans();
            measuring.calls(|numbers| each(numbers, events::long));
        },
    ),
    part("capture", "deep", "a repeat in 32 spans without fields", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        let _spans = [(); 32].map(|()| tracing::info_span!("request").entered());
        measuring.calls(|numbers| each(numbers, events::repeat));
    }),
    part("capture", "literals", "a repeat, with titles from literals", |sink, measuring| {
        let _guard = install(sink, |builder| builder.titles(Titles::literals()));
        let _spans = events::spans();
        measuring.calls(|numbers| each(numbers, events::repeat));
    }),
    part("capture", "rules", "the same, with 1,000 rules of other targets", |sink, measuring| {
        let _guard = install(sink, |builder| {
            let rules: Vec<String> = (0..1000).map(|n| format!("other{n:04}=warn")).collect();
            builder.filter(rules.join(","))
        });
        let _spans = events::spans();
        measuring.calls(|numbers| each(numbers, events::repeat));
    }),
    part("spans", "span", "info_span! of 2 fields, entered and closed", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        measuring.calls(|numbers| each(numbers, events::span));
    }),
    part("spans", "bare", "info_span! without fields, entered and closed", |sink, measuring| {
        let _guard = install(sink, |builder| builder);
        measuring.calls(|numbers| each(numbers, events::bare_span));
    }),
    part(
        "trail",
        "recorded",
        "info! of 3 fields that is recorded, in 2 spans",
        |sink, measuring| {
            let _guard = install(sink, |builder| builder.trail(32));
            let _spans = events::spans();
            measuring.calls(|numbers| each(numbers, events::disabled_info));
        },
    ),
    part("trail", "json", "the same, by `fmt` as JSON, into nothing", |_, measuring| {
        let json = tracing_subscriber::fmt::layer().json().with_writer(std::io::sink);
        tracing_subscriber::registry().with(json).init();
        let _spans = events::spans();
        measuring.calls(|numbers| each(numbers, events::disabled_info));
    }),
    part("title", "title", "title of the message, and its hash", parts::title),
    part("gate", "gate-repeat", "decision about a repeat", parts::gate_repeat),
    part("gate", "gate-many", "the same of 1,024 titles, after 100,000", parts::gate_many),
    part("gate", "gate-open", "decision about a new title", parts::gate_open),
    part("gate", "gate-storm", "decision about one beyond the budget", parts::gate_storm),
    part(
        "drain",
        "drain",
        "incident, from error! to the answer, all threads",
        |sink, measuring| {
            let guard = install(sink, |builder| builder.budget(1000, 1000));
            measuring.drain(&guard);
        },
    ),
    part(
        "drain",
        "drain-spool",
        "the same, of 744 in the spool and 256 from error!; bytes: what all took at once, at most",
        |_, measuring| measuring.drain_spool(),
    ),
];

fn main() {
    // `cargo bench` adds an argument of its own.
    let args: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["one", name, times, sink] = words[..] {
        let part = PARTS.iter().find(|part| part.name == name).expect("a part");
        (part.run)(sink, Measuring { times: times.parse().expect("a number") });
        // The worker has nothing more to do that matters.
        exit(0);
    }
    let sink = sink::accepting().to_string();
    if words == ["check"] {
        return check(&sink);
    }
    if let Some(word) = words.iter().find(|word| PARTS.iter().all(|part| part.group != **word)) {
        eprintln!("expected check, capture, spans, trail, title, gate or drain, found {word:?}");
        exit(2);
    }
    if !counts() {
        println!("no instructions: they need valgrind (`apt install valgrind`, `brew install …`)");
    }
    println!("instructions  allocations    bytes        ns");
    for part in PARTS.iter().filter(|part| words.is_empty() || words.contains(&part.group)) {
        if let Some(cost) = cost(part.name, &sink) {
            let Cost { instructions, allocations, bytes, nanos } = cost;
            println!(
                "{instructions:12.1} {allocations:12.2} {bytes:8.0} {nanos:9.1}  {}: {}",
                part.name, part.what
            );
        } else {
            println!("{:>43}  {}: only with --cfg spike_internals", "-", part.name);
        }
    }
}

/// What a call costs.
struct Cost {
    instructions: f64,
    allocations: f64,
    bytes: f64,
    nanos: f64,
}

fn counts() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// `None` for what cannot be seen.
fn cost(name: &str, sink: &str) -> Option<Cost> {
    let (_, told) = child(false, name, RUNS, sink);
    let [allocations, bytes, nanos] = told[..] else { return None };
    let instructions = match name {
        _ if !counts() => f64::NAN,
        // Of all threads, so start-up has to be taken away.
        "drain-spool" => f64::NAN,
        "drain" => {
            let (one, _) = child(true, name, 1, sink);
            let (three, _) = child(true, name, 3, sink);
            (three - one) / (2 * BATCH) as f64
        }
        "fresh" => child(true, name, 0, sink).0 / BATCH as f64,
        _ => child(true, name, 0, sink).0 / CALLS as f64,
    };
    Some(Cost { instructions, allocations, bytes, nanos })
}

/// What callgrind collected, if it is asked, and what the process told.
fn child(counted: bool, name: &str, times: usize, sink: &str) -> (f64, Vec<f64>) {
    let this = env::current_exe().expect("this program");
    let mut command = Command::new(if counted { "valgrind".as_ref() } else { this.as_os_str() });
    if counted {
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        if name != "drain" {
            command.arg("--toggle-collect=peers_region");
        }
        command.arg(&this);
    }
    let run = command.args(["one", name, &times.to_string(), sink]).output().expect("a process");
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{name}: {said}");
    let collected = said.split_once("Collected : ").map(|(_, rest)| rest);
    let sum = collected.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    let told = String::from_utf8_lossy(&run.stdout);
    let told = told.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    (sum.unwrap_or(f64::NAN), told)
}

/// Fails if something costs a tenth more than it may.
fn check(sink: &str) {
    if !counts() {
        eprintln!("no instructions can be counted: they need valgrind (`apt install valgrind`)");
        exit(1);
    }
    let mut costly = false;
    for (name, instructions, allocations) in LIMITS {
        let more = |found: f64, limit: f64| found.is_nan() || found > limit * 1.1;
        let count = || {
            let cost = cost(name, sink).expect("a part that needs no cfg");
            let fails =
                more(cost.instructions, instructions) || more(cost.allocations, allocations);
            (cost, fails)
        };
        // While the worker is kept from its work, it has no buffers to lend; what costs too much
        // does so each time.
        let (mut cost, mut fails) = count();
        for _ in 1..TRIES {
            if fails {
                (cost, fails) = count();
            }
        }
        let less = cost.instructions < instructions * 0.9;
        let verdict = if fails {
            "too much"
        } else if less {
            "ok, and the limit can be lowered"
        } else {
            "ok"
        };
        println!(
            "{name:9} {:9.1} instructions of {instructions}, {:5.2} allocations of {allocations}: \
             {verdict}",
            cost.instructions, cost.allocations
        );
        costly |= fails;
    }
    if costly {
        eprintln!("expected what LIMITS in benches/cost.rs says and a tenth, found more");
        exit(1);
    }
}

// === Measuring, in the process of one part ===

/// How often to measure beside the one time for callgrind.
struct Measuring {
    times: usize,
}

impl Measuring {
    /// Calls that may be made again and again.
    fn calls(self, run: fn(Range<u64>)) {
        let mut number = 0;
        let mut many = || {
            run(number..number + CALLS);
            number += CALLS;
        };
        many();
        // Within a second, a failure is taken for one that is on its way up.
        thread::sleep(Duration::from_millis(1200));
        self.tell(CALLS, &mut |take| take(&mut many));
    }

    /// Incidents that have not occurred before.
    fn batches(self, guard: &Guard) {
        let mut number = 0;
        self.tell(BATCH, &mut |take| {
            take(&mut || {
                each(number..number + BATCH, events::fresh);
                number += BATCH;
            });
            settle(guard);
            assert!(number <= events::FRESH, "more than can be fresh");
        });
        let stats = guard.handle().stats();
        assert_eq!((stats.delivered, stats.seen), (number, number), "{stats:?}");
    }

    /// Batches of incidents, delivered.
    fn drain(self, guard: &Guard) {
        let mut number = 0;
        let mut nanos = Vec::new();
        for _ in 0..self.times {
            nanos.push(timed(&mut || {
                each(number..number + BATCH, events::fresh);
                settle(guard);
            }));
            number += BATCH;
        }
        println!("0 0 {}", median(&nanos) / BATCH as f64);
    }

    /// What earlier runs have left, and what comes beside it.
    fn drain_spool(self) {
        static ANSWERS: AtomicBool = AtomicBool::new(false);
        let url = format!("http://{}/benchmark-of-costs/push-events", sink::later(&ANSWERS));
        let run = |dir: &Path, numbers: Range<u64>| {
            let builder = tracing_spike::builder(&url).no_proxy().budget(1000, 1000);
            let builder = builder.spool(dir).shutdown_timeout(Duration::from_millis(500));
            let (layer, guard) = builder.build().expect("a webhook on loopback");
            let subscriber = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(subscriber, || each(numbers, events::fresh));
            guard
        };
        let all = tempfile::tempdir().expect("a directory");
        for numbers in [0..248, 248..496, 496..744] {
            let one = tempfile::tempdir().expect("a directory");
            drop(run(one.path(), numbers));
            for entry in fs::read_dir(one.path()).expect("a spool").flatten() {
                fs::rename(entry.path(), all.path().join(entry.file_name())).expect("a run");
            }
        }
        ANSWERS.store(true, Ordering::Relaxed);
        measure::forget_peak();
        let before = measure::peak_kib();
        let start = Instant::now();
        let handle = run(all.path(), 744..1000);
        let stats = || handle.handle().stats();
        while stats().delivered < 1000 {
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", stats());
            thread::sleep(Duration::from_millis(5));
        }
        let nanos = start.elapsed().as_nanos() as f64 / 1000.0;
        println!("0 {} {nanos}", 1024 * measure::peak_kib().saturating_sub(before));
    }

    /// Warms up, with each callsite once at least, counts, and tells.
    fn tell(self, calls: u64, run: &mut dyn FnMut(Taking<'_>)) {
        (0..events::SITES as u64 / BATCH).for_each(|_| run(&mut |work| work()));
        if self.times == 0 {
            return run(&mut |work| region(work));
        }
        let mut taken = (0, 0);
        run(&mut |work| taken = allocations(work));
        let mut nanos = Vec::new();
        (0..self.times).for_each(|_| run(&mut |work| nanos.push(timed(work))));
        let calls = calls as f64;
        println!(
            "{} {} {}",
            taken.0 as f64 / calls,
            taken.1 as f64 / calls,
            median(&nanos) / calls
        );
    }
}

/// What is done with the calls: they are made, counted, or timed.
type Taking<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// Waits until all is delivered.
fn settle(guard: &Guard) {
    let report = guard.handle().flush(Duration::from_secs(60));
    assert!(report.is_complete(), "{report:?}");
}

fn build(sink: &str, set: fn(Builder) -> Builder) -> (impl Layer<Registry> + Send + Sync, Guard) {
    let url = format!("http://{sink}/benchmark-of-costs/push-events");
    let builder = tracing_spike::builder(url).no_proxy().shutdown_timeout(Duration::ZERO);
    set(builder).build().expect("a webhook on loopback")
}

fn install(sink: &str, set: fn(Builder) -> Builder) -> Guard {
    let (layer, guard) = build(sink, set);
    tracing_subscriber::registry().with(layer).init();
    guard
}

/// A layer that wants everything and does nothing.
struct Noop;

impl<S: tracing::Subscriber> Layer<S> for Noop {}

#[cfg(spike_internals)]
mod parts {
    //! What no program can reach.

    use std::{hint::black_box, time::Duration};

    use tracing_spike::internals::{Gate, Titler};

    use super::{Measuring, each};

    const NOW: Duration = Duration::from_secs(1);

    thread_local! {
        static GATE: Gate = Gate::new(u32::MAX, u32::MAX);
        static SPENT: Gate = Gate::new(10, 2);
        static TITLER: std::cell::RefCell<Titler> = std::cell::RefCell::default();
    }

    pub(super) fn title(_: &str, measuring: Measuring) {
        measuring.calls(|numbers| {
            let message = "no green olive crate chalk left for order 1004711: it failed";
            TITLER.with_borrow_mut(|titler| {
                for _ in numbers {
                    black_box(titler.key(black_box(message), "shop::orders"));
                }
            });
        });
    }

    pub(super) fn gate_repeat(_: &str, measuring: Measuring) {
        measuring.calls(|numbers| {
            GATE.with(|gate| each(numbers, |_| _ = black_box(gate.admits(4711, NOW))));
        });
    }

    /// Keys as a hash makes them, all over the table.
    fn key(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)
    }

    pub(super) fn gate_many(_: &str, measuring: Measuring) {
        // The newest that were offered are those that are open.
        let at = |number: u64| NOW + Duration::from_millis(number / 100);
        GATE.with(|gate| {
            (0..100_000).for_each(|number| assert!(gate.admits(key(number), at(number))));
        });
        measuring.calls(|numbers| {
            GATE.with(|gate| {
                each(numbers, |number| {
                    let known = key(100_000 - 1 - number % 256);
                    assert!(!black_box(gate.admits(known, NOW + Duration::from_secs(2))));
                });
            });
        });
    }

    pub(super) fn gate_open(_: &str, measuring: Measuring) {
        // So many are open that each closes one.
        measuring.calls(|numbers| {
            GATE.with(|gate| each(numbers, |number| assert!(gate.admits(key(number), NOW))));
        });
    }

    pub(super) fn gate_storm(_: &str, measuring: Measuring) {
        measuring.calls(|numbers| {
            SPENT.with(|gate| each(numbers, |number| _ = black_box(gate.admits(number, NOW))));
        });
    }
}

#[cfg(not(spike_internals))]
mod parts {
    //! Nothing is told of what cannot be reached.

    use super::Measuring;

    pub(super) fn title(_: &str, _: Measuring) {}
    pub(super) fn gate_repeat(_: &str, _: Measuring) {}
    pub(super) fn gate_many(_: &str, _: Measuring) {}
    pub(super) fn gate_open(_: &str, _: Measuring) {}
    pub(super) fn gate_storm(_: &str, _: Measuring) {}
}
