//! The bound on what a title rule misses.

use std::{collections::HashSet, thread};

use tracing::{error, info};
use tracing_spike::{
    Incident,
    title::{Titles, derive},
};

use crate::{
    child,
    context::{alone, titles},
    rig::{rig, rig_with},
};

/// A million texts of letters only, which the rules of titles must take for a million kinds.
fn kind(number: usize) -> String {
    const HEADS: [&str; 10] =
        ["bar", "cor", "den", "fal", "gol", "han", "lam", "mar", "nor", "pel"];
    const TAILS: [&str; 10] =
        ["dening", "low", "mering", "ning", "per", "ricking", "son", "tering", "ton", "vice"];
    let word = |number: usize| [HEADS[number / 10 % 10], TAILS[number % 10]].concat();
    format!("{} {} {} is broken", word(number / 10_000), word(number / 100), word(number))
}

fn fail(number: usize) {
    error!("{}", kind(number));
}

#[test]
fn a_million_kinds_of_one_callsite_are_six_incidents() {
    const KINDS: usize = 1_000_000;
    let derived = (0..KINDS).step_by(499).map(|number| derive(&kind(number), ""));
    assert_eq!(derived.collect::<HashSet<_>>().len(), KINDS.div_ceil(499), "a rule catches them");
    let rig = alone(|builder| builder);
    rig.run(|| (0..KINDS).for_each(fail));
    let incidents = rig.delivered();
    let place = "in it::titles::fold";
    let mut expected: Vec<_> = (0..5).map(|number| format!("{} {place}", kind(number))).collect();
    expected.push(format!("more kinds of: {}", expected[0]));
    assert_eq!(titles(&incidents), expected);
    assert_eq!(incidents[5].body()["message"], kind(5), "the first that was folded");
    let stats = rig.handle.stats();
    assert_eq!((stats.folded, stats.seen), (KINDS as u64 - 5, KINDS as u64), "{stats:?}");
    assert!(rig.sandbox.received() < 20, "{}", rig.sandbox.received());
}

#[test]
fn callsites_do_not_disturb_each_other_and_open_kinds_keep_their_titles() {
    let rig = rig();
    let incidents = rig.paged(|| {
        for number in 0..20 {
            fail(number);
            error!("other {}", kind(number));
            // Of those that have a title, none is folded.
            (0..number.min(5)).for_each(fail);
        }
        error!("a third one");
    });
    let own = |start: &str| titles(&incidents).iter().filter(|t| t.starts_with(start)).count();
    assert_eq!((incidents.len(), own("bar"), own("other")), (13, 5, 5));
    assert_eq!((own("more kinds of: bar"), own("more kinds of: other")), (1, 1));
    assert_eq!(rig.stats().folded, 30);
    assert_eq!(incidents.iter().map(|one| one.repeats()).sum::<u64>(), 0);
}

#[test]
fn a_title_that_is_given_is_never_folded() {
    let rig = rig();
    let incidents = rig.paged(|| {
        for number in 0..20 {
            error!(spike.title = kind(number), "failed");
            rig.handle().trigger(Incident::new(format!("by hand {number}"))).unwrap();
        }
    });
    assert_eq!((incidents.len(), rig.stats().folded), (40, 0));
}

#[test]
fn values_that_join_the_key_are_no_kinds_of_their_own() {
    let rig = rig_with(|builder| builder.group_by(["tenant"]));
    let incidents = rig.paged(|| (0..20).for_each(|tenant| error!(tenant, "payment failed")));
    assert_eq!((incidents.len(), rig.stats().folded), (20, 0));
    let incidents = rig.paged(|| {
        for tenant in ["acme", "zeta"] {
            (0..10).for_each(|number| error!(tenant, "{}", kind(number)));
        }
    });
    let folded = titles(&incidents).into_iter().filter(|title| title.starts_with("more kinds"));
    let expected = ["acme", "zeta"]
        .map(|tenant| format!("more kinds of: {} in it::titles::fold (tenant {tenant})", kind(0)));
    assert_eq!(folded.collect::<Vec<_>>(), expected);
    assert_eq!((incidents.len(), rig.stats().folded), (20 + 2 * 6, 10));
}

