//! `spike forecast`, from a log to an exit code.

use std::io::Write;

use serde_json::Value;
use tempfile::NamedTempFile;

use super::{run, spike, typed, words};

/// An hour of a shop: a failure that goes on, one that many titles have, and a storm.
fn log() -> String {
    let mut log = String::new();
    let mut line = |at: usize, level: &str, target: &str, message: &str| {
        let (minute, second) = (at / 60, at % 60);
        log.push_str(&format!(
            "{{\"timestamp\":\"2026-11-24T03:{minute:02}:{second:02}.000000Z\",\"level\":\
             \"{level}\",\"fields\":{{\"message\":\"{message}\"}},\"target\":\"{target}\"}}\n"
        ));
    };
    let plans = ["gold", "silver", "basic", "trial", "team", "campus"];
    for at in 0..3_600 {
        line(at, "INFO", "shop::orders", "order taken");
        if at % 20 == 0 {
            let message = format!("card payment failed for order {at}");
            line(at, "ERROR", "shop::payments", &message);
        }
        if at % 600 == 30 {
            let plan = plans[at / 600];
            line(at, "ERROR", "shop::plans", &format!("plan {plan} of a customer is gone"));
        }
        if (2_000..2_030).contains(&at) {
            let syllable = |n: usize| ["ba", "de", "fi", "go", "lu", "ma", "ne"][n % 7];
            let word = format!("{}{}{}", syllable(at), syllable(at / 7), syllable(at / 3));
            line(at, "ERROR", "shop::search", &format!("{word} is broken here"));
        }
    }
    log
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn a_forecast_tells_what_when_and_what_to_do() {
    let log = file(&log());
    let path = log.path().to_str().unwrap();
    let (stdout, _, code) = run(&mut spike(&["forecast", path, "--service", "shop"]));
    for said in [
        "2026-11-24 03:00 to 2026-11-24 03:59 UTC",
        "card payment failed for order # in shop::payments",
        "error storm in shop",
        "plan … of a customer is gone in shop::plans",
        "error!(plan, \"plan is gone\")",
        "shop::search=off in the filter",
        "a row is an hour, a column 5 minutes",
        "with_line_number(true)",
    ] {
        assert!(stdout.contains(said), "{said}: {stdout}");
    }
    assert_eq!(code, Some(0));
    // The same log gets the same forecast.
    assert_eq!(run(&mut spike(&["forecast", path, "--service", "shop"])).0, stdout);
}

#[test]
fn a_forecast_is_for_programs_too() {
    let log = log();
    let (stdout, stderr, code) = typed(&mut spike(&["forecast", "-", "--json"]), &log);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let pages = report["pages"].as_u64().unwrap();
    assert_eq!(report["lines"]["all"], log.lines().count());
    assert_eq!(report["pages_by_day"]["2026-11-24"], pages);
    assert_eq!(report["events"], 180 + 6 + 30);
    assert!(report["storms"][0]["events"].as_u64() > Some(10), "{report}");
    let titles = report["titles"].as_array().unwrap();
    let sum = titles.iter().map(|title| title["pages"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum, pages, "{report}");
    let loose: Vec<_> =
        report["loose"].as_array().unwrap().iter().map(|one| &one["titles"]).collect();
    assert_eq!(loose, [30, 6], "{report}");
}

#[test]
fn a_forecast_fails_a_build_that_would_page_too_often() {
    let log = file(&log());
    let path = log.path().to_str().unwrap();
    let most = |n: &str, filter: &str| {
        let args = ["forecast", path, "--max-pages-per-day", n, "--filter", filter];
        run(&mut spike(&args))
    };
    let (_, stderr, code) = most("2", "error");
    assert!(stderr.contains("pages on 2026-11-24, expected 2 a day at most"), "{stderr}");
    assert_eq!(code, Some(1));
    let (stdout, stderr, code) = most("2", "error,shop::search=off,shop::plans=off");
    assert_eq!((stderr.as_str(), code), ("", Some(0)), "{stdout}");
}

#[test]
fn a_forecast_of_what_is_no_log_says_so() {
    let (_, stderr, code) = run(&mut spike(&["forecast", "/nowhere/app.log"]));
    assert!(stderr.contains("expected a log that can be read at /nowhere/app.log"), "{stderr}");
    assert_eq!(code, Some(2));
    let (_, stderr, code) = typed(&mut spike(&["forecast", "-"]), "a poem\nand no log\n");
    assert!(stderr.contains("no line of this is an event of tracing"), "{stderr}");
    assert_eq!(code, Some(2));
    for (args, said) in [
        (["--filter", "debug"], "debug and trace never page"),
        (["--after", "shop"], "such as shop::cache=5/60s"),
        (["--budget", "0,0"], "budget"),
        (["--resolve-after", "soon"], "a time such as 90s"),
    ] {
        let (_, stderr, code) = typed(&mut spike(&[&["forecast", "-"], &args[..]].concat()), "");
        assert!(words(&stderr).contains(said) && code == Some(2), "{stderr}");
    }
}

#[test]
fn a_rule_is_tried_before_it_is_written() {
    let log = log();
    let pages = |args: &[&str]| {
        let (stdout, ..) = typed(&mut spike(&[&["forecast", "-", "--json"], args].concat()), &log);
        serde_json::from_str::<Value>(&stdout).unwrap()["pages"].as_u64().unwrap()
    };
    let all = pages(&[]);
    assert_eq!(pages(&["--after", "shop::plans=2/60s"]), all - 6);
    assert!(pages(&["--budget", "1,1"]) < all);
    assert!(pages(&["--resolve-after", "60s"]) >= all);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let log = file(&log());
    let path = log.path().to_str().unwrap();
    for columns in [40, 50, 60, 79] {
        let mut command = spike(&["forecast", path]);
        let (stdout, ..) = run(command.env("COLUMNS", columns.to_string()));
        let widest = stdout.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{columns}: {stdout}");
    }
    let mut command = spike(&["forecast", path]);
    let output = command.env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("\x1b[1m"), "it can be coloured");
    run(spike(&["forecast", path]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
}
