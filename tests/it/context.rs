//! Where an event comes from: nested calls, our own threads, panics, runtimes, other filters.

use std::{
    cell::RefCell,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::json;
use tracing::{
    Dispatch, Event, Subscriber, error,
    field::{Field, Visit},
    info, info_span, warn,
};
use tracing_log::NormalizeEvent;
use tracing_spike::{
    Builder, Guard, Handle, Stats,
    sandbox::{Fault, Incident, Sandbox},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*};

use crate::{
    child,
    rig::{DEADLINE, TOKEN, Written, assert_accepted, eventually, leaks},
};

mod failures;
mod runtimes;

/// A pipeline whose layer is alone on its registry, for values that `fmt` would not survive.
pub(crate) struct Alone {
    pub(crate) sandbox: Sandbox,
    pub(crate) dispatch: Dispatch,
    guard: Option<Guard>,
    pub(crate) handle: Handle,
}

pub(crate) fn alone(set: impl FnOnce(Builder) -> Builder) -> Alone {
    start(set, |spike| Dispatch::new(tracing_subscriber::registry().with(spike)))
}

/// As [`alone`], but for this one layer.
pub(crate) fn beside(
    set: impl FnOnce(Builder) -> Builder,
    other: impl Layer<Registry> + Send + Sync,
) -> Alone {
    start(set, |spike| {
        let other: Box<dyn Layer<Registry> + Send + Sync> = Box::new(other);
        Dispatch::new(tracing_subscriber::registry().with(vec![other, spike]))
    })
}

fn start(
    set: impl FnOnce(Builder) -> Builder,
    dispatch: impl FnOnce(Box<dyn Layer<Registry> + Send + Sync>) -> Dispatch,
) -> Alone {
    let sandbox = Sandbox::start().unwrap();
    let builder = tracing_spike::builder(sandbox.url_for(TOKEN)).service("it");
    let builder = set(builder.budget(1_000, 1_000));
    let (spike, guard) = builder.build().unwrap();
    let handle = guard.handle();
    Alone { sandbox, dispatch: dispatch(Box::new(spike)), guard: Some(guard), handle }
}

impl Alone {
    /// Makes this pipeline the one of the whole process.
    pub(crate) fn everywhere(self) -> Self {
        tracing::dispatcher::set_global_default(self.dispatch.clone()).unwrap();
        self
    }

    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, work)
    }

    pub(crate) fn delivered(&self) -> Vec<Incident> {
        let report = self.handle.flush(DEADLINE);
        assert!(report.is_complete(), "{report:?} {:?}", self.handle.stats());
        self.sandbox.incidents()
    }

    /// Drops the guard; all that was seen has ended somewhere then.
    pub(crate) fn finish(&mut self) -> Stats {
        self.guard = None;
        let stats = eventually("the counts balance", || {
            let stats = self.handle.stats();
            (stats.pending == 0 && stats.seen == stats.accounted()).then_some(stats)
        });
        assert_accepted(&self.sandbox, &stats);
        stats
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if self.guard.is_some() && !thread::panicking() {
            self.finish();
        }
    }
}

/// Keeps the message of every event, and formats nothing else.
#[derive(Clone, Default)]
struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    fn count(&self, message: &str) -> u64 {
        self.0.lock().unwrap().iter().filter(|one| *one == message).count() as u64
    }
}

impl<S: Subscriber> Layer<S> for Messages {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        struct Find(String);
        impl Visit for Find {
            fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut found = Find(String::new());
        event.record(&mut found);
        self.0.lock().unwrap().push(found.0);
    }
}

/// Formats by running a function.
struct Runs<F: Fn()>(F);

impl<F: Fn()> fmt::Debug for Runs<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("ran")
    }
}

pub(crate) fn titles(incidents: &[Incident]) -> Vec<&str> {
    incidents.iter().map(Incident::title).collect()
}

// === nested events ===

#[test]
fn f040_an_error_inside_a_fields_debug_is_for_the_other_layers_only() {
    let test = "context::f040_an_error_inside_a_fields_debug_is_for_the_other_layers_only";
    child::run(test, &[], || {
        let messages = Messages::default();
        let mut spike = beside(|builder| builder, messages.clone()).everywhere();
        let noisy = Runs(|| error!("nested"));
        error!(field = ?noisy, "outer");
        info_span!("span", field = ?noisy).in_scope(|| warn!("inside"));
        let incidents = spike.delivered();
        assert_eq!(titles(&incidents), ["outer in it::context"]);
        assert_eq!(incidents[0].body()["fields"]["field"], "ran");
        let stats = spike.finish();
        assert_eq!(stats.ignored.reentrant, messages.count("nested"), "{stats:?}");
        assert_eq!(stats.ignored.reentrant, 2, "one of the event and one of the span: {stats:?}");
        error!("nested");
        assert_eq!(spike.handle.stats().refused.closed, 1, "its twin reaches us");
    })
    .well();
}

