//! A title whose file can't be written.

use std::{fs, path::PathBuf};

use serde_json::Value;
use tracing::error;
use tracing_spike::{
    Incident,
    sandbox::{Fault, Sandbox},
};

use super::{all_records, directory, records, run, run_with, within};
use crate::rig::{TOKEN, closed, eventually};

/// A run with one incident in the spool whose file is now a folder with something in it.
fn stuck() -> (Sandbox, PathBuf, tracing_spike::Guard, PathBuf) {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault(Fault::Status(503));
    let (_dispatch, guard) = run(&sandbox, &dir);
    guard.handle().trigger(Incident::new("first")).unwrap();
    eventually("it is in the spool", || (records(&dir) == 1).then_some(()));
    let path = all_records(&dir).remove(0).0;
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x"), "").unwrap();
    guard.handle().resolve("first").unwrap();
    eventually("it fails", || (guard.handle().stats().spool_errors > 0).then_some(()));
    (sandbox, dir, guard, path)
}

#[test]
fn f102_a_title_that_cannot_be_written_holds_up_no_other() {
    let (_sandbox, dir, guard, _path) = stuck();
    let handle = guard.handle();
    let mut others = 0;
    // Each time it fails, it has a second until it is tried again: far longer than the next takes.
    while others < 8 {
        let failed = handle.stats().spool_errors;
        handle.trigger(Incident::new(format!("other {others}"))).unwrap();
        others += 1;
        eventually("the other is in the spool", || (records(&dir) == others).then_some(()));
        let more = handle.stats().spool_errors - failed;
        assert!(more <= 1, "it waited for another attempt: {more}");
    }
    // Eight of them waited less than for one attempt each.
    assert!(handle.stats().spool_errors < 5, "{}", handle.stats().spool_errors);
    drop(guard);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f102_what_could_not_be_written_a_moment_ago_is_tried_again_at_the_end() {
    let (_sandbox, dir, guard, path) = stuck();
    let handle = guard.handle();
    let failed = handle.stats().spool_errors;
    fs::remove_dir_all(&path).unwrap();
    let stats = closed(guard);
    let record = all_records(&dir).remove(0).1;
    assert_eq!(record["says"], "resolve", "{record}");
    assert_eq!((stats.lost.shutdown, stats.spool_errors), (0, failed), "{stats:?}");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn f102_a_storm_that_cannot_be_written_holds_up_no_other_title() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    sandbox.fault(Fault::Status(503));
    let (dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| builder.budget(1, 1));
    let handle = guard.handle();
    let kinds = ["disk", "queue", "cache", "index"];
    within(&dispatch, || kinds.iter().for_each(|kind| error!(spike.title = kind)));
    let of_storm = || {
        let is_storm = |record: &Value| record["title"].as_str().unwrap().contains("storm");
        all_records(&dir).into_iter().find(|(_, record)| is_storm(record))
    };
    let (path, _) = eventually("the storm is in the spool", of_storm);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x"), "").unwrap();
    within(&dispatch, || error!(spike.title = "network"));
    eventually("it fails", || (handle.stats().spool_errors > 0).then_some(()));
    let failed = handle.stats().spool_errors;
    handle.trigger(Incident::new("meant")).unwrap();
    let is_meant = |(_, record): &(PathBuf, Value)| record["title"] == "meant";
    eventually("the other is in the spool", || {
        all_records(&dir).iter().any(is_meant).then_some(())
    });
    assert!(handle.stats().spool_errors <= failed + 1, "it waited for another attempt");
    drop(guard);
    fs::remove_dir_all(dir).unwrap();
}
