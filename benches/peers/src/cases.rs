//! What is measured, in the process of one contender: operations, one at a time, and storms.
//!
//! Invariant: a process measures one case, once warmed up, and prints it as one line of JSON.

use std::{
    hint::black_box,
    ops::Range,
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    contenders::{Kept, Setting, install},
    events::{self, each},
    measure::{Histogram, allocations, forget_peak, peak_kib, region, timed},
};

/// One thing to measure.
pub struct Case {
    pub name: &'static str,
    pub kind: Kind,
}

#[derive(Clone, Copy)]
pub enum Kind {
    /// One call on one thread.
    Op { run: fn(Range<u64>), beside: bool, fresh: bool },
    /// As many calls as so many threads can make.
    Storm { run: fn(u64), threads: usize },
    /// A million calls of one thread that nobody takes.
    Dead { run: fn(u64) },
}

const fn op(name: &'static str, run: fn(Range<u64>)) -> Case {
    Case { name, kind: Kind::Op { run, beside: false, fresh: false } }
}

const fn beside(name: &'static str, run: fn(Range<u64>)) -> Case {
    Case { name, kind: Kind::Op { run, beside: true, fresh: false } }
}

const fn storm(name: &'static str, run: fn(u64), threads: usize) -> Case {
    Case { name, kind: Kind::Storm { run, threads } }
}

pub const CASES: [Case; 19] = [
    // What the loop of the others costs.
    op("nothing", |numbers| each(numbers, |_| ())),
    op("trace", |numbers| each(numbers, events::disabled_trace)),
    op("debug", |numbers| each(numbers, events::disabled_debug)),
    op("info", |numbers| each(numbers, events::disabled_info)),
    beside("trace-beside", |numbers| each(numbers, events::disabled_trace)),
    beside("debug-beside", |numbers| each(numbers, events::disabled_debug)),
    beside("info-beside", |numbers| each(numbers, events::disabled_info)),
    Case {
        name: "fresh",
        kind: Kind::Op { run: |numbers| each(numbers, events::fresh), beside: false, fresh: true },
    },
    op("repeat", |numbers| each(numbers, events::repeat)),
    // To the letter the same each time.
    op("repeat-same", |numbers| each(numbers, |_| events::repeat(7))),
    op("span", |numbers| each(numbers, events::span)),
    storm("storm-1", events::repeat, 1),
    storm("storm-2", events::repeat, 2),
    storm("storm-4", events::repeat, 4),
    storm("storm-8", events::repeat, 8),
    storm("storm-32", events::repeat, 32),
    storm("distinct-1", events::distinct, 1),
    storm("distinct-2", events::distinct, 2),
    Case { name: "dead", kind: Kind::Dead { run: events::distinct } },
];

/// How long to look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    Quick,
    Full,
    /// Once, for callgrind.
    Count,
}

/// Repetitions of which the median is told.
const REPETITIONS: usize = 7;

/// Fresh incidents before the worker is waited for; there is room for 256.
const BATCH: u64 = 100;

/// Of these, those that only warm up: one from each callsite.
const WARM: u64 = events::SITES as u64;

/// Most of a storm that callers in need of this much time are given.
const LONGEST: Duration = Duration::from_secs(40);

pub fn measure(case: &Case, mut setting: Setting, effort: Effort) -> Value {
    match case.kind {
        Kind::Op { run, beside, fresh } => {
            (setting.beside, setting.unbudgeted) = (beside, fresh);
            let kept = install(&setting);
            // What is no event is looked at by itself.
            let _spans =
                matches!(case.name, "fresh" | "repeat" | "repeat-same").then(events::spans);
            let mut told = if fresh { fresh_op(&kept, run, effort) } else { op_of(run, effort) };
            check(kept, fresh, &mut told);
            told
        }
        Kind::Storm { run, threads } => {
            let kept = install(&setting);
            let mut told = storm_of(run, threads, effort);
            check(kept, false, &mut told);
            told
        }
        Kind::Dead { run } => {
            setting.dead = true;
            let kept = install(&setting);
            let mut told = dead(run, effort);
            check(kept, false, &mut told);
            told
        }
    }
}

/// What became of ours; a figure for what was refused is a figure for nothing.
fn check(kept: Kept, fresh: bool, told: &mut Value) {
    let stats = kept.stats();
    // What is dead would be waited for.
    std::mem::forget(kept);
    let Some(stats) = stats else { return };
    told["ours"] = json!({
        "seen": stats.seen,
        "delivered": stats.delivered,
        "repeat": stats.suppressed.repeat,
        "storm": stats.suppressed.storm,
        "same_cause": stats.suppressed.same_cause,
        "folded": stats.folded,
        "full": stats.refused.full,
    });
    if fresh {
        assert_eq!(stats.delivered, stats.seen, "not all were fresh: {stats:?}");
    }
}

// === Operations ===

