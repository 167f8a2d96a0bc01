//! A pipeline that pages a sandbox, beside others' layers.

use tracing::Dispatch;
use tracing_spike::{
    Guard,
    sandbox::{Incident, Sandbox},
};
use tracing_subscriber::{Layer, Registry, prelude::*};

#[path = "../../it/rig.rs"]
#[expect(dead_code, reason = "the tests of the package need more of it")]
pub(crate) mod shared;

pub(crate) use shared::{DEADLINE, TOKEN, closed, eventually, leaks};

pub(crate) type Other = Box<dyn Layer<Registry> + Send + Sync>;

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) dispatch: Dispatch,
    pub(crate) guard: Guard,
}

/// Ours behind `before` and before `after`.
pub(crate) fn between(before: impl Into<Option<Other>>, after: impl Into<Option<Other>>) -> Rig {
    let sandbox = Sandbox::start().unwrap();
    let builder = tracing_spike::builder(sandbox.webhook_url()).service("it").budget(1_000, 1_000);
    let (spike, guard) = builder.build().unwrap();
    let spike: Other = Box::new(spike);
    let layers: Vec<_> = before.into().into_iter().chain([spike]).chain(after.into()).collect();
    Rig { sandbox, dispatch: Dispatch::new(tracing_subscriber::registry().with(layers)), guard }
}

impl Rig {
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    pub(crate) fn delivered(&self) -> Vec<Incident> {
        let report = self.guard.handle().flush(DEADLINE);
        let stats = self.guard.handle().stats();
        assert!(report.is_complete() && stats.seen == stats.accounted(), "{report:?} {stats:?}");
        self.sandbox.incidents()
    }

    pub(crate) fn titles(&self) -> Vec<String> {
        let mut titles: Vec<_> =
            self.delivered().iter().map(|one| one.title().to_owned()).collect();
        titles.sort_unstable();
        titles
    }
}
