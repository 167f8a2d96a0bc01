//! The two ends that a program holds: [`Guard`], which owns the shutdown, and [`Handle`], a cheap
//! view for everything else.
//!
//! Invariants: nothing here waits longer than it was told, whatever the network does; neither
//! panics, and both work inside any async runtime and outside one.

use std::{
    fmt,
    sync::{Arc, mpsc as reply},
    time::Duration,
};

use crate::{
    capture::{in_force::InForce, pipeline::Pipeline, routes::Routes},
    error::Error,
    health::{Board, Health, WorkerState},
    incident::Incident,
    queue::{Asker, Control, FlushReport, Sender},
    reentry,
    stats::{Count, Stats},
};

pub(crate) use live::Live;

mod filter;
mod live;
mod waits;

/// The worker answers at the deadline; this long we wait for its answer to arrive.
pub(crate) const GRACE: Duration = Duration::from_millis(25);
/// Longer than any program waits; keeps a far deadline from overflowing.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

pub(crate) struct Shared {
    pipeline: Arc<Pipeline>,
    rules: Arc<InForce>,
    routes: Arc<Routes>,
    board: Arc<Board>,
    shutdown_timeout: Duration,
}

/// Keeps paging alive. Dropping it delivers what is pending, for at most the
/// [`shutdown_timeout`](crate::Builder::shutdown_timeout) (3 s by default), and ends paging.
///
/// Bind it to a name for as long as the program runs. `let _ = …` drops it at once, so nothing
/// would page; `let _spike = …` keeps it to the end of the block. The first event after the guard
/// is gone is said on stderr, once.
///
/// Dropping it blocks the thread while it delivers, in async code too; it never panics.
///
/// ```no_run
/// # fn run() {}
/// fn main() -> Result<(), tracing_spike::Error> {
///     let _spike = tracing_spike::init()?;
///     run();
///     Ok(())
/// }
/// ```
///
/// # SIGTERM and ctrl-c
///
/// A signal that the program does not handle ends the process as it stands: no destructor runs,
/// and what is pending is lost. Let the signal end `main` instead, and keep the guard there; then
/// what goes wrong on the way down pages, too. Whoever sends SIGTERM sends SIGKILL some seconds
/// later (10 s in Docker, 30 s in Kubernetes): leave the pages their part of that. With a server,
/// give the signal to its graceful shutdown, as `examples/graceful.rs` does with axum.
///
/// ```no_run
/// # async fn serve() {}
/// use tokio::signal::unix::{SignalKind, signal};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let _spike = tracing_spike::init()?;
/// let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
/// runtime.block_on(async {
///     let mut terminate = signal(SignalKind::terminate())?;
///     tokio::select! {
///         () = serve() => {}
///         _ = terminate.recv() => {}
///         interrupted = tokio::signal::ctrl_c() => interrupted?,
///     }
///     std::io::Result::Ok(())
/// })?;
/// // Don't wait for tasks that hang; the guard is dropped behind the runtime.
/// runtime.shutdown_background();
/// # Ok(())
/// # }
/// ```
#[must_use = "paging ends when the guard is dropped: bind it to a name, `let _spike = …`"]
pub struct Guard {
    handle: Handle,
}

/// A cheap, cloneable view of a running pipeline: to open and resolve incidents by hand, to flush,
/// to look at the counters.
///
/// ```
/// let (_layer, guard) = tracing_spike::from_env()
///     .mode(tracing_spike::Mode::Off)
///     .build::<tracing_subscriber::Registry>()?;
/// let spike = guard.handle();
/// spike.resolve("nightly import did not finish")?;
/// assert_eq!(spike.stats().seen, 1);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// Nobody is paged while this lives. From [`Handle::mute_scope`].
///
/// It works process-wide and may be moved to another thread, or over an `await`.
///
/// ```
/// # use std::time::Duration;
/// # let (_layer, guard) = tracing_spike::from_env()
/// #     .mode(tracing_spike::Mode::Off)
/// #     .build::<tracing_subscriber::Registry>()?;
/// let muted: tracing_spike::Muted = guard.handle().mute_scope(Duration::from_secs(60));
/// std::thread::spawn(move || drop(muted));
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[must_use = "paging is muted until this is dropped: bind it to a name, `let _muted = …`"]
pub struct Muted {
    pipeline: Arc<Pipeline>,
    /// `None`: in a forked child.
    id: Option<u64>,
}

impl Guard {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        rules: Arc<InForce>,
        routes: Arc<Routes>,
        board: Arc<Board>,
        shutdown_timeout: Duration,
    ) -> Self {
        let shared = Arc::new(Shared { pipeline, rules, routes, board, shutdown_timeout });
        Live::here().add(&shared);
        #[cfg(feature = "metrics")]
        if let Some(queue) = shared.pipeline.queue() {
            let books: Arc<dyn crate::stats::figures::Books> = Arc::<Shared>::clone(&shared);
            queue.control(Control::Books(Arc::downgrade(&books)));
        }
        Self { handle: Handle { shared } }
    }

    /// A handle to this pipeline, for any thread and as long as wanted.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// let spike: tracing_spike::Handle = guard.handle();
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(waiting) = self.handle.shared.begin_shutdown() {
            drop(waiting.finish());
        }
    }
}

