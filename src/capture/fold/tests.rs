//! The bound on kinds, under virtual time and against a plain model.

use std::{collections::HashMap, time::Duration};

use super::{Fold, KINDS, Opening, Opens, SETS, WAYS, WINDOW};
use crate::{backoff::scramble, capture::title::Draft};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn open(fold: &Fold, site: u64, kind: u64, now: Duration) -> Result<Opening, String> {
    let mut draft = Draft::default();
    draft.give(&format!("kind {kind}"));
    let (_, mut folding) = draft.split();
    match fold.open(site, kind, &mut folding, now) {
        Opens::Own(opening) => Ok(opening),
        Opens::Folded { place } => Err(folding.finish(place).to_owned()),
    }
}

fn own(fold: &Fold, site: u64, kind: u64, now: Duration) -> bool {
    open(fold, site, kind, now).is_ok()
}

#[test]
fn five_kinds_open_and_the_rest_is_folded_into_the_first() {
    let fold = Fold::new();
    assert!((1..=5).all(|kind| own(&fold, 7, kind, secs(kind))));
    for kind in 6..1_000 {
        let folded = open(&fold, 7, kind, secs(10)).unwrap_err();
        assert_eq!(folded, "more kinds of: kind 1");
    }
    assert!((1..=5).all(|kind| own(&fold, 7, kind, secs(20))), "they keep their titles");
    assert!(own(&fold, 8, 6, secs(20)), "another callsite is another matter");
}

#[test]
fn a_new_kind_takes_the_place_of_one_that_counts_no_longer() {
    let fold = Fold::new();
    (1..=5).for_each(|kind| assert!(own(&fold, 7, kind, secs(100 * kind))));
    assert!(!own(&fold, 7, 6, secs(100) + WINDOW - Duration::from_millis(1)));
    // Opened again, the first counts anew, and the second is the oldest.
    assert!(own(&fold, 7, 1, secs(600)));
    assert!(!own(&fold, 7, 6, secs(100) + WINDOW));
    assert!(own(&fold, 7, 6, secs(200) + WINDOW));
    assert_eq!(open(&fold, 7, 2, secs(200) + WINDOW).unwrap_err(), "more kinds of: kind 1");
    assert!((3..=6).all(|kind| own(&fold, 7, kind, secs(200) + WINDOW)));
}

#[test]
fn what_was_not_opened_is_not_counted_and_names_nothing() {
    let fold = Fold::new();
    let first = open(&fold, 7, 1, secs(0)).unwrap();
    fold.take_back(first);
    for kind in 100..200 {
        fold.take_back(open(&fold, 7, kind, secs(1)).unwrap());
    }
    assert!((2..=6).all(|kind| own(&fold, 7, kind, secs(2))));
    assert_eq!(open(&fold, 7, 1, secs(2)).unwrap_err(), "more kinds of: kind 2");
    // A place that is given back is free, and what was opened before counts from then.
    let again = open(&fold, 7, 6, secs(500)).unwrap();
    fold.take_back(again);
    fold.take_back(again);
    assert!(!own(&fold, 7, 9, secs(601)));
    assert!(own(&fold, 7, 9, secs(602)));
}

#[test]
fn the_table_is_bounded_and_forgets_the_least_recently_used() {
    let fold = Fold::new();
    let sites = |fold: &Fold| -> usize {
        let used = |set: &std::sync::Mutex<super::Set>| {
            set.lock().unwrap().sites.iter().filter(|site| site.key != 0).count()
        };
        fold.sets.iter().map(used).sum()
    };
    // Callsites that share a set.
    let site = |n: u64| 5 + n * SETS as u64;
    let full = |site: u64| (1..=5).for_each(|kind| assert!(own(&fold, site, kind, secs(0))));
    (0..WAYS as u64).map(site).for_each(full);
    assert!(!own(&fold, site(0), 6, secs(1)), "it was used last");
    full(site(9));
    assert!(!own(&fold, site(0), 6, secs(1)));
    assert!(own(&fold, site(1), 6, secs(1)), "it was forgotten");
    for n in 0..100_000 {
        assert!(own(&fold, scramble(n), 1, secs(2)));
    }
    assert_eq!((sites(&fold), SETS * WAYS), (256, 256));
}

/// What the fold does, said plainly.
#[derive(Default)]
struct Plain {
    first: Option<u64>,
    kinds: Vec<(u64, u64)>,
}

impl Plain {
    fn open(&mut self, kind: u64, now: u64) -> Result<(), String> {
        let known = self.kinds.iter().position(|(of, _)| *of == kind);
        let recent = self.kinds.iter().filter(|(_, at)| now - at < 600_000).count();
        if known.is_none() && recent == KINDS {
            return Err(format!("more kinds of: kind {}", self.first.unwrap()));
        }
        if known.is_none() && self.kinds.len() == KINDS {
            let oldest = (0..KINDS).min_by_key(|n| self.kinds[*n].1).unwrap();
            self.kinds.remove(oldest);
        }
        self.kinds.retain(|(of, _)| *of != kind);
        self.kinds.push((kind, now));
        self.first.get_or_insert(kind);
        Ok(())
    }
}

#[test]
fn a_random_run_agrees_with_a_plain_model() {
    let fold = Fold::new();
    let mut plain: HashMap<u64, Plain> = HashMap::new();
    let (mut now, mut folded, mut opened) = (0, 0, 0);
    for step in 0..300_000_u64 {
        let roll = scramble(step);
        // No two openings at one moment, so that there is one oldest.
        now += 1 + roll % 10_000;
        // As many callsites as one set holds, or fewer, in each of two sets.
        let site = 1 + (roll >> 16) % 2 + SETS as u64 * ((roll >> 24) % WAYS as u64);
        let kind = 1 + (roll >> 32) % 12;
        let model = plain.entry(site).or_default();
        let found = open(&fold, site, kind, Duration::from_millis(now));
        if (roll >> 48).is_multiple_of(5)
            && let Ok(opening) = &found
        {
            // Refused: the model never hears of it, but for a kind that counts no longer.
            fold.take_back(*opening);
            if !model.kinds.iter().any(|(of, _)| *of == kind) && model.kinds.len() == KINDS {
                let oldest = (0..KINDS).min_by_key(|n| model.kinds[*n].1).unwrap();
                assert!(now - model.kinds[oldest].1 >= 600_000, "step {step}");
                model.kinds.remove(oldest);
            }
            continue;
        }
        let expected = model.open(kind, now);
        assert_eq!(found.map(drop), expected, "step {step}");
        *(if expected.is_ok() { &mut opened } else { &mut folded }) += 1;
    }
    assert!(folded > 50_000 && opened > 50_000, "{folded} folded, {opened} opened");
}

#[test]
fn of_many_threads_five_kinds_open() {
    let fold = Fold::new();
    let opened: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let fold = &fold;
                let own = move |kind| own(fold, 7, thread * 10_000_u64 + kind + 1, secs(1));
                scope.spawn(move || (0..10_000).filter(|kind| own(*kind)).count())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(opened, KINDS);
}
