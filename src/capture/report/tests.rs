use super::{PATH_CAP, flatten, push_path};

/// Its own text, and all of it.
fn flat(report: &str) -> Option<(String, String)> {
    let mut text = report.to_owned();
    let own = flatten(&mut text, None);
    assert!(own.is_some() || text == report);
    own.map(|own| (text.get(..own).unwrap().to_owned(), text))
}

#[test]
fn a_report_becomes_its_own_text_and_its_causes() {
    let (cause, place, trace) =
        ("\n\nCaused by:\n", "\n\nLocation:\n    a.rs:1:2", "\n\nStack backtrace:\n   0: e");
    let (red, plain) = ("\u{1b}[91m", "\u{1b}[0m");
    for (report, own, whole) in [
        (format!("a{cause}    root: 1"), "a", "a: root: 1"),
        (format!("a{cause}    root\n    twice{place}"), "a", "a: root twice"),
        (format!("a{cause}   0: b\n      c\n   1: d: 2{trace}"), "a", "a: b c: d: 2"),
        (format!("a\nb{cause}    c"), "a\nb", "a\nb: c"),
        (format!("a{place}{trace}"), "a", "a"),
        (format!("a{trace}{cause}    no cause"), "a", "a"),
        (
            format!("\n   0: {red}a{plain}\n   1: {red}b\n      c{plain}\n   2: d: 1\n\nBacktrace"),
            "a",
            "a: b c: d: 1",
        ),
        ("\n   0: é\n\n".to_owned(), "é", "é"),
        (format!("a{cause}"), "a", "a: "),
        (cause.to_owned(), "", ": "),
    ] {
        assert_eq!(flat(&report), Some((own.to_owned(), whole.to_owned())), "{report:?}");
    }
    for other in ["", "one line", "two\nlines", "a\n\nb", "Caused by:\n    x", "\n   0: a"] {
        assert_eq!(flat(other), None, "{other:?}");
    }
}

#[test]
fn a_path_begins_at_the_root_and_is_bounded() {
    let path = |trace: &str| {
        let mut path = String::new();
        push_path(trace, &mut path);
        path
    };
    let query = "   0: shop::db::query\n           with id=1: 2\n             at src/a.rs:3\n";
    assert_eq!(path(&format!("span backtrace:\n{query}   1: shop::GET /x")), "GET /x > query");
    assert_eq!(path("span backtrace:\n"), "");
    let deep: String = (0..100).map(|n| format!("{n:>4}: shop::{}\n", "é".repeat(20))).collect();
    let path = path(&format!("span backtrace:\n{deep}"));
    assert!(path.len() <= PATH_CAP && path.split(" > ").count() > 5, "{path}");
}
