//! The spool: what one run does not deliver, a later one does.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tracing::{error, info};
use tracing_spike::{
    Guard, Incident, Severity,
    sandbox::{Fault, Sandbox},
};
use tracing_subscriber::{Registry, prelude::*};

use crate::rig::{TOKEN, eventually, leaks};

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
    let (spike, guard) = tracing_spike::builder(sandbox.url_for(TOKEN))
        .service("it")
        .spool(dir)
        .shutdown_timeout(Duration::from_millis(200))
        .build::<Registry>()
        .unwrap();
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
    files(dir).iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "json")).count()
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
    drop(guard);
    let stats = handle.stats();
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
