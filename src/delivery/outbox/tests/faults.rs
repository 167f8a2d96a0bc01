//! What the endpoint answers, or does not, and what that holds up.

use std::time::Duration;

use super::bench::{ACCEPTED, Bench, OPENING, REPEAT, RESOLVE, asking, not_sent, secs, status};
use crate::delivery::{
    outbox::{
        Change,
        endpoint::PROBE,
        title::{PACE, PACE_WINDOW},
    },
    outcome::{NoAnswer, Outcome, TLS_PROBE, of_no_answer},
};

#[test]
fn f001_what_was_never_sent_is_kept_and_does_not_count_for_the_pace() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    for _ in 0..10 * PACE {
        bench.answer(not_sent()).unwrap();
        bench.hurry();
    }
    assert_eq!(bench.settle(0), [(1, OPENING)]);
    // Twin: what may have been seen does count.
    bench.push(2, OPENING);
    let ambiguous = of_no_answer(NoAnswer::Ambiguous);
    let mut attempts = 0;
    while bench.answer(ambiguous).is_some() {
        attempts += 1;
        bench.hurry();
    }
    assert_eq!(attempts, PACE);
    assert_eq!(bench.settle(61), [(2, OPENING)]);
}

#[test]
fn f012_500_burst_then_ok_is_retried_until_accepted_and_holds_up_nothing_else() {
    for burst in [1, 3, 7, 8, 20] {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        bench.answer(status(500)).unwrap();
        bench.push(2, OPENING);
        let mut left = burst - 1;
        let sent = bench.until(secs(3600), |sent| match sent.key {
            1 if left > 0 => {
                left -= 1;
                status(500)
            }
            _ => ACCEPTED,
        });
        assert_eq!((sent[0].key, sent[0].at), (2, secs(0)), "burst of {burst}");
        assert_eq!(sent.len(), burst + 1);
        let stats = bench.stats();
        assert_eq!((stats.delivered, stats.undelivered(), stats.pending), (2, 0, 0));
    }
}

#[test]
fn f013_what_is_behind_a_poisoned_title_is_delivered_at_once() {
    // From the first failure to the last, whenever something comes.
    for failures in 0..8 {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        for _ in 0..failures {
            while let Err(at) = bench.next() {
                bench.now = at.unwrap();
            }
            bench.finish(status(500));
        }
        for key in 2..5 {
            bench.push(key, OPENING);
        }
        let from = bench.now;
        let sent = bench.until(from + secs(1), |sent| match sent.key {
            1 => status(500),
            _ => ACCEPTED,
        });
        let others = sent.iter().filter(|sent| sent.key != 1);
        assert_eq!(others.count(), 3, "within 1 s after {failures} failures: {sent:?}");
    }
}

#[test]
fn f013_poison_is_set_aside_after_eight_failures_and_two_other_titles_accepted() {
    let poisoned = |bench: &mut Bench| {
        bench.until(bench.now + secs(300), |sent| match sent.key {
            1 => status(500),
            _ => ACCEPTED,
        })
    };
    // Many failures and one other title: it stays.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    for _ in 0..3 {
        bench.push(2, OPENING);
        assert!(poisoned(&mut bench).len() > 2);
    }
    assert_eq!((bench.stats().pending, bench.stats().lost.poison), (1, 0));
    bench.push(3, OPENING);
    poisoned(&mut bench);
    assert_eq!((bench.stats().pending, bench.stats().lost.poison), (0, 1));
    assert_eq!(bench.reopened(), [1]);
    // Two other titles and seven failures: it stays; after the eighth it goes.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(500)).unwrap();
    bench.delivered(2);
    bench.delivered(3);
    for failures in 1..8 {
        assert_eq!((bench.outbox.pending(), bench.stats().lost.poison), (1, 0), "{failures}");
        bench.hurry();
        assert_eq!(bench.answer(status(500)).unwrap().key, 1);
    }
    assert_eq!((bench.outbox.pending(), bench.stats().lost.poison), (0, 1));
    // Set aside for good or not: a later occurrence has its own chance.
    bench.push(1, OPENING);
    assert_eq!(bench.settle(61), [(1, OPENING)]);
}

#[test]
fn f012_an_hour_of_nothing_but_500_is_an_outage_and_loses_nothing() {
    let mut bench = Bench::default();
    for key in 0..20 {
        bench.push(key, OPENING);
    }
    let sent = bench.until(secs(3600), |_| status(500));
    assert!((60..3600).contains(&sent.len()), "{} attempts in an hour", sent.len());
    assert_eq!((bench.stats().pending, bench.stats().undelivered()), (20, 0));
    assert_eq!(bench.settle(90).len(), 20);
}

