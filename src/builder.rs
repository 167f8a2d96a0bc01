//! The builder: settings to validated parts, and the one place that puts them together.
//!
//! Setters never fail; [`Builder::build`] checks everything and is the only fallible step.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    io::Write,
    sync::{Arc, Once},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tracing::{Dispatch, Subscriber, dispatcher, subscriber::NoSubscriber};
use tracing_log::{AsLog, log::set_max_level};
use tracing_subscriber::{
    Layer, filter::LevelFilter, filter::Targets, layer::SubscriberExt, registry::LookupSpan,
};

use crate::{
    capture::{
        event::can_group,
        filter::{DEFAULT_FILTER, Rules, RulesFilter},
        layer::SpikeLayer,
        literals::Literals,
        pipeline::{Pipeline, Settings},
        redact::Scrubber,
        title::{MAX_GROUP_NAMES, MAX_GROUPS, Titles},
    },
    clock::Clock,
    delivery::{
        body::Source,
        transport::{Post, Transport},
        worker,
    },
    env::{self, Mode},
    error::{Error, Kind, shown},
    guard::Guard,
    incident::{Priority, Severity},
    queue::{self, Sender},
    stats::Counters,
    webhook::Webhook,
};

/// Default of [`Builder::repeat_every`].
pub(crate) const REPEAT_EVERY: Duration = Duration::from_secs(300);
/// Default of [`Builder::shutdown_timeout`].
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// Default of [`Builder::queue_capacity`].
pub(crate) const QUEUE_CAPACITY: usize = 256;

/// How errors and the start line name the webhook of [`builder`].
const BUILDER: &str = "builder(url)";
/// What [`Builder::repeat_every`] may be.
const REPEAT_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(86_400);
/// What [`Builder::queue_capacity`] may be.
const QUEUE_RANGE: std::ops::RangeInclusive<usize> = 1..=65_536;

/// Settings, on the way to a layer. From [`builder`] or [`from_env`].
///
/// | setting | environment (`from_env`, `init`) | default |
/// |---|---|---|
/// | the webhook | `SPIKE_WEBHOOK_URL`, or `SPIKE_WEBHOOK_URL_FILE`, or `SPIKE_TOKEN` | none: off |
/// | [`mode`](Builder::mode) | `SPIKE_MODE` = `live`, `dry-run` or `off` | live with a webhook, else off |
/// | [`filter`](Builder::filter) | `SPIKE_FILTER` | `error` |
/// | [`service`](Builder::service) | `SPIKE_SERVICE`, else `OTEL_SERVICE_NAME` | the executable's name |
/// | [`environment`](Builder::environment) | `SPIKE_ENVIRONMENT` | not sent |
/// | [`version`](Builder::version) | | not sent |
/// | [`severity`](Builder::severity), [`priority`](Builder::priority) | | not sent |
/// | [`titles`](Builder::titles) | | [`Titles::text`] |
/// | [`group_by`](Builder::group_by) | | no field joins the key |
/// | [`repeat_every`](Builder::repeat_every) | | 5 min |
/// | [`queue_capacity`](Builder::queue_capacity) | | 256 |
/// | [`shutdown_timeout`](Builder::shutdown_timeout) | | 3 s |
///
/// What the program sets wins over the environment. `builder(url)` reads no environment at all.
///
/// ```
/// use tracing_subscriber::prelude::*;
/// let (spike, _guard) = tracing_spike::from_env()
///     .filter("error,billing=warn,noisy=off")
///     .service("checkout")
///     .build()?;
/// let subscriber = tracing_subscriber::registry().with(spike);
/// # drop(subscriber);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
#[must_use = "a builder does nothing until `build` or `init`"]
pub struct Builder {
    /// `None`: from the environment.
    url: Option<SecretString>,
    mode: Option<Mode>,
    filter: Option<String>,
    service: Option<String>,
    environment: Option<String>,
    version: Option<String>,
    severity: Option<Severity>,
    priority: Option<Priority>,
    titles: Titles,
    group_by: Vec<String>,
    repeat_every: Duration,
    queue_capacity: usize,
    shutdown_timeout: Duration,
}

/// Pages through this webhook, `https://hooks.spike.sh/{token}/push-events`. Reads no environment
/// variable. The URL is a secret: it appears in no output of this crate.
///
/// ```no_run
/// let (spike, _guard) = tracing_spike::builder("https://hooks.spike.sh/0123456789ab/push-events")
///     .build::<tracing_subscriber::Registry>()?;
/// # drop(spike);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
pub fn builder(url: impl Into<String>) -> Builder {
    Builder::new(Some(url.into().into()))
}

