//! The layers beside ours: what they get is what they got without us, and what they do changes
//! nothing for us.

#![expect(clippy::print_stderr, reason = "a child tells its parent what it saw")]

use std::env;

use tracing::{
    Dispatch, Level, debug, debug_span, enabled, error, error_span, info, info_span,
    level_filters::LevelFilter, span_enabled, trace, trace_span, warn, warn_span,
};
use tracing_spike::sandbox::Sandbox;
use tracing_subscriber::{
    Layer, Registry,
    filter::{Targets, dynamic_filter_fn, filter_fn},
    layer::Context,
    prelude::*,
};

use crate::{
    child,
    context::{alone, beside, titles},
    rig::{DEADLINE, TOKEN, Written, rig},
};

mod formatting;
mod logging;

const INFO_FMT: &str = "neighbours::a_neighbour_gets_exactly_what_it_got_without_us";

/// Every kind of event and span, and what can be asked about them.
fn everything() {
    let asked = [
        enabled!(Level::TRACE),
        enabled!(Level::INFO),
        enabled!(Level::ERROR),
        span_enabled!(Level::DEBUG),
        span_enabled!(Level::INFO),
        log::log_enabled!(log::Level::Debug),
        log::log_enabled!(log::Level::Info),
    ];
    eprintln!("asked: {asked:?}");
    for turn in 0..3 {
        let _root = info_span!("root", turn).entered();
        let _warn = warn_span!("warn", late = tracing::field::Empty).entered();
        let _error = error_span!("error").entered();
        let _debug = debug_span!("debug", hidden = 1).entered();
        let _trace = trace_span!("trace", hidden = 2).entered();
        trace!("traced {turn}");
        debug!(spike = true, "debugged {turn}");
        info!(spike = true, "informed {turn}");
        info!(turn, "plain");
        warn!(spike = false, "warned");
        warn!(spike.status = "resolved", "mistyped");
        error!(turn, "failed");
        error!(spike = false, "kept quiet");
        error!(target: "off", "of a target that is off");
        error!(parent: None, "without a parent");
        info!("{}", {
            error!("nested error");
            debug!("nested debug");
            "outer info"
        });
        error!("{}", {
            info!("nested info");
            trace!("nested trace");
            "outer error"
        });
        log::trace!("logged trace");
        log::info!("logged info");
        log::error!(target: "off", "logged error");
    }
}

#[test]
fn a_neighbour_gets_exactly_what_it_got_without_us() {
    let [with, without] = ["with", "without"].map(|ours| {
        child::run(INFO_FMT, &[("OURS", ours)], || {
            let written = Written::default();
            let fmt = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .without_time()
                .with_writer(written.clone())
                .with_filter(LevelFilter::INFO);
            tracing_log::LogTracer::init().unwrap();
            let spike = if env::var("OURS").unwrap() == "with" {
                Some(beside(|builder| builder.filter("error,off=off"), fmt).everywhere())
            } else {
                tracing::subscriber::set_global_default(tracing_subscriber::registry().with(fmt))
                    .unwrap();
                None
            };
            everything();
            eprintln!("level: {}", LevelFilter::current());
            eprintln!("{}", written.text());
            if let Some(mut spike) = spike {
                let incidents = spike.delivered();
                assert_eq!(incidents.len(), 5, "it was there and at work: {incidents:?}");
                spike.finish();
            }
        })
        .well()
    });
    // What we say ourselves is not what is compared.
    let ours = |line: &&str| line.starts_with("tracing-spike: ");
    assert!(
        with.stderr.lines().any(|line| ours(&line))
            && !without.stderr.lines().any(|line| ours(&line))
    );
    let with: Vec<_> = with.stderr.lines().filter(|line| !ours(line)).collect();
    assert_eq!(with, without.stderr.lines().collect::<Vec<_>>());
    let has = |part: &str| with.iter().any(|line| line.contains(part));
    assert!(has("level: info") && has("outer info") && !has("hidden"), "{with:#?}");
}