impl Handle {
    /// Waits until what is pending at this moment is delivered or given up, or until `timeout` has
    /// passed. Blocks the calling thread, in async code too.
    ///
    /// Delays of our own between retries are waived once; what a server asked for by
    /// `Retry-After` is not.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// let report = guard.handle().flush(Duration::from_secs(2));
    /// if !report.is_complete() {
    ///     eprintln!("{} incidents not delivered", report.pending);
    /// }
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn flush(&self, timeout: Duration) -> FlushReport {
        match self.shared.begin_flush(timeout) {
            Some(waiting) => waiting.finish(),
            None => report_without_worker(&self.shared.pipeline),
        }
    }

    /// What became of everything so far, by reason.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// let stats = guard.handle().stats();
    /// println!("{} delivered, {} repeats", stats.delivered, stats.suppressed.repeat);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// How paging is doing: what was accepted last, how long the oldest incident waits, how the
    /// worker and each endpoint are. For a health check, or a metric.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// let health = guard.handle().health();
    /// for endpoint in &health.endpoints {
    ///     println!("{}: {:?}", endpoint.name, endpoint.state);
    /// }
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        let Shared { pipeline, board, .. } = &*self.shared;
        // A thread of the parent's may have been at the board when a child was forked.
        if pipeline.is_forked() {
            return Health::ended();
        }
        let mut health = board.read(pipeline.clock().now());
        if pipeline.is_closed() || pipeline.queue().is_some_and(Sender::is_closed) {
            health.worker = WorkerState::Ended;
        }
        health
    }

    /// Opens an incident by hand. Goes the way of every event: a repeat within the cooldown is
    /// counted and not sent. Never blocks. `Ok` means taken, not delivered; with paging off, or
    /// muted, it is counted and nothing else. It goes to the default webhook, since rules are for
    /// the targets of events.
    ///
    /// # Errors
    ///
    /// [`is_full`](Error::is_full) when the queue has no room,
    /// [`is_closed`](Error::is_closed) after the guard is gone, [`is_config`](Error::is_config)
    /// for a title without a visible character.
    ///
    /// ```
    /// use tracing_spike::{Incident, Severity};
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// # let spike = guard.handle();
    /// spike.trigger(Incident::new("disk of the queue host is full").severity(Severity::Sev1))?;
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn trigger(&self, incident: Incident) -> Result<(), Error> {
        self.shared.pipeline.trigger_manual(incident)
    }

    /// Resolves the incident with this title. Never blocks. `Ok` means taken, not delivered. It
    /// goes to each webhook where this process has opened the title, else to the default one.
    ///
    /// The title is the whole of it, as it is at Spike: with its place and with what
    /// [`group_by`](crate::Builder::group_by) appends. `more kinds of: …` is a title like any
    /// other; a resolve of what was folded into it resolves nothing.
    ///
    /// A title's first resolve in a process goes out in any case, since an earlier run may have
    /// opened the incident; after that only a resolve that follows a trigger does. Of a title that
    /// was triggered again within 5 min of its resolve for the second time, it is held back until
    /// the title has not occurred for 5 min, or until a [`flush`](Handle::flush).
    ///
    /// # Errors
    ///
    /// [`is_full`](Error::is_full) when 64 resolves are waiting already,
    /// [`is_closed`](Error::is_closed) after the guard is gone, [`is_config`](Error::is_config)
    /// for a title without a visible character.
    ///
    /// ```
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// # let spike = guard.handle();
    /// spike.resolve("card payment failed in checkout::payments")?;
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn resolve(&self, title: &str) -> Result<(), Error> {
        self.shared.pipeline.resolve_manual(title)
    }

    /// Pages nobody for so long, from now on, whichever thread an event is on: for a deploy, say.
    /// Takes the place of the mute before; [`Duration::ZERO`] ends it. At most 24 h: a longer one
    /// is cut to that.
    ///
    /// What would page is counted in [`Stats::suppressed`](crate::Stats) and nothing else: what is
    /// new afterwards pages at its first occurrence, and what was open before is repeated as if it
    /// had not occurred meanwhile. Resolves still go out. What an earlier run has left in the
    /// [spool](crate::Builder::spool) waits there for the end of it.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// # let spike = guard.handle();
    /// spike.mute(Duration::from_secs(600));
    /// assert!(spike.stats().muted_for > Some(Duration::from_secs(590)));
    /// spike.mute(Duration::ZERO);
    /// assert_eq!(spike.stats().muted_for, None);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn mute(&self, lasts: Duration) {
        self.shared.pipeline.change_mute(|mute, now| mute.set(lasts, now));
    }

    /// As [`mute`](Handle::mute), until the returned value is dropped, or for at most `longest`
    /// (24 h at most), so that one that is forgotten can't silence a pager for ever. Several may
    /// overlap: it is muted while any of them, or a `mute`, lasts.
    ///
    /// ```
    /// use std::time::Duration;
    /// # let (_layer, guard) = tracing_spike::from_env()
    /// #     .mode(tracing_spike::Mode::Off)
    /// #     .build::<tracing_subscriber::Registry>()?;
    /// # let spike = guard.handle();
    /// # fn migrate() {}
    /// let muted = spike.mute_scope(Duration::from_secs(600));
    /// migrate();
    /// drop(muted);
    /// assert_eq!(spike.stats().muted_for, None);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn mute_scope(&self, longest: Duration) -> Muted {
        let pipeline = Arc::clone(&self.shared.pipeline);
        let id = pipeline.change_mute(|mute, now| mute.enter(longest, now));
        Muted { pipeline, id }
    }
}

