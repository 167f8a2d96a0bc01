//! Random programs, live and foreseen.
//!
//! Each seed is a program whose events go through the real layer, pipeline, outbox and transport to
//! a sandbox, under a clock that the test moves, and are printed by `tracing-subscriber` at the same
//! time. The forecast reads what was printed. It has to tell of the same triggers and resolves, title
//! by title, and of the same incidents.

use std::{
    collections::HashSet,
    fmt, fs,
    future::poll_fn,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use tracing::{Level, error, error_span, event, info, info_span, warn};
use tracing_subscriber::{
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    prelude::*,
};

use super::nights::Random;
use crate::{
    Builder, Rule, Stats,
    backoff::scramble,
    builder::QUEUE_CAPACITY,
    capture::{
        filter::RulesFilter,
        in_force::InForce,
        layer::SpikeLayer,
        pipeline::{Pipeline, Seed},
        title::Titles,
    },
    cli::forecast::tests::{Told, foresee},
    clock::Clock,
    delivery::{
        body::Source,
        endpoint::Endpoint,
        tls::Roots,
        transport::{self, Network, Transport},
    },
    queue::{self, Receiver},
    sandbox::{Sandbox, Unknowns},
    stats::Counters,
    webhook::{Tokens, Webhook},
};

/// Programs of a run.
const SEEDS: u64 = 24;
const EVENTS: u64 = 250;
/// When the logs begin: 2026-11-28, 08:00 UTC.
const BEGINS: u64 = 1_795_852_800;

/// What both get.
fn settings(seed: u64) -> Builder {
    let builder = crate::builder("https://hooks.spike.sh/not-secret-1/push-events")
        .filter("error,shop::stock=warn,shop::noise=off,shop::noise::ledger=error")
        .rule(Rule::target("shop::cache").after(3, Duration::from_secs(60)))
        .rule(Rule::target("shop::db").severity(crate::Severity::Sev2))
        .service("shop");
    let builder = match seed % 3 {
        0 => builder.budget(3, 1),
        1 => builder.resolve_after(Duration::from_secs(120)),
        _ => builder,
    };
    if seed.is_multiple_of(2) { builder.group_by(["tenant"]) } else { builder }
}

/// The pipeline of a program, with what the worker's thread does done by the test.
struct Live {
    clock: Clock,
    now: Duration,
    receiver: Receiver,
    endpoint: Endpoint,
    wake: Option<Duration>,
    source: Source,
    counters: Arc<Counters>,
    runtime: tokio::runtime::Runtime,
}

impl Live {
    fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some(wake) = self.wake.filter(|wake| *wake <= until) {
            self.set(wake.max(self.now));
            self.work();
        }
        self.set(until);
    }

    fn set(&mut self, now: Duration) {
        self.clock.advance(now - self.now);
        self.now = now;
    }

    fn work(&mut self) {
        let mut arrived = std::collections::VecDeque::new();
        self.receiver.lanes[0].drain(usize::MAX, usize::MAX, &mut arrived);
        arrived.into_iter().for_each(|op| self.endpoint.push(op, self.now));
        loop {
            self.wake = self.endpoint.begin(self.now, (&self.clock, &self.source), &self.counters);
            if !self.endpoint.is_busy() {
                break;
            }
            let endpoint = &mut self.endpoint;
            let attempted = self.runtime.block_on(poll_fn(|context| endpoint.poll(context)));
            let problem = self.endpoint.finish(&attempted, self.now, 0, &self.counters);
            assert!(problem.is_none(), "{problem:?}");
        }
        self.wake = self.wake.map(|wake| wake.max(self.now + Duration::from_millis(1)));
    }

    fn end(&mut self) {
        self.endpoint.hurry(u64::MAX);
        self.work();
        while let Some(wake) = self.wake.filter(|_| self.endpoint.pending() > 0) {
            self.set(wake.max(self.now));
            self.work();
        }
    }
}