#[test]
fn what_is_below_info_stays_disabled() {
    child::run("neighbours::what_is_below_info_stays_disabled", &[], || {
        let spike = alone(|builder| builder.filter("info")).everywhere();
        assert_eq!(LevelFilter::current(), LevelFilter::INFO);
        let never = || -> u32 { panic!("the arguments of a disabled event are not evaluated") };
        trace!("{}", never());
        debug!(spike = true, "{}", never());
        let _span = debug_span!("span", field = never()).entered();
        let evaluated = || 7;
        info!("{} is", evaluated());
        assert_eq!(titles(&spike.delivered()), ["# is in it::neighbours"]);
    })
    .well();
}

#[test]
fn paging_off_costs_the_program_no_level() {
    child::run("neighbours::paging_off_costs_the_program_no_level", &[], || {
        let spike = alone(|builder| builder.mode(tracing_spike::Mode::Off)).everywhere();
        assert_eq!(LevelFilter::current(), LevelFilter::OFF);
        assert_eq!((spike.handle.stats().seen, spike.sandbox.connections()), (0, 0));
    })
    .well();
}

#[test]
fn an_event_whose_argument_logs_is_judged_by_itself() {
    let rig = rig();
    let incidents = rig.paged(|| {
        info!("{}", {
            error!("inner of info");
            "outer info"
        });
        warn!(
            field = {
                error!("inner of warn");
                1
            },
            "outer warn"
        );
        info!("{}", {
            info!("inner info");
            "outer info"
        });
        debug!("{}", {
            error!("inner of debug");
            "outer debug"
        });
        error!("{}", {
            info!("inner info");
            "outer of info"
        });
        error!("{}", {
            trace!("inner trace");
            "outer of trace"
        });
        error!("{}", {
            info_span!("inner").in_scope(|| warn!("inner"));
            "outer of span"
        });
    });
    let expected = [
        "inner of info",
        "inner of warn",
        "inner of debug",
        "outer of info",
        "outer of trace",
        "outer of span",
    ];
    assert_eq!(titles(&incidents), expected.map(|title| format!("{title} in it::neighbours")));
    assert!(rig.written.text().contains("outer warn"), "the events were enabled");
    assert!(rig.stats().ignored.unwanted > 0, "tracing#2448 is at work: {:?}", rig.stats());
}

#[test]
fn asking_whether_a_level_is_enabled_loses_no_page() {
    child::run("neighbours::asking_whether_a_level_is_enabled_loses_no_page", &[], || {
        let fmt = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(Written::default())
            .with_filter(LevelFilter::DEBUG);
        let mut spike = beside(|builder| builder, fmt).everywhere();
        tracing_log::LogTracer::init().unwrap();
        for turn in ["first", "second"] {
            assert!(enabled!(Level::INFO));
            error!(turn, spike.title = turn, "after enabled");
            assert!(enabled!(Level::DEBUG) && !enabled!(Level::TRACE));
            log::error!("{turn} after a debug");
            assert!(log::log_enabled!(log::Level::Info));
            error!(spike.title = format!("{turn} of log_enabled"), "after log_enabled");
            assert!(span_enabled!(Level::DEBUG));
            warn!(spike = true, spike.title = format!("{turn} warning"), "after span_enabled");
            let question = |asked: bool| format!("{turn} with a question, {asked}");
            error!(spike.title = question(true), "{}", enabled!(Level::INFO));
            error!(spike.title = question(false), asked = enabled!(Level::DEBUG), "asks");
        }
        spike.delivered();
        let stats = spike.finish();
        assert_eq!((stats.seen, stats.delivered), (12, 12), "{stats:?}");
    })
    .well();
}

// === other filters, other pipelines ===

/// A `fmt` layer that writes into memory.
fn fmt_into(written: &Written) -> impl Layer<Registry> + Send + Sync + use<> {
    tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone())
}

