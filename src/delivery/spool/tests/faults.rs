//! What the system refuses: each file call of a run fails in turn, and all from it on.

#![expect(clippy::exit, reason = "a child tells by its exit code what it was told")]

use std::{
    collections::HashMap,
    fs,
    io::{Read, Write},
    path::Path,
    process::Command,
};

use super::super::SpoolError;
use super::{MINE, Record, Says, Spool, child, dead, list, record, role, scratch};

const SWEPT: &str = "faults::f101_f102_whatever_call_fails_nothing_that_was_written_is_lost";
const ODD: &str = "faults::f108_f115_without_locks_or_chance_there_is_no_spool_and_no_panic";
const SYNCED: &str = "faults::f107_with_fsync_a_record_is_on_the_disk_before_it_is_told";

/// What a child asks for at the begin and the end of what is looked at: there is no such file.
const MARK: &str = "/spool-test-mark";

/// The exit code of a child all of whose calls were told to be done.
const ALL: i32 = 0b11111;
/// The records of the dead run.
const DEAD: [&str; 2] = ["of a dead run", "of a dead run, too"];

/// Calls that are not about files, or can't fail in a way that matters.
const OTHERS: [&str; 14] = [
    "fcntl",
    "close",
    "brk",
    "mmap",
    "munmap",
    "mprotect",
    "mremap",
    "madvise",
    "futex",
    "getpid",
    "getrandom",
    "sched_yield",
    "rt_sigprocmask",
    "clock_gettime",
];

/// strace counts the calls of each thread from one: ours begin beyond those of the other, which
/// loads the program.
fn begin(dir: &Path) {
    for _ in 0..128 {
        let mut null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
        null.write_all(b"x").unwrap();
        assert_eq!(null.read(&mut [0]).unwrap(), 0);
        assert!(fs::read_dir(dir).unwrap().count() > 0);
        assert!(fs::symlink_metadata(dir).is_ok());
    }
    mark();
}

fn mark() {
    assert!(fs::symlink_metadata(MARK).is_err());
}

/// Why nothing can be traced here.
fn no_strace() -> Option<String> {
    match Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Some(error.to_string()),
    }
}

/// Runs the child `test` under strace; returns its exit code and the calls of the thread that
/// marks.
fn traced(test: &str, dir: &Path, inject: Option<&str>) -> (i32, Vec<String>) {
    let file = dir.with_extension("strace");
    let mut strace = Command::new("strace");
    strace.arg("-f").arg("-o").arg(&file);
    if let Some(inject) = inject {
        strace.arg("-e").arg(format!("inject={inject}"));
    }
    strace.arg(std::env::current_exe().unwrap());
    let output = child(&mut strace, test, dir).output().unwrap();
    let code = output.status.code().unwrap_or_else(|| panic!("{inject:?}: {output:?}"));
    let trace = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let marking = trace.lines().find(|line| line.contains(MARK));
    let thread = marking.unwrap_or_else(|| panic!("{inject:?}: {output:?}\n{trace}"));
    let thread = thread.split(' ').next().unwrap();
    let calls = trace.lines().filter_map(|line| line.strip_prefix(thread)?.strip_prefix(' '));
    // A call that another thread's interrupts is resumed on a line of its own.
    let calls = calls.map(str::trim_start).filter(|call| !call.starts_with('<'));
    (code, calls.map(str::to_owned).collect())
}

fn name(call: &str) -> &str {
    call.split('(').next().unwrap()
}

/// The file calls between the marks, each with its number among the thread's calls of its name.
fn between(calls: &[String]) -> Vec<(usize, &str)> {
    let (mut counts, mut found, mut marks) = (HashMap::new(), Vec::new(), 0);
    for call in calls {
        let count = counts.entry(name(call)).or_insert(0_usize);
        *count += 1;
        if call.contains(MARK) {
            marks += 1;
        } else if marks == 1 && !OTHERS.contains(&name(call)) {
            found.push((*count, call.as_str()));
        }
    }
    assert_eq!(marks, 2, "{calls:#?}");
    found
}