/// Pages as the environment says; the table is at [`Builder`]. Without a webhook there, paging is
/// off, which is said once on stderr.
///
/// ```
/// let (spike, _guard) = tracing_spike::from_env().build::<tracing_subscriber::Registry>()?;
/// # drop(spike);
/// # Ok::<(), tracing_spike::Error>(())
/// ```
pub fn from_env() -> Builder {
    Builder::new(None)
}

/// Everything in one line: pages as the environment says ([`from_env`]), prints events to stderr
/// (`fmt`, INFO and up, or what `RUST_LOG` says in the syntax of
/// [`Targets`](tracing_subscriber::filter::Targets)), and takes in the `log` crate's records.
///
/// # Errors
///
/// A bad variable, a worker that can't be started, or a global subscriber or logger that is set
/// already.
///
/// ```no_run
/// let _spike = tracing_spike::init()?;
/// tracing::error!("card payment failed");
/// # Ok::<(), tracing_spike::Error>(())
/// ```
pub fn init() -> Result<Guard, Error> {
    from_env().init()
}

impl Builder {
    fn new(url: Option<SecretString>) -> Self {
        Self {
            url,
            mode: None,
            filter: None,
            service: None,
            environment: None,
            version: None,
            severity: None,
            priority: None,
            titles: Titles::text(),
            group_by: Vec::new(),
            repeat_every: REPEAT_EVERY,
            queue_capacity: QUEUE_CAPACITY,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
        }
    }

    /// Whether to send, to print, or neither. Default: [`Mode::Live`] with a webhook,
    /// [`Mode::Off`] without one.
    ///
    /// ```
    /// # use tracing_spike::Mode;
    /// let builder = tracing_spike::from_env().mode(Mode::DryRun);
    /// # drop(builder);
    /// ```
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Which events page, by target: `error,billing=warn,noisy=off,noisy::ledger=error`.
    /// Default: `error`.
    ///
    /// A level alone is for every target without a rule of its own. A target matches itself and
    /// what is below it (`billing` and `billing::cards`, never `billings`); of several the longest
    /// wins. The levels are `off`, `error`, `warn` and `info`: DEBUG and TRACE never page.
    ///
    /// Use this and not a `with_filter` around the layer: that would hide the spans from it.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().filter("error,billing=warn,noisy=off");
    /// # drop(builder);
    /// ```
    pub fn filter(mut self, rules: impl Into<String>) -> Self {
        self.filter = Some(rules.into());
        self
    }

