//! What `build()` takes, for a webhook of https: all of it, and the client alone, which loads the
//! system's root certificates.
//!
//! ```text
//! cargo bench --bench start
//! ```
//!
//! Milliseconds, medians, each in turn in one process; the first of each is told by itself.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a bench talks to a person, fails by panicking, and its sums are small"
)]

use std::time::{Duration, Instant};

use tracing_subscriber::Registry;

const RUNS: usize = 21;

fn main() {
    let [mut whole, mut client] = [[0.0; RUNS]; 2];
    for run in 0..RUNS {
        client[run] = timed(|| {
            let client = reqwest::Client::builder().use_rustls_tls().https_only(true).build();
            client.expect("a client")
        });
        whole[run] = timed(|| {
            let url = "https://hooks.spike.sh/benchmark-of-start/push-events";
            let builder = tracing_spike::builder(url).shutdown_timeout(Duration::ZERO);
            builder.build::<Registry>().expect("a webhook")
        });
    }
    println!("      first     median");
    for (name, times) in [("build()", &mut whole), ("the client alone", &mut client)] {
        let first = times[0];
        times.sort_by(f64::total_cmp);
        println!("{first:8.2} ms {:7.2} ms  {name}", times[RUNS / 2]);
    }
    println!("            {:8.2} ms  what is ours", whole[RUNS / 2] - client[RUNS / 2]);
}

/// Milliseconds that `work` takes, without what dropping its result does.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let made = work();
    let took = start.elapsed();
    drop(made);
    took.as_secs_f64() * 1e3
}
