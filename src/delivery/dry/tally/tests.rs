//! When it is told, and that it is told once.

use super::{Stopped, TITLES, Tally};
use crate::{stats::Count, witness::Witness};
use std::time::Duration;

#[test]
fn it_is_told_at_rest_or_after_ten_seconds() {
    let (tally, at) = (Tally::default(), Duration::from_millis);
    assert_eq!(tally.look(at(0)), Err(None));
    assert!(tally.stopped("a", Count::SuppressedRepeat));
    assert_eq!(tally.look(at(0)), Err(Some(at(1_000))));
    assert!(!tally.stopped("a", Count::SuppressedRepeat));
    assert_eq!(tally.look(at(900)), Err(Some(at(1_900))));
    let titles = vec![("a".into(), Count::SuppressedRepeat, 2)];
    let told = Stopped { titles, ..Stopped::default() };
    assert_eq!(tally.look(at(1_900)), Ok(told));
    for tick in 0..10 {
        tally.stopped("b", Count::SuppressedMute);
        assert!(tally.look(at(2_000 + tick * 999)).is_err());
    }
    tally.stopped("b", Count::SuppressedMute);
    assert_eq!(tally.look(at(12_000)).map(|told| told.titles[0].2), Ok(11));
    assert_eq!(tally.look(at(99_000)), Err(None));
}

#[test]
fn a_few_titles_are_told_by_name_and_the_rest_by_number() {
    let tally = Tally::default();
    for title in 0..TITLES + 3 {
        tally.stopped(&title.to_string(), Count::SuppressedStorm);
    }
    let told = tally.rest();
    assert_eq!((told.titles.len(), told.more), (TITLES, 3));
    assert_eq!(tally.rest(), Stopped::default());
}

#[test]
fn what_the_outbox_has_cancelled_is_told_once() {
    let tally = Tally::default();
    [0, 2, 3].into_iter().for_each(|count| tally.cancelled(count));
    assert_eq!(tally.rest().cancelled, 3);
    tally.cancelled(3);
    assert_eq!(tally.rest(), Stopped::default());
}
