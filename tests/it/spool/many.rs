//! Thousands of records that an earlier run has left.

#![expect(clippy::print_stdout, reason = "the figures")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value};
use tracing::error;
use tracing_spike::{
    Guard,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use super::{
    all_records, directory, head_of, records,
    replayed::{leave, open},
    within,
};
use crate::{
    child,
    rig::{TOKEN, eventually},
};

const MANY: usize = 4_000;
/// The memory that a spool may take beside what a run takes without.
const MORE: u64 = 16 << 10;

/// The most memory that this process has held, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// So many copies of the one record that is there, each with a title and a body of its own.
fn multiply(dir: &Path) {
    let (path, mut record) = all_records(dir).remove(0);
    let endpoint =
        path.file_name().unwrap().to_str().unwrap().split_once('-').unwrap().0.to_owned();
    let mut body = record.as_object_mut().unwrap().remove("body").unwrap();
    let mut bytes = 0;
    for n in 0..MANY {
        let letters: String = n.to_string().bytes().map(|digit| char::from(digit + 49)).collect();
        record["title"] = format!("thing {letters} failed").into();
        record["panic"] = (n == MANY / 2).into();
        let fields = (0..60).map(|k| (format!("k{k}"), format!("value {k} {n} {:50}", '.').into()));
        body["fields"] = Value::Object(fields.collect::<Map<_, _>>());
        // The body last, as the crate writes it.
        let head = record.to_string();
        let json = format!("{},\"body\":{body}}}", head.strip_suffix('}').unwrap());
        bytes += json.len();
        let file = format!("{}\n{json}", head_of(json.as_bytes()));
        fs::write(path.with_file_name(format!("{endpoint}-{n:016x}.json")), file).unwrap();
    }
    fs::remove_file(path).unwrap();
    println!("{MANY} records, {} KiB", bytes >> 10);
}

fn run(url: &str, dir: &Path) -> (tracing::Dispatch, Guard) {
    let builder = tracing_spike::builder(url).service("it").spool(dir);
    let (spike, guard) =
        builder.shutdown_timeout(Duration::from_millis(200)).build::<Registry>().unwrap();
    (tracing::Dispatch::new(tracing_subscriber::registry().with(spike)), guard)
}

fn takes_over() {
    let dir = PathBuf::from(env::var("MANY_SPOOL").unwrap());
    let url = env::var("MANY_URL").unwrap();
    // What a run takes without: its own part of it.
    let alone = directory();
    let (dispatch, guard) = run(&url, &alone);
    open(&guard.handle(), "disk is full");
    eventually("it is in the spool", || (records(&alone) == 1).then_some(()));
    drop((dispatch, guard));
    fs::remove_dir_all(alone).unwrap();

    let (before, start) = (peak(), Instant::now());
    let (dispatch, guard) = run(&url, &dir);
    let handle = guard.handle();
    while handle.stats().replayed == 0 {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(1));
    }
    println!("the first is taken over after {:?}", start.elapsed());
    let is_there = |title: &str| all_records(&dir).iter().any(|(_, one)| one["title"] == title);
    within(&dispatch, || error!(spike.title = "right at the start", "failed"));
    while handle.stats().replayed < MANY as u64 {
        assert!(start.elapsed() < Duration::from_secs(120), "{:?}", handle.stats());
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("all are after {:?}", start.elapsed());
    let more = peak() - before;
    println!("memory: {more} KiB more than the {before} KiB before");
    assert!(more <= MORE, "{more} KiB");
    // Ten page, the panic is one of them, and the event; the rest is in the storm incident.
    eventually("all is in files of its own", || (records(&dir) <= 12).then_some(()));
    assert!(is_there("error storm in it"));
    let panics = all_records(&dir).iter().filter(|(_, one)| one["panic"] == true).count();
    assert_eq!(panics, 1);
    let stats = handle.stats();
    assert_eq!((stats.undelivered(), stats.seen), (0, stats.accounted()), "{stats:?}");
    drop(guard);
}

#[cfg(target_os = "linux")]
#[test]
fn f103_thousands_of_records_take_little_memory_and_the_panic_among_them_pages() {
    const TEST: &str = "spool::many::\
        f103_thousands_of_records_take_little_memory_and_the_panic_among_them_pages";
    if child::is_child(TEST) {
        child::run(TEST, &[], takes_over).well();
        return;
    }
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    leave(&sandbox, &dir, 1, |handle| open(handle, "disk is full"));
    multiply(&dir);
    sandbox.fault(Fault::Status(503));
    let (spool, url) = (dir.display().to_string(), sandbox.url_for(TOKEN));
    let variables = [("MANY_SPOOL", spool.as_str()), ("MANY_URL", url.as_str())];
    let ended = child::run(TEST, &variables, takes_over).well();
    print!("{}", ended.stdout);
    fs::remove_dir_all(dir).unwrap();
}
