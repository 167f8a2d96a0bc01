//! How to test that it pages: [`Spike`], [`assert_paged!`](crate::assert_paged) and
//! [`assert_not_paged!`](crate::assert_not_paged). With the feature `testing`.
//!
//! [`Spike`]: Spike
//! [`Spike::advance`]: Spike::advance
//! [`Spike::pages`]: Spike::pages
//! [`Expected`]: Expected
//! [`occurred()`]: Expected::occurred
//!
#![doc = include_str!("chapter.md")]
//!
//! # How it works
//!
//! Invariants: it is the layer, the gate and the outbox of production, with nobody behind them: no
//! thread, no network, no clock but the test's; what is sent has been taken in before the call
//! that sent it returns.

mod expected;
mod macros;
mod notebook;
mod page;
mod subscriber;

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use tracing::{Dispatch, Subscriber, dispatcher, subscriber::DefaultGuard};
use tracing_subscriber::{Layer, filter::LevelFilter, layer::SubscriberExt, registry::LookupSpan};

use crate::{
    builder::{Builder, assemble::Built, builder, watched::Driving},
    capture::{filter::RulesFilter, why::Why},
    delivery::worker::driven::Driven,
    error::Error,
    guard::{Guard, Handle},
    witness::Witness,
};
pub use expected::Expected;
use expected::Seen;
use notebook::{Notebook, Observer};
pub use page::Page;
use subscriber::{Shared, keep_undecided};

/// The webhook of every test; nothing is ever sent there.
const WEBHOOK: &str = "https://hooks.spike.sh/0tracing0spike0testing0/push-events";

/// Paging in a test: the pipeline of production, with nothing behind it.
///
/// ```
/// use tracing_spike::{assert_paged, testing::Spike};
///
/// let spike = Spike::new(|builder| builder.filter("error,billing=warn"))?;
/// let _inside = spike.enter();
/// tracing::warn!(target: "billing", "invoice is late");
/// assert_paged!(spike, "invoice is late");
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[must_use = "events reach it behind `let _inside = spike.enter();`"]
pub struct Spike {
    layer: Shared,
    filter: RulesFilter,
    why: Why,
    notebook: Arc<Notebook>,
    driven: Arc<Driven>,
    dispatch: Dispatch,
    guard: Guard,
}