// === our own threads ===

/// Answers each event of a thread that is called like ours with an `error!` and a `log::error!`,
/// and remembers the targets of all of those events by thread, its own answers' included.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<(String, String)>>>);

impl Echo {
    /// How many events of the worker had a target like this.
    fn of_worker(&self, like: impl Fn(&str) -> bool) -> u64 {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|(thread, at)| thread == "spike-worker" && like(at)).count() as u64
    }
}

impl<S: Subscriber> Layer<S> for Echo {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let thread = thread::current().name().unwrap_or_default().to_owned();
        if !thread.starts_with("spike-") {
            return;
        }
        let of_log = event.normalized_metadata();
        let target = of_log.as_ref().unwrap_or_else(|| event.metadata()).target().to_owned();
        if !target.starts_with("echo") {
            error!(target: "echo", "from {thread}");
            log::error!(target: "echo_log", "from {thread}");
        }
        self.0.lock().unwrap().push((thread, target));
    }
}

#[test]
fn f042_our_clients_events_neither_page_nor_tell_the_token() {
    let test = "context::f042_our_clients_events_neither_page_nor_tell_the_token";
    child::run(test, &[], || {
        let written = Written::default();
        let fmt = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone());
        let echo = Echo::default();
        let mut spike =
            beside(|builder| builder.filter("info"), fmt.and_then(echo.clone())).everywhere();
        tracing_log::LogTracer::init().unwrap();
        spike.sandbox.fault_next(1, Fault::Reset);
        spike.sandbox.fault_next(1, Fault::ResetOnAccept);
        spike.sandbox.fault_next(1, Fault::Garbage(b"nonsense".to_vec()));
        spike.sandbox.fault_next(1, Fault::Status(503));
        error!("card payment failed");
        info!(hook = spike.sandbox.url_for(TOKEN), "started");
        eventually("everything is delivered", || {
            let report = spike.handle.flush(DEADLINE);
            (report.pending == 0).then_some(())
        });
        let incidents = spike.sandbox.incidents();
        let mut found = titles(&incidents);
        found.sort_unstable();
        assert_eq!(found, ["card payment failed in it::context", "started in it::context"]);
        let stats = spike.finish();
        assert!(stats.retries >= 4, "{stats:?}");
        // By their level none of them concerns us: it is the answers to them that must not page.
        let clients = echo.of_worker(|target| target.starts_with("reqwest"));
        assert!(clients > 0, "{:?}", echo.0);
        assert!(stats.ignored.own_thread >= 2 * clients, "{clients}: {stats:?}");
        let text = written.text();
        assert!(text.contains("starting new connection"), "the client's own events: {text}");
        // `fmt` was given the URL by the program itself, and prints that one line.
        let told: Vec<_> = text.lines().filter(|line| leaks(line).is_some()).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("started"), "{told:?}");
    })
    .well();
}

#[test]
fn f043_f044_an_error_or_a_log_record_from_our_own_thread_is_ignored() {
    let test = "context::f043_f044_an_error_or_a_log_record_from_our_own_thread_is_ignored";
    child::run(test, &[], || {
        let echo = Echo::default();
        let mut spike = beside(|builder| builder, echo.clone()).everywhere();
        tracing_log::LogTracer::init().unwrap();
        thread::Builder::new()
            .name("spike-with-another-name".to_owned())
            .spawn(|| error!("not one of ours"))
            .unwrap()
            .join()
            .unwrap();
        let incidents = spike.delivered();
        let twin = [
            "from spike-with-another-name in echo",
            "from spike-with-another-name in echo_log",
            "not one of ours in it::context",
        ];
        let mut found = titles(&incidents);
        found.sort_unstable();
        assert_eq!(found, twin);
        let stats = spike.finish();
        let (own, logged) =
            (echo.of_worker(|at| at == "echo"), echo.of_worker(|at| at == "echo_log"));
        assert!(own > 0 && own == logged, "{:?}", echo.0);
        // More than those: what the echo answers passes our filter then, too (tracing#2448).
        assert!(stats.ignored.own_thread >= own + logged, "{own} twice: {stats:?}");
        assert_eq!(stats.seen, 3 + stats.ignored.own_thread, "{stats:?}");
    })
    .well();
}

