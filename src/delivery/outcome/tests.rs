use super::{Answer, Blames, Later, NoAnswer, Outcome, Reach, of_answer, of_no_answer};
use crate::stats::Count;
use std::time::{Duration, SystemTime};

fn answer(status: u16) -> Answer<'static> {
    Answer { status, retry_after: None, date: None, body: b"{}", local: SystemTime::UNIX_EPOCH }
}

fn later(blames: Blames, reach: Reach) -> Outcome {
    Outcome::Later(Later { blames, asked: None, reach })
}

/// What DESIGN.md says of a status, and what it asks to wait when `Retry-After` doesn't.
fn designed(status: u16) -> (Outcome, Option<u64>) {
    match status {
        200..=299 => (Outcome::Accepted { verified: false }, None),
        401 | 403 | 404 | 410 => (Outcome::Refused, None),
        413 => (Outcome::TooLarge, None),
        429 => (later(Blames::Title, Reach::Answered), Some(60)),
        500 => (later(Blames::Poison, Reach::Answered), None),
        // A proxy's: the server behind it may have the request all the same.
        502 | 504 => (later(Blames::Endpoint, Reach::Ambiguous), None),
        503 => (later(Blames::Endpoint, Reach::Answered), None),
        408 | 520..=527 => (later(Blames::Title, Reach::Ambiguous), None),
        425 | 501 | 505..=519 | 528..=599 => (later(Blames::Title, Reach::Answered), None),
        // Not the end of any request, or no status at all: nothing is known.
        100..=199 | 600..=999 => (later(Blames::Title, Reach::Ambiguous), None),
        300..=399 => (Outcome::Rejected(Count::LostRedirect), None),
        _ => (Outcome::Rejected(Count::LostRejected), None),
    }
}

#[test]
fn f011_f014_f015_f016_f017_f018_every_status_has_its_meaning_whatever_it_asks_for() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let asks = [
        (None, None),
        (Some("7"), Some(7)),
        (Some("Sun, 06 Nov 1994 08:49:57 GMT"), Some(20)),
        (Some("soon"), Some(60)),
    ];
    let mut table = 0;
    for status in 100..=999 {
        let (designed, of_itself) = designed(status);
        for (retry_after, seconds) in asks {
            let given = Answer { retry_after, date: Some(date), ..answer(status) };
            let expected = match designed {
                Outcome::Later(later) => {
                    let asked = seconds.or(of_itself).map(Duration::from_secs);
                    Outcome::Later(Later { asked, ..later })
                }
                // A pause that nobody needs.
                other => other,
            };
            assert_eq!(of_answer(&given), expected, "{status} {retry_after:?}");
            table += 1;
        }
    }
    assert_eq!(table, 3600);
}

#[test]
fn f010_f035_a_date_counts_from_the_servers_own_and_without_that_from_ours() {
    const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);
    let day = Duration::from_secs(86_400);
    let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
    let asked = |local: SystemTime, date: Option<&str>| {
        let retry_after = Some("Sun, 06 Nov 1994 08:49:57 GMT");
        match of_answer(&Answer { retry_after, date, local, ..answer(429) }) {
            Outcome::Later(later) => later.asked.unwrap().as_secs(),
            other => panic!("{other:?}"),
        }
    };
    let clocks = [now, now + day, now - day, now + YEARS, now - YEARS, SystemTime::UNIX_EPOCH];
    for local in clocks {
        assert_eq!(asked(local, Some("Sun, 06 Nov 1994 08:49:37 GMT")), 20, "{local:?}");
    }
    // A server without a clock, or with one that can't be read: ours, within bounds.
    for date in [None, Some("today")] {
        let expected = [20, 1, 300, 1, 300, 300];
        assert_eq!(clocks.map(|local| asked(local, date)), expected, "{date:?}");
    }
}

#[test]
fn f019_only_ok_true_is_verified_and_ok_false_is_a_failure() {
    let bodies: [(&[u8], Outcome); 6] = [
        (b"{\"Ok\": true}", Outcome::Accepted { verified: true }),
        (b"{\"Ok\": false}", later(Blames::Poison, Reach::Answered)),
        (b"{}", Outcome::Accepted { verified: false }),
        (b"", Outcome::Accepted { verified: false }),
        (b"<html>", Outcome::Accepted { verified: false }),
        (b"{\"Ok\": \"true\"}", Outcome::Accepted { verified: false }),
    ];
    for (body, expected) in bodies {
        assert_eq!(of_answer(&Answer { body, ..answer(200) }), expected);
    }
}

#[test]
fn f009_f010_f011_retry_after_is_read_in_both_forms_and_clamped() {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let table = [
        ("1", 1),
        ("60", 60),
        ("86400", 300),
        ("0", 1),
        ("-1", 60),
        ("1.5", 60),
        ("", 60),
        ("abc", 60),
        ("1e309", 60),
        ("18446744073709551616", 300),
        (" 7 ", 7),
        ("Sun, 06 Nov 1994 08:49:57 GMT", 20),
        ("Sunday, 06-Nov-94 08:49:57 GMT", 20),
        ("Sun Nov  6 08:49:57 1994", 20),
        ("Sun, 06 Nov 1994 08:49:07 GMT", 1),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300),
    ];
    for (text, seconds) in table {
        let given = Answer { retry_after: Some(text), date: Some(date), ..answer(503) };
        let Outcome::Later(Later { asked, .. }) = of_answer(&given) else { panic!("{text:?}") };
        assert_eq!(asked, Some(Duration::from_secs(seconds)), "{text:?}");
    }
}

#[test]
fn f001_f004_f027_what_was_not_sent_is_told_from_what_may_have_been() {
    let reach = |failure| match of_no_answer(failure) {
        Outcome::Later(Later { reach, .. }) => reach,
        other => panic!("{other:?}"),
    };
    assert_eq!(reach(NoAnswer::NotConnected), Reach::NotSent);
    assert_eq!(reach(NoAnswer::Tls), Reach::NotSent);
    assert_eq!(reach(NoAnswer::Ambiguous), Reach::Ambiguous);
    let sent = [Reach::NotSent, Reach::Answered, Reach::Ambiguous].map(Reach::is_sent);
    assert_eq!(sent, [false, true, true]);
}