#[test]
fn a_folded_incident_is_resolved_under_its_own_title() {
    let rig = rig();
    let incidents = rig.paged(|| (0..10).for_each(fail));
    let folded = incidents[5].title().to_owned();
    let open = || rig.sandbox.open().len();
    rig.paged(|| (5..10).for_each(|n| info!(spike.status = "resolve", "{}", kind(n))));
    assert_eq!(open(), 6, "those kinds have no incident of their own");
    rig.paged(|| info!(spike.status = "resolve", spike.title = folded, "x"));
    assert_eq!(open(), 5);
    rig.paged(|| fail(7));
    assert_eq!((open(), rig.stats().folded), (6, 6), "it opens again");
    // A kind that is resolved keeps its title as well.
    rig.paged(|| info!(spike.status = "resolve", "{}", kind(2)));
    rig.paged(|| fail(2));
    assert_eq!((open(), rig.stats().folded), (6, 6));
}

#[test]
fn custom_titles_are_folded_too() {
    let titles_of = Titles::text().custom(|parts, out| write!(out, "{} [eu]", parts.title));
    let rig = rig_with(|builder| builder.titles(titles_of));
    let incidents = rig.paged(|| (0..10).for_each(fail));
    let expected = format!("more kinds of: {} in it::titles::fold [eu]", kind(0));
    assert_eq!((incidents.len(), incidents[5].title()), (6, expected.as_str()));
}

#[test]
fn a_more_severe_event_goes_out_at_once_folded_or_not() {
    let rig = rig();
    let fail = |number: usize, severity: Option<&str>| {
        rig.paged(|| error!(spike.severity = severity, "{}", kind(number)));
    };
    (0..10).for_each(|number| fail(number, None));
    fail(9, Some("sev1"));
    let severe: Vec<_> = rig.sandbox.requests();
    let severe = severe.iter().filter_map(|request| request.json());
    let severe: Vec<_> = severe.filter(|payload| payload["severity"] == "sev1").collect();
    assert_eq!(severe.len(), 1);
    assert!(severe[0]["title"].as_str().unwrap().starts_with("more kinds of: "), "{severe:?}");
}

#[test]
fn records_of_the_log_crate_are_told_apart_by_their_line() {
    let test = "titles::fold::records_of_the_log_crate_are_told_apart_by_their_line";
    child::run(test, &[], || {
        let spike = alone(|builder| builder).everywhere();
        tracing_log::LogTracer::init().unwrap();
        for number in 0..10 {
            log::error!("one {}", kind(number));
            log::error!("two {}", kind(number));
            log::error!(target: "elsewhere", "three {}", kind(number));
            // A target that is made up for each event is no place of its own.
            log::error!(target: &kind(number), "five");
        }
        // Without a line there is nothing to tell them apart by.
        for number in 0..10 {
            let text = format!("four {}", kind(number));
            let mut record = log::Record::builder();
            record.level(log::Level::Error).target("far").file(Some("far.rs"));
            log::logger().log(&record.args(format_args!("{text}")).build());
        }
        let incidents = spike.delivered();
        let of = |start: &str| titles(&incidents).iter().filter(|t| t.starts_with(start)).count();
        assert_eq!((of("one"), of("two"), of("three"), of("four")), (5, 5, 5, 10));
        assert_eq!(of("five"), 5);
        assert_eq!((incidents.len(), spike.handle.stats().folded), (34, 20));
    })
    .well();
}

#[test]
fn kinds_of_eight_threads_are_six_incidents() {
    let rig = alone(|builder| builder);
    thread::scope(|scope| {
        for turn in 0..8 {
            let rig = &rig;
            scope.spawn(move || rig.run(|| (0..1_000).for_each(|n| fail(turn * 1_000 + n))));
        }
    });
    let incidents = rig.delivered();
    let folded = titles(&incidents).iter().filter(|t| t.starts_with("more kinds of: ")).count();
    assert_eq!((incidents.len(), folded), (6, 1), "{incidents:?}");
}
