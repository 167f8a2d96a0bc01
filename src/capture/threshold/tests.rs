use super::{MOST, Reached, SETS, WAYS, Waiting};
use crate::{backoff::scramble, rule::Threshold};
use std::time::Duration;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const THREE: Threshold = Threshold { n: 3, within: Duration::from_secs(60) };

#[test]
fn so_many_within_the_window_and_no_fewer() {
    let waiting = Waiting::new();
    assert_eq!(waiting.occurs(7, THREE, secs(0)), None);
    assert_eq!(waiting.occurs(7, THREE, secs(1)), None);
    assert_eq!(waiting.occurs(8, THREE, secs(1)), None, "another title");
    let reached = Some(Reached { earlier: 2, first: secs(0) });
    assert_eq!(waiting.occurs(7, THREE, secs(60)), reached);
    // Nobody has paged yet (no room, say): it still is so.
    let again = Some(Reached { earlier: 2, first: secs(1) });
    assert_eq!(waiting.occurs(7, THREE, secs(61)), again);
    waiting.clear(7);
    assert_eq!(waiting.occurs(7, THREE, secs(62)), None, "begins anew");
}

#[test]
fn slow_ones_never_page() {
    let waiting = Waiting::new();
    assert!((0..1_000).all(|n| waiting.occurs(7, THREE, secs(31 * n)).is_none()));
    // Twin: a little faster they do.
    assert!((2_000..2_003).any(|n| waiting.occurs(7, THREE, secs(30 * n)).is_some()));
}

#[test]
fn it_agrees_with_a_list_of_all_times() {
    for seed in 0..200 {
        let waiting = Waiting::new();
        let roll = |step: u64| scramble(scramble(seed) ^ step);
        let n = 1 + (roll(0) % 9) as u32;
        let occurrences = n as usize;
        let threshold = Threshold { n, within: Duration::from_millis(1 + roll(1) % 5_000) };
        let (mut all, mut now) = (Vec::new(), 0);
        for step in 2..300 {
            now += roll(step) % 1_000;
            let at = Duration::from_millis(now);
            all.push(at);
            let recent = |time: &&Duration| at - **time <= threshold.within;
            let often = all.iter().filter(recent).count() >= occurrences;
            let reached = waiting.occurs(1, threshold, at);
            assert_eq!(reached.is_some(), often, "seed {seed}, step {step}");
            let first = all.len().saturating_sub(occurrences);
            assert!(reached.is_none_or(|reached| reached.first == all[first]), "seed {seed}");
            if often && roll(step).is_multiple_of(2) {
                waiting.clear(1);
                all.clear();
            }
        }
    }
}

#[test]
fn the_table_is_bounded_and_forgets_the_least_recently_used() {
    let waiting = Waiting::new();
    let most = Threshold { n: u32::MAX, within: secs(60) };
    for title in 0..100_000 {
        waiting.occurs(scramble(title), most, secs(title / 1_000));
    }
    let sets = waiting.sets.iter().map(|set| set.lock().unwrap());
    let room: usize =
        sets.map(|set| set.titles.iter().map(|title| title.times.capacity()).sum::<usize>()).sum();
    assert!(room <= SETS * WAYS * MOST * 2, "room for {room} times");
    // One in use is kept while others come and go.
    waiting.occurs(1, THREE, secs(200));
    for title in 0..3 {
        waiting.occurs(1 + SETS as u64 * (2 + title), THREE, secs(200));
    }
    waiting.occurs(1, THREE, secs(200));
    waiting.occurs(1 + SETS as u64 * 9, THREE, secs(200));
    assert!(waiting.occurs(1, THREE, secs(200)).is_some());
}
