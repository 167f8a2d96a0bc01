//! A program that only uses `log`: no macro of `tracing` is here.

use tracing_spike::sandbox::Sandbox;

use crate::{
    child,
    rig::{DEADLINE, TOKEN},
};

#[test]
fn a_program_that_only_uses_log_pages_prints_and_may_change_what_pages() {
    const TEST: &str =
        "neighbours::logging::a_program_that_only_uses_log_pages_prints_and_may_change_what_pages";
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.url_for(TOKEN);
    let ended = child::run(TEST, &[("SPIKE_WEBHOOK_URL", &url)], || {
        let spike = tracing_spike::init().unwrap();
        let handle = spike.handle();
        let night = |n: u32| {
            for order in [4711, 4712] {
                log::error!(target: "shop::orders", "order {order} failed, night {n}");
            }
            log::warn!(target: "shop::orders", "orders are slow, night {n}");
            log::info!(target: "shop::orders", "order taken, night {n}");
            log::debug!(target: "shop::orders", "order looked at, night {n}");
        };
        night(1);
        assert!(handle.flush(DEADLINE).is_complete());
        handle.set_filter("off,shop=warn").unwrap();
        night(2);
        assert!(handle.flush(DEADLINE).is_complete());
        handle.set_filter("off").unwrap();
        night(3);
        let stats = handle.stats();
        assert_eq!((stats.delivered, stats.suppressed.repeat), (2, 3), "{stats:?}");
    })
    .well();
    let incidents = sandbox.incidents();
    let titles: Vec<_> = incidents.iter().map(|one| one.title()).collect();
    let expected =
        ["order # failed, night # in shop::orders", "orders are slow, night # in shop::orders"];
    assert_eq!(titles, expected);
    let body = incidents[0].body();
    assert_eq!((&body["target"], &body["level"]), (&"shop::orders".into(), &"ERROR".into()));
    let location = body["location"].as_str().unwrap();
    assert!(location.starts_with("tests/it/neighbours/logging.rs:"), "{location}");
    for night in 1..=3 {
        let printed = [format!("failed, night {night}"), format!("slow, night {night}")];
        assert_eq!(printed.map(|part| ended.said(&part)), [2, 1], "{}", ended.stderr);
        assert_eq!(ended.said(&format!("taken, night {night}")), 1);
        assert_eq!(ended.said(&format!("looked at, night {night}")), 0);
    }
}