#[test]
fn f014_502_503_504_pause_the_endpoint_and_408_425_520_only_the_title() {
    let pauses_all = [not_sent(), status(502), status(503), status(504)];
    let pauses_one = [408, 425, 500, 501, 505, 520, 527, 599].map(status);
    let ambiguous = of_no_answer(NoAnswer::Ambiguous);
    let cases = pauses_all.map(|outcome| (outcome, 0)).into_iter();
    for (outcome, at_once) in
        cases.chain(pauses_one.map(|outcome| (outcome, 1))).chain([(ambiguous, 1)])
    {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        bench.answer(outcome).unwrap();
        bench.push(2, OPENING);
        let sent = bench.until(Duration::ZERO, |_| ACCEPTED);
        assert_eq!(sent.len(), at_once, "{outcome:?}");
        assert_eq!(bench.settle(60).len(), 2 - at_once, "{outcome:?}");
    }
}

#[test]
fn two_different_titles_that_fail_in_a_row_pause_the_endpoint() {
    let mut bench = Bench::default();
    for key in 1..=3 {
        bench.push(key, OPENING);
    }
    bench.answer(status(500)).unwrap();
    bench.answer(status(500)).unwrap();
    assert!(matches!(bench.next(), Err(Some(_))));
    assert_eq!(bench.settle(60).len(), 3);
    // Twin: with an answer between them they are not in a row.
    for (key, outcome) in [(1, status(500)), (2, status(400)), (3, status(500)), (4, ACCEPTED)] {
        bench.push(key, OPENING);
        assert_eq!(bench.answer(outcome).unwrap().key, key);
    }
    bench.settle(60);
}

#[test]
fn f015_f018_what_is_rejected_is_counted_and_reopened_and_the_rest_goes_on() {
    let mut bench = Bench::default();
    for (key, code) in (1..).zip([400, 405, 411, 415, 422, 301, 302, 303, 307, 308]) {
        bench.push(key, OPENING);
        bench.answer(status(code)).unwrap();
        assert_eq!(bench.reopened().last(), Some(&key), "{code}");
        bench.delivered(100 + key);
    }
    let stats = bench.stats();
    assert_eq!((stats.lost.rejected, stats.lost.redirect, stats.delivered), (5, 5, 10));
}

#[test]
fn f016_a_refused_endpoint_is_said_once_probed_every_five_minutes_and_loses_nothing() {
    for code in [401, 403, 404, 410] {
        let mut bench = Bench::default();
        for key in 1..=5 {
            bench.push(key, OPENING);
        }
        let sent = bench.until(secs(5 * 3600), |_| status(code));
        let gaps = sent.windows(2).map(|pair| pair[1].at - pair[0].at);
        assert!(gaps.into_iter().all(|gap| gap == PROBE), "{sent:?}");
        assert_eq!(sent.len(), 61);
        bench.hurry();
        assert!(bench.next().is_err(), "a flush is no reason to ask a refused endpoint");
        assert_eq!(bench.stats().pending, 5);
        assert_eq!(bench.said, [Change::Refuses; 6], "when it begins, and hourly");
        assert_eq!(bench.settle(300).len(), 5);
        assert_eq!(bench.said.get(6..), Some([Change::Accepts].as_slice()));
    }
}

#[test]
fn f027_what_tls_refuses_is_probed_every_minute_told_and_kept() {
    let mut bench = Bench::default();
    for key in 1..=5 {
        bench.push(key, OPENING);
    }
    let refused = of_no_answer(NoAnswer::Tls);
    let sent = bench.until(secs(2 * 3600 - 60), |_| refused);
    let gaps = sent.windows(2).map(|pair| pair[1].at - pair[0].at);
    assert!(gaps.into_iter().all(|gap| gap == TLS_PROBE), "{sent:?}");
    assert_eq!((sent.len(), bench.said.as_slice()), (120, [Change::Fails; 2].as_slice()));
    bench.hurry();
    assert!(bench.next().is_err(), "a flush makes no certificate valid");
    assert_eq!((bench.stats().pending, bench.stats().undelivered()), (5, 0));
    assert_eq!(bench.settle(60).len(), 5);
    assert_eq!(bench.said.last(), Some(&Change::Accepts));
}

#[test]
fn f017_what_is_too_large_goes_once_more_at_its_minimum() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    assert!(!bench.answer(status(413)).unwrap().minimal);
    let second = bench.answer(ACCEPTED).unwrap();
    assert!(second.minimal && second.at == Duration::ZERO);
    bench.push(2, OPENING);
    bench.answer(status(413)).unwrap();
    bench.push(3, OPENING);
    assert_eq!(bench.answer(status(413)).unwrap().key, 2);
    assert_eq!((bench.stats().lost.rejected, bench.reopened()), (1, vec![2]));
    assert_eq!(bench.settle(0), [(3, OPENING)]);
    // A failure in between does not make it grow again.
    bench.push(4, OPENING);
    bench.answer(status(413)).unwrap();
    assert!(bench.answer(status(500)).unwrap().minimal);
    assert!(bench.until(secs(60), |_| ACCEPTED)[0].minimal);
}

