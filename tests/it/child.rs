//! Tests that need a process of their own: a global subscriber, an environment, an exit.
//!
//! A test calls [`run`] with its own path and what to do. In the test process that starts the same
//! test again as a child and returns what the child printed; in the child it does the work and
//! ends the process.

use std::{
    env,
    io::Read,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::rig::{TOKEN, leaks};

/// Set in the child, to the path of the test it is to play.
const ROLE: &str = "SPIKE_TEST_CHILD";
/// A child that runs longer hangs, but for one that has to take its time.
const WATCHDOG: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(150);

/// What a child left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Fails unless the child ended well.
    pub(crate) fn well(self) -> Self {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.stdout, self.stderr);
        self
    }

    /// How many lines on stderr contain `text`.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.stderr.lines().filter(|line| line.contains(text)).count()
    }
}

/// Plays `test`, the path of the calling test below the binary (`module::name`), in a process of
/// its own with these variables added and all of `SPIKE_*` removed before.
pub(crate) fn run(test: &str, variables: &[(&str, &str)], work: impl FnOnce()) -> Ended {
    if env::var(ROLE).is_ok_and(|role| role == test) {
        work();
        std::process::exit(0);
    }
    run_with(test, variables, &mut Command::new(env::current_exe().unwrap()))
}

/// Whether this process is the child that plays `test`.
pub(crate) fn is_child(test: &str) -> bool {
    env::var(ROLE).is_ok_and(|role| role == test)
}

/// As [`run`] in the test process, with a command that is to start the child (`strace …`).
pub(crate) fn run_with(test: &str, variables: &[(&str, &str)], command: &mut Command) -> Ended {
    let set: Vec<_> = command.get_envs().map(|(name, _)| name.to_owned()).collect();
    for (name, _) in env::vars_os().filter(|(name, _)| !set.contains(name)) {
        if name.to_string_lossy().starts_with("SPIKE_") || name == "OTEL_SERVICE_NAME" {
            command.env_remove(name);
        }
    }
    command
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(ROLE, test)
        .envs(variables.iter().copied())
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let stdout = collect(child.stdout.take().unwrap());
    let stderr = collect(child.stderr.take().unwrap());
    // Its streams end when it does.
    let long = ["SPIKE_STORM_SECONDS", "SPIKE_SHUTDOWN_RUNS", "SPIKE_FORKS"];
    let is_long = variables.iter().any(|(name, _)| long.contains(name));
    let deadline = Instant::now() + if is_long { LONG } else { WATCHDOG };
    let text = |from: &mpsc::Receiver<String>| {
        from.recv_timeout(deadline.saturating_duration_since(Instant::now()))
    };
    let (Ok(stdout), Ok(stderr)) = (text(&stdout), text(&stderr)) else {
        child.kill().unwrap();
        child.wait().unwrap();
        let last = |from: &mpsc::Receiver<String>| from.recv_timeout(WATCHDOG).unwrap_or_default();
        panic!("{test} hangs\n{}\n{}", last(&stdout), last(&stderr));
    };
    let status = child.wait().unwrap();
    assert!(stdout.contains("running 1 test"), "no test is called {test}: {stdout}");
    assert_eq!(leaks(&stdout), None, "{TOKEN} on stdout: {stdout}");
    assert_eq!(leaks(&stderr), None, "{TOKEN} on stderr: {stderr}");
    Ended { status, stdout, stderr }
}

fn collect(mut from: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (whole, text) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        whole.send(String::from_utf8_lossy(&bytes).into_owned()).ok();
    });
    text
}