impl Drop for Muted {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.pipeline.change_mute(|mute, now| mute.leave(id, now));
        }
    }
}

impl Shared {
    /// Ends paging and asks the worker to finish; `None` when that is done already.
    fn begin_shutdown(&self) -> Option<Waiting> {
        if !self.pipeline.close() {
            return None;
        }
        self.ask(self.shutdown_timeout, |asker| Control::Shutdown { asker })
    }

    /// Sends the worker something to answer; `None` when there is nobody to answer, or to wait.
    fn ask(&self, timeout: Duration, message: impl FnOnce(Asker) -> Control) -> Option<Waiting> {
        let queue = self.pipeline.queue()?;
        // A forked child has no such thread.
        if self.pipeline.is_forked() {
            return None;
        }
        let (reply, answer) = reply::sync_channel(1);
        let deadline = self.pipeline.clock().now().saturating_add(timeout.min(LONGEST));
        let holds = usize::from(reentry::is_inside());
        let sent = queue.control(message(Asker { deadline, reply, holds }));
        // Our own thread would wait for itself.
        (sent && !reentry::is_own_thread()).then(|| Waiting {
            answer,
            pipeline: Arc::clone(&self.pipeline),
            deadline,
        })
    }

    pub(crate) fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    fn stats(&self) -> Stats {
        let Self { pipeline, rules, routes, .. } = self;
        let mut unmatched = rules.unmatched();
        unmatched.extend(routes.unmatched());
        let mut stats = pipeline.counters().snapshot(unmatched);
        stats.muted_for = pipeline.mute().left(|| pipeline.clock().now());
        stats
    }

    pub(crate) fn begin_flush(&self, timeout: Duration) -> Option<Waiting> {
        let mark = self.pipeline.newest();
        self.ask(timeout, |asker| Control::Flush { mark, asker })
    }
}

#[cfg(feature = "metrics")]
impl crate::stats::figures::Books for Shared {
    fn stats(&self) -> Stats {
        self.stats()
    }
}

fn report_without_worker(pipeline: &Pipeline) -> FlushReport {
    FlushReport {
        pending: pipeline.counters().get(Count::Pending),
        worker_gone: pipeline.is_forked() || pipeline.queue().is_some_and(Sender::is_closed),
        ..FlushReport::default()
    }
}

/// A question to the worker that has not been answered yet.
pub(crate) struct Waiting {
    answer: reply::Receiver<FlushReport>,
    pipeline: Arc<Pipeline>,
    deadline: Duration,
}

impl Waiting {
    pub(crate) fn finish(self) -> FlushReport {
        let left = self.deadline.saturating_sub(self.pipeline.clock().now());
        let left = self.pipeline.clock().takes(left).saturating_add(GRACE);
        match self.answer.recv_timeout(left) {
            Ok(report) => report,
            Err(reply::RecvTimeoutError::Disconnected) => report_without_worker(&self.pipeline),
            Err(reply::RecvTimeoutError::Timeout) => FlushReport {
                pending: self.pipeline.counters().get(Count::Pending),
                ..FlushReport::default()
            },
        }
    }
}

/// Delivers what every live pipeline has pending, each for at most its
/// [`shutdown_timeout`](crate::Builder::shutdown_timeout) and all at the same time, then ends the
/// process. Use it in the place of [`std::process::exit`], which runs no destructors and would
/// lose the error that was logged on the line before.
///
/// ```no_run
/// tracing::error!("configuration is unreadable");
/// tracing_spike::exit(1);
/// ```
#[expect(clippy::exit, reason = "to exit is what it is for")]
pub fn exit(code: i32) -> ! {
    let live = Live::here().pipelines();
    let waiting: Vec<_> = live
        .iter()
        // A guard that is being dropped elsewhere is waited for.
        .filter_map(|shared| {
            shared.begin_shutdown().or_else(|| shared.begin_flush(shared.shutdown_timeout))
        })
        .collect();
    for waiting in waiting {
        drop(waiting.finish());
    }
    std::process::exit(code)
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl fmt::Debug for Muted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Muted").finish_non_exhaustive()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("stats", &self.stats()).finish_non_exhaustive()
    }
}