#[test]
fn f009_f011_what_the_server_asks_for_is_kept_to_and_not_shortened_by_a_flush() {
    let cases =
        [(429, Some("7"), 7), (429, None, 60), (503, Some("300"), 300), (500, Some("2"), 2)];
    for (code, header, seconds) in cases {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        bench.answer(asking(code, header)).unwrap();
        bench.hurry();
        let sent = bench.until(secs(400), |_| ACCEPTED);
        assert_eq!(sent[0].at, secs(seconds), "{code} {header:?}");
    }
    // Of a 429 only its own title.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(429)).unwrap();
    bench.delivered(2);
    bench.settle(60);
}

#[test]
fn a_flush_waives_delays_of_our_own() {
    for outcome in [status(500), status(503), not_sent()] {
        let mut bench = Bench::default();
        bench.push(1, OPENING);
        bench.answer(outcome).unwrap();
        assert!(matches!(bench.next(), Err(Some(_))), "{outcome:?}");
        bench.hurry();
        assert_eq!(bench.settle(0), [(1, OPENING)], "{outcome:?}");
    }
}

/// 100,000 alternating triggers and resolves of one title against this endpoint, flushed all the
/// time. Asserts the pace and the last word.
fn flap(outcome: impl Fn(u64) -> Outcome) {
    let mut bench = Bench::default();
    let (mut triggers, mut is_open, mut attempts) = (Vec::new(), false, 0);
    for turn in 0..100_000_u64 {
        let now = Duration::from_millis(7 * turn);
        bench.push(1, if turn % 2 == 0 { OPENING } else { RESOLVE });
        if turn % 10 == 0 {
            bench.push(1, REPEAT);
        }
        bench.hurry();
        for sent in bench.until(now, |_| outcome(attempts)) {
            triggers.extend(sent.is_trigger().then_some(sent.at));
            if matches!(outcome(attempts), Outcome::Accepted { .. }) {
                is_open = sent.is_trigger();
            }
            attempts += 1;
        }
    }
    bench.push(1, OPENING);
    for sent in bench.until(secs(900), |_| ACCEPTED) {
        triggers.extend(sent.is_trigger().then_some(sent.at));
        is_open = sent.is_trigger();
    }
    assert!(is_open && bench.outbox.pending() == 0);
    assert!(triggers.len() > 50, "{} attempts", triggers.len());
    for window in triggers.windows(PACE + 1) {
        assert!(window[PACE] - window[0] > PACE_WINDOW, "{window:?}");
    }
    bench.push(1, RESOLVE);
    assert_eq!(bench.settle(0), [(1, RESOLVE)]);
}

#[test]
fn a_title_is_never_triggered_ten_times_in_a_minute_by_an_endpoint_that_accepts_at_once() {
    flap(|_| ACCEPTED);
}

#[test]
fn a_title_is_never_triggered_ten_times_in_a_minute_by_an_endpoint_that_fails_at_once() {
    flap(|_| status(500));
    flap(|_| of_no_answer(NoAnswer::Ambiguous));
    flap(|attempt| if attempt % 3 == 0 { ACCEPTED } else { status(503) });
}

#[test]
fn f001_an_endpoint_that_fails_again_and_again_is_told_hourly_and_when_it_is_over() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.until(secs(2 * 3600 - 60), |_| not_sent());
    assert_eq!(bench.said, [Change::Fails; 2]);
    bench.settle(300);
    assert_eq!(bench.said.get(2..), Some([Change::Accepts].as_slice()));
    // A failure or two is the way of the world.
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(not_sent()).unwrap();
    bench.settle(300);
    assert_eq!(bench.said, []);
}

#[test]
fn f013_a_resolve_is_not_set_aside_for_the_failures_of_its_trigger() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    bench.answer(status(500)).unwrap();
    for key in [2, 3] {
        bench.push(key, OPENING);
        bench.answer(ACCEPTED).unwrap();
    }
    for failure in 2..=8 {
        // Until the title's pause is over, and the pace allows another attempt.
        while let Err(at) = bench.next() {
            bench.now = at.unwrap();
        }
        if failure == 8 {
            bench.push(1, RESOLVE);
        }
        bench.finish(status(500));
    }
    assert_eq!((bench.stats().lost.poison, bench.outbox.pending()), (0, 1));
    assert_eq!(bench.settle(3_600), [(1, RESOLVE)]);
}

#[test]
fn f013_a_title_that_fails_while_others_are_accepted_is_no_news_of_the_endpoint() {
    let mut bench = Bench::default();
    bench.push(1, OPENING);
    for key in 2..9 {
        bench.push(key, OPENING);
        bench.until(bench.now + secs(61), |sent| match sent.key {
            1 => status(429),
            _ => ACCEPTED,
        });
    }
    assert_eq!(bench.said, []);
}
