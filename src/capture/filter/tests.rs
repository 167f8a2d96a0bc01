use super::{DEFAULT_FILTER, Rules};
use tracing::level_filters::LevelFilter;

fn level(rules: &str, target: &str) -> LevelFilter {
    let rules = Rules::parse(rules, "filter").unwrap();
    rules.find(target).map_or(rules.default, |rule| rule.level)
}

#[test]
fn the_longest_matching_target_wins_whatever_the_order() {
    let rules = "noisy::ledger=error,error,billing=warn,noisy=off";
    assert_eq!(level(rules, "shop"), LevelFilter::ERROR);
    assert_eq!(level(rules, "billing"), LevelFilter::WARN);
    assert_eq!(level(rules, "billing::cards"), LevelFilter::WARN);
    assert_eq!(level(rules, "noisy::db"), LevelFilter::OFF);
    assert_eq!(level(rules, "noisy::ledger"), LevelFilter::ERROR);
    assert_eq!(level(rules, "noisy::ledger::book"), LevelFilter::ERROR);
}

#[test]
fn a_target_matches_whole_segments_only() {
    assert_eq!(level("billing=off", "billings"), LevelFilter::ERROR);
    assert_eq!(level("billing=off", "billing:x"), LevelFilter::ERROR);
    assert_eq!(level("billing=off", "billing::x"), LevelFilter::OFF);
    assert_eq!(level("noisy::led=off", "noisy::ledger"), LevelFilter::ERROR);
}

#[test]
fn the_default_is_error_and_words_may_be_in_any_case() {
    assert_eq!(level(DEFAULT_FILTER, "x"), LevelFilter::ERROR);
    assert_eq!(level("billing=warn", "x"), LevelFilter::ERROR);
    assert_eq!(level(" WARN , billing = Off ", "x"), LevelFilter::WARN);
    assert_eq!(level(" WARN , billing = Off ", "billing"), LevelFilter::OFF);
}

#[test]
fn a_bad_directive_is_named_with_its_position() {
    let table = [
        ("error,billing=wran", "character 15: expected off, error, warn or info, found \"wran\""),
        (
            "billing",
            "character 1: expected off, error, warn or info, or target=level, found \"billing\"",
        ),
        (
            "billing=debug",
            "character 9: expected off, error, warn or info, found \"debug\": debug and trace never page",
        ),
        ("", "character 1: expected off, error, warn or info, found nothing"),
        ("error,", "character 7: expected off, error, warn or info, found nothing"),
        ("=warn", "character 1: expected a target before \"=\", found nothing"),
        ("a=warn, a=off", "character 9: target \"a\" a second time"),
        ("error,warn", "character 7: a second level without a target"),
        (
            "my app=warn",
            "character 1: expected a target such as billing::cards, found the character ' ' in it",
        ),
        (
            "app[span]=warn",
            "character 1: expected a target such as billing::cards, found the character '[' in it",
        ),
    ];
    for (rules, expected) in table {
        let error = Rules::parse(rules, "SPIKE_FILTER").unwrap_err();
        assert_eq!(error.to_string(), format!("SPIKE_FILTER, {expected}"), "{rules}");
        assert!(error.is_config());
    }
}

#[test]
fn a_pasted_secret_is_not_shown() {
    let error = Rules::parse("x=https://hooks.spike.sh/abcdefgh12345678/push-events", "filter");
    assert!(!error.unwrap_err().to_string().contains("abcdefgh"));
}

#[test]
fn rules_that_matched_nothing_are_listed() {
    let rules = Rules::parse("error,billing=warn,bilings=off", "filter").unwrap();
    rules.mark("billing::cards");
    assert_eq!(rules.unmatched(), ["bilings=off"]);
}
