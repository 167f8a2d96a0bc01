use super::{How, Loose, Quieter, loose, quieter};
use crate::cli::forecast::tally::{Tally, Title};

/// A tally of these titles: text, target, site, pages, and pages that `Rule::after` would leave.
fn tally(titles: &[(&str, &str, u64, u64, u64)]) -> Tally {
    let mut tally = Tally::new();
    for (key, (text, target, site, pages, pages_after)) in (0..).zip(titles) {
        let title = Title {
            title: format!("{text} in {target}"),
            target: (*target).to_owned(),
            site: *site,
            events: 1,
            pages: *pages,
            pages_after: *pages_after,
            ..Title::default()
        };
        tally.titles.insert(key, title);
        tally.pages += pages;
    }
    tally
}

fn patterns(loose: &[Loose]) -> Vec<(&str, u64, bool)> {
    loose.iter().map(|one| (one.pattern.as_str(), one.titles, one.is_sure)).collect()
}

#[test]
fn titles_of_one_line_of_the_source_are_one_problem() {
    let found = loose(&tally(&[
        ("plan gold of ann is gone", "shop", 7, 1, 0),
        ("plan basic of ann is gone", "shop", 7, 1, 0),
        ("plan trial of bob and eve is gone", "shop", 7, 1, 0),
        ("disk is full", "shop", 8, 9, 0),
        ("disk is slow", "shop", 8, 9, 0),
    ]));
    assert_eq!(patterns(&found), [("plan … is gone in shop", 3, true)]);
}

#[test]
fn without_a_line_five_that_differ_in_one_word_are_alike() {
    let mut titles = vec![
        ("plan gold is gone", "shop", 0, 1, 0),
        ("plan basic is gone", "shop", 0, 1, 0),
        ("plan trial is gone", "shop", 0, 1, 0),
        ("plan team is gone", "shop", 0, 1, 0),
        ("plan solo is late", "shop", 0, 1, 0),
        ("plan solo is gone", "other", 0, 1, 0),
    ];
    assert_eq!(loose(&tally(&titles)), []);
    titles.push(("plan solo is gone", "shop", 0, 1, 0));
    assert_eq!(patterns(&loose(&tally(&titles))), [("plan … is gone in shop", 5, false)]);
}

#[test]
fn a_rule_is_advised_for_what_it_saves() {
    let found = quieter(&tally(&[
        ("cache is cold", "shop::cache", 0, 8, 1),
        ("disk is full", "shop::disk", 0, 4, 4),
        ("once", "shop::once", 0, 1, 0),
    ]));
    let rule = |rule, target: &str, left| Quieter { rule, target: target.to_owned(), left };
    let (cache, disk) = ("shop::cache", "shop::disk");
    assert_eq!(
        found,
        [rule(How::After, cache, 6), rule(How::Off, cache, 5), rule(How::Off, disk, 9)]
    );
}

#[test]
fn a_rule_is_for_what_is_below_a_target_and_off_swallows_nothing() {
    let found = quieter(&tally(&[
        ("cache is cold", "shop", 0, 4, 1),
        ("card is declined", "shop::payments", 0, 4, 4),
        ("disk is full", "shopping", 0, 1, 1),
    ]));
    let rule = |rule, target: &str, left| Quieter { rule, target: target.to_owned(), left };
    assert_eq!(found, [rule(How::After, "shop", 6), rule(How::Off, "shop::payments", 5)]);
}
