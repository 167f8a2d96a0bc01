//! Writes lines to stderr, for a worker that must not wait for whoever reads them.
//!
//! Invariant: a stderr that takes nothing (a full pipe that nobody reads) costs a thread, and once
//! [`PATIENCE`], and [`LAST`] at an end with time left; what is to be said meanwhile has to be said
//! again later.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use crate::reentry;

/// So long a line is waited for, which is enough for most.
const PATIENCE: Duration = Duration::from_millis(20);
/// The same of the last lines, which nobody says again: a thread may start late on a busy machine.
const LAST: Duration = Duration::from_millis(200);

#[derive(Debug, Default)]
pub(crate) struct Printer {
    /// A line that is being written still.
    writing: Option<Receiver<()>>,
    /// The time that there is for the last lines, once these are due.
    last: Option<Duration>,
    /// In a user's test: the lines, which nobody writes.
    #[cfg(feature = "testing")]
    kept: Option<Vec<String>>,
}

/// Whether a person reads it, and not a pipe.
pub(crate) fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

impl Printer {
    /// One that writes nothing.
    #[cfg(feature = "testing")]
    pub(crate) fn keeping() -> Self {
        Self { kept: Some(Vec::new()), ..Self::default() }
    }

    /// What such a one was given.
    #[cfg(feature = "testing")]
    pub(crate) fn kept(&self) -> Vec<String> {
        self.kept.clone().unwrap_or_default()
    }

    /// What is said from now on is the last, and there is so much time left for it; what is being
    /// written is waited for.
    pub(crate) fn begin_last(&mut self, left: Duration) {
        let patience = left.clamp(PATIENCE, LAST);
        self.last = Some(patience);
        if let Some(writing) = &self.writing {
            let waited = writing.recv_timeout(patience);
            if waited != Err(RecvTimeoutError::Timeout) {
                self.writing = None;
            }
        }
    }

    /// Tells whether the line is written, or on its way.
    pub(crate) fn print(&mut self, line: &str) -> bool {
        #[cfg(feature = "testing")]
        if let Some(kept) = &mut self.kept {
            kept.push(line.to_owned());
            return true;
        }
        self.print_all(&format!("tracing-spike: {line}\n"))
    }

    /// The same of lines that say already who speaks.
    pub(crate) fn print_all(&mut self, lines: &str) -> bool {
        if let Some(writing) = &self.writing
            && writing.try_recv() == Err(mpsc::TryRecvError::Empty)
        {
            return false;
        }
        let (done, writing) = mpsc::sync_channel::<()>(1);
        if lines.is_empty() {
            return true;
        }
        let line: Arc<str> = lines.into();
        let to_write = Arc::clone(&line);
        let write = move || {
            reentry::mark_own_thread();
            io::stderr().write_all(to_write.as_bytes()).ok();
            drop(done);
        };
        if thread::Builder::new().name("spike-says".to_owned()).spawn(write).is_err() {
            // There are none left, which people have to know.
            io::stderr().write_all(line.as_bytes()).ok();
            return true;
        }
        let waited = writing.recv_timeout(self.last.unwrap_or(PATIENCE));
        self.writing = (waited == Err(RecvTimeoutError::Timeout)).then_some(writing);
        true
    }
}