    /// The program's name, in `body.source.service`. Default: the executable's name.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().service("checkout");
    /// # drop(builder);
    /// ```
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Where it runs, in `body.source.environment`: `production`, say. Not sent by default.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().environment("staging");
    /// # drop(builder);
    /// ```
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// The program's version, in `body.source.version`. Not sent by default.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().version(env!("CARGO_PKG_VERSION"));
    /// # drop(builder);
    /// ```
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The severity of incidents that don't say one. Not sent by default.
    ///
    /// ```
    /// # use tracing_spike::Severity;
    /// let builder = tracing_spike::from_env().severity(Severity::Sev2);
    /// # drop(builder);
    /// ```
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = Some(severity);
        self
    }

    /// The priority of incidents that don't say one. Not sent by default.
    ///
    /// ```
    /// # use tracing_spike::Priority;
    /// let builder = tracing_spike::from_env().priority(Priority::P2);
    /// # drop(builder);
    /// ```
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How titles are made, of events that don't give one by `spike.title`. Default:
    /// [`Titles::text`], `{message} in {target}` with everything variable as `#`.
    ///
    /// ```
    /// # use tracing_spike::title::Titles;
    /// let builder = tracing_spike::from_env().titles(Titles::text().short());
    /// # drop(builder);
    /// ```
    pub fn titles(mut self, titles: Titles) -> Self {
        self.titles = titles;
        self
    }

    /// Fields whose values join the title, and so the key: one incident for each tenant, say. The
    /// default is none.
    ///
    /// They are appended as ` ({name} {value})`, in the order given here: `card payment failed in
    /// shop::payments (tenant acme)`. The value is the event's own, else that of the innermost
    /// span that has the field (spans at INFO and above); without one nothing is appended. It is
    /// written as `Display` does, digits and all, and at most 48 characters of it. Nothing is
    /// appended to a `spike.title`, or to what `Handle::trigger` is given; a resolve needs the same
    /// values as its trigger.
    ///
    /// A title of more than 200 characters loses words, not its place nor its groups. (Only groups
    /// of more than 140 characters together have their values cut further, to equal shares; only
    /// where place and groups leave less than 20 for the text, the place loses its beginning.)
    ///
    /// At most 4 fields, whose names have at most 64 characters together. Calling it again
    /// replaces them. Choose fields with few values: each value is an incident of its own.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().group_by(["tenant", "region"]);
    /// # drop(builder);
    /// ```
    pub fn group_by(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.group_by = fields.into_iter().map(Into::into).collect();
        self
    }

    /// How often an incident that keeps occurring is repeated, after its early repeats at 30 s
    /// and 2 min. Default: 5 min (± 10 %, so that replicas don't beat in step); 10 s to 24 h.
    /// Occurrences in between are counted and told with the next repeat.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = tracing_spike::from_env().repeat_every(Duration::from_secs(600));
    /// # drop(builder);
    /// ```
    pub fn repeat_every(mut self, interval: Duration) -> Self {
        self.repeat_every = interval;
        self
    }

    /// How many incidents may wait for the worker. Default: 256; 1 to 65,536. When it is full,
    /// the next incident is refused and counted, and its title stays open.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().queue_capacity(1024);
    /// # drop(builder);
    /// ```
    pub fn queue_capacity(mut self, incidents: usize) -> Self {
        self.queue_capacity = incidents;
        self
    }

    /// How long dropping the [`Guard`] may take to deliver what is pending. Default: 3 s.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = tracing_spike::from_env().shutdown_timeout(Duration::from_secs(1));
    /// # drop(builder);
    /// ```
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Checks the settings, starts the worker, and returns the layer and its guard.
    ///
    /// Add the layer to a `registry()` with `.with(spike)`; it brings its own filter.
    /// `tracing_subscriber::fmt().finish()` takes no filtered layers and would panic: use
    /// `registry().with(fmt::layer())`. Don't put it into a `reload::Layer` (swapping a filtered
    /// layer there panics, tracing#1629).
    ///
    /// Waits for the worker to be ready: it makes the HTTP client, which loads the root
    /// certificates. No network is used.
    ///
    /// # Errors
    ///
    /// The first setting that can't be used, by name; or a thread, runtime or client that can't
    /// be made.
    ///
    /// ```
    /// use tracing_subscriber::prelude::*;
    /// let (spike, _guard) = tracing_spike::from_env().build()?;
    /// let subscriber = tracing_subscriber::registry().with(spike);
    /// # drop(subscriber);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn build<S>(self) -> Result<(impl Layer<S> + Send + Sync + use<S>, Guard), Error>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Built { layer, filter, guard, start } = self.assemble()?;
        start.say();
        Ok((layer.with_filter(filter), guard))
    }

    /// As [`build`](Builder::build), and installs the layer globally, beside `fmt` to stderr and
    /// a bridge from the `log` crate; see [`init`].
    ///
    /// # Errors
    ///
    /// Those of [`build`](Builder::build); a bad `RUST_LOG`; a global subscriber or logger that
    /// is set already.
    ///
    /// ```no_run
    /// let _spike = tracing_spike::from_env().service("checkout").init()?;
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn init(self) -> Result<Guard, Error> {
        let set = |what| Error::new(Kind::AlreadySet { what });
        // `has_been_set` is true, too, after a subscriber of one thread that is gone.
        let none = |dispatch: &Dispatch| dispatch.is::<NoSubscriber>();
        if dispatcher::has_been_set() && !dispatcher::get_default(none) {
            return Err(set("subscriber"));
        }
        let targets = match env::variable("RUST_LOG")? {
            None => Targets::new().with_default(LevelFilter::INFO),
            Some(text) => text.parse().map_err(|_| {
                Error::new(Kind::Setting {
                    name: "RUST_LOG",
                    expected: "levels and target=level, such as info,shop=debug",
                    found: shown(&text),
                })
            })?,
        };
        let Built { layer, filter, guard, start } = self.assemble()?;
        tracing_log::LogTracer::init().map_err(|_| set("logger"))?;
        let fmt = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let subscriber = tracing_subscriber::registry()
            .with(fmt.with_filter(targets))
            .with(layer.with_filter(filter));
        tracing::subscriber::set_global_default(subscriber).map_err(|_| set("subscriber"))?;
        set_max_level(LevelFilter::current().as_log());
        start.say();
        Ok(guard)
    }

    /// The parts before they are given a subscriber's type.
    fn assemble(self) -> Result<Built, Error> {
        self.check()?;
        let from_env = self.url.is_none();
        let rules = Arc::new(self.rules(from_env)?);
        let said = if from_env && self.mode.is_none() { env::mode()? } else { None };
        let mode = self.mode.or(said);
        let webhook = self.webhook(mode)?;
        let mode = decide(mode, webhook.is_some())?;
        let source = self.source(from_env)?;
        let service = source.service.clone().unwrap_or_default();
        let place = webhook.as_ref().map(|(webhook, from)| (webhook.place().to_owned(), *from));
        let webhook = webhook.map(|(webhook, _)| webhook);
        let token = webhook.as_ref().map(|webhook| webhook.token().clone());
        let settings = Settings {
            repeat_every: self.repeat_every,
            resolve_after: None,
            burst: 10,
            per_minute: 2,
            storm: format!("error storm in {service}"),
            severity: self.severity,
            priority: self.priority,
            scrubber: Scrubber::new(token.clone()),
        };
        let (clock, counters) = (Clock::start(), Arc::new(Counters::new()));
        let sender = match (mode, webhook) {
            (Mode::Live, Some(webhook)) => {
                Some(self.start(clock, &counters, source, move || {
                    Post::new(webhook).map(Transport::Post)
                })?)
            }
            (Mode::DryRun, _) => {
                Some(self.start(clock, &counters, source, move || Ok(Transport::DryRun { token }))?)
            }
            (Mode::Live | Mode::Off, _) => None,
        };
        let by_variable = said.is_some();
        let mut start =
            Start { mode, webhook: place, service, from_env, by_variable, without_literals: false };
        let filter = match &sender {
            Some(sender) => RulesFilter::new(Arc::clone(&rules), sender.clone()),
            None => RulesFilter::off(),
        };
        let pipeline = Arc::new(Pipeline::new(clock, sender, counters, settings));
        let (wanted, pages) = (self.titles.wants_literals(), pipeline.queue().is_some());
        let literals = if wanted && pages { Literals::of_this_process() } else { None };
        start.without_literals = wanted && pages && literals.is_none();
        Ok(Built {
            layer: SpikeLayer::new(
                Arc::clone(&rules),
                Arc::clone(&pipeline),
                self.titles,
                literals,
                self.group_by,
            ),
            filter,
            guard: Guard::new(pipeline, rules, self.shutdown_timeout),
            start,
        })
    }

    /// The webhook and where it came from. Off is off, whatever the webhook is.
    fn webhook(&self, mode: Option<Mode>) -> Result<Option<(Webhook, &'static str)>, Error> {
        match &self.url {
            _ if mode == Some(Mode::Off) => Ok(None),
            Some(url) => {
                Webhook::parse(url.expose_secret(), BUILDER).map(|webhook| Some((webhook, BUILDER)))
            }
            None => env::webhook(),
        }
    }

    /// Checks the settings that don't depend on the environment.
    fn check(&self) -> Result<(), Error> {
        let setting =
            |name, expected, found| Err(Error::new(Kind::Setting { name, expected, found }));
        if !REPEAT_RANGE.contains(&self.repeat_every) {
            let found = format!("{:?}", self.repeat_every);
            return setting("repeat_every", "10 s to 24 h", found);
        }
        if !QUEUE_RANGE.contains(&self.queue_capacity) {
            let found = self.queue_capacity.to_string();
            return setting("queue_capacity", "1 to 65,536 incidents", found);
        }
        self.check_groups()
    }

    fn check_groups(&self) -> Result<(), Error> {
        let setting =
            |expected, found| Err(Error::new(Kind::Setting { name: "group_by", expected, found }));
        let names = &self.group_by;
        if let Some(name) = names.iter().find(|name| !can_group(name)) {
            return setting("names of fields other than message, spike and spike.…", shown(name));
        }
        if names.len() > MAX_GROUPS {
            return setting("4 fields at most", names.len().to_string());
        }
        let twice = |(at, name)| names.iter().take(at).any(|earlier: &String| earlier == name);
        if let Some((_, name)) = names.iter().enumerate().find(|one| twice(*one)) {
            return setting("each field once", format!("{} twice", shown(name)));
        }
        let length =
            names.iter().fold(0, |sum: usize, name| sum.saturating_add(name.chars().count()));
        if length > MAX_GROUP_NAMES {
            let found = format!("{length} characters");
            return setting("names of 64 characters together at most", found);
        }
        Ok(())
    }

    fn rules(&self, from_env: bool) -> Result<Rules, Error> {
        if let Some(rules) = &self.filter {
            return Rules::parse(rules, "filter");
        }
        let rules = if from_env { env::variable(env::FILTER)? } else { None };
        Rules::parse(rules.as_deref().unwrap_or(DEFAULT_FILTER), env::FILTER)
    }

    fn source(&self, from_env: bool) -> Result<Source, Error> {
        if from_env {
            env::reject_spool()?;
        }
        let service = match &self.service {
            Some(service) => Some(service.clone()),
            None => env::service(from_env)?,
        };
        let environment = match &self.environment {
            Some(environment) => Some(environment.clone()),
            None if from_env => env::variable(env::ENVIRONMENT)?,
            None => None,
        };
        let host = hostname::get().ok().map(|host| host.to_string_lossy().into_owned());
        let pid = std::process::id();
        Ok(Source { service, version: self.version.clone(), environment, host, pid })
    }

    fn start(
        &self,
        clock: Clock,
        counters: &Arc<Counters>,
        source: Source,
        transport: impl FnOnce() -> Result<Transport, Error> + Send + 'static,
    ) -> Result<Sender, Error> {
        let (sender, receiver) = queue::bounded(self.queue_capacity);
        let counters = Arc::clone(counters);
        let entropy = RandomState::new().hash_one(std::process::id());
        worker::start(worker::Parts { clock, receiver, counters, source, entropy }, transport)?;
        Ok(sender)
    }
}

