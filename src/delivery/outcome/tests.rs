use super::{Answer, Blames, Later, NoAnswer, Outcome, Reach, of_answer, of_no_answer};
use crate::stats::Count;
use std::time::{Duration, SystemTime};

fn answer(status: u16) -> Answer<'static> {
    Answer { status, retry_after: None, date: None, body: b"{}", local: SystemTime::UNIX_EPOCH }
}

fn later(blames: Blames, reach: Reach) -> Outcome {
    Outcome::Later(Later { blames, asked: None, reach })
}

#[test]
fn f014_f015_f016_f018_every_status_has_its_meaning() {
    for status in 100..=999 {
        let expected = match status {
            200..=299 => Outcome::Accepted { verified: false },
            401 | 403 | 404 | 410 => Outcome::Refused,
            413 => Outcome::TooLarge,
            429 => Outcome::Later(Later {
                blames: Blames::Title,
                asked: Some(Duration::from_secs(60)),
                reach: Reach::Answered,
            }),
            500 => later(Blames::Poison, Reach::Answered),
            // A proxy's: the server behind it may have the request all the same.
            502 | 504 => later(Blames::Endpoint, Reach::Ambiguous),
            503 => later(Blames::Endpoint, Reach::Answered),
            408 | 520..=527 => later(Blames::Title, Reach::Ambiguous),
            425 | 501 | 505.. => later(Blames::Title, Reach::Answered),
            300..=399 => Outcome::Rejected(Count::LostRedirect),
            _ => Outcome::Rejected(Count::LostRejected),
        };
        assert_eq!(of_answer(&answer(status)), expected, "{status}");
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
fn f001_f004_what_was_not_sent_is_told_from_what_may_have_been() {
    let reach = |failure| match of_no_answer(failure) {
        Outcome::Later(Later { reach, .. }) => reach,
        other => panic!("{other:?}"),
    };
    assert_eq!(reach(NoAnswer::NotConnected), Reach::NotSent);
    assert_eq!(reach(NoAnswer::Ambiguous), Reach::Ambiguous);
    let sent = [Reach::NotSent, Reach::Answered, Reach::Ambiguous].map(Reach::is_sent);
    assert_eq!(sent, [false, true, true]);
}
