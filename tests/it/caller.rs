//! What the caller's thread does and does not do, while the network is a black hole.

#![expect(clippy::print_stderr, reason = "what was measured, or could not be, is for a person")]

use std::{
    env, fs,
    io::{PipeWriter, Write},
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};
use tracing::{error, info};
use tracing_spike::sandbox::Fault;

use crate::{
    child,
    context::{Alone, alone},
    rig::{DEADLINE, eventually},
};

const TRACED: &str = "caller::no_network_and_no_file_is_touched_on_the_callers_thread";
const QUIET: &str = "caller::a_repeat_never_gives_up_the_processor";

/// What a thread may ask of the system to get memory and to wake another thread.
const HARMLESS: [&str; 7] = ["brk", "mmap", "munmap", "mprotect", "mremap", "madvise", "getrandom"];

/// A pipeline whose worker is stuck in an attempt that no one answers.
fn in_a_black_hole(capacity: usize) -> Alone {
    let spike = alone(|builder| {
        builder.queue_capacity(capacity).shutdown_timeout(Duration::from_millis(50))
    });
    spike.sandbox.fault(Fault::HangBeforeRead);
    spike.run(|| error!("stuck"));
    spike.sandbox.wait_for_connections(1, DEADLINE).unwrap();
    spike
}

/// Ends the pipeline: everything in it is lost to the black hole, and counted.
fn end(mut spike: Alone) {
    let stats = spike.finish();
    assert_eq!((stats.delivered, stats.pending), (0, 0), "{stats:?}");
    assert!(stats.lost.shutdown > 0, "{stats:?}");
}

fn repeat() {
    error!(attempt = 3, user = "ada", "repeated over {}", "and over");
}

fn fresh(number: usize) {
    error!(spike.title = format!("fresh incident {number}"), number, long = "x".repeat(500), "no");
}

fn recovered(number: usize) {
    info!(spike.status = "resolve", spike.title = format!("fresh incident {number}"), "recovered");
}

// === system calls ===

/// The scenario that is traced. Each part stands between two marks on a pipe.
fn traced() {
    let (_reader, mut marks) = std::io::pipe().unwrap();
    let spike = in_a_black_hole(64);
    let handle = spike.handle.clone();
    let dispatch = spike.dispatch.clone();
    let work = move || {
        tracing::dispatcher::with_default(&dispatch, || {
            mark(&mut marks, "begin fresh");
            (0..20).for_each(fresh);
            repeat();
            mark(&mut marks, "end fresh");
            assert_eq!(handle.stats().refused.full, 0, "there was room");
            mark(&mut marks, "begin repeat");
            (0..1_000).for_each(|_| repeat());
            mark(&mut marks, "end repeat");
            // Of resolves the worker holds 64, and 64 wait.
            let mut number = 20..;
            let mut refused = || {
                let before = handle.stats().refused.full;
                number.by_ref().take(100).for_each(recovered);
                handle.stats().refused.full - before
            };
            // They are pending then, with the 21 triggers above.
            let mut full = || refused() == 100 && handle.stats().pending >= 21 + 64 + 64;
            eventually("the queue is full", || full().then_some(()));
            mark(&mut marks, "begin full");
            assert_eq!(refused(), 100);
            mark(&mut marks, "end full");
            // The positive twin: what would be found.
            mark(&mut marks, "begin twin");
            drop(fs::read("/proc/self/comm"));
            drop(std::net::UdpSocket::bind("127.0.0.1:0"));
            mark(&mut marks, "end twin");
        });
    };
    thread::Builder::new().name("caller".to_owned()).spawn(work).unwrap().join().unwrap();
    end(spike);
}

fn mark(marks: &mut PipeWriter, what: &str) {
    marks.write_all(format!("mark: {what}").as_bytes()).unwrap();
}