impl Spike {
    /// A pipeline with these settings. The builder that they are made on is that of
    /// [`builder(url)`](crate::builder()), which reads no environment variable.
    ///
    /// Two settings are overridden: it is on whatever [`mode`](Builder::mode) says, and nothing is
    /// kept in a [`spool`](Builder::spool). [`panics`](Builder::panics) are those of the threads
    /// whose events come here.
    ///
    /// # Errors
    ///
    /// The first setting that can't be used, as [`Builder::build`] says.
    ///
    /// ```
    /// use tracing_spike::{Rule, Severity, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| {
    ///     builder.rule(Rule::target("billing").severity(Severity::Sev1))
    /// })?;
    /// # drop(spike);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn new(paging: impl FnOnce(Builder) -> Builder) -> Result<Self, Error> {
        let (driven, notebook) = (Arc::new(Driven::new()), Arc::<Notebook>::default());
        let witness: Arc<dyn Witness> = Arc::<Notebook>::clone(&notebook);
        let driving = Driving { driven: Arc::clone(&driven), witness };
        let Built { layer, filter, guard, why, .. } = paging(builder(WEBHOOK)).drive(driving)?;
        let layer = Shared(Arc::new(layer));
        driven.belongs_to(layer.address(), Shared::is_here);
        let inside = layered(&layer, &filter, &why, &notebook);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(inside));
        keep_undecided();
        Ok(Self { layer, filter, why, notebook, driven, dispatch, guard })
    }

    /// Has this thread's events come here until the returned value is dropped, whatever subscriber
    /// is global. Over an `await` only on a runtime that stays on this thread, as that of
    /// `#[tokio::test]` does.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use = "events come here until it is dropped: `let _inside = spike.enter();`"]
    pub fn enter(&self) -> DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// The subscriber behind [`enter`](Spike::enter), for other threads and for tasks, or to make
    /// it global.
    ///
    /// ```
    /// use tracing::{dispatcher, error};
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let dispatch = spike.dispatch();
    /// let thread = std::thread::spawn(move || {
    ///     dispatcher::with_default(&dispatch, || error!("import failed"));
    /// });
    /// thread.join().map_err(|_| "the thread panicked").unwrap();
    /// assert_paged!(spike, "import failed");
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn dispatch(&self) -> Dispatch {
        self.dispatch.clone()
    }

    /// The layer alone, for a subscriber of your own.
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// let fmt = tracing_subscriber::fmt::layer().with_test_writer();
    /// let _inside = tracing_subscriber::registry().with(spike.layer()).with(fmt).set_default();
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        layered(&self.layer, &self.filter, &self.why, &self.notebook)
    }

    /// The handle that production has from its guard: to mute, to trigger and resolve by hand, to
    /// look at the counters.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tracing_spike::{assert_not_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder)?;
    /// let _inside = spike.enter();
    /// spike.handle().mute(Duration::from_secs(60));
    /// tracing::error!("import failed");
    /// assert_not_paged!(spike, "import failed", occurred());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.guard.handle()
    }

    /// Moves the clock, which else stands still: repeats, quiet periods and whatever else waits for
    /// a time happens on the way. Takes no time.
    ///
    /// At most a year each time: what is longer is cut to a year. For more, call it again.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tracing_spike::{assert_paged, testing::Spike};
    ///
    /// let spike = Spike::new(|builder| builder.resolve_after(Duration::from_secs(600)))?;
    /// let _inside = spike.enter();
    /// tracing::error!("import failed");
    /// assert_paged!(spike, "import failed", open());
    /// spike.advance(Duration::from_secs(601));
    /// assert_paged!(spike, "import failed", times(1), resolved());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn advance(&self, by: Duration) {
        self.driven.advance(by);
    }

    /// All that would have gone to Spike so far, in that order: pages, repeats and resolves.
    ///
    /// ```
    /// # use tracing_spike::testing::Spike;
    /// let spike = Spike::new(|builder| builder)?;
    /// assert!(spike.pages().is_empty());
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn pages(&self) -> Vec<Page> {
        let mut open = HashSet::new();
        let page = |sent| {
            let page = Page::new(sent, |page| open.contains(&key(page)));
            match page.is_resolve() {
                true => open.remove(&key(&page)),
                false => open.insert(key(&page)),
            };
            page
        };
        self.driven.sent().into_iter().map(page).collect()
    }

    /// What [`assert_paged!`](crate::assert_paged) asks.
    #[doc(hidden)]
    pub fn paged(&self, expected: &Expected) -> Result<(), String> {
        let (pages, misses) = (self.pages(), self.notebook.misses());
        expected.paged(Seen { pages: &pages, misses: &misses, said: &self.said() })
    }

    /// What [`assert_not_paged!`](crate::assert_not_paged) asks.
    #[doc(hidden)]
    pub fn not_paged(&self, expected: &Expected) -> Result<(), String> {
        let (pages, misses) = (self.pages(), self.notebook.misses());
        expected.not_paged(Seen { pages: &pages, misses: &misses, said: &self.said() })
    }

    /// What a person is told of paging itself.
    fn said(&self) -> Vec<String> {
        let mut said = self.notebook.said();
        said.extend(self.driven.said());
        said
    }
}

impl Drop for Spike {
    fn drop(&mut self) {
        // What is pending still is nobody's loss.
        self.driven.end();
    }
}

/// By what Spike knows an incident.
fn key(page: &Page) -> (String, String) {
    (page.endpoint().to_owned(), page.title().to_owned())
}

/// The layer in its filter, as production has it, and behind it who sees what it does not take.
fn layered<S>(
    layer: &Shared,
    filter: &RulesFilter,
    why: &Why,
    notebook: &Arc<Notebook>,
) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let notebook = Arc::clone(notebook);
    let observer = Observer { notebook, why: why.clone(), layer: layer.clone() };
    // Call sites are everybody's: those of other tests are not to be told of here.
    let spike = layer.clone().with_filter(filter.clone().silent());
    spike.and_then(observer.with_filter(LevelFilter::DEBUG))
}

impl fmt::Debug for Spike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pages, misses) = (self.pages(), self.notebook.misses());
        f.debug_struct("Spike").field("pages", &pages).field("misses", &misses).finish()
    }
}
