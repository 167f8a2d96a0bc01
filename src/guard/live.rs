//! What this process has running: its pipelines, for [`exit`](crate::exit) and the panic hook.
//!
//! Invariant: a forked child finds nothing of its parent's here, neither a pipeline nor a lock that
//! a thread of the parent's held at that moment and nobody will ever open.

use std::{
    process,
    sync::{Arc, Mutex, OnceLock, Weak},
};

use super::{Shared, waits::Waits};
use crate::lock::{lock, try_lock};

/// That of the process which built a pipeline first.
static FIRST: OnceLock<Live> = OnceLock::new();

/// What one process has running.
pub(crate) struct Live {
    pid: u32,
    /// Those that a guard keeps open, or a handle.
    pipelines: Mutex<Vec<Weak<Shared>>>,
    /// Who waits in the panic hook.
    pub(crate) waits: Mutex<Waits>,
    /// In a forked child, its own.
    child: OnceLock<Box<Live>>,
}

impl Live {
    /// That of this process.
    pub(crate) fn here() -> &'static Self {
        let pid = process::id();
        let mut live = FIRST.get_or_init(|| Self::of(pid));
        while live.pid != pid {
            live = live.child.get_or_init(|| {
                live.let_go();
                Box::new(Self::of(pid))
            });
        }
        live
    }

    fn of(pid: u32) -> Self {
        let (pipelines, waits) = (Mutex::default(), Mutex::new(Waits::new()));
        Self { pid, pipelines, waits, child: OnceLock::new() }
    }

    /// In a forked child: its parent's spools are not held by it.
    fn let_go(&self) {
        let pipelines = try_lock(&self.pipelines);
        for pipeline in pipelines.iter().flat_map(|pipelines| pipelines.iter()) {
            if let Some(pipeline) = pipeline.upgrade() {
                pipeline.pipeline().is_forked();
            }
        }
    }

    pub(crate) fn add(&self, pipeline: &Arc<Shared>) {
        let mut pipelines = lock(&self.pipelines);
        pipelines.retain(|pipeline| pipeline.strong_count() > 0);
        pipelines.push(Arc::downgrade(pipeline));
    }

    /// The pipelines that somebody holds.
    pub(crate) fn pipelines(&self) -> Vec<Arc<Shared>> {
        lock(&self.pipelines).iter().filter_map(Weak::upgrade).collect()
    }
}