#[test]
fn no_network_and_no_file_is_touched_on_the_callers_thread() {
    if child::is_child(TRACED) {
        child::run(TRACED, &[], traced).well();
        return;
    }
    if let Some(why) = no_strace() {
        assert!(env::var_os("CI").is_none(), "CI must trace the caller's thread: {why}");
        eprintln!("not run: {TRACED}: {why}");
        return;
    }
    let name = format!("spike-caller-{}.strace", std::process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-s", "64", "-o"]).arg(&file).arg(env::current_exe().unwrap());
    child::run_with(TRACED, &[], &mut strace).well();
    let trace = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let none: [&str; 0] = [];
    assert_eq!(between(&trace, "repeat"), none, "a repeat calls nothing");
    for part in ["fresh", "full"] {
        let calls = between(&trace, part);
        let bad: Vec<_> = calls.iter().filter(|call| !is_harmless(call)).collect();
        assert!(bad.is_empty(), "{part}: {bad:#?}");
    }
    let twin = between(&trace, "twin");
    for call in ["openat(", "read(", "socket(", "bind("] {
        assert!(twin.iter().any(|found| found.starts_with(call)), "{call} {twin:#?}");
    }
}

/// Why nothing can be traced here.
pub(crate) fn no_strace() -> Option<String> {
    match Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "strace may not trace here: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("strace does not start: {error}")),
    }
}

/// The system calls of the marking thread between two of its marks.
fn between<'a>(trace: &'a str, part: &str) -> Vec<&'a str> {
    let begin = format!("\"mark: begin {part}\"");
    let end = format!("\"mark: end {part}\"");
    let caller = trace.lines().find(|line| line.contains(&begin)).unwrap();
    let caller = caller.split_whitespace().next().unwrap();
    let calls = trace.lines().filter_map(|line| line.strip_prefix(caller)?.strip_prefix(' '));
    let calls = calls.map(str::trim_start).skip_while(|call| !call.contains(&begin)).skip(1);
    // A mark that another thread's call interrupts is resumed on a line of its own.
    let calls: Vec<_> = calls.filter(|call| !call.starts_with("<... write resumed>")).collect();
    let last = calls.iter().position(|call| call.contains(&end)).unwrap();
    calls[..last].to_vec()
}

/// Memory, whose process this is, or a wake-up of the worker: a futex that does not wait, a write
/// to its event counter.
fn is_harmless(call: &str) -> bool {
    let name = call.split('(').next().unwrap();
    match name {
        "futex" => call.contains("FUTEX_WAKE"),
        "write" => call.contains(r#", "\1\0\0\0\0\0\0\0", 8"#),
        "getpid" => true,
        _ => HARMLESS.contains(&name) || is_resumed(call, &["futex", "getpid"]),
    }
}

fn is_resumed(call: &str, names: &[&str]) -> bool {
    names.iter().any(|name| call.starts_with(&format!("<... {name} resumed>")))
}

// === the processor ===

/// Times this thread gave up the processor by itself.
fn voluntary_switches() -> u64 {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"));
    line.unwrap().split_whitespace().last().unwrap().parse().unwrap()
}

/// How long this thread has run.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn a_repeat_never_gives_up_the_processor() {
    const REPEATS: u64 = 100_000;
    let ended = child::run(QUIET, &[], || {
        let spike = in_a_black_hole(256);
        spike.run(|| {
            (0..1_000).for_each(|_| repeat());
            let before = (voluntary_switches(), spike.handle.stats().suppressed.repeat);
            (0..REPEATS).for_each(|_| repeat());
            let after = (voluntary_switches(), spike.handle.stats().suppressed.repeat);
            assert_eq!(after.1 - before.1, REPEATS);
            assert_eq!(after.0, before.0, "voluntary context switches");
            let (_open, never) = mpsc::channel::<()>();
            assert!(never.recv_timeout(Duration::from_millis(1)).is_err());
            assert!(voluntary_switches() > after.0, "the twin: one that waits is counted");
            report("a repeat", REPEATS as usize, repeat);
            let titles: Vec<_> = (0..256).map(|n| format!("fresh incident {n}")).collect();
            let mut titles = titles.iter();
            report("a new incident", 256, || {
                let title = titles.next().unwrap().as_str();
                error!(spike.title = title, order = 7, user = "ada", "could not load the order");
            });
        });
        end(spike);
    })
    .well();
    let reported = ended.stderr.lines().filter(|line| line.contains("p99.9"));
    eprintln!("processor time of the calling thread, in a black hole:");
    reported.for_each(|line| eprintln!("  {line}"));
}

/// Tells what a call costs in processor time, asking for the time included; asserted nowhere,
/// since it is the machine's as much as ours.
fn report(what: &str, calls: usize, mut call: impl FnMut()) {
    let mut times: Vec<_> = (0..calls)
        .map(|_| {
            let start = processor_time();
            call();
            processor_time() - start
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 1_000];
    eprintln!("{what}: p50 {:?}, p99 {:?}, p99.9 {:?}", at(500), at(990), at(999));
}
