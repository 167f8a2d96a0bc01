//! A tracer that changes what happens at the n-th call of a kind: it kills the run there, or has
//! the call fail.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{caller::no_strace, rig::eventually};

/// A `strace` that is attached to a run.
pub(super) struct Tracer {
    strace: Child,
    /// What it has traced.
    trace: PathBuf,
}

impl Tracer {
    /// Attaches to all threads of the process, and those to come; each counts its calls by itself,
    /// from now on. `inject` is what `strace -e inject=` takes.
    pub(super) fn attach(process: u32, call: &str, inject: &str) -> Self {
        let name = format!("spike-kills-{process}.strace");
        let trace = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut strace = Command::new("strace")
            .args(["-f", "-qq", "-e", &format!("trace={call}"), "-o"])
            .arg(&trace)
            .args(["-e", &format!("inject={call}:{inject}"), "-p", &process.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        eventually("the run is traced", || {
            assert!(strace.try_wait().unwrap().is_none(), "strace does not trace {call}:{inject}");
            is_traced(process).then_some(())
        });
        Self { strace, trace }
    }

    /// The run has ended: the calls that were changed.
    pub(super) fn end(mut self) -> Vec<String> {
        eventually("strace ends", || self.strace.try_wait().unwrap());
        let trace = fs::read_to_string(&self.trace).unwrap();
        fs::remove_file(&self.trace).unwrap();
        injected(&trace)
    }
}

/// The calls of a trace that were changed. One that another thread's call interrupts is on two
/// lines, and what it was called with on the first.
fn injected(trace: &str) -> Vec<String> {
    let mut begun: HashMap<&str, &str> = HashMap::new();
    let mut injected = Vec::new();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or((line, ""));
        if call.ends_with("<unfinished ...>") {
            begun.insert(thread, call);
        } else if line.contains("(INJECTED)") {
            let begun = begun.get(thread).filter(|_| call.contains("resumed>"));
            injected.push(format!("{} {line}", begun.unwrap_or(&"")));
        }
    }
    injected
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.strace.kill().ok();
        self.strace.wait().ok();
    }
}

fn is_traced(process: u32) -> bool {
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return false };
    let mut statuses =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("status")).ok());
    statuses.all(|status| !status.contains("TracerPid:\t0"))
}

/// Why no run of ours can be traced, if it can't.
pub(super) fn untraceable() -> Option<String> {
    if let Some(why) = no_strace() {
        return Some(why);
    }
    let Ok(mut sleeper) = Command::new("sleep").arg("5").spawn() else {
        return Some("there is no sleep".to_owned());
    };
    let strace = Command::new("timeout")
        .args(["0.3", "strace", "-o", "/dev/null", "-p", &sleeper.id().to_string()])
        .output();
    sleeper.kill().ok();
    sleeper.wait().ok();
    match strace {
        Ok(output) if output.status.code() == Some(124) => None,
        Ok(output) => Some(format!(
            "strace may not attach here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("there is no timeout: {error}")),
    }
}
