//! A spool that is full: what can't be written stays in memory, and nothing wrong stays on disk.

#![expect(clippy::print_stdout, reason = "why a test does not run is for a person")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    time::Duration,
};

use tracing_spike::{
    Problem, ProblemKind,
    sandbox::{Fault, Sandbox},
};

use super::{all_records, directory, records, replayed::open, run_with};
use crate::rig::{TOKEN, eventually};

/// A file system of 64 KiB or, for one that is full of files, of a few files.
struct Small(PathBuf);

impl Small {
    fn mount(size: &str) -> Result<Self, String> {
        let dir = directory();
        fs::create_dir_all(&dir).unwrap();
        let mut mount = Command::new("mount");
        let options = format!("{size},mode=700");
        mount.args(["-t", "tmpfs", "-o", &options, "spike-test"]).arg(&dir);
        match mount.output() {
            Ok(output) if output.status.success() => Ok(Self(dir)),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount does not start: {error}")),
        }
    }

    fn fill(&self) -> PathBuf {
        let filler = self.0.join("filler");
        fs::write(&filler, vec![b'x'; 1 << 20]).unwrap_err();
        filler
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
        fs::remove_dir_all(&self.0).ok();
    }
}

static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn tell(problem: &Problem) {
    if problem.kind() == ProblemKind::Spool {
        TOLD.lock().unwrap().push(problem.to_string());
    }
}

fn says(dir: &Path, title: &str) -> Option<String> {
    let mut records = all_records(dir).into_iter();
    let (_, record) = records.find(|(_, record)| record["title"] == title)?;
    record["says"].as_str().map(str::to_owned)
}

#[test]
fn f101_on_a_full_disk_incidents_stay_in_memory_and_no_old_word_stays_behind() {
    let small = match Small::mount("size=64k") {
        Ok(small) => small,
        Err(why) => {
            println!("not run: f101, a full disk: no file system can be mounted: {why}");
            return;
        }
    };
    let (sandbox, dir) = (Sandbox::start().unwrap(), small.0.join("spool"));
    sandbox.fault(Fault::Status(503));
    let (_dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| builder.on_problem(tell));
    let handle = guard.handle();
    let errors = || handle.stats().spool_errors;
    open(&handle, "disk is full");
    eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
    eventually("it was tried", || (handle.stats().retries > 0).then_some(()));

    let filler = small.fill();
    handle.resolve("disk is full").unwrap();
    eventually("its resolve has no room", || (errors() > 0).then_some(()));
    let told = eventually("it is told", || TOLD.lock().unwrap().pop());
    assert_eq!(
        told,
        "the spool can't be written (No space left on device (os error 28)): incidents are in \
         memory only"
    );
    assert_eq!(says(&dir, "disk is full").unwrap(), "open", "what was there, for a kill");
    let deliver = |count| {
        sandbox.clear_faults();
        let report = handle.flush(Duration::from_secs(10));
        assert!(report.is_complete(), "{report:?}");
        assert_eq!(handle.stats().delivered, count);
    };
    deliver(1);
    // Else the next run would page what is resolved.
    eventually("the old word is gone, full or not", || (records(&dir) == 0).then_some(()));
    small.fill();
    sandbox.fault(Fault::Status(503));
    let before = errors();
    open(&handle, "import did not finish");
    eventually("nor has an incident", || (errors() > before).then_some(()));
    assert_eq!(records(&dir), 0, "no part of a file is visible");
    deliver(2);

    fs::remove_file(filler).unwrap();
    sandbox.fault(Fault::Status(503));
    open(&handle, "queue is stuck");
    eventually("there is room again", || (records(&dir) == 1).then_some(()));
    sandbox.clear_faults();
    drop(guard);
    let stats = handle.stats();
    assert_eq!((stats.seen, stats.undelivered()), (stats.accounted(), 0), "{stats:?}");
}

static TOLD_AT_START: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn tell_at_start(problem: &Problem) {
    if problem.kind() == ProblemKind::Spool {
        TOLD_AT_START.lock().unwrap().push(problem.to_string());
    }
}

#[test]
fn f101_a_disk_that_is_full_at_the_start_keeps_nobody_from_paging_and_is_tried_again() {
    let small = match Small::mount("nr_inodes=5") {
        Ok(small) => small,
        Err(why) => {
            println!("not run: f101, full at the start: no file system can be mounted: {why}");
            return;
        }
    };
    let fill = |name: &str| fs::write(small.0.join(name), "");
    let fillers = ["a", "b", "c", "d", "e"].map(|name| (name, fill(name).is_ok()));
    assert!(fillers[0].1 && !fillers[4].1, "{fillers:?}");
    let (sandbox, dir) = (Sandbox::start().unwrap(), small.0.join("spool"));
    let (_dispatch, guard) =
        run_with(&sandbox, TOKEN, &dir, |builder| builder.on_problem(tell_at_start));
    let handle = guard.handle();
    let told = eventually("it is told", || TOLD_AT_START.lock().unwrap().pop());
    assert_eq!(
        told,
        "the spool can't be opened (the directory can't be made: No space left on device (os \
         error 28)): incidents are in memory only until it can be"
    );
    open(&handle, "disk is full");
    assert!(handle.flush(Duration::from_secs(10)).is_complete());
    assert_eq!(sandbox.incidents()[0].title(), "disk is full");

    sandbox.fault(Fault::Status(503));
    open(&handle, "import did not finish");
    eventually("it is in memory", || (handle.stats().spool_errors > 0).then_some(()));
    for (name, _) in fillers {
        fs::remove_file(small.0.join(name)).ok();
    }
    eventually("once there is room, it is in the spool", || (records(&dir) == 1).then_some(()));
    drop(guard);
    let stats = handle.stats();
    assert_eq!((stats.spooled, stats.undelivered()), (1, 0), "{stats:?}");
}
