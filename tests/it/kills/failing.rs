//! Cases 101 and 102, and more: each system call of a run fails once, in each way that it may.

use std::{env, path::Path};

use tracing_spike::sandbox::Sandbox;

use super::{
    Lane, Planted,
    ledger::{EACH, letters},
    played::Ends,
    traced::{Tracer, untraceable},
};
use crate::spool::{files, read_record};

/// The calls of a run but for those that wait and those that make threads, with the ways in which
/// they may fail.
const FAILURES: [(&str, &[&str]); 22] = [
    ("openat", &["EIO", "ENOSPC", "EMFILE", "EACCES", "EINTR"]),
    ("read", &["EIO", "EINTR", "EAGAIN"]),
    ("write", &["EIO", "ENOSPC", "EINTR", "EAGAIN"]),
    ("fsync", &["EIO", "ENOSPC", "EINTR"]),
    ("renameat", &["EIO", "ENOSPC", "EACCES", "EINTR"]),
    ("rename", &["EIO", "ENOSPC", "EACCES"]),
    ("unlink", &["EIO", "EACCES"]),
    ("flock", &["EIO", "EINTR", "EAGAIN", "ENOLCK"]),
    ("mkdir", &["EIO", "ENOSPC", "EACCES"]),
    ("rmdir", &["EIO", "EACCES"]),
    ("getdents64", &["EIO"]),
    ("newfstatat", &["EIO", "EACCES"]),
    ("statx", &["EIO", "EACCES"]),
    ("fcntl", &["EIO"]),
    ("socket", &["EMFILE", "EACCES"]),
    ("connect", &["EACCES", "EINTR", "EIO"]),
    ("setsockopt", &["EIO"]),
    ("writev", &["EIO", "EINTR", "EAGAIN"]),
    ("recvfrom", &["EIO", "EINTR", "EAGAIN"]),
    ("epoll_ctl", &["ENOSPC", "EIO"]),
    ("epoll_create1", &["EMFILE"]),
    ("eventfd2", &["EMFILE"]),
];

/// What a failure met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Met {
    /// The run made fewer calls.
    Nothing,
    Failed,
    /// A call that can't fail that way: the run proves nothing.
    Impossible,
}

impl Lane {
    /// A run whose `nth` call of this kind fails; whether it came that far, and was looked at.
    fn fail(&mut self, call: &str, error: &str, nth: u64) -> Met {
        self.leave_something();
        let mut run = self.start(Ends::Traced);
        run.wait_until_it_works();
        let tracer = Tracer::attach(run.id(), call, &format!("error={error}:when={nth}"));
        run.go();
        let status = run.ended();
        let met = tracer.end();
        let (out, err) = run.said();
        if met.iter().any(|call| wakes(call)) {
            self.close_books();
            return Met::Impossible;
        }
        let what = format!("{call} {nth}: {error}: {met:#?}");
        assert!(status.success(), "{what}: {status}\n{out}\n{err}");
        assert!(!err.contains("panicked"), "{what}: {err}");
        self.check(&what, &out);
        self.close_books();
        if met.is_empty() { Met::Nothing } else { Met::Failed }
    }

    /// What it has said was delivered, is in the spool, or is counted.
    fn check(&mut self, what: &str, out: &str) {
        if out.contains("\nrefused: ") {
            return;
        }
        let line = out.lines().rev().find_map(|line| line.strip_prefix("counts "));
        let line = line.unwrap_or_else(|| panic!("{what}: {out}"));
        let counts: Vec<u64> = line.split(' ').map_while(|count| count.parse().ok()).collect();
        let [seen, accounted, undelivered] = counts[..] else { panic!("{what}: {line}") };
        assert_eq!(seen, accounted, "{what}: {line}");
        let said = said(&self.ledger.newest_run());
        let there = there(self.sandbox(), &self.dir);
        let missing = said.iter().filter(|title| !there.contains(title)).count() as u64;
        assert!(missing <= undelivered, "{what}: {missing} missing: {line}");
    }
}

/// Writes to an event counter, which is how one thread wakes another, and can't fail that way:
/// tokio panics.
fn wakes(call: &str) -> bool {
    call.contains(r#", "\1\0\0\0\0\0\0\0", 8"#)
}

/// The titles of a run.
fn said(run: &str) -> Vec<String> {
    let opened = (0..EACH).map(|number| format!("kill {run} {}", letters(number)));
    opened.chain([format!("over {run}")]).collect()
}

/// The titles that the sandbox or the spool has.
fn there(sandbox: &Sandbox, dir: &Path) -> Vec<String> {
    let requests = sandbox.requests();
    let sent = requests.iter().filter_map(|request| Some(request.title()?.to_owned()));
    let kept = files(dir)
        .into_iter()
        .filter_map(|(_, bytes)| Some(read_record(&bytes)?.get("title")?.as_str()?.to_owned()));
    sent.chain(kept).collect()
}

#[test]
fn f101_f102_whatever_call_of_a_run_fails_nothing_is_lost_without_a_count() {
    if let Some(why) = untraceable() {
        assert!(env::var_os("CI").is_none(), "CI must trace what fails: {why}");
        println!("not run: failing system calls: {why}");
        return;
    }
    let all = env::var_os("SPIKE_SYSCALLS").is_some();
    let mut lane = Lane::new(77, Planted::Nothing);
    let (mut runs, mut impossible, mut reached) = (0, 0, Vec::new());
    for (call, errors) in FAILURES {
        let (mut nth, mut step) = (1, 1);
        loop {
            let few = &errors[nth as usize % errors.len()..][..1];
            let errors = if all { errors } else { few };
            let met: Vec<_> = errors.iter().map(|error| lane.fail(call, error, nth)).collect();
            let count = |what| met.iter().filter(|one| **one == what).count();
            runs += count(Met::Failed);
            impossible += count(Met::Impossible);
            if met.iter().all(|one| *one == Met::Nothing) {
                break;
            }
            (nth, step) = if all { (nth + 1, 1) } else { (nth + step, nth + 1) };
            lane.drain();
        }
        reached.push(format!("{call} < {nth}"));
    }
    let figures = lane.end();
    println!("calls that failed: {runs} ({impossible} more could not): {}", reached.join(", "));
    println!("with them: {figures}");
    figures.assert_clean();
    assert!(runs > FAILURES.len(), "hardly any call was met: {reached:?}");
}
