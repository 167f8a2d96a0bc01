//! The builder: the settings, and their way to a layer.
//!
//! Setters never fail; [`Builder::build`] checks everything and is the only fallible step.

pub(crate) mod assemble;
#[cfg(feature = "cli")]
mod decided;
mod endpoints;
mod links;
mod spool;
mod start;
pub(crate) mod watched;

use std::{fmt, path::PathBuf, time::Duration};

use assemble::Built;
#[cfg(feature = "cli")]
pub(crate) use decided::Decided;
use secrecy::SecretString;
use tracing::{Dispatch, Subscriber, dispatcher, subscriber::NoSubscriber};
use tracing_log::{AsLog, log::set_max_level};
use tracing_subscriber::{
    Layer, filter::LevelFilter, filter::Targets, layer::SubscriberExt, registry::LookupSpan,
};

use crate::{
    at_exit,
    capture::{gate::Openings, redact::Redaction, title::Titles},
    delivery::printer,
    env::{self, Mode},
    error::{Error, Kind, shown},
    guard::Guard,
    incident::{Priority, Severity},
    panic,
    problem::Problem,
    rule::Rule,
};

/// Default of [`Builder::repeat_every`].
pub(crate) const REPEAT_EVERY: Duration = Duration::from_secs(300);
/// Default of [`Builder::budget`].
pub(crate) const BUDGET: Openings = Openings { burst: 10, per_minute: 2 };
/// Default of [`Builder::shutdown_timeout`].
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3);
/// Default of [`Builder::queue_capacity`].
pub(crate) const QUEUE_CAPACITY: usize = 256;

/// How errors and the start line name the webhook of [`builder`].
const BUILDER: &str = "builder(url)";
/// What [`Builder::repeat_every`] may be.
const REPEAT_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(86_400);
/// What [`Builder::resolve_after`] may be: Spike's own timer begins at a minute, too.
const QUIET_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(86_400);
/// What both numbers of [`Builder::budget`] may be.
const BUDGET_RANGE: std::ops::RangeInclusive<u32> = 1..=1_000;
/// What [`Builder::queue_capacity`] may be.
const QUEUE_RANGE: std::ops::RangeInclusive<usize> = 1..=65_536;

/// Settings, on the way to a layer. From [`builder`] or [`from_env`].
///
/// All settings, with their variables, defaults and limits, are in
/// [one table](crate::guide::settings).
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
    routes: Vec<Rule>,
    titles: Titles,
    group_by: Vec<String>,
    trail: Option<usize>,
    links: Vec<(String, String)>,
    redaction: Redaction,
    redacted_names: Vec<String>,
    repeat_every: Duration,
    resolve_after: Option<Duration>,
    budget: Openings,
    queue_capacity: usize,
    shutdown_timeout: Duration,
    on_problem: Option<fn(&Problem)>,
    spool: Option<PathBuf>,
    fsync: bool,
    #[cfg(test)]
    pub(crate) fails: crate::delivery::worker::tests::Fails,
    /// In a user's test: what works in the place of a thread.
    #[cfg(feature = "testing")]
    driven: Option<watched::Driving>,
    roots: Vec<Vec<u8>>,
    proxies: bool,
    panics: bool,
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

