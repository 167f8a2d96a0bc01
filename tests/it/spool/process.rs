//! The spool through the life of a process: how soon it has what is logged, a clock that is set
//! meanwhile, and a program that puts another in its place.

#![expect(clippy::print_stdout, reason = "the figures, and why a test does not run")]

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use tracing::error;
use tracing_spike::sandbox::{Fault, Sandbox};
use tracing_subscriber::Registry;

use super::{all_records, directory, files, records, replayed::open, run_with, within};
use crate::{
    child,
    rig::{DEADLINE, TOKEN, eventually},
};

// === how soon ===

/// Errors that are timed, without `SPIKE_WINDOW`.
const TIMED: usize = 20;

/// The time from the return of `error!` to the record that a kill leaves behind.
fn window(set: impl FnOnce(tracing_spike::Builder) -> tracing_spike::Builder) -> Vec<Duration> {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    // So long a record can be seen.
    sandbox.fault(Fault::Slow(Duration::from_millis(20)));
    let (dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| {
        set(builder.budget(1_000, 1_000)).shutdown_timeout(DEADLINE)
    });
    let run = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    let run = run.into_iter().find(|path| path.is_dir()).unwrap();
    let is_there = || {
        let mut names = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name());
        names.any(|name| name.as_encoded_bytes().ends_with(b".json"))
    };
    let timed = env::var("SPIKE_WINDOW").map_or(TIMED, |timed| timed.parse().unwrap());
    let handle = guard.handle();
    let mut took: Vec<_> = (0..timed)
        .filter_map(|number| {
            let letters: String =
                number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
            within(&dispatch, || error!(spike.title = format!("failure {letters}"), "failed"));
            let start = Instant::now();
            let mut seen = None;
            while seen.is_none() && handle.stats().delivered <= number as u64 {
                assert!(start.elapsed() < DEADLINE, "it is not in the spool");
                seen = is_there().then(|| start.elapsed());
            }
            eventually("it is delivered", || (!is_there()).then_some(()));
            seen
        })
        .collect();
    // On a busy machine nobody may have looked in the time.
    assert!(took.len() > timed / 2, "{} of {timed} were in the spool", took.len());
    drop(guard);
    assert_eq!(sandbox.opened(), timed as u64);
    fs::remove_dir_all(dir).unwrap();
    took.sort_unstable();
    took
}

#[test]
fn f066_f067_the_window_between_an_error_and_its_record_is_short() {
    let tell = |what: &str, took: &[Duration]| {
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        let (p50, p99, max) = (at(50), at(99), at(100));
        println!("window, {what}: {} errors, p50 {p50:?}, p99 {p99:?}, max {max:?}", took.len());
    };
    tell("without fsync", &window(|builder| builder));
    tell("with fsync", &window(tracing_spike::Builder::fsync));
}

// === the clock ===

/// Moves the wall clock of a process by the seconds that a file tells.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(id, at);
    const char *path = getenv("CLOCK_OFFSET");
    if (failed || id != CLOCK_REALTIME || !path) return failed;
    char text[32] = {0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) > 0) at->tv_sec += atoll(text);
        close(file);
    }
    return 0;
}
"#;

fn shim() -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let name = format!("spike-clock-{}", std::process::id());
    let (source, library) = (dir.join(&name).with_extension("c"), dir.join(&name));
    fs::write(&source, SHIM).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let output = cc.output().map_err(|error| format!("cc does not start: {error}"));
    fs::remove_file(&source).unwrap();
    let output = output?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(library) } else { Err(said()) }
}

/// Ends of an hour, of years, and of what can be told as a time.
const STEPS: [i64; 6] = [3_600, -3_600, 315_360_000, -315_360_000, -3_153_600_000, 0];

