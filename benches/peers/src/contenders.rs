//! Who is compared, each as its own documentation sets it up.
//!
//! Invariant: of what a contender sends, all is discarded, by something as near to its caller as
//! its public API allows; what it asks of a program beside that (a runtime, a client) is there.

use std::{
    cell::RefCell,
    fmt::{Debug, Write as _},
    future::Future,
    io,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    logs::{LogBatch, LogExporter, SdkLoggerProvider},
};
use sentry::integrations::tracing::{BreadcrumbLayer, ErrorLayer, SpanLayer};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_spike::Guard;
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterFn, filter_fn},
    layer::Context,
    prelude::*,
};

/// Beside each other in the table, in this order.
pub const NAMES: [&str; 7] = ["noop", "visit", "ours", "otel", "loki", "fmt", "sentry"];

/// What to compare, and where it stands.
pub struct Setting {
    pub contender: String,
    /// A layer that wants everything is in the same subscriber.
    pub beside: bool,
    /// What is sent is never taken.
    pub dead: bool,
    /// Every new title goes out, as long as there are no more than 1,000.
    pub unbudgeted: bool,
    /// What the address of the server is, of one that takes everything or nothing.
    pub sink: String,
}

/// What has to live as long as the contender.
pub enum Kept {
    Nothing,
    Ours(Guard),
    Otel { _provider: SdkLoggerProvider },
    Fmt { _guard: WorkerGuard },
    Sentry { _client: sentry::ClientInitGuard },
}

impl Kept {
    /// Waits until the contender has sent what it was given.
    pub fn settle(&self) {
        match self {
            Kept::Ours(guard) => {
                let report = guard.handle().flush(Duration::from_secs(30));
                assert!(report.is_complete(), "{report:?}");
            }
            // None of them tells.
            _ => thread::sleep(Duration::from_millis(20)),
        }
    }

    /// What ours has counted.
    pub fn stats(&self) -> Option<tracing_spike::Stats> {
        match self {
            Kept::Ours(guard) => Some(guard.handle().stats()),
            _ => None,
        }
    }
}

/// What all that have no filter of their own are given: errors, and the spans around them.
fn interest() -> FilterFn {
    let wants: fn(&Metadata<'_>) -> bool =
        |meta| *meta.level() == Level::ERROR || meta.is_span() && *meta.level() <= Level::INFO;
    FilterFn::new(wants).with_max_level_hint(LevelFilter::INFO)
}

/// Sets the contender up for the whole process.
pub fn install(setting: &Setting) -> Kept {
    match setting.contender.as_str() {
        "noop" => start(setting, Noop, Kept::Nothing),
        "visit" => start(setting, Visiting, Kept::Nothing),
        "ours" => ours(setting),
        "otel" => otel(setting),
        "loki" => loki(setting),
        "fmt" => fmt(setting),
        "sentry" => with_sentry(setting),
        other => panic!("no contender is named {other:?}"),
    }
}

/// A layer without a filter gets one: where it is alone, one for all, which costs least.
fn start(setting: &Setting, layer: impl Layer<Registry> + Send + Sync, kept: Kept) -> Kept {
    if setting.beside {
        return start_as_is(setting, layer.with_filter(interest()), kept);
    }
    tracing_subscriber::registry().with(layer).with(interest()).init();
    kept
}

fn start_as_is(setting: &Setting, layer: impl Layer<Registry> + Send + Sync, kept: Kept) -> Kept {
    // No `Option`: one that is `None` has a say in what is enabled.
    if setting.beside {
        tracing_subscriber::registry().with(layer).with(Noop).init();
    } else {
        tracing_subscriber::registry().with(layer).init();
    }
    kept
}

fn ours(setting: &Setting) -> Kept {
    let url = format!("http://{}/benchmark-of-peers/push-events", setting.sink);
    let mut builder = tracing_spike::builder(url).no_proxy().shutdown_timeout(Duration::ZERO);
    if setting.unbudgeted {
        builder = builder.budget(1000, 1000);
    }
    let (layer, guard) = builder.build().expect("a webhook on loopback");
    start_as_is(setting, layer, Kept::Ours(guard))
}

// === The floor ===

/// Does nothing.
struct Noop;

impl<S: Subscriber> Layer<S> for Noop {}

/// Writes each field into one buffer, and does nothing with it.
struct Visiting;

thread_local! {
    static BUFFER: RefCell<String> = const { RefCell::new(String::new()) };
}

struct Visitor<'a>(&'a mut String);