#[test]
fn f072_what_a_neighbours_filter_disables_still_pages_and_the_other_way_round() {
    let targets: Targets = "info,fmt_off=off,fmt_off::debug=trace".parse().unwrap();
    let by_field = |meta: &tracing::Metadata<'_>| meta.fields().field("hidden").is_none();
    let in_quiet = |_: &tracing::Metadata<'_>, context: &Context<'_, Registry>| {
        context.lookup_current().is_none_or(|span| span.name() != "quiet")
    };
    for kind in ["targets", "static", "dynamic"] {
        let written = Written::default();
        let fmt: Box<dyn Layer<Registry> + Send + Sync> = match kind {
            "targets" => Box::new(fmt_into(&written).with_filter(targets.clone())),
            "static" => Box::new(fmt_into(&written).with_filter(filter_fn(by_field))),
            _ => Box::new(fmt_into(&written).with_filter(dynamic_filter_fn(in_quiet))),
        };
        let mut spike = beside(|builder| builder.filter("error,spike_off=off"), fmt);
        spike.run(|| {
            for turn in 0..2 {
                error!(target: "spike_off", turn, "printed only");
                info!(target: "spike_off::deep", turn, "printed too");
                let _quiet = info_span!("quiet").entered();
                error!(target: "fmt_off", turn, hidden = true, "paged only");
                error!(target: "fmt_off::debug", turn, hidden = true, "both or one");
            }
        });
        let found = spike.delivered();
        let expected = ["paged only in fmt_off", "both or one in fmt_off::debug"];
        assert_eq!(titles(&found), expected, "{kind}");
        let text = written.text();
        let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
        assert_eq!(["printed only", "printed too", "paged only"].map(lines), [2, 2, 0], "{text}");
        let stats = spike.finish();
        assert_eq!((stats.seen, stats.suppressed.repeat), (4, 2), "{kind}: {stats:?}");
    }
}

#[test]
fn f072_a_filter_around_our_layer_decides_as_well() {
    let sandbox = Sandbox::start().unwrap();
    let (spike, guard) = tracing_spike::builder(sandbox.url_for(TOKEN)).build().unwrap();
    let spike = spike.with_filter(Targets::new().with_target("shop", LevelFilter::ERROR));
    let written = Written::default();
    let dispatch = Dispatch::new(
        tracing_subscriber::registry()
            .with(spike)
            .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(written.clone())),
    );
    tracing::dispatcher::with_default(&dispatch, || {
        error!(target: "other", "not ours");
        error!(target: "shop", "ours");
    });
    let handle = guard.handle();
    drop(guard);
    assert_eq!(titles(&sandbox.incidents()), ["ours in shop"]);
    assert!(written.text().contains("not ours"), "{}", written.text());
    let stats = handle.stats();
    assert_eq!((stats.seen, stats.accounted()), (1, 1), "{stats:?}");
}

#[test]
fn f071_two_pipelines_on_one_registry_know_nothing_of_each_other() {
    let sandbox = Sandbox::start().unwrap();
    let urls = [TOKEN, "another-token-of-billing"].map(|token| sandbox.url_for(token));
    let layer = |url: &String, filter: &str| {
        let (spike, guard) = tracing_spike::builder(url).filter(filter).build().unwrap();
        (Box::new(spike) as Box<dyn Layer<Registry> + Send + Sync>, guard)
    };
    let (first, one) = layer(&urls[0], "error,second_only=off");
    let (second, two) = layer(&urls[1], "off,both=error,second_only=error");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(vec![first, second]));
    tracing::dispatcher::with_default(&dispatch, || {
        let _span = info_span!("request", id = 7).entered();
        error!(target: "both", "shared");
        error!(target: "first_only", "first");
        error!(target: "second_only", "second");
        error!(target: "both", "shared");
    });
    assert!(one.handle().flush(DEADLINE).is_complete());
    one.handle().resolve("shared in both").unwrap();
    let handles = [one.handle(), two.handle()];
    drop((one, two));
    let incidents = sandbox.incidents();
    let expected =
        ["first in first_only", "second in second_only"].map(|own| [own, "shared in both"]);
    for ((url, handle), expected) in urls.iter().zip(&handles).zip(expected) {
        let mut came: Vec<_> = incidents.iter().filter(|one| one.came_to(url)).collect();
        came.sort_by_key(|incident| incident.title());
        assert_eq!(came.iter().map(|one| one.title()).collect::<Vec<_>>(), expected);
        assert!(came.iter().all(|one| one.body()["span"]["fields"]["id"] == 7));
        assert!(came.iter().all(|one| one.repeats() == 0), "{came:?}");
        let stats = handle.stats();
        assert_eq!((stats.seen, stats.suppressed.repeat), (stats.accounted(), 1), "{stats:?}");
    }
    let open = sandbox.open().iter().filter(|one| one.title() == "shared in both").count();
    assert_eq!(open, 1, "only one of the two was resolved");
}
