//! A pipeline that pages a sandbox, beside others' layers.

use std::{
    io,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tracing::Dispatch;
use tracing_spike::{
    Guard,
    sandbox::{Incident, Sandbox},
};
use tracing_subscriber::{Layer, Registry, fmt::MakeWriter, prelude::*};

/// Every wait ends by then.
pub const DEADLINE: Duration = Duration::from_secs(20);

pub type Other = Box<dyn Layer<Registry> + Send + Sync>;

pub struct Rig {
    pub sandbox: Sandbox,
    pub dispatch: Dispatch,
    pub guard: Guard,
}

/// Ours behind `before` and before `after`.
pub fn between(before: impl Into<Option<Other>>, after: impl Into<Option<Other>>) -> Rig {
    let sandbox = Sandbox::start().unwrap();
    let builder = tracing_spike::builder(sandbox.webhook_url()).service("it").budget(1_000, 1_000);
    let (spike, guard) = builder.build().unwrap();
    let spike: Other = Box::new(spike);
    let layers: Vec<_> = before.into().into_iter().chain([spike]).chain(after.into()).collect();
    Rig { sandbox, dispatch: Dispatch::new(tracing_subscriber::registry().with(layers)), guard }
}

impl Rig {
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    pub fn delivered(&self) -> Vec<Incident> {
        let report = self.guard.handle().flush(DEADLINE);
        assert!(report.is_complete(), "{report:?} {:?}", self.guard.handle().stats());
        self.sandbox.incidents()
    }

    pub fn titles(&self) -> Vec<String> {
        let mut titles: Vec<_> =
            self.delivered().iter().map(|one| one.title().to_owned()).collect();
        titles.sort_unstable();
        titles
    }
}

/// Waits until `ready` returns something.
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < deadline, "not by the deadline: {what}");
        std::thread::yield_now();
    }
}

/// A writer into memory.
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Written {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