// === panics ===

/// Panics in one of its three ways to be formatted.
struct Panics(&'static str);

impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half of ")?;
        assert_ne!(self.0, "debug", "in Debug");
        f.write_str("a Debug")
    }
}

impl fmt::Display for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(self.0, "display", "in Display");
        f.write_str("shown")
    }
}

impl Error for Panics {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        assert_ne!(self.0, "source", "in source");
        None
    }
}

#[test]
fn f045_a_field_whose_formatting_panics_is_marked_and_the_rest_goes_out() {
    let mut spike = alone(|builder| builder);
    let (bad_debug, bad_display, bad_source) =
        (Panics("debug"), Panics("display"), Panics("source"));
    spike.run(|| {
        error!(field = ?bad_debug, other = 1, fine = ?bad_source, "with Debug");
        error!(field = %bad_display, fine = %bad_source, "with Display");
        error!(error = &bad_source as &dyn Error, other = 1, "with source");
        error!(error = %bad_display, "with an error");
        error!("{bad_debug:?}");
        info_span!("job", field = ?bad_debug).in_scope(|| error!("with a span"));
    });
    let incidents = spike.delivered();
    let bodies: Vec<_> = incidents.iter().map(Incident::body).collect();
    let fields = json!({ "field": "<panicked>", "other": 1, "fine": "half of a Debug" });
    assert_eq!(bodies[0]["fields"], fields);
    assert_eq!(bodies[1]["fields"], json!({ "field": "<panicked>", "fine": "shown" }));
    assert_eq!(bodies[2]["error"], json!({ "message": "shown", "chain": "shown: <panicked>" }));
    assert_eq!(bodies[2]["fields"], json!({ "other": 1 }));
    assert_eq!(bodies[3]["error"], json!({ "message": "<panicked>" }));
    assert_eq!(bodies[4]["message"], "<panicked>");
    assert_eq!(bodies[5]["span"]["fields"], json!({ "field": "<panicked>" }));
    assert_eq!(incidents.len(), 6);
    let stats = spike.finish();
    assert_eq!((stats.panicked_fields, stats.ignored.failed), (6, 0), "{stats:?}");
}

#[test]
fn f049_an_error_in_drop_while_unwinding_pages() {
    struct Last(&'static str);
    impl Drop for Last {
        fn drop(&mut self) {
            assert!(thread::panicking());
            error!(field = ?Panics(self.0), "gave up half way");
        }
    }
    for (how, expected) in [("fine", "half of a Debug"), ("debug", "<panicked>")] {
        let spike = alone(|builder| builder);
        let unwound = spike.run(|| {
            catch_unwind(AssertUnwindSafe(|| {
                let _last = Last(how);
                panic!("the first panic");
            }))
        });
        assert!(unwound.is_err());
        let incidents = spike.delivered();
        assert_eq!(titles(&incidents), ["gave up half way in it::context"]);
        assert_eq!(incidents[0].body()["fields"], json!({ "field": expected }));
    }
}

#[test]
fn f050_an_error_in_a_thread_local_destructor_is_delivered_or_counted() {
    struct Last(&'static str);
    impl Drop for Last {
        fn drop(&mut self) {
            error!(field = 1, "thread ends {}", self.0);
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<Last>> = const { RefCell::new(None) };
        static SECOND: RefCell<Option<Last>> = const { RefCell::new(None) };
    }
    let test = "context::f050_an_error_in_a_thread_local_destructor_is_delivered_or_counted";
    child::run(test, &[], || {
        let mut spike = alone(|builder| builder).everywhere();
        thread::spawn(|| {
            FIRST.with(|cell| *cell.borrow_mut() = Some(Last("early")));
            error!("in between");
            SECOND.with(|cell| *cell.borrow_mut() = Some(Last("late")));
        })
        .join()
        .unwrap();
        let found = titles(&spike.delivered()).join(", ");
        let stats = spike.finish();
        assert!(found.contains("in between"), "{found}");
        assert_eq!(stats.seen, 3, "{found} {stats:?}");
        assert_eq!((stats.delivered, stats.ignored.failed), (3, 0), "{found} {stats:?}");
    })
    .well();
}
