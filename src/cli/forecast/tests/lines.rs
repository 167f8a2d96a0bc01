//! Lines as they should not be.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::{
    super::{line::Event, reading::Reading},
    read,
};

fn settings() -> crate::Builder {
    crate::from_env().service("shop")
}

/// Reads these bytes, as a file each.
fn read_all(files: &[&[u8]]) -> Reading {
    read(files, settings)
}

fn error(time: &str, message: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-11-28T{time}Z\",\"level\":\"ERROR\",\"fields\":{{\"message\":\
         \"{message}\"}},\"target\":\"shop\"}}\n"
    )
}

fn gzip(text: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text.as_bytes()).unwrap();
    out.finish().unwrap()
}

#[test]
fn what_is_no_line_of_a_log_is_counted_and_does_not_page() {
    let log = [
        error("08:00:00", "disk full").as_str(),
        "{\"timestamp\":\"2026-11-28T08:00:01Z\",\"level\":\"ERR\n",
        "{\"timestamp\":\"2026-11-28T08:00:01Z\",\"level\":\"ERROR\",\n",
        "{\"msg\":\"ERROR\",\"level\":50}\n",
        "   at shop::main (src/main.rs:7)\n\n",
        "thread 'main' (1) panicked at src/main.rs:7:5:\n",
        error("08:00:02", "disk full").as_str(),
    ]
    .concat();
    let reading = read_all(&[log.as_bytes()]);
    let found = reading.found();
    let lines = found.lines;
    assert_eq!((lines.all, lines.events, lines.broken, lines.foreign), (8, 2, 2, 4), "{lines:?}");
    assert_eq!((lines.panics, found.tally.pages, found.tally.events), (1, 1, 2), "{lines:?}");
}

#[test]
fn lines_that_are_swapped_and_clocks_that_are_set_are_told() {
    let log: String = [
        error("08:00:10", "disk full"),
        error("08:00:08", "disk full"),
        error("07:00:00", "disk full"),
        error("07:00:40", "disk full"),
    ]
    .concat();
    let reading = read_all(&[log.as_bytes()]);
    let found = reading.found();
    assert_eq!((found.clock.swapped, found.clock.set_back), (1, 1));
    // Forty seconds after the clock was set, the first repeat is due.
    assert_eq!((found.tally.pages, found.tally.repeats), (1, 1));
}

#[test]
fn files_are_read_in_the_order_of_their_times_gzip_or_not() {
    let (newer, older) = (error("09:00:00", "disk full"), error("08:00:00", "disk full"));
    let (newer, older) = (newer.into_bytes(), gzip(&older));
    let reading = read_all(&[&newer, &older]);
    assert_eq!((reading.found().clock.set_back, reading.found().tally.events), (0, 2));
    let cut = older.get(..older.len() - 6).unwrap();
    let reading = read_all(&[cut]);
    let found = reading.found();
    assert_eq!((found.tally.pages, found.lines.cut_off.len()), (1, 1), "{:?}", found.lines);
}

#[test]
fn text_that_goes_on_in_further_lines_is_one_message() {
    let log = "2026-11-28T08:00:00Z ERROR shop: import failed\n\nCaused by:\n    0: disk full\n\
               2026-11-28T08:00:01Z  INFO shop: going on\n   of nobody\n";
    let reading = read_all(&[log.as_bytes()]);
    let found = reading.found();
    let titles: Vec<_> = found.tally.titles.values().map(|title| title.title.as_str()).collect();
    assert_eq!(titles, ["import failed Caused by: #: disk full in shop"]);
    assert_eq!(found.lines.foreign, 1);
}

#[test]
fn containers_put_their_prefix_before_a_line() {
    let log = format!(
        "shop-1  | {}2026-11-28T08:00:00Z stdout F {}",
        error("08:00:00", "a gone"),
        error("08:00:00", "b gone")
    );
    let reading = read_all(&[log.as_bytes()]);
    assert_eq!((reading.found().tally.pages, reading.found().lines.events), (2, 2));
}

#[test]
fn what_is_held_is_bounded_whatever_is_read() {
    let syllable = |n: u32| {
        let of = |letters: &str, at: u32| letters.chars().nth(at as usize).unwrap();
        [of("bdfgklmnprst", n / 5 % 12), of("aeiou", n % 5)].iter().collect::<String>()
    };
    // Titles without end, a day between any two of them.
    let log: String = (0..24_000_u32)
        .map(|n| {
            let word = [n / 3_600, n / 60, n].map(syllable).concat();
            let (year, month, day) = (2000 + n / 336, 1 + n / 28 % 12, 1 + n % 28);
            format!("{year}-{month:02}-{day:02}T08:00:00Z ERROR shop: {word} has failed me\n")
        })
        .collect();
    let reading = read_all(&[log.as_bytes()]);
    let tally = reading.found().tally;
    assert_eq!((tally.events, tally.pages), (24_000, 24_000));
    assert!(tally.titles.len() <= 16_384 && tally.dropped > 7_000, "{}", tally.dropped);
    let long = [&[b'x'; 5 << 20][..], b"\n", error("08:00:00", "disk full").as_bytes()].concat();
    let reading = read_all(&[&long]);
    assert_eq!((reading.found().lines.too_long, reading.found().tally.pages), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_line_is_too_much(line in any::<String>(), bytes in any::<Vec<u8>>()) {
        Event::read(&line);
        Event::read(&format!("2026-11-28T08:00:00Z ERROR {line}"));
        Event::read(&format!("\x1b[2m2026-11-28T08:00:00Z\x1b[0m \x1b[31mERROR\x1b[0m {line}"));
        Event::read(&format!("{{\"level\":\"ERROR\",\"fields\":{line}}}"));
        let mut log = b"2026-11-28T08:00:00Z ERROR ".to_vec();
        log.extend(bytes);
        let reading = read_all(&[&log]);
        prop_assert!(reading.found().tally.pages <= 10);
    }
}
