use super::{CAUSES, Causes, Failure, SETS};
use std::time::Duration;

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn failure(hash: u64, title: u64) -> Failure {
    Failure { hash, title, rank: 0 }
}

#[test]
fn the_same_error_soon_after_under_another_title_follows_the_first() {
    let causes = Causes::new();
    assert!(!causes.follows(failure(9, 1), "query failed", millis(0)), "nobody before it");
    causes.note(failure(9, 1), millis(0));
    assert!(!causes.follows(failure(9, 1), "query failed", millis(1)), "its own title");
    assert!(!causes.follows(failure(8, 2), "order failed", millis(1)), "another error");
    assert!(!causes.leads(1));
    assert!(causes.follows(failure(9, 2), "order failed", millis(1_000)) && causes.leads(1));
    assert!(causes.follows(failure(9, 3), "request failed", millis(1_000)));
    assert!(causes.follows(failure(9, 2), "order failed", millis(1_000)));
    assert!(!causes.follows(failure(9, 2), "order failed", millis(1_001)), "a second later");
    assert_eq!(causes.followers(1).as_deref(), Some("order failed; request failed"));
    assert_eq!((causes.followers(1), causes.followers(2)), (None, None), "told once");
}

#[test]
fn what_is_more_severe_follows_nobody_milder() {
    let causes = Causes::new();
    causes.note(Failure { rank: 1, ..failure(9, 1) }, millis(0));
    assert!(causes.follows(Failure { rank: 1, ..failure(9, 2) }, "order failed", millis(1)));
    assert!(!causes.follows(Failure { rank: 2, ..failure(9, 2) }, "order failed", millis(1)));
}

#[test]
fn the_oldest_is_forgotten_first() {
    let causes = Causes::new();
    // All in one set.
    let hash = |number: usize| (number * SETS) as u64;
    for number in 0..=CAUSES {
        causes.note(failure(hash(number), 1), millis(number as u64));
    }
    assert!(!causes.follows(failure(hash(0), 2), "x", millis(100)));
    assert!(causes.follows(failure(hash(1), 2), "x", millis(100)));
}

#[test]
fn what_tells_of_a_panic_within_the_window_follows_it_and_is_named_once() {
    let causes = Causes::new();
    assert!(!causes.has_panic(millis(0)));
    causes.note_panic("7 bytes", 7, millis(0));
    assert!(!causes.has_panic(millis(0)));
    causes.note_panic("no \"user\"\n4711", 7, millis(0));
    assert!(causes.has_panic(millis(1_000)) && !causes.has_panic(millis(1_001)));
    for tells in ["a: no \"user\"\n4711!", r#"task 3 panicked with message "no \"user\"\n4711""#] {
        assert!(causes.follows_panic(tells, "job is lost", millis(999)), "{tells}");
    }
    assert!(!causes.follows_panic("no user 4711", "other", millis(10)));
    assert_eq!(causes.followers(7).as_deref(), Some("job is lost"));
    assert_eq!(causes.followers(7), None, "told once");
    assert!(!causes.follows_panic("a: no \"user\"\n4711!", "late", millis(1_001)));
    // Said again under the same title, with another value.
    causes.note_panic("no \"user\" 4712", 7, millis(5_000));
    assert!(causes.follows_panic("no \"user\" 4712", "again", millis(5_999)));
    assert!(!causes.follows_panic("no \"user\"\n4711", "old", millis(5_999)));
    // The oldest goes.
    for n in 0..8 {
        causes.note_panic(&format!("another one {n}"), 10 + n, millis(5_100 + n));
    }
    assert!(!causes.follows_panic("no \"user\" 4712", "gone", millis(5_200)));
}
