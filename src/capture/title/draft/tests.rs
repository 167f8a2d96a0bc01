//! What stands behind a text, and that all of it fits.

use super::{Draft, Group, MAX_GROUP_VALUE, MAX_GROUPS};
use crate::{
    backoff::scramble,
    capture::title::{MAX_CHARS, Parts, Spare, Titles},
};

/// A draft of this message from this target, with these groups.
fn draft(titles: &Titles, message: &str, target: &str, groups: &[(&str, &str)]) -> Draft {
    let mut draft = Draft::default();
    let (error, span) = ("", None);
    let parts = Parts { message, error, target, span, fields: &|_| {} };
    draft.derive(titles, &parts, &mut Spare::default());
    append(&mut draft, groups);
    draft
}

fn append(draft: &mut Draft, groups: &[(&str, &str)]) {
    let names: Vec<String> = groups.iter().map(|(name, _)| (*name).to_owned()).collect();
    let found = |(_, text): &(&str, &str)| Group { found: true, text: (*text).to_owned() };
    draft.append_groups(&names, &groups.iter().map(found).collect::<Vec<_>>());
}

/// A draft of what a closure has written.
fn custom(text: &str, groups: &[(&str, &str)]) -> Draft {
    let mut draft = draft(&Titles::text(), "derived", "shop", &[]);
    draft.custom().1.push_str(text);
    draft.take_custom();
    append(&mut draft, groups);
    draft
}

fn title(message: &str, target: &str, groups: &[(&str, &str)]) -> String {
    draft(&Titles::text(), message, target, groups).title().to_owned()
}