/// A run as it is under the faults; its exit code tells which of its calls were told to be done.
fn play(dir: &Path) -> i32 {
    begin(dir);
    let mut done = Vec::new();
    let spool = Spool::open(dir, true);
    done.push(spool.is_ok());
    if let Ok(spool) = spool {
        done.push(spool.write(&record("a")).is_ok());
        done.push(spool.write(&record("b")).is_ok());
        done.push(spool.write(&Record { says: Says::Resolve, ..record("a") }).is_ok());
        done.push(spool.remove(MINE, "b").is_ok());
        let mut adopted = spool.adopt(&[MINE]);
        for (_, found) in std::mem::take(&mut adopted.records) {
            if adopted.read(&found).is_some_and(|record| spool.write(&record).is_ok()) {
                adopted.take_over(&found).ok();
            }
        }
    }
    mark();
    done.iter().rev().fold(0, |code, done| code * 2 + i32::from(*done))
}

/// A spool with a dead run, and a file in it that is no record.
fn prepare(dir: &Path) {
    let run = dead(dir, &DEAD);
    fs::write(run.join("junk"), "").unwrap();
}

/// Fails unless a later run finds all that a run under the faults was told to be written, and
/// nothing is left behind.
fn check(dir: &Path, code: i32) {
    let done = |bit: i32| code & (1 << bit) != 0;
    let spool = Spool::open(dir, false).unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!(adopted.failed, 0);
    let mut found: HashMap<String, Vec<Says>> = HashMap::new();
    for (record, file) in std::mem::take(&mut adopted.records) {
        adopted.take_over(&file).unwrap();
        found.entry(record.title).or_default().push(record.says);
    }
    drop((adopted, spool));
    let open = Says::Trigger { opening: true };
    for title in DEAD {
        assert!(found.get(title).is_some_and(|says| says.iter().all(|says| *says == open)));
    }
    let of = |title: &str| found.get(title).map_or(&[][..], Vec::as_slice);
    if done(3) {
        assert_eq!(of("a"), [Says::Resolve]);
    } else if done(1) {
        assert!(of("a") == [Says::Resolve] || of("a") == [open], "{found:?}");
    }
    if done(4) {
        assert_eq!(of("b"), []);
    } else if done(2) {
        assert_eq!(of("b"), [open]);
    }
    assert!(of("a").len() <= 1 && of("b").len() <= 1, "{found:?}");
    assert_eq!(list(dir), ["quarantine"], "no lock is stuck, no directory is left");
    assert_eq!(list(&dir.join("quarantine")).len(), 1, "what was no record, and nothing else");
}

