//! What the longest and worst messages cost: time in proportion to their length.
//!
//! Measured as processor time of this thread, the least of a few runs, so that a busy machine
//! changes little; and only when `SPIKE_TITLE_CASES` is set (`.ci/long properties`), since a debug
//! build says nothing of it.

#![expect(clippy::print_stdout, reason = "what was measured is for people")]

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{derive, p, properties::wanted, shapes::Dice};

/// What hostile messages repeat.
pub(super) const UNITS: [&str; 64] =
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/hostile.inc"));

/// The least processor time of a few runs.
fn least(runs: u32, mut work: impl FnMut()) -> Duration {
    let now = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).expect("a second"))
    };
    let mut least = Duration::MAX;
    for _ in 0..runs {
        let start = now();
        work();
        least = least.min(now().saturating_sub(start));
    }
    least
}

#[test]
fn time_grows_with_the_length_and_no_faster() {
    const SMALL: usize = 64 << 10;
    const GROWTH: usize = 8;
    if wanted().is_none() || cfg!(debug_assertions) {
        println!("not run: .ci/long properties measures it");
        return;
    }
    let mut dice = Dice(4);
    let mut units: Vec<String> = UNITS.map(str::to_owned).to_vec();
    units.extend((0..200).map(|_| format!("{}{}", dice.pick(&UNITS), dice.pick(&UNITS))));
    units.extend((0..100).map(|_| [0; 3].map(|_| dice.pick(&UNITS)).concat()));
    let (mut worst, mut slowest) = ((0.0, String::new()), (Duration::ZERO, String::new()));
    let mut longest = (Duration::ZERO, String::new());
    let mut broken = Vec::new();
    for unit in units {
        let of = |size: usize| unit.repeat(size / unit.len());
        let (small, large, huge) = (of(SMALL), of(SMALL * GROWTH), of(1 << 20));
        let one = least(7, || drop(p(&small)));
        let many = least(3, || drop(p(&large)));
        let title = least(3, || drop(derive(&huge, "shop")));
        // A copy of a text is not for nothing, and a small one is in the cache.
        let ratio = many.as_secs_f64() / one.as_secs_f64().max(20e-6);
        if ratio > GROWTH as f64 * 2.5 || title > Duration::from_millis(5) {
            broken.push(format!("{unit:?}: {one:?}, then {many:?}; the title of a MiB {title:?}"));
        }
        if ratio > worst.0 {
            worst = (ratio, unit.clone());
        }
        if title > slowest.0 {
            slowest = (title, unit.clone());
        }
        if many > longest.0 {
            longest = (many, unit.clone());
        }
    }
    println!("8 times the text, at most {:.1} times the time ({:?})", worst.0, worst.1);
    println!("the title of 1 MiB, at most {:?} ({:?})", slowest.0, slowest.1);
    println!("all of 512 KiB scanned, at most {:?} ({:?})", longest.0, longest.1);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