/// A layer without its filter, since the two meet only where the subscriber's type is known.
struct Built {
    layer: SpikeLayer,
    filter: RulesFilter,
    guard: Guard,
    start: Start,
}

/// The one line at start: on, dry run or off, and why. Said when nothing can fail any more.
struct Start {
    mode: Mode,
    webhook: Option<(String, &'static str)>,
    service: String,
    from_env: bool,
    /// The mode is that of `SPIKE_MODE`.
    by_variable: bool,
    /// Literals can't be told from values here, though the program wants that.
    without_literals: bool,
}

fn decide(mode: Option<Mode>, has_webhook: bool) -> Result<Mode, Error> {
    match mode {
        Some(Mode::Live) if !has_webhook => Err(no_webhook()),
        Some(mode) => Ok(mode),
        None if has_webhook => Ok(Mode::Live),
        None => Ok(Mode::Off),
    }
}

fn no_webhook() -> Error {
    Error::new(Kind::Setting {
        name: env::MODE,
        expected: "a webhook for mode live, in SPIKE_WEBHOOK_URL, SPIKE_WEBHOOK_URL_FILE or \
                   SPIKE_TOKEN",
        found: "none".to_owned(),
    })
}

impl Start {
    /// Off is said once in a process.
    fn say(self) {
        static OFF: Once = Once::new();
        let Start { mode, webhook, service, from_env, by_variable, without_literals } = self;
        let mut stderr = std::io::stderr();
        if without_literals {
            let line = "expected /proc/self/maps for Titles::literals(), found none that tells; \
                        titles are made as by Titles::text()";
            writeln!(stderr, "tracing-spike: {line}").ok();
        }
        match mode {
            Mode::Live => {
                let (place, from) = webhook.unwrap_or_default();
                let line = format!("paging on, to {place} ({from}), as {service}");
                writeln!(stderr, "tracing-spike: {line}").ok();
            }
            Mode::DryRun => {
                let why = if by_variable { " (SPIKE_MODE)" } else { "" };
                let what = "incidents are printed here, not sent";
                writeln!(stderr, "tracing-spike: dry run{why}, {what}").ok();
            }
            Mode::Off => OFF.call_once(|| {
                let empty = [env::WEBHOOK_URL, env::WEBHOOK_URL_FILE, env::TOKEN]
                    .into_iter()
                    .find(|name| from_env && env::is_empty(name));
                let why = match empty {
                    _ if by_variable => "SPIKE_MODE is off".to_owned(),
                    _ if !from_env => "the program says so".to_owned(),
                    Some(name) => format!("{name} is set, but empty"),
                    None => "no webhook; set SPIKE_WEBHOOK_URL to page".to_owned(),
                };
                writeln!(stderr, "tracing-spike: paging off: {why}").ok();
            }),
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("mode", &self.mode)
            .field("filter", &self.filter)
            .field("service", &self.service)
            .field("titles", &self.titles)
            .field("group_by", &self.group_by)
            .field("repeat_every", &self.repeat_every)
            .finish_non_exhaustive()
    }
}