/// The title of `draft`, folded into the callsite's `first`.
fn folded(mut draft: Draft, first: &str, place: usize) -> String {
    let (_, mut folding) = draft.split();
    folding.begin().push_str(first);
    folding.finish(place).to_owned()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[test]
fn a_short_title_ends_where_its_details_begin() {
    let short = Titles::text().short();
    for (message, expected) in [
        ("payment 7 failed: timeout after 31 s", "payment # failed in shop"),
        ("payment failed: a: b", "payment failed in shop"),
        ("payment failed", "payment failed in shop"),
        ("payment failed:timeout", "payment failed:timeout in shop"),
        ("user 7: gone", "user # in shop"),
    ] {
        assert_eq!(draft(&short, message, "shop", &[]).title(), expected, "{message}");
        let grouped = draft(&short, message, "shop", &[("tenant", "acme: 7")]);
        assert_eq!(grouped.title(), format!("{expected} (tenant acme: 7)"));
    }
}

#[test]
fn groups_follow_the_place_verbatim_but_for_cleaning() {
    let groups = [("tenant", "acme 42"), ("zone", "\u{1b}[31m<!channel>\u{200b}\n a"), ("no", " ")];
    let expected = "card # failed in shop::pay (tenant acme 42) (zone !channel a)";
    assert_eq!(title("card 7 failed", "shop::pay", &groups), expected);
    assert_eq!(title("failed", "", &[("tenant", "acme")]), "failed (tenant acme)");
    assert_eq!(title("failed", "shop", &[("tenant", "\u{200b}")]), "failed in shop");
}

#[test]
fn a_long_value_is_cut_and_one_that_just_fits_is_not() {
    let fits = "x".repeat(MAX_GROUP_VALUE);
    assert_eq!(title("a", "b", &[("t", &fits)]), format!("a in b (t {fits})"));
    let cut = format!("{}...", "x".repeat(MAX_GROUP_VALUE - 3));
    assert_eq!(title("a", "b", &[("t", &(fits + "x"))]), format!("a in b (t {cut})"));
}

#[test]
fn the_text_gives_way_to_the_place_and_the_groups() {
    let value = "v".repeat(MAX_GROUP_VALUE);
    let target = format!("{}::end", "module".repeat(15));
    let title = title(&"word ".repeat(100), &target, &[("tenant", &value)]);
    assert!(title.ends_with(&format!("... in {target} (tenant {value})")), "{title}");
    assert!(chars(&title) <= MAX_CHARS && chars(&title) > MAX_CHARS - 10, "{title}");
    assert!(title.starts_with("word word word"), "{title}");
}

#[test]
fn whatever_its_parts_a_title_fits_and_has_all_of_them() {
    for step in 0..20_000_u64 {
        let mut roll = scramble(step);
        let mut next = |below: u64| {
            roll = scramble(roll);
            roll % below
        };
        let mut word = |most: u64, unit: &str| unit.repeat(next(most) as usize + 1);
        let (message, target) = (word(80, "wörd "), word(60, "m::") + "end");
        let values = [word(70, "v"), word(30, "ä b"), word(70, "1"), word(30, ":/ {{ @a")];
        let names = ["a".to_owned(), "tenant".repeat(3), "zone.id".to_owned(), "n".repeat(38)];
        let count = next(MAX_GROUPS as u64 + 1) as usize;
        let groups = names.iter().zip(&values).take(count);
        let groups: Vec<_> = groups.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let made = draft(&Titles::text(), &message, &target, &groups);
        let (given, first) = (custom(&message, &groups), made.kind.clone());
        let derived = made.title().to_owned();
        assert!(derived.starts_with('w') && derived.contains("end"), "{derived}");
        let place = made.place;
        let folded = folded(made, &first, place);
        assert!(folded.starts_with("more kinds of: w") && folded.contains("end"), "{folded}");
        for title in [derived, folded, given.title().to_owned()] {
            assert!(chars(&title) <= MAX_CHARS, "step {step}: {} {title}", chars(&title));
            let named = |(name, _): &(&str, &str)| title.contains(&format!(" ({name} "));
            assert!(groups.iter().all(named), "step {step}: {title}");
            assert!(!title.contains("  ") && !title.ends_with(' '), "step {step}: {title}");
            let mut again = Draft::default();
            assert!(again.give(&title));
            assert_eq!(again.title(), title, "step {step}: it can be resolved by itself");
        }
    }
}

#[test]
fn what_a_closure_wrote_is_cleaned_and_cut_as_a_given_title_is() {
    assert_eq!(custom("db 7\u{200b} is\n<down>", &[]).title(), "db 7 is down");
    assert_eq!(custom("db 7", &[("tenant", "acme")]).title(), "db 7 (tenant acme)");
    for nothing in ["", " \n", "\u{200b}"] {
        assert_eq!(custom(nothing, &[]).title(), "derived in shop");
        assert_eq!(custom(nothing, &[("a", "b")]).title(), "derived in shop (a b)");
    }
    let long = "word ".repeat(60);
    for groups in [&[][..], &[("tenant", "acme")]] {
        let one = custom(&format!("{long} one"), groups).title().to_owned();
        let two = custom(&format!("{long} two"), groups).title().to_owned();
        assert_ne!(one, two, "a hash keeps them apart");
        assert!(chars(&one) <= MAX_CHARS && one.starts_with("word word"), "{one}");
        assert_eq!(one.ends_with(" (tenant acme)"), !groups.is_empty(), "{one}");
    }
}

#[test]
fn a_folded_title_names_the_first_and_keeps_place_and_groups() {
    let made = draft(&Titles::text(), "b", "shop", &[("tenant", "acme")]);
    let expected = "more kinds of: card # failed in shop (tenant acme)";
    assert_eq!(folded(made, "card # failed in shop", "card # failed".len()), expected);
    let text = "word ".repeat(36);
    let made = draft(&Titles::text(), &text, "shop::pay", &[]);
    let (first, place) = (made.kind.clone(), made.place);
    assert!(chars(&first) > MAX_CHARS - 10 && !first.contains("..."), "{first}");
    let folded = folded(made, &first, place);
    assert!(folded.ends_with("word... in shop::pay") && chars(&folded) <= MAX_CHARS, "{folded}");
}

#[test]
fn a_draft_that_was_cleared_is_new() {
    let mut used = custom("db 7", &[("tenant", "acme")]);
    used.clear();
    assert!(used.give("given") && !used.is_custom);
    assert_eq!((used.title(), used.place), ("given", 5));
    assert!(!used.give(" \u{200b}"));
}
