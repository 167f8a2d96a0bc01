//! The spool: what one run does not deliver, a later one does.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::Value;
use tracing::{error, info};
use tracing_spike::{
    Builder, Guard, Incident, Severity,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::rig::{TOKEN, closed, eventually, leaks};

mod full;
mod many;
mod process;
mod replayed;
mod shared;
mod stuck;

/// A directory of one test, made anew.
pub(crate) fn directory() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("spool-{}-{number}", std::process::id());
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::remove_dir_all(&dir).ok();
    dir
}

/// A run with this spool, and the subscriber that pages through it.
fn run(sandbox: &Sandbox, dir: &Path) -> (tracing::Dispatch, Guard) {
    run_with(sandbox, TOKEN, dir, |builder| builder)
}

fn run_with(
    sandbox: &Sandbox,
    token: &str,
    dir: &Path,
    set: impl FnOnce(Builder) -> Builder,
) -> (tracing::Dispatch, Guard) {
    let builder = tracing_spike::builder(sandbox.url_for(token))
        .service("it")
        .spool(dir)
        .shutdown_timeout(Duration::from_millis(200));
    let (spike, guard) = set(builder).build::<Registry>().unwrap();
    (tracing::Dispatch::new(tracing_subscriber::registry().with(spike)), guard)
}

fn within(dispatch: &tracing::Dispatch, work: impl FnOnce()) {
    tracing::dispatcher::with_default(dispatch, work);
}

/// All files below `dir`, with what is in them.
pub(crate) fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                files.push((path.clone(), fs::read(path).unwrap_or_default()));
            }
        }
    }
    files
}

pub(crate) fn records(dir: &Path) -> usize {
    files(dir).iter().filter(|(path, _)| is_whole(path)).count()
}

/// Whether a file has its name: until it is written, it has another.
fn is_whole(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "json")
}

/// The JSON of a record whose checksum is right.
pub(crate) fn read_record(bytes: &[u8]) -> Option<Value> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (header, json) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
    (header == head_of(json)).then(|| serde_json::from_slice(json).ok()).flatten()
}

/// The first line of a record that has this JSON.
fn head_of(json: &[u8]) -> String {
    format!("tracing-spike spool 1 {:08x} {}", crc32fast::hash(json), json.len())
}

/// Has a record say something else, with the right checksum.
pub(crate) fn alter(path: &Path, alter: impl FnOnce(&mut Value)) {
    let mut record = read_record(&fs::read(path).unwrap()).unwrap();
    alter(&mut record);
    let json = record.to_string();
    fs::write(path, format!("{}\n{json}", head_of(json.as_bytes()))).unwrap();
}

/// All records, with where they are.
pub(crate) fn all_records(dir: &Path) -> Vec<(PathBuf, Value)> {
    let record = |(path, bytes): (PathBuf, Vec<u8>)| Some((path, read_record(&bytes)?));
    files(dir).into_iter().filter(|(path, _)| is_whole(path)).filter_map(record).collect()
}

#[test]
fn what_is_not_delivered_when_a_run_ends_is_delivered_by_the_next_one() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault(Fault::Status(503));
    let (dispatch, guard) = run(&sandbox, &dir);
    let handle = guard.handle();
    within(&dispatch, || {
        error!(order = 4711, "payment {} failed", "aborted");
        info!({ spike.status = "resolve" }, "disk is full");
    });
    handle.trigger(Incident::new("import did not finish").severity(Severity::Sev2)).unwrap();
    eventually("all is in the spool", || (records(&dir) == 3).then_some(()));
    for (path, bytes) in files(&dir) {
        assert_eq!(leaks(&String::from_utf8_lossy(&bytes)), None, "{path:?}");
    }
    let stats = closed(guard);
    assert_eq!((stats.spooled, stats.pending, stats.undelivered()), (3, 0, 0), "{stats:?}");
    assert_eq!(stats.seen, stats.accounted());
    assert_eq!(records(&dir), 3);

    sandbox.clear_faults();
    let (_dispatch, guard) = run(&sandbox, &dir);
    let handle = guard.handle();
    eventually(&format!("all is delivered {:?}", handle.stats()), || {
        (handle.stats().delivered == 3).then_some(())
    });
    eventually("the spool is empty", || (records(&dir) == 0).then_some(()));
    let stats = handle.stats();
    assert_eq!((stats.replayed, stats.seen, stats.accounted()), (3, 3, 3), "{stats:?}");
    let incidents = sandbox.incidents();
    let payment = incidents.iter().find(|one| one.title().starts_with("payment")).unwrap();
    assert_eq!(payment.body()["fields"]["order"], 4711);
    assert_eq!(payment.body()["occurrences"]["count"], 1);
    assert_eq!(payment.body().get("delayed"), None, "it is not two minutes old");
    let import = incidents.iter().find(|one| one.title().starts_with("import")).unwrap();
    assert_eq!(import.severity(), Some("sev2"));
    drop(guard);
    eventually("nothing is left behind", || files(&dir).is_empty().then_some(()));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_somebody_removes_while_it_is_pending_is_written_again() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault(Fault::Status(503));
    let (_dispatch, guard) = run(&sandbox, &dir);
    let handle = guard.handle();
    // It may be written to meanwhile.
    let remove = || eventually("it is removed", || fs::remove_dir_all(&dir).ok());
    handle.trigger(Incident::new("disk is full")).unwrap();
    eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
    remove();
    handle.trigger(Incident::new("queue is stuck")).unwrap();
    eventually("both are in the spool", || (records(&dir) == 2).then_some(()));
    remove();
    let stats = closed(guard);
    assert_eq!((stats.spooled, stats.undelivered(), records(&dir)), (2, 0, 2), "{stats:?}");
    fs::remove_dir_all(dir).unwrap();
}
