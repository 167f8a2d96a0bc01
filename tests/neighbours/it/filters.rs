//! `EnvFilter` and `reload`: on another layer they are its own, on the registry they are everybody's.

use tracing::{debug, error, info, warn};
use tracing_subscriber::{EnvFilter, Layer, filter::LevelFilter, fmt, prelude::*, reload};

use crate::rig::{Other, Rig, Written, between};

/// What a `fmt` layer has printed, by message.
fn printed(written: &Written, messages: &[&str]) -> Vec<usize> {
    let text = written.text();
    let lines = |message: &&str| text.lines().filter(|line| line.ends_with(*message)).count();
    messages.iter().map(lines).collect()
}

#[test]
fn what_an_env_filter_of_another_layer_hides_pages_and_the_other_way_round() {
    for is_first in [true, false] {
        let written = Written::default();
        let filter = EnvFilter::new("info,quiet=off,chatty=debug,[job{id=7}]=debug");
        let fmt = fmt::layer().with_ansi(false).with_writer(written.clone()).with_filter(filter);
        let fmt: Other = Box::new(fmt);
        let rig = if is_first { between(fmt, None) } else { between(None, fmt) };
        rig.guard.handle().set_filter("error,chatty=off").unwrap();
        rig.run(|| {
            error!(target: "quiet", "paged only");
            error!(target: "chatty", "printed only");
            debug!(target: "chatty", "debugged");
            error!(target: "shop", "both");
            let job = tracing::info_span!("job", id = 7);
            job.in_scope(|| debug!(target: "shop", "of the job"));
            debug!(target: "shop", "of nobody");
        });
        assert_eq!(rig.titles(), ["both in shop", "paged only in quiet"]);
        let messages =
            ["paged only", "printed only", "debugged", ": both", "of the job", "of nobody"];
        assert_eq!(printed(&written, &messages), [0, 1, 1, 1, 1, 0], "{}", written.text());
    }
}

#[test]
fn an_env_filter_on_the_registry_is_everybodys() {
    let sandbox = tracing_spike::sandbox::Sandbox::start().unwrap();
    let (spike, guard) = tracing_spike::builder(sandbox.webhook_url()).build().unwrap();
    let filter = EnvFilter::new("off,shop=error");
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(filter).with(spike));
    let rig = Rig { sandbox, dispatch, guard };
    rig.run(|| {
        error!(target: "billing", "hidden");
        error!(target: "shop", "failed");
    });
    assert_eq!(rig.titles(), ["failed in shop"]);
    assert_eq!(rig.guard.handle().stats().seen, 1);
}

#[test]
fn a_filter_that_is_reloaded_beside_ours_and_ours_change_nothing_for_each_other() {
    let written = Written::default();
    let (filter, reloads) = reload::Layer::new(LevelFilter::WARN);
    let fmt = fmt::layer().with_ansi(false).with_writer(written.clone()).with_filter(filter);
    let rig = between(Box::new(fmt) as Other, None);
    let handle = rig.guard.handle();
    let log = || {
        error!(target: "shop", "failed");
        warn!(target: "shop", "slow");
        info!(target: "shop", "sold");
    };
    let messages = ["failed", "slow", "sold"];
    rig.run(log);
    assert_eq!(printed(&written, &messages), [1, 1, 0]);
    reloads.reload(LevelFilter::INFO).unwrap();
    rig.run(log);
    assert_eq!(printed(&written, &messages), [2, 2, 1]);
    assert_eq!(rig.titles(), ["failed in shop"]);
    reloads.reload(LevelFilter::OFF).unwrap();
    handle.set_filter("warn").unwrap();
    rig.run(log);
    assert_eq!(printed(&written, &messages), [2, 2, 1]);
    assert_eq!(rig.titles(), ["failed in shop", "slow in shop"]);
    reloads.reload(LevelFilter::ERROR).unwrap();
    handle.set_filter("off").unwrap();
    let seen = handle.stats().seen;
    rig.run(log);
    assert_eq!((printed(&written, &messages), handle.stats().seen), (vec![3, 2, 1], seen));
}
