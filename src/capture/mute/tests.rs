use std::time::Duration;

use super::{LONGEST, Mute};

const fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Seconds left at second `now`.
fn left(mute: &Mute, now: u64) -> u64 {
    let left = mute.left(|| at(now)).unwrap_or_default();
    assert_eq!(left.subsec_nanos(), 0);
    left.as_secs()
}

#[test]
fn nothing_is_muted_before_it_is_asked_for_and_the_clock_is_not_read() {
    assert_eq!(Mute::default().left(|| panic!("read the clock")), None);
}

#[test]
fn a_timed_mute_ends_by_itself_is_replaced_and_ended() {
    let mute = Mute::default();
    mute.set(at(60), at(100));
    assert_eq!((left(&mute, 100), left(&mute, 159), left(&mute, 160), left(&mute, 500)), {
        (60, 1, 0, 0)
    });
    // Replaced by a shorter one, then by a longer one.
    mute.set(at(5), at(110));
    assert_eq!((left(&mute, 110), left(&mute, 115)), (5, 0));
    mute.set(at(90), at(112));
    assert_eq!(left(&mute, 112), 90);
    mute.set(Duration::ZERO, at(113));
    assert_eq!(left(&mute, 113), 0);
}

#[test]
fn it_is_exact_to_the_nanosecond() {
    let (mute, tick) = (Mute::default(), Duration::from_nanos(1));
    mute.set(tick, at(1));
    assert_eq!(mute.left(|| at(1)), Some(tick));
    assert_eq!(mute.left(|| at(1) + tick), None);
}

#[test]
fn it_is_muted_while_any_lasts() {
    let mute = Mute::default();
    let one = mute.enter(at(60), at(0));
    let two = mute.enter(at(30), at(10));
    mute.set(at(5), at(10));
    assert_eq!(left(&mute, 12), 48);
    mute.leave(one, at(12));
    assert_eq!(left(&mute, 12), 28, "the other scope");
    mute.set(Duration::ZERO, at(13));
    assert_eq!(left(&mute, 13), 27, "no scope is ended by a timed mute");
    mute.set(at(100), at(14));
    mute.leave(two, at(15));
    assert_eq!(left(&mute, 15), 99, "no timed mute is ended by a scope");
    mute.leave(two, at(16));
    mute.leave(one, at(16));
    assert_eq!(left(&mute, 16), 98, "a scope ends once");
}

#[test]
fn a_forgotten_scope_ends_and_leaves_nothing_behind() {
    let mute = Mute::default();
    for now in 0..1000 {
        mute.enter(at(2), at(now));
    }
    assert_eq!(mute.mutes.lock().unwrap().scopes.len(), 2);
    assert_eq!((left(&mute, 1000), left(&mute, 1001)), (1, 0));
    // Dropped at last, it ends no other.
    let other = mute.enter(at(5), at(2000));
    mute.leave(0, at(2000));
    assert_eq!(left(&mute, 2000), 5);
    mute.leave(other, at(2000));
    assert_eq!(left(&mute, 2000), 0);
}

#[test]
fn no_mute_lasts_longer_than_a_day() {
    let mute = Mute::default();
    mute.set(Duration::MAX, at(7));
    assert_eq!(mute.left(|| at(7)), Some(LONGEST));
    mute.set(Duration::ZERO, at(7));
    mute.enter(Duration::MAX, at(7));
    assert_eq!(mute.left(|| at(7)), Some(LONGEST));
    assert_eq!(mute.left(|| at(7) + LONGEST), None);
    mute.enter(Duration::ZERO, at(500_000));
    assert_eq!(left(&mute, 500_000), 0);
}

#[test]
fn what_is_asked_before_the_newest_change_is_no_error() {
    let mute = Mute::default();
    mute.set(at(5), at(10));
    assert_eq!(left(&mute, 9), 6);
}
