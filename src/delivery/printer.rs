//! Writes lines to stderr, for a worker that must not wait for whoever reads them.
//!
//! Invariant: a stderr that takes nothing (a full pipe that nobody reads) costs [`PATIENCE`] once
//! and one thread; what is to be said meanwhile is left unsaid there.

use std::{
    io::{self, Write},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::reentry;

/// So long the worker waits for a line to be written: the last one should be before the end.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(crate) struct Printer {
    /// A line that is being written still.
    writing: Option<Receiver<()>>,
}

impl Printer {
    pub(crate) fn print(&mut self, line: &str) {
        if let Some(writing) = &self.writing
            && writing.try_recv() == Err(mpsc::TryRecvError::Empty)
        {
            return;
        }
        let (done, writing) = mpsc::sync_channel::<()>(1);
        let line = format!("tracing-spike: {line}\n");
        let write = move || {
            reentry::mark_own_thread();
            io::stderr().write_all(line.as_bytes()).ok();
            drop(done);
        };
        // Without a thread it is unsaid, which is better than undelivered.
        let Ok(_) = thread::Builder::new().name("spike-says".to_owned()).spawn(write) else {
            return;
        };
        let waited = writing.recv_timeout(PATIENCE);
        self.writing = (waited == Err(RecvTimeoutError::Timeout)).then_some(writing);
    }
}