fn under_a_clock_that_is_set() {
    let offset = env::var("CLOCK_OFFSET").unwrap();
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let year = || {
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::SystemTime::UNIX_EPOCH);
        since.map_or(-1, |since| since.as_secs() as i64 / 31_556_952 + 1970)
    };
    let real = year();
    for (number, step) in STEPS.into_iter().enumerate() {
        let letter = char::from(b'a' + number as u8);
        sandbox.fault(Fault::Status(503));
        let (_dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| builder);
        let handle = guard.handle();
        open(&handle, &format!("before {letter}"));
        eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
        fs::write(&offset, step.to_string()).unwrap();
        match step {
            -3_153_600_000 => assert_eq!(year(), -1, "it is before 1970"),
            -315_360_000 | 315_360_000 => assert_ne!(year(), real, "the clock was set"),
            _ => {}
        }
        open(&handle, &format!("after {letter}"));
        eventually("it is in the spool, too", || (records(&dir) == 2).then_some(()));
        for (_, record) in all_records(&dir) {
            assert!(record["accepted"].is_u64(), "{record}");
        }
        sandbox.clear_faults();
        let report = handle.flush(DEADLINE);
        assert!(report.is_complete(), "{step}: {report:?} {:?}", handle.stats());
        let stats = handle.stats();
        assert_eq!((stats.delivered, stats.lost.expired), (2, 0), "{step}: {stats:?}");
        eventually("nothing is in the spool", || (records(&dir) == 0).then_some(()));
    }
    for incident in sandbox.incidents() {
        assert_eq!(incident.body().get("delayed"), None, "{incident:?}");
        let first = incident.body()["occurrences"]["first"].as_str().unwrap().to_owned();
        assert!(first.len() == "2026-11-23T09:00:00.000Z".len(), "{first}");
    }
    assert_eq!(sandbox.incidents().len(), 2 * STEPS.len());
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f111_a_clock_that_is_set_meanwhile_changes_nothing_but_what_is_told_of_times() {
    const TEST: &str = "spool::process::\
        f111_a_clock_that_is_set_meanwhile_changes_nothing_but_what_is_told_of_times";
    if child::is_child(TEST) {
        child::run(TEST, &[], under_a_clock_that_is_set).well();
        return;
    }
    let library = match shim() {
        Ok(library) => library,
        Err(why) => {
            assert!(env::var_os("CI").is_none(), "CI must set the clock: {why}");
            println!("not run: f111: {why}");
            return;
        }
    };
    let offset = library.with_extension("offset");
    fs::write(&offset, "0").unwrap();
    let variables =
        [("LD_PRELOAD", library.to_str().unwrap()), ("CLOCK_OFFSET", offset.to_str().unwrap())];
    let ended = child::run(TEST, &variables, under_a_clock_that_is_set).well();
    assert_eq!(ended.said("panicked"), 0, "{}", ended.stderr);
    fs::remove_file(library).unwrap();
    fs::remove_file(offset).unwrap();
}

// === another program ===

#[test]
fn f116_a_program_that_puts_another_in_its_place_leaves_it_what_is_pending() {
    const TEST: &str = "spool::process::\
        f116_a_program_that_puts_another_in_its_place_leaves_it_what_is_pending";
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault_next(1, Fault::Hang);
    let variables =
        [("EXEC_URL", sandbox.url_for(TOKEN)), ("EXEC_SPOOL", dir.display().to_string())];
    let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));
    let ended = child::run(TEST, &variables, || {
        let dir = PathBuf::from(env::var("EXEC_SPOOL").unwrap());
        let builder = tracing_spike::builder(env::var("EXEC_URL").unwrap()).spool(&dir);
        let (_layer, guard) = builder.build::<Registry>().unwrap();
        let handle = guard.handle();
        if env::var_os("EXEC_IMAGE").is_none() {
            open(&handle, "disk is full");
            eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
            let mut image = Command::new(env::current_exe().unwrap());
            image.args(env::args().skip(1)).env("EXEC_IMAGE", "second");
            panic!("{}", image.exec());
        }
        eventually("it is delivered", || (handle.stats().delivered == 1).then_some(()));
        assert_eq!(handle.stats().replayed, 1);
        drop(guard);
        eventually("nothing is left behind", || files(&dir).is_empty().then_some(()));
    });
    ended.well();
    assert_eq!(sandbox.incidents()[0].title(), "disk is full");
    fs::remove_dir_all(dir).unwrap();
}