/// The time of a log: that of the clock, from a morning on.
struct Shown(Clock);

impl FormatTime for Shown {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        let at = std::time::UNIX_EPOCH + Duration::from_secs(BEGINS) + self.0.now();
        write!(out, "{}", humantime::format_rfc3339_micros(at))
    }
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        crate::lock::lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Printed {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What a program logs.
fn log(random: &mut Random) {
    let n = random.below(10_000);
    let tenant = random.of(&["acme", "initech"]);
    match random.below(19) {
        0..3 => error!(target: "shop::payments", order = n, "card payment failed for order {n}"),
        3 => error!(target: "shop::payments", tenant, "card payment failed: timeout after {n} ms"),
        4 => error!(target: "shop::db", error = %"connection refused", peer = %"10.0.0.7:5432"),
        5 => error!(target: "shop::db", attempt = n, ratio = 0.5),
        6 => {
            let word = random.of(&["gold", "silver", "basic", "trial", "team", "campus", "solo"]);
            error!(target: "shop::plans", "plan {word} of a customer is gone");
        }
        7 => warn!(target: "shop::stock", "stock of shelf {n} is low"),
        8 => warn!({ spike = true }, "stock is counted by hand"),
        9 => error!({ spike = false, code = n }, "customer typed an invalid voucher"),
        10 => error!({ spike.severity = "sev1", spike.title = "order book is full" }, "disk {n}"),
        11 => info!({ spike.status = "resolve", spike.title = "order book is full" }, "freed"),
        12 => info!(
            target: "shop::payments",
            { spike.status = "resolve" },
            "card payment failed for order {n}"
        ),
        13 => error!(target: "shop::cache", "cache \"hot\" lost shard {n}\nand said so"),
        14 => {
            // One failure on its way up.
            let _root = error_span!("request", id = n, tenant).entered();
            let _leaf = info_span!("load", user = %"ann").entered();
            error!(target: "shop::users", error = %"no such user", "user {n} was not loaded");
            error!(target: "shop::http", error = %"no such user", "request failed");
        }
        15 => {
            let _root = info_span!("job", id = n).entered();
            error!(target: "shop::jobs", err = %"disk full");
        }
        16 => error!(target: "shop::noise", "nobody cares about {n}"),
        17 => error!(target: "shop::noise::ledger", { spike.priority = "p9" }, "ledger is off"),
        _ => {
            for shelf in 0..1 + random.below(30) {
                let word = random
                    .of(&["bolt", "nut", "screw", "washer", "rivet", "nail", "hook", "hinge"]);
                event!(target: "shop::shelves", Level::ERROR, shelf, "{word} {word} is missing");
            }
            info!(target: "shop::orders", order = n, "order taken, no spike here");
        }
    }
}

/// Runs a program; returns what the sandbox got, the counters, and the log.
fn run(seed: u64, sandbox: &Sandbox) -> (Stats, Vec<u8>) {
    let decided = settings(seed).decided().unwrap();
    let (sender, receiver) = queue::bounded(QUEUE_CAPACITY, 1);
    let (clock, counters) = (Clock::standing(), Arc::new(Counters::new()));
    let webhook = Webhook::parse(&sandbox.webhook_url(), "the test").unwrap();
    let network =
        Network { clock: Clock::start(), roots: Roots::parse(&[]).unwrap(), proxies: false };
    let at = transport::Endpoint { name: "sandbox".to_owned(), webhook: Some(webhook) };
    let transport = Transport::post(vec![at], &Tokens::default(), &network).unwrap().remove(0);
    let pipeline = Arc::new(Pipeline::seeded(
        Seed::fixed(),
        (clock.clone(), Some(sender.clone()), Arc::clone(&counters)),
        decided.settings,
    ));
    let (rules, routes) = (Arc::new(InForce::new(decided.rules)), Arc::new(decided.routes));
    let filter = RulesFilter::new(Arc::clone(&rules), Arc::clone(&routes), sender);
    let (titles, group_by): (Titles, _) = (decided.titles, decided.group_by);
    let layer = SpikeLayer::new(rules, routes, pipeline, titles, None, group_by);
    let printed = Printed::default();
    let fmt = tracing_subscriber::fmt::layer()
        .with_timer(Shown(clock.clone()))
        .with_file(true)
        .with_line_number(true)
        .with_writer(printed.clone());
    let fmt = match seed % 4 {
        0 => fmt.json().boxed(),
        1 => fmt.json().flatten_event(true).boxed(),
        2 => fmt.with_ansi(true).boxed(),
        _ => fmt.with_ansi(true).with_thread_names(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter)).with(fmt);
    let mut live = Live {
        clock,
        now: Duration::ZERO,
        receiver,
        endpoint: Endpoint::new(transport, None),
        wake: None,
        source: Source { pid: 1, ..Source::default() },
        counters,
        runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    };
    let mut random = Random(scramble(seed));
    tracing::subscriber::with_default(subscriber, || {
        // The clock of a log begins with its first event that counts.
        error!(target: "shop::main", "the shop opens");
        live.work();
        for _ in 0..EVENTS {
            if !random.one_in(3) {
                let most = random.of(&[500, 3_000, 60_000, 400_000]);
                live.advance(Duration::from_millis(random.below(most)));
            }
            log(&mut random);
            live.work();
        }
    });
    live.end();
    let log = std::mem::take(&mut *crate::lock::lock(&printed.0));
    (live.counters.snapshot(Vec::new()), log)
}

/// What the sandbox got, and the incidents that this opens.
fn told(sandbox: &Sandbox) -> Told {
    let (mut told, mut open) = (Told::default(), HashSet::new());
    for request in sandbox.requests() {
        let title = request.title().unwrap().to_owned();
        if request.is_resolve() {
            open.remove(&title);
            told.resolves += 1;
        } else {
            *told.triggers.entry(title.clone()).or_default() += 1;
            told.pages += u64::from(open.insert(title));
        }
    }
    told
}

#[test]
fn a_forecast_is_what_the_layer_sends() {
    let (mut all, mut met) = (0, [0_u64; 8]);
    for seed in 0..SEEDS {
        let sandbox = Sandbox::start().unwrap();
        // A title that is sent too often for the sandbox's clock is not lost for that.
        sandbox.assume(Unknowns { limit_outlives_resolve: false, ..Unknowns::default() });
        let (stats, log) = run(seed, &sandbox);
        let (foreseen, found) = foresee(&log, || settings(seed));
        let live = told(&sandbox);
        let same = live == foreseen
            && stats.suppressed == found.suppressed
            && (stats.folded, stats.delivered) == (found.folded, found.delivered);
        if !same {
            let kept = std::env::temp_dir().join(format!("spike-forecast-{seed}.log"));
            fs::write(&kept, &log).unwrap();
            panic!("seed {seed}: {live:?}\n{foreseen:?}\n{stats:?}\n{found:?}\n{}", kept.display());
        }
        // Twenty in a minute of the sandbox's clock would be dropped.
        if live.triggers.values().all(|triggers| *triggers < 20) {
            assert_eq!(sandbox.opened(), foreseen.pages, "seed {seed}");
            met[0] += 1;
        }
        let Stats { suppressed, folded, .. } = found;
        let here = [
            suppressed.repeat,
            suppressed.storm,
            suppressed.same_cause,
            suppressed.threshold,
            suppressed.cancelled,
            folded,
            live.resolves,
        ];
        met.iter_mut().skip(1).zip(here).for_each(|(met, here)| *met += here);
        all += live.triggers.values().sum::<u64>();
    }
    println!("{SEEDS} programs, {all} triggers, as foreseen; met {met:?}");
    assert!(met[0] > 0 && met[1..].iter().all(|met| *met >= 20), "hardly met: {met:?}");
}
