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

#[test]
fn what_is_no_log_of_tracing_is_no_green_check() {
    let lower =
        "{\"timestamp\":\"2026-11-28T08:00:00Z\",\"level\":\"error\",\"message\":\"gone\"}\n";
    let nginx = "10.0.0.1 - - [28/Nov/2026:08:00:00 +0000] \"GET / HTTP/1.1\" 200 12\n";
    let bytes: String = (0..200).map(|n| format!("{}\u{1}\u{fffd}\n", n % 10)).collect();
    for log in [lower, nginx, &bytes] {
        let (stdout, stderr, code) =
            typed(&mut spike(&["forecast", "-", "--max-pages-per-day", "5"]), log);
        assert!(stderr.contains("no line of this is an event"), "{stdout}{stderr}");
        assert_eq!(code, Some(2));
    }
    // Nor is one event among what can't be read.
    let info = "2026-11-28T08:00:00Z  INFO shop: begins\n";
    let log = [info, lower, "shop ERROR disk gone\n"].concat();
    let args = ["forecast", "-", "--max-pages-per-day", "5"];
    let (stdout, stderr, code) = typed(&mut spike(&args), &log);
    assert!(words(&stdout).contains("2 lines name an error and could not be read"), "{stdout}");
    assert!(stderr.contains("can't tell: 2 lines") && code == Some(2), "{stderr}");
    let (_, _, code) = typed(&mut spike(&args[..2]), &log);
    assert_eq!(code, Some(0));
}

#[test]
fn what_containers_put_around_a_line_is_taken_off() {
    let error =
        |at: usize| log().lines().filter(|line| line.contains("ERROR")).nth(at).map(str::to_owned);
    let docker = |line: String| {
        format!("{}\n", serde_json::json!({ "log": line + "\n", "stream": "stdout", "time": "" }))
    };
    let json = docker(error(0).unwrap());
    let text = docker("2026-11-28T08:00:01Z ERROR shop: disk full".to_owned());
    let compose = "web-1  | 2026-11-28T08:00:02Z ERROR shop: cache cold\n";
    let (stdout, _, code) =
        typed(&mut spike(&["forecast", "-"]), &[&json, &text, compose].concat());
    assert!(words(&stdout).contains("3 pages") && code == Some(0), "{stdout}");
}

#[test]
fn pretty_output_is_refused_coloured_or_not() {
    let event =
        "  2026-11-28T08:00:00Z ERROR shop: card failed, order: 7\n    at src/main.rs:3\n\n";
    let coloured = "  \x1b[2m2026-11-28T08:00:00Z\x1b[0m \x1b[31mERROR\x1b[0m \x1b[1;31mshop\x1b[0m\
                    \x1b[31m: \x1b[31mcard failed\x1b[0m\n    \x1b[2mat\x1b[0m src/main.rs:3\n\n";
    for log in [event, coloured] {
        let (stdout, stderr, code) = typed(&mut spike(&["forecast", "-"]), log);
        assert!(stderr.contains("pretty()") && code == Some(2), "{stdout}{stderr}");
    }
}

#[test]
fn files_that_tell_their_time_are_sorted_beside_those_that_do_not() {
    let event = |hour: u32| format!("2026-11-28T{hour:02}:00:00Z ERROR shop: disk full\n");
    let (newer, older, empty) = (file(&event(9)), file(&event(8)), file(""));
    let mute = file("going on\n");
    let [newer, older, empty, mute] =
        [&newer, &older, &empty, &mute].map(|file| file.path().to_str().unwrap());
    let told = |places: &[&str]| {
        let args = [&["forecast", "--json"], places].concat();
        serde_json::from_str::<Value>(&run(&mut spike(&args)).0).unwrap()
    };
    let report = told(&[newer, older, empty]);
    assert_eq!(report["logs"], serde_json::json!([older, newer, empty]));
    let report = told(&[newer, mute, older]);
    assert_eq!(report["logs"], serde_json::json!([older, mute, newer]));
    assert!(report["notes"].to_string().contains(&format!("{mute} tells no time")), "{report}");
}

#[test]
fn the_filter_and_the_service_of_the_environment_are_told() {
    let log = file(&log());
    let path = log.path().to_str().unwrap();
    let mut command = spike(&["forecast", path]);
    command.env("SPIKE_FILTER", "error,shop::plans=off").env("SPIKE_SERVICE", "checkout");
    let (stdout, ..) = run(&mut command);
    assert!(stdout.contains("Filter: error,shop::plans=off (SPIKE_FILTER)"), "{stdout}");
    assert!(stdout.contains("error storm in checkout"), "{stdout}");
    let (stdout, ..) = run(&mut spike(&["forecast", path]));
    assert!(!stdout.contains("Filter:") && stdout.contains("storm in your service"), "{stdout}");
}