#[test]
fn f101_f102_whatever_call_fails_nothing_that_was_written_is_lost() {
    if let Some(dir) = role(SWEPT) {
        std::process::exit(play(&dir));
    }
    if let Some(why) = no_strace() {
        assert!(std::env::var_os("CI").is_none(), "CI must try each call: {why}");
        return;
    }
    let (_scratch, dir) = scratch();
    prepare(&dir);
    let (code, calls) = traced(SWEPT, &dir, None);
    assert_eq!(code, ALL, "the twin");
    check(&dir, code);
    let calls: Vec<_> =
        between(&calls).iter().map(|(n, call)| (*n, name(call).to_owned())).collect();
    let tried = |name: &str| calls.iter().any(|(_, call)| call == name);
    for name in
        ["openat", "write", "fsync", "unlink", "rmdir", "mkdir", "getdents64", "flock", "statx"]
    {
        assert!(tried(name), "{name} {calls:?}");
    }
    // All of them in CI, once.
    let step = if std::env::var_os("SPIKE_SEARCH").is_some() { 1 } else { 5 };
    let mut refused = 0;
    for (n, call) in calls.iter().step_by(step) {
        let space = ["openat", "write", "mkdir", "rename", "renameat", "fsync"];
        let more: &[&str] = if space.contains(&call.as_str()) { &["ENOSPC"] } else { &[] };
        for error in ["EIO"].iter().chain(more) {
            for on in ["", "+"] {
                let inject = format!("{call}:error={error}:when={n}{on}");
                fs::remove_dir_all(&dir).unwrap();
                prepare(&dir);
                let (code, calls) = traced(SWEPT, &dir, Some(&inject));
                assert!((0..=ALL).contains(&code), "{inject}: {code}");
                let at = calls.iter().position(|call| call.contains("(INJECTED)"));
                let at = at.unwrap_or_else(|| panic!("{inject} hit nothing"));
                if call == "fsync" {
                    // What may not be on the disk is not tried again: it is given up.
                    let next = calls[at + 1..].iter().find(|call| name(call) != "fcntl").unwrap();
                    assert!(["close", "unlink"].contains(&name(next)), "{inject}: {next}");
                }
                refused += i32::from(code != ALL);
                check(&dir, code);
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn f108_f115_without_locks_or_chance_there_is_no_spool_and_no_panic() {
    if let Some(dir) = role(ODD) {
        begin(dir.parent().unwrap());
        let code = match Spool::open(&dir, false) {
            Ok(spool) => i32::from(spool.write(&record("a")).is_err()),
            Err(SpoolError::NoLocks(_)) => 2,
            Err(SpoolError::Refused { .. }) => 3,
        };
        mark();
        std::process::exit(code);
    }
    if let Some(why) = no_strace() {
        assert!(std::env::var_os("CI").is_none(), "CI must look at the calls: {why}");
        return;
    }
    let table = [
        ("flock:error=ENOLCK:when=1+", 2, 0),
        ("flock:error=EOPNOTSUPP:when=1+", 2, 0),
        ("flock:error=ENOSYS:when=1+", 2, 0),
        ("flock:error=EINTR:when=1", 2, 0),
        ("mkdir:error=EROFS:when=1+", 3, 0),
        ("mkdir:error=EROFS:when=2+", 3, 0),
        ("getrandom:error=ENOSYS:when=1+", 0, 2),
    ];
    for (inject, expected, left) in table {
        let (_scratch, dir) = scratch();
        let (code, _) = traced(ODD, &dir, Some(inject));
        assert_eq!(code, expected, "{inject}");
        let found = if dir.exists() { list(&dir).len() } else { 0 };
        assert_eq!(found, left, "{inject}: a lock was left");
    }
}

#[test]
fn f107_with_fsync_a_record_is_on_the_disk_before_it_is_told() {
    if let Some(dir) = role(SYNCED) {
        begin(dir.parent().unwrap());
        let spool = Spool::open(&dir, !dir.ends_with("unsynced")).unwrap();
        spool.write(&record("a")).unwrap();
        spool.write(&record("a")).unwrap();
        std::mem::forget(spool);
        mark();
        return;
    }
    if let Some(why) = no_strace() {
        assert!(std::env::var_os("CI").is_none(), "CI must look at the calls: {why}");
        return;
    }
    let (_scratch, dir) = scratch();
    let (_, calls) = traced(SYNCED, &dir, None);
    // What is synced is told by its path.
    let mut open: HashMap<String, String> = HashMap::new();
    let mut steps: Vec<String> = Vec::new();
    for (_, call) in between(&calls) {
        let path = call.split('"').nth(1).unwrap_or_default();
        let kind = match path.rsplit('/').next().unwrap_or_default() {
            file if file.starts_with(".new-") => "file",
            "spool" => "root",
            run if run.contains('-') && !run.contains('.') => "run",
            _ => "other",
        };
        let argument = call.split(['(', ',', ')']).nth(1).unwrap_or_default().to_owned();
        match name(call) {
            "openat" => {
                let file = call.rsplit(' ').next().unwrap().to_owned();
                open.insert(file, kind.to_owned());
            }
            "fsync" if open[&argument] != "other" => {
                steps.push(format!("fsync {}", open[&argument]))
            }
            "write" => steps.push(format!("write {}", open[&argument])),
            "mkdir" if kind == "run" => steps.push("mkdir run".to_owned()),
            "rename" | "renameat" => steps.push("rename".to_owned()),
            _ => {}
        }
    }
    let write = ["write file", "fsync file", "rename", "fsync run"];
    let expected = [&["mkdir run", "fsync root"], &write[..], &write[..]].concat();
    assert_eq!(steps, expected, "{calls:#?}");
    let (_, calls) = traced(SYNCED, &dir.with_file_name("unsynced"), None);
    let is_sync = |call: &str| name(call).contains("sync");
    assert!(!between(&calls).iter().any(|(_, call)| is_sync(call)), "the twin: {calls:#?}");
}
