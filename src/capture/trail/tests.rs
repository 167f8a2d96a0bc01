use std::time::Duration;

use tracing::{Metadata, callsite, callsite::Callsite, metadata::Kind};

use super::{
    ROOTS, Recording, Set,
    ring::{BYTES, Ring},
};
use crate::{
    capture::span::kept::{Item, read},
    fields::Value,
    incident::Trail,
};

const MOST: usize = 4;

fn meta() -> &'static Metadata<'static> {
    callsite! { name: "event", kind: Kind::EVENT, fields: message, number }.metadata()
}

fn recording(number: u64, length: usize) -> Recording {
    let mut recording = Recording::new(meta());
    recording.kept.push(0, Item::Text(&"x".repeat(length)));
    recording.kept.push(1, Item::Plain(Value::U64(number)));
    recording
}

/// The numbers of a trail's events, with how long before each was, in seconds.
fn told(trail: &Trail) -> Vec<(u64, u64)> {
    let mut rest = trail.bytes.as_slice();
    let number = |step: &crate::incident::Step| {
        let (bytes, behind) = rest.split_at(step.length.into());
        rest = behind;
        let number = read(step.meta, bytes).find_map(|(name, item)| match item {
            Item::Plain(Value::U64(number)) if name == "number" => Some(number),
            _ => None,
        });
        (number.unwrap(), step.at.as_secs())
    };
    let told = trail.steps.iter().map(number).collect();
    assert!(rest.is_empty());
    told
}

#[test]
fn a_ring_has_the_newest_that_fit_whatever_their_lengths() {
    for most in [1, 3, 64] {
        let mut ring = Ring::default();
        for number in 0..1_000_u64 {
            let length = usize::try_from(number * 7_919 % 480).unwrap();
            ring.push(&recording(number, length), Duration::from_secs(number), most);
            let trail = ring.copy(Duration::from_secs(number));
            assert!(trail.steps.len() <= most && trail.bytes.len() <= BYTES);
            let told = told(&trail);
            let newest = (0..told.len() as u64).rev().map(|before| (number - before, before));
            assert_eq!(told, newest.collect::<Vec<_>>());
            let full = told.len() == most || trail.bytes.len() + 512 > BYTES;
            assert!(full || told.len() as u64 == number + 1, "{number}: {}", told.len());
        }
        ring.clear();
        assert!(ring.copy(Duration::ZERO).steps.is_empty());
    }
}

fn numbers(set: &Set, root: u64) -> Option<Vec<u64>> {
    let trail = set.copy(root, Duration::ZERO)?;
    Some(told(&trail).into_iter().map(|(number, _)| number).collect())
}

#[test]
fn of_more_roots_than_there_is_room_for_the_one_that_was_quiet_for_longest_goes() {
    let set = Set::default();
    let write = |root: u64| set.write(root, &recording(root, 8), Duration::ZERO, MOST);
    let last = ROOTS as u64;
    (1..=last).for_each(write);
    write(1);
    write(last + 1);
    assert_eq!(numbers(&set, 1), Some(vec![1, 1]));
    assert!(set.copy(2, Duration::ZERO).is_some_and(|it| it.missed && it.steps.is_empty()));
    assert_eq!(numbers(&set, 3), Some(vec![3]));
    assert_eq!(numbers(&set, last + 1), Some(vec![last + 1]));
}

#[test]
fn a_root_that_has_ended_leaves_nothing_to_one_with_its_number() {
    let trails = super::Trails::new(MOST);
    let id = tracing::span::Id::from_u64(4711);
    let write = |number| trails.set(4711).write(4711, &recording(number, 8), Duration::ZERO, MOST);
    write(1);
    trails.forget(&id);
    trails.forget(&tracing::span::Id::from_u64(4712));
    assert_eq!(numbers(trails.set(4711), 4711), None);
    write(2);
    assert_eq!(numbers(trails.set(4711), 4711), Some(vec![2]));
}

#[test]
fn what_could_not_be_written_is_told_and_nobody_waits() {
    let set = Set::default();
    let write = |number| set.write(1, &recording(number, 8), Duration::ZERO, MOST);
    write(1);
    {
        let _held = set.rings.lock().unwrap();
        write(2);
        assert!(set.copy(1, Duration::ZERO).unwrap().missed);
    }
    write(3);
    let trail = set.copy(1, Duration::ZERO).unwrap();
    assert_eq!((numbers(&set, 1), trail.missed), (Some(vec![1, 3]), true));
    // So of one that has nothing else.
    {
        let _held = set.rings.lock().unwrap();
        set.write(2, &recording(4, 8), Duration::ZERO, MOST);
    }
    let trail = set.copy(2, Duration::ZERO).unwrap();
    assert_eq!((trail.missed, trail.steps.len()), (true, 0));
    assert!(set.copy(3, Duration::ZERO).is_none());
}
