//! A run that may be killed: a child of the test process, and what it does.

use std::{
    env,
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use tracing_spike::{Guard, Handle, Incident, Severity};
use tracing_subscriber::Registry;

use super::ledger::{EACH, letters};
use crate::rig::{DEADLINE, eventually};

/// The test that is started again as the child.
pub(super) const TEST: &str = "kills::f105_what_was_accepted_is_delivered_wherever_it_was_killed";
const ROLE: &str = "SPIKE_TEST_CHILD";
const SPOOL: &str = "KILLS_SPOOL";
const URL: &str = "KILLS_URL";
const RUN: &str = "KILLS_RUN";
const ENDS: &str = "KILLS_ENDS";

/// How a run ends that nobody kills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// The guard is dropped.
    Well,
    /// The process ends, and the guard is there.
    WithoutGuard,
    /// Not by itself.
    Never,
    /// It says nothing, and ends well when its stdin does.
    Waits,
    /// It begins when it is told to, says what it has, and ends well, with its counts on stdout.
    Traced,
}

impl Ends {
    const ALL: [Self; 5] = [Self::Well, Self::WithoutGuard, Self::Never, Self::Waits, Self::Traced];
}

/// The child as the test process has it.
pub(super) struct Played {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
}

impl Played {
    pub(super) fn start(dir: &Path, url: &str, run: &str, ends: Ends) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("SPIKE_") {
                command.env_remove(name);
            }
        }
        let mut child = command
            .args(["--exact", TEST, "--nocapture", "--test-threads=1"])
            .env(ROLE, TEST)
            .env(SPOOL, dir)
            .env(URL, url)
            .env(RUN, run)
            .env(ENDS, format!("{ends:?}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// It has begun, or has ended.
    pub(super) fn wait_until_it_works(&mut self) {
        let (mut said, mut byte) = (Vec::new(), [0]);
        while !said.ends_with(b"works\n") && self.stdout.read(&mut byte).unwrap_or(0) == 1 {
            said.push(byte[0]);
        }
    }

    pub(super) fn go(&mut self) {
        self.stdin.as_mut().unwrap().write_all(b"go\n").ok();
    }

    /// Kills it; whether it was alive.
    pub(super) fn kill(mut self) -> bool {
        self.child.kill().ok();
        self.was_killed()
    }

    /// Whether it was killed; fails unless it was or has ended well, so that a run that fails by
    /// itself is not taken for one that was killed.
    pub(super) fn was_killed(&mut self) -> bool {
        let status = self.ended();
        let was_killed = status.signal() == Some(libc::SIGKILL);
        if !was_killed && !status.success() {
            panic!("a run failed: {status}: {:?}", self.said());
        }
        was_killed
    }

    /// Tells one that waits to end, and waits for that.
    pub(super) fn end(&mut self) {
        self.stdin = None;
        assert!(!self.was_killed());
    }

    /// How it ended, by the deadline.
    pub(super) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > deadline {
                self.child.kill().ok();
                self.child.wait().unwrap();
                panic!("a run hangs");
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// What it has said, once it has ended.
    pub(super) fn said(&mut self) -> (String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        self.stdout.read_to_end(&mut out).unwrap();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_end(&mut err).unwrap();
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(out), text(err))
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The child's part.
pub(super) fn play() {
    let variable = |name| env::var(name).unwrap();
    let (run, ends) = (variable(RUN), variable(ENDS));
    let ends = Ends::ALL.into_iter().find(|one| format!("{one:?}") == ends).unwrap();
    // A fresh thread, so that a tracer counts its calls from the first.
    thread::spawn(move || {
        if ends == Ends::Traced {
            say_that_it_works();
            wait_for_stdin();
        }
        let builder = tracing_spike::builder(variable(URL))
            .service("it")
            .budget(1_000, 1_000)
            .spool(variable(SPOOL))
            .shutdown_timeout(Duration::from_millis(200));
        let builder = if ends == Ends::Traced { builder.fsync() } else { builder };
        let built = builder.build::<Registry>();
        // Where a system call fails, it may be refused, in words.
        let guard = match built {
            Ok((_layer, guard)) => guard,
            Err(error) if ends == Ends::Traced => {
                insist(&format!("refused: {error}"));
                std::process::exit(0);
            }
            Err(error) => panic!("{error}"),
        };
        say_that_it_works();
        work(guard, &run, ends);
    })
    .join()
    .unwrap();
    std::process::exit(0);
}

fn say_that_it_works() {
    println!("\nworks");
    std::io::stdout().flush().unwrap();
}

/// Says it even if a write fails.
fn insist(what: &str) {
    let mut stdout = std::io::stdout();
    let mut say = || writeln!(stdout, "\n{what}").and_then(|()| stdout.flush());
    while say().is_err() {}
}

fn work(guard: Guard, run: &str, ends: Ends) {
    let handle = guard.handle();
    match ends {
        Ends::Waits => wait_for_stdin(),
        Ends::Traced => {
            say(&handle, run, false);
            drop(handle.flush(Duration::from_millis(300)));
            drop(guard);
            let stats = eventually("all is settled", || {
                Some(handle.stats()).filter(|stats| stats.pending == 0)
            });
            let (seen, accounted) = (stats.seen, stats.accounted());
            insist(&format!("counts {seen} {accounted} {} {stats:?}", stats.undelivered()));
        }
        Ends::Well => {
            say(&handle, run, true);
            drop(handle.flush(Duration::from_millis(50)));
            drop(guard);
        }
        Ends::WithoutGuard => {
            say(&handle, run, true);
            std::process::exit(0);
        }
        Ends::Never => {
            say(&handle, run, true);
            wait_for_stdin();
        }
    }
}

/// Opens some incidents and resolves one of an earlier time, all of titles that no other run has.
/// `slowly`: over a few milliseconds.
fn say(handle: &Handle, run: &str, slowly: bool) {
    for number in 0..EACH {
        let code = letters(number);
        let mut incident = Incident::new(format!("kill {run} {code}"))
            .field("run", run)
            .field("code", code.as_str())
            .field("filler", "filler ".repeat(1 + number as usize * 300));
        if number == 0 {
            incident = incident.severity(Severity::Sev1);
        }
        // Where a system call fails, the worker may be gone.
        handle.trigger(incident).ok();
        if slowly {
            // Spread over the time in which it may be killed.
            thread::sleep(Duration::from_millis(number * 3));
        }
    }
    handle.resolve(&format!("over {run}")).ok();
}

fn wait_for_stdin() {
    std::io::stdin().read_exact(&mut [0]).ok();
}