/// Pages as the environment says: [the table](crate::guide::settings). Without a webhook there,
/// paging is off, which is said once on stderr.
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
/// [`Targets`](tracing_subscriber::filter::Targets)), takes in the `log` crate's records, and
/// reports [`panics`](Builder::panics).
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
            routes: Vec::new(),
            titles: Titles::text(),
            group_by: Vec::new(),
            trail: None,
            links: Vec::new(),
            redaction: Redaction::On,
            redacted_names: Vec::new(),
            repeat_every: REPEAT_EVERY,
            resolve_after: None,
            budget: BUDGET,
            queue_capacity: QUEUE_CAPACITY,
            shutdown_timeout: SHUTDOWN_TIMEOUT,
            on_problem: None,
            spool: None,
            fsync: false,
            #[cfg(test)]
            fails: Default::default(),
            #[cfg(feature = "testing")]
            driven: None,
            roots: Vec::new(),
            proxies: true,
            panics: false,
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
    /// Use this and not a `with_filter` around the layer: that would hide the spans from it. While
    /// the program runs, [`Handle::set_filter`](crate::Handle::set_filter) changes it.
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

    /// What the incidents of a target get: a severity, a priority, a webhook of their own, or a
    /// number of occurrences that it takes to page; see [`Rule`]. Call it once for each target.
    /// Default: no rules. Which events page is said by [`filter`](Builder::filter).
    ///
    /// ```
    /// # use tracing_spike::{Mode, Rule, Severity};
    /// let (spike, _guard) = tracing_spike::from_env()
    ///     .rule(Rule::target("billing").severity(Severity::Sev1))
    ///     .rule(
    ///         Rule::target("shop::ops")
    ///             .webhook("https://hooks.spike.sh/0123456789ab/push-events"),
    ///     )
    /// #   .mode(Mode::Off)
    ///     .build::<tracing_subscriber::Registry>()?;
    /// # drop(spike);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn rule(mut self, rule: Rule) -> Self {
        self.routes.push(rule);
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

    /// Tells what was going on before: an incident's `body.trail` has the last `events` events of
    /// the same root span, at INFO and above, each in a line with the time before the incident, the
    /// oldest first. Default: none, and nothing is recorded; 1 to 64.
    ///
    /// ```text
    /// -0.214s INFO shop::orders: 3 seats reserved order=4711 shelf=17
    /// -0.012s WARN shop::payments: no answer, trying again attempt=2
    /// ```
    ///
    /// The root span is the outermost at INFO and above that an event is in, a request's most
    /// often: what happens in another is in another trail, on whatever thread it runs. Without a
    /// span there is none, nor is there in what `Handle::trigger` opens, in a panic, a storm or a
    /// resolve. DEBUG and TRACE are not recorded, nor are the events of a target that the
    /// [`filter`](Builder::filter) has `off`.
    ///
    /// Of one event 512 bytes are kept, 256 of each text, and of one root span 8 KiB, as long as it
    /// is open; of very many root spans at once (1,024 at most, some hundreds always) one that was
    /// quiet for long is forgotten, which its incident tells: 11 MiB of memory at most. Of a body
    /// that is too large the trail goes first, as `body.notes.cut`
    /// says. Secrets are redacted as in other fields, before they leave the process. What is only
    /// recorded is in no count of [`Stats`](crate::Stats).
    ///
    /// ```
    /// let builder = tracing_spike::from_env().trail(20);
    /// # drop(builder);
    /// ```
    pub fn trail(mut self, events: usize) -> Self {
        self.trail = Some(events);
        self
    }

    /// A link for whoever is paged, as `body.links.{name}`: to the logs, the trace, a dashboard.
    /// Call it once for each link. Default: none.
    ///
    /// What is in braces is replaced by what the incident says, percent-encoded:
    ///
    /// | placeholder | value |
    /// |---|---|
    /// | `{trace_id}`, `{span_id}` | of the event's span; needs the feature `opentelemetry` |
    /// | `{title}`, `{target}`, `{level}`, `{location}` | as in the incident |
    /// | `{service}`, `{version}`, `{environment}`, `{host}` | of `body.source` |
    /// | `{first}`, `{last}` | when it occurred first and last, as `2026-11-23T09:00:00.000Z` |
    /// | `{first_ms}`, `{last_ms}` | the same in milliseconds since 1970 |
    /// | `{fields.order}`, `{span.fields.request_id}` | a field of the event, or of its spans |
    ///
    /// A link with a value that this incident does not have is left out, and so is one of more than
    /// 1,024 bytes; of a value, 256 bytes are taken. At most 8 links, with names of 1 to 32 of the
    /// characters `a` to `z`, `0` to `9` and `_`. A template is an https or http URL of 512 bytes
    /// at most, with no user in it and no placeholder in its host. For braces of the URL itself
    /// write `%7B` and `%7D`. [`build`](Builder::build) tells what is wrong with one. A
    /// [`Rule`](Rule::runbook) may give its incidents a `runbook`.
    ///
    /// ```
    /// let builder = tracing_spike::from_env()
    ///     .link("logs", "https://logs.example/?trace={trace_id}&from={first}")
    ///     .link("orders", "https://shop.example/orders/{fields.order}");
    /// # drop(builder);
    /// ```
    pub fn link(mut self, name: impl Into<String>, template: impl Into<String>) -> Self {
        self.links.push((name.into(), template.into()));
        self
    }

    /// More names whose values are secrets, beside those that are known. None by default.
    ///
    /// Redaction is on by default, and comes before the title is made, so that no title holds a
    /// secret or moves with one. `[redacted]` is put in the place of
    ///
    /// - the value of a field, of an event, a span or an [`Incident`](crate::Incident), with a
    ///   name such as `password`, `passwd`, `pwd`, `passphrase`, `secret`, `token`, `api_key`,
    ///   `access_key`, `private_key`, `authorization`, `auth`, `cookie`, `credentials`,
    ///   `session_id`, `jwt`, `pin`, `cvv`, `ssn` or `otp`. A name is read in segments and counts
    ///   by its last ones: `db.password`, `X-Api-Key` and `clientSecret`, but neither `author` nor
    ///   `token_count`. `true`, `none`, an empty text and the like stay, and so do numbers that
    ///   are a count: all in a plural (`tokens`), those of up to six digits of a token, up to
    ///   two of a PIN.
    /// - the value of such a name inside any text: `password=…`, `"token": "…"`, `Cookie: …`,
    ///   `--secret …`, `?access_token=…`.
    /// - what looks like a secret in any text, whatever it is called: what follows `Bearer` and
    ///   `Basic`, JSON web tokens, the password in a URL, private keys, keys in the formats of
    ///   many clouds, forges and vendors, webhook URLs, and card numbers.
    ///
    /// Texts are the message, errors and their chains, fields, titles (`spike.title` too), target
    /// and file. `body.notes.redacted` tells how many places there were. A secret that looks like
    /// none of these, in a field with an ordinary name, is not found: see
    /// [`redact_all_but`](Builder::redact_all_but).
    ///
    /// Names are compared without regard to case, `_`, `-` and `.`: `internal_id` is
    /// `X-Internal-Id` too. At most 64, of 3 to 40 ASCII letters and digits each.
    /// Calling it again adds more.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().redact(["iban", "patient_id"]);
    /// # drop(builder);
    /// ```
    pub fn redact(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redacted_names.extend(names.into_iter().map(Into::into));
        self
    }

    /// The only fields whose values leave the process: those of all others are `[redacted]`,
    /// numbers too. Off by default.
    ///
    /// The message and the error are sent, and they and the fields named here are still looked
    /// through for secrets, as [`redact`](Builder::redact) says. At most 128 names, each as it is
    /// written at the call. What [`group_by`](Builder::group_by) names has to be among them.
    /// Calling it again replaces them; of this and [`redact_off`](Builder::redact_off) the last
    /// call counts.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().redact_all_but(["order", "attempt", "region"]);
    /// # drop(builder);
    /// ```
    pub fn redact_all_but(mut self, fields: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.redaction = Redaction::AllBut(fields.into_iter().map(Into::into).collect());
        self
    }

    /// Redacts nothing but our own tokens, which are never sent. By default redaction is on.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().redact_off();
    /// # drop(builder);
    /// ```
    pub fn redact_off(mut self) -> Self {
        self.redaction = Redaction::Off;
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

    /// Resolves an incident that has not occurred for this long. Default: never; 1 min to 24 h.
    ///
    /// Counted from the last occurrence, those that no repeat told included; an incident stays
    /// open for 5 min at least. Of a title that comes back within 5 min (or within `quiet`, if
    /// that is longer) of such a resolve, the quiet period doubles each time, up to a day, so that
    /// it does not page in a loop. Only what this process has opened is resolved, and nothing when
    /// it ends.
    ///
    /// Each process counts alone: with several that page the same titles, one that is quiet
    /// resolves what occurs in another. There, use the timer that Spike has itself (1 min at
    /// least), in an integration or an alert rule.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let builder = tracing_spike::from_env().resolve_after(Duration::from_secs(30 * 60));
    /// # drop(builder);
    /// ```
    pub fn resolve_after(mut self, quiet: Duration) -> Self {
        self.resolve_after = Some(quiet);
        self
    }

    /// How many new incidents page by themselves: so many at once, and so many a minute once
    /// those are spent. Default: 10, then 2 a minute; each 1 to 1,000.
    ///
    /// Beyond that, new titles are folded into one incident, `error storm in {service}`, with the
    /// number of events, about how many titles they had (± 10 %), and a few of them. It waits for
    /// a second, so that it can tell all that come at once. Events with `spike = true` and
    /// `Handle::trigger` have a second budget of this size, and each
    /// [webhook](crate::Rule::webhook) has budgets of its own. Repeats take nothing from it; there
    /// are at most 30 of them a minute at each webhook.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().budget(20, 5);
    /// # drop(builder);
    /// ```
    pub fn budget(mut self, at_once: u32, per_minute: u32) -> Self {
        self.budget = Openings { burst: at_once, per_minute };
        self
    }

    /// How many incidents of each webhook may wait for the worker. Default: 256; 1 to 65,536. When
    /// there is no room, the next incident is refused and counted, and its title is as if it had
    /// not occurred, so that the next occurrence pages. A panic needs no room.
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

    /// Keeps what is not delivered yet in files below this directory, too, so that it outlives the
    /// process: a kill, a crash, an exit without the guard. The next run that has this directory
    /// and the same webhook sends what it finds there, as does a running one within 30 s. Default:
    /// none; with [`from_env`] or [`init`], what `SPIKE_SPOOL` names.
    ///
    /// The directory is made if there is none, for its owner only; several processes may share it,
    /// on one machine. It may hold at most 4,096 incidents and 32 MiB a process, none older than
    /// six hours. What is sent late says so, in `body.delayed`. Many at once count against the
    /// [`budget`](Builder::budget): the most severe go first, 256 a second at most, the rest into
    /// the storm incident. What this run has resolved since is not opened again. While all is
    /// [muted](crate::Handle::mute), triggers stay in the spool, and page within 30 s of its end.
    /// The files hold what the requests would, after redaction, and never the token.
    ///
    /// What is there for another webhook is left alone, and told once; after 30 days it is deleted,
    /// which is told, too. To be rid of it before, stop the programs that use the directory, and
    /// delete what is in it. Which word on a title is the newest, and how old it is, is told by the
    /// wall clock.
    ///
    /// Where the file system has no locks, what is not delivered stays in memory, which is told as
    /// a [`Problem`]. So it does while the disk is full, read-only or failing, or too many files
    /// are open, at the start or later; then the directory is tried again. One that can't be used
    /// for any other reason is an error of [`build`](Builder::build). A file that can't be deleted
    /// is told, and what it says is sent again by the next run.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().spool("/var/lib/checkout/spike");
    /// # drop(builder);
    /// ```
    pub fn spool(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spool = Some(dir.into());
        self
    }

    /// Has each file of the [`spool`](Builder::spool) reach the disk before it counts as kept, so
    /// that it outlives a loss of power as well. By default it outlives the process alone.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().spool("/var/lib/checkout/spike").fsync();
    /// # drop(builder);
    /// ```
    pub fn fsync(mut self) -> Self {
        self.fsync = true;
        self
    }

    /// Has the program told of each [`Problem`] with paging itself as it happens, beside the line
    /// on stderr, of which there is one a minute at most. By default there is stderr alone.
    ///
    /// It is called on the worker's thread, and holds up delivery while it runs. What it logs pages
    /// nobody; a panic in it is contained.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().on_problem(|problem| println!("{problem}"));
    /// # drop(builder);
    /// ```
    pub fn on_problem(mut self, tell: fn(&Problem)) -> Self {
        self.on_problem = Some(tell);
        self
    }

    /// Trusts these root certificates as well as those of the system: of a relay in your own
    /// network, say. One or several in PEM, as a `.pem` or `.crt` file holds them; call it once for
    /// each file. Default: those of the system alone. With one of the features `rustls`,
    /// `rustls-no-provider` and `native-tls`.
    ///
    /// ```
    /// let authority = b"-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n";
    /// let error = tracing_spike::builder("https://relay.example/0123456789ab/push-events")
    ///     .root_certificate(authority)
    ///     .build::<tracing_subscriber::Registry>()
    ///     .err()
    ///     .ok_or("that is no certificate")?;
    /// assert!(error.to_string().starts_with("root_certificate: expected certificates in PEM"));
    /// # Ok::<(), &str>(())
    /// ```
    #[cfg(any(feature = "rustls", feature = "rustls-no-provider", feature = "native-tls"))]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// Connects to the webhook itself, whatever proxies the environment names. Default: an https
    /// webhook is reached through the proxy in `HTTPS_PROXY` or `ALL_PROXY`, but for the hosts in
    /// `NO_PROXY`; a proxy is told the host and nothing more. One at a loopback address over http
    /// is never reached through a proxy.
    ///
    /// ```
    /// let builder = tracing_spike::from_env().no_proxy();
    /// # drop(builder);
    /// ```
    pub fn no_proxy(mut self) -> Self {
        self.proxies = false;
        self
    }

    /// Reports panics, too. Default: off with [`build`](Builder::build), on with
    /// [`init`](Builder::init).
    ///
    /// `panic: {message} in {crate}/{path from src/}`, such as `panic: index out of bounds: the len
    /// is # but the index is # in hyper/proto/h1.rs`: what varies in the message becomes `#` as in
    /// any title, and there is no line number and no version in it. (In the root of a workspace,
    /// `src/main.rs`, the crate's directory has no name: the [`service`](Builder::service) stands
    /// for it.) [`titles`](Builder::titles) and [`group_by`](Builder::group_by) change nothing
    /// about it. The body tells the message, `location` with line and column, the thread, the kind
    /// of `payload`, and a `backtrace` when `RUST_BACKTRACE` asks for one; the spans are left out,
    /// since another layer may hold them locked at that moment. Its target is `panic`: a
    /// `Rule::target("panic")` says how grave it is, and a filter `panic=off` keeps it quiet. It
    /// goes out before everything else, and from the budget of what is meant to page.
    ///
    /// The hook is installed once in a process, when a pipeline is built, and calls the hook that
    /// was there before first: install others before it. One that is set later without calling it
    /// ends the reports, and if the one before does not return, or panics itself (then the process
    /// is aborted), there is none.
    ///
    /// A panic and the errors it causes are one page: what the hook before logs, and what tells of
    /// it within 1 s, its message or its error holding what the panic said (8 bytes of it at least;
    /// a `JoinError` does), is counted as [`same_cause`](crate::Suppressed::same_cause).
    ///
    /// It waits only when the process is about to end: on the main thread, with
    /// `panic = "abort"`, and where the panic can't unwind; for 2 s at most until everything
    /// pending is delivered, and for no more than 2 s in a minute in all.
    ///
    /// Not reported: a panic of a field's `Debug` while the event is recorded, which is caught and
    /// counted as [`panicked_fields`](crate::Stats::panicked_fields) (under `panic = "abort"` it
    /// ends the process). `abort`, a stack overflow and a signal run no hook.
    ///
    /// ```
    /// use tracing_spike::{Rule, Severity};
    /// let (spike, _guard) = tracing_spike::from_env()
    ///     .panics()
    ///     .rule(Rule::target("panic").severity(Severity::Sev1))
    ///     .build::<tracing_subscriber::Registry>()?;
    /// # drop(spike);
    /// # Ok::<(), tracing_spike::Error>(())
    /// ```
    pub fn panics(mut self) -> Self {
        self.panics = true;
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
        let panics = self.panics;
        let Built { layer, filter, guard, start, .. } = self.assemble()?;
        if panics {
            panic::install();
        }
        at_exit::watch();
        start.say();
        Ok((layer.with_filter(filter), guard))
    }

    /// As [`build`](Builder::build), and installs the layer globally, beside `fmt` to stderr and
    /// a bridge from the `log` crate, and reports [`panics`](Builder::panics); see [`init`].
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
        let Built { layer, filter, guard, start, .. } = self.panics().assemble()?;
        tracing_log::LogTracer::init().map_err(|_| set("logger"))?;
        let mut fmt = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        // Colours are another crate's to switch on, and no reader of a file's to see.
        if !printer::is_terminal() {
            fmt = fmt.with_ansi(false);
        }
        let subscriber = tracing_subscriber::registry()
            .with(fmt.with_filter(targets))
            .with(layer.with_filter(filter));
        tracing::subscriber::set_global_default(subscriber).map_err(|_| set("subscriber"))?;
        set_max_level(LevelFilter::current().as_log());
        panic::install();
        at_exit::watch();
        start.say();
        Ok(guard)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("mode", &self.mode)
            .field("filter", &self.filter)
            .field("service", &self.service)
            .field("rules", &self.routes)
            .field("titles", &self.titles)
            .field("group_by", &self.group_by)
            .field("trail", &self.trail)
            .field("redaction", &self.redaction)
            .field("redact", &self.redacted_names)
            .field("repeat_every", &self.repeat_every)
            .finish_non_exhaustive()
    }
}
