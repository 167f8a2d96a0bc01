use super::{CAUSES, Causes, Failure};
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
    for hash in 0..=CAUSES as u64 {
        causes.note(failure(hash, 1), millis(hash));
    }
    assert!(!causes.follows(failure(0, 2), "x", millis(100)));
    assert!(causes.follows(failure(1, 2), "x", millis(100)));
}
