use std::{sync::atomic::AtomicBool, time::Duration};

use super::{Route, Routes, Routing};
use crate::{
    incident::{Priority, Severity},
    rule::Threshold,
};

fn rule(target: &str) -> Routing {
    Routing {
        target: target.to_owned(),
        severity: None,
        priority: None,
        endpoint: None,
        threshold: None,
        runbook: None,
        matched: AtomicBool::new(false),
    }
}

fn routes() -> Routes {
    let threshold = Some(Threshold { n: 3, within: Duration::from_secs(60) });
    Routes::new(vec![
        Routing { severity: Some(Severity::Sev2), endpoint: Some(1), ..rule("billing") },
        Routing { severity: Some(Severity::Sev1), ..rule("billing::cards") },
        Routing { priority: Some(Priority::P1), threshold, ..rule("billing::cards::visa") },
        Routing { endpoint: Some(0), runbook: Some(7), ..rule("billing::tax") },
        Routing { priority: Some(Priority::P3), ..rule("shop") },
    ])
}

#[test]
fn for_each_setting_the_longest_rule_that_sets_it_wins() {
    let routes = routes();
    let find = |target| {
        let Route { severity, priority, endpoint, threshold, .. } = routes.find(target);
        (severity, priority, endpoint, threshold.map(|threshold| threshold.n))
    };
    let (one, two) = (Some(Severity::Sev1), Some(Severity::Sev2));
    assert_eq!(find("billing"), (two, None, Some(1), None));
    assert_eq!(find("billing::refunds"), (two, None, Some(1), None));
    assert_eq!(find("billing::cards"), (one, None, Some(1), None));
    assert_eq!(find("billing::cards::visa::eu"), (one, Some(Priority::P1), Some(1), Some(3)));
    // Back to the default one.
    assert_eq!(find("billing::tax"), (two, None, Some(0), None));
    assert_eq!(find("shop"), (None, Some(Priority::P3), None, None));
    assert_eq!(routes.find("billing::tax::eu").runbook, Some(7));
    assert_eq!(routes.find("billing::cards").runbook, None);
    for other in ["", "billings", "billing:cards", "shops::billing"] {
        assert_eq!(routes.find(other), Route::default(), "{other}");
    }
    assert_eq!(Routes::default().find("billing"), Route::default());
}

#[test]
fn a_rule_is_in_use_once_a_target_matches_even_when_a_longer_one_wins() {
    let routes = routes();
    routes.mark("billing::cards");
    routes.mark("shops");
    let unmatched: Vec<_> = routes.unmatched().collect();
    assert_eq!(unmatched, ["rule billing::cards::visa", "rule billing::tax", "rule shop"]);
}