impl Visit for Visitor<'_> {
    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(value);
    }

    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        write!(self.0, "{value:?}").expect("a string takes it");
    }
}

impl<S: Subscriber> Layer<S> for Visiting {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            event.record(&mut Visitor(buffer));
        });
    }

    fn on_new_span(&self, attrs: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.clear();
            attrs.record(&mut Visitor(buffer));
        });
    }
}

// === OpenTelemetry ===

#[derive(Debug)]
struct Exporter {
    dead: bool,
}

impl LogExporter for Exporter {
    fn export(&self, _: LogBatch<'_>) -> impl Future<Output = OTelSdkResult> + Send {
        if self.dead {
            park();
        }
        std::future::ready(Ok(()))
    }
}

fn otel(setting: &Setting) -> Kept {
    let exporter = Exporter { dead: setting.dead };
    let provider = SdkLoggerProvider::builder().with_batch_exporter(exporter).build();
    let layer = OpenTelemetryTracingBridge::new(&provider);
    start(setting, layer, Kept::Otel { _provider: provider })
}

// === Loki ===

fn loki(setting: &Setting) -> Kept {
    let url = tracing_loki::url::Url::parse(&format!("http://{}", setting.sink));
    let built = tracing_loki::builder().label("host", "bench").and_then(|builder| {
        builder.extra_field("pid", "1")?.build_url(url.expect("a URL of loopback"))
    });
    let (layer, task) = built.expect("a layer for loopback");
    // Its own thread, as a program's runtime has it.
    thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(task);
    });
    start(setting, layer, Kept::Nothing)
}

// === fmt ===

struct Dead;

impl io::Write for Dead {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        park()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fmt(setting: &Setting) -> Kept {
    let (writer, guard) = match setting.dead {
        true => tracing_appender::non_blocking(Dead),
        false => tracing_appender::non_blocking(io::sink()),
    };
    let layer = tracing_subscriber::fmt::layer().json().with_writer(writer);
    start(setting, layer, Kept::Fmt { _guard: guard })
}

// === Sentry ===

/// Discards what it is given. A dead one is as Sentry's own: a thread that is stuck in sending, and
/// a queue before it, and what finds that full is dropped.
struct Transport(Option<Mutex<mpsc::SyncSender<sentry::Envelope>>>);

/// That of Sentry's own transports.
const SENTRY_QUEUE: usize = 30;

impl sentry::Transport for Transport {
    fn send_envelope(&self, envelope: sentry::Envelope) {
        if let Some(queue) = &self.0 {
            queue.lock().expect("no panic").try_send(envelope).ok();
        }
    }
}

fn with_sentry(setting: &Setting) -> Kept {
    let queue = setting.dead.then(|| {
        let (sender, receiver) = mpsc::sync_channel(SENTRY_QUEUE);
        thread::spawn(move || {
            let _held = receiver;
            park();
        });
        Mutex::new(sender)
    });
    let mut options = sentry::ClientOptions::default();
    options.dsn = "http://public@127.0.0.1/1".parse().ok();
    options.transport = Some(Arc::new(Arc::new(Transport(queue))));
    let client = sentry::init(options);
    // Its documented defaults: spans, breadcrumbs below ERROR, errors.
    let crumbs =
        filter_fn(|meta: &Metadata<'_>| matches!(*meta.level(), Level::WARN | Level::INFO));
    let registry = tracing_subscriber::registry()
        .with(SpanLayer::new().with_filter(LevelFilter::INFO))
        .with(BreadcrumbLayer::new().with_filter(crumbs))
        .with(ErrorLayer::new().with_filter(LevelFilter::ERROR));
    if setting.beside {
        registry.with(Noop).init();
    } else {
        registry.init();
    }
    Kept::Sentry { _client: client }
}

fn park() -> ! {
    loop {
        thread::park();
    }
}