fn op_of(run: fn(Range<u64>), effort: Effort) -> Value {
    let calls = match effort {
        Effort::Quick | Effort::Count => 1_000,
        Effort::Full => 20_000,
    };
    let mut number = 0;
    let mut many = |calls: u64| {
        run(number..number + calls);
        number += calls;
    };
    many(1_000);
    // Ours takes the same failure for one that is on its way up, within a second.
    thread::sleep(Duration::from_millis(1_200));
    many(100);
    let mut many = || many(calls);
    if effort == Effort::Count {
        region(&mut many);
        return json!({ "calls": calls });
    }
    let (times, bytes) = allocations(&mut many);
    let nanos: Vec<f64> = (0..REPETITIONS).map(|_| timed(&mut many) / calls as f64).collect();
    let per_call = |sum: u64| sum as f64 / calls as f64;
    json!({ "ns": nanos, "allocations": per_call(times), "bytes": per_call(bytes) })
}

fn fresh_op(kept: &Kept, run: fn(Range<u64>), effort: Effort) -> Value {
    let mut number = 0;
    let mut batch = |calls: u64, take: &mut dyn FnMut(&mut dyn FnMut())| {
        take(&mut || {
            run(number..number + calls);
            number += calls;
        });
        assert!(number <= events::FRESH, "more than can be fresh");
        kept.settle();
    };
    batch(WARM, &mut |work| work());
    if effort == Effort::Count {
        batch(BATCH, &mut |work| region(work));
        return json!({ "calls": BATCH });
    }
    let mut taken = (0, 0);
    batch(BATCH, &mut |work| taken = allocations(work));
    let mut nanos = Vec::new();
    for _ in 0..REPETITIONS {
        batch(BATCH, &mut |work| nanos.push(timed(work) / BATCH as f64));
    }
    let per_call = |sum: u64| sum as f64 / BATCH as f64;
    json!({ "ns": nanos, "allocations": per_call(taken.0), "bytes": per_call(taken.1) })
}

// === Storms ===

fn storm_of(run: fn(u64), threads: usize, effort: Effort) -> Value {
    let lasts = match effort {
        Effort::Quick => Duration::from_millis(100),
        Effort::Full | Effort::Count => Duration::from_millis(400),
    };
    let numbers = AtomicU64::new(0);
    together(run, threads, lasts / 4, &numbers, false);
    forget_peak();
    let before = peak_kib();
    let mut rates = Vec::new();
    let mut all = Histogram::new();
    for _ in 0..5 {
        rates.push(together(run, threads, lasts, &numbers, false).0);
        all.merge(&together(run, threads, lasts, &numbers, true).1);
    }
    let mut told = latencies(&all);
    told["events_per_s"] = json!(rates);
    told["rss_kib"] = json!(peak_kib().saturating_sub(before));
    told
}

/// Calls from so many threads at once: how many a second, or how long each.
fn together(
    run: fn(u64),
    threads: usize,
    lasts: Duration,
    numbers: &AtomicU64,
    each: bool,
) -> (f64, Histogram) {
    let (begin, end) = (Barrier::new(threads + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        let work = || {
            let _spans = events::spans();
            let mut histogram = Histogram::new();
            // A range of its own, so that the threads share no counter.
            let mut number = numbers.fetch_add(1 << 16, Ordering::Relaxed);
            run(number);
            begin.wait();
            let mut calls = 0_u64;
            while !end.load(Ordering::Relaxed) {
                number += 1;
                calls += 1;
                if each {
                    let start = Instant::now();
                    run(black_box(number));
                    histogram.add(start.elapsed().as_nanos() as u64);
                } else {
                    run(black_box(number));
                }
            }
            (calls, histogram)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        begin.wait();
        let start = Instant::now();
        thread::sleep(lasts);
        end.store(true, Ordering::Relaxed);
        let took = start.elapsed().as_secs_f64();
        let (mut calls, mut all) = (0, Histogram::new());
        for worker in workers {
            let (some, histogram) = worker.join().expect("no panic");
            calls += some;
            all.merge(&histogram);
        }
        (calls as f64 / took, all)
    })
}

fn dead(run: fn(u64), effort: Effort) -> Value {
    let calls = if effort == Effort::Quick { 50_000 } else { 1_000_000 };
    let _spans = events::spans();
    let mut histogram = Histogram::new();
    let start = Instant::now();
    forget_peak();
    let before = peak_kib();
    let mut number = 0;
    while number < calls && start.elapsed() < LONGEST {
        let start = Instant::now();
        run(black_box(number));
        histogram.add(start.elapsed().as_nanos() as u64);
        number += 1;
    }
    let took = start.elapsed().as_secs_f64();
    let mut told = latencies(&histogram);
    told["events_per_s"] = json!([number as f64 / took]);
    told["events"] = json!(number);
    told["rss_kib"] = json!(peak_kib().saturating_sub(before));
    told
}

fn latencies(histogram: &Histogram) -> Value {
    json!({
        "p50_ns": histogram.quantile(0.5),
        "p99_ns": histogram.quantile(0.99),
        "p999_ns": histogram.quantile(0.999),
    })
}

#[cfg(test)]
mod tests {
    use crate::measure::Histogram;

    #[test]
    fn a_latency_is_told_to_within_four_percent() {
        for nanos in [0, 1, 31, 32, 63, 64, 100, 999, 123_456, 10_u64.pow(10)] {
            let mut histogram = Histogram::new();
            histogram.add(nanos);
            let told = histogram.quantile(1.0);
            assert!(told <= nanos && (nanos - told) as f64 <= nanos as f64 * 0.04, "{nanos}");
        }
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|nanos| histogram.add(nanos));
        assert_eq!(histogram.quantile(0.5), 496);
    }
}
