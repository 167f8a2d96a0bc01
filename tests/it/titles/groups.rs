//! Fields that join the key.

use std::fmt;

use tracing::{Span, debug_span, error, field::Empty, info, info_span};
use tracing_spike::{
    Mode,
    title::{MAX_CHARS, Titles},
};
use tracing_subscriber::Registry;

use super::title;
use crate::{
    context::{alone, titles},
    rig::{Rig, TOKEN, rig_with},
};

/// A pipeline whose titles end in these fields.
fn by(fields: &[&str]) -> Rig {
    rig_with(|builder| builder.group_by(fields.iter().copied()))
}

fn ends(rig: &Rig, work: impl FnOnce()) -> Vec<String> {
    let incidents = rig.paged(work);
    let place = " in it::titles::groups";
    let end = |title: &str| title.split_once(place).map_or(title, |(_, end)| end).to_owned();
    titles(&incidents).into_iter().map(end).collect()
}

#[test]
fn one_incident_for_each_value() {
    let rig = by(&["tenant", "region"]);
    let incidents = rig.paged(|| {
        for (tenant, region) in [("acme 7", "eu"), ("acme 8", "eu"), ("acme 7", "us")] {
            error!(region, tenant, attempt = 1, "card payment {tenant} failed");
        }
        error!(tenant = "acme 7", region = "eu", "card payment {} failed", "acme 7");
    });
    let text = "card payment acme # failed in it::titles::groups";
    let expected = ["(tenant acme 7) (region eu)", "(tenant acme 8) (region eu)"]
        .map(|groups| format!("{text} {groups}"));
    assert_eq!(titles(&incidents)[..2], expected);
    assert_eq!(titles(&incidents)[2], format!("{text} (tenant acme 7) (region us)"));
    assert_eq!(incidents.len(), 3);
    assert_eq!(incidents[0].body()["fields"]["tenant"], "acme 7");
    rig.paged(|| {
        info!(spike.status = "resolve", tenant = "acme 7", region = "eu", "card payment 7 failed");
        info!(spike.status = "resolve", tenant = "acme 8", "card payment acme 8 failed");
    });
    assert_eq!(rig.sandbox.open().len(), 3, "neither has the text and the groups of a trigger");
    rig.paged(|| {
        let _tenant = info_span!("serve", tenant = "acme 7").entered();
        info!(spike.status = "resolve", region = "eu", "card payment acme 1 failed");
    });
    assert_eq!(rig.sandbox.open().len(), 2);
}

#[test]
fn the_event_comes_before_the_innermost_span_that_has_it() {
    let rig = by(&["tenant", "shard"]);
    let found = ends(&rig, || {
        let outer = info_span!("outer", tenant = "of outer", shard = 1, other = 2).entered();
        error!("in outer");
        let inner = info_span!("inner", tenant = Empty).entered();
        error!("in inner, not recorded");
        inner.record("tenant", "of inner");
        info_span!("leaf", unrelated = 1).in_scope(|| error!("in a leaf"));
        error!(tenant = "of event", "with its own");
        error!(tenant = None::<&str>, "with none of its own");
        let _hidden = debug_span!("hidden", tenant = "below INFO").entered();
        error!("in a span that is not ours");
        error!(parent: &*outer, "of another parent");
        error!(parent: None, "without a parent");
    });
    let of = |tenant: &str| format!(" (tenant {tenant}) (shard 1)");
    let expected = ["of outer", "of outer", "of inner", "of event", "of inner", "of inner"]
        .map(of)
        .into_iter()
        .chain([of("of outer"), String::new()]);
    assert_eq!(found, expected.collect::<Vec<_>>());
}

#[test]
fn values_are_written_as_display_does_wherever_they_are() {
    let rig = by(&["v"]);
    struct Shown;
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("shown 7")
        }
    }
    let expected = ["-3", "7", "12", "1.5", "true", "text", "shown 7", "Some(\"x\")", "NaN"]
        .map(|value| format!(" (v {value})"));
    let found = ends(&rig, || {
        error!(v = -3_i64, "a");
        error!(v = 7_u64, "a");
        error!(v = 12.0, "a");
        error!(v = 1.5, "a");
        error!(v = true, "a");
        error!(v = "text", "a");
        error!(v = %Shown, "a");
        error!(v = ?Some("x"), "a");
        error!(v = f64::NAN, "a");
    });
    assert_eq!(found, expected);
    let of_spans = by(&["v"]);
    let found = ends(&of_spans, || {
        let fail = |span: Span| span.in_scope(|| error!("a"));
        fail(info_span!("s", v = -3_i64));
        fail(info_span!("s", v = 7_u64));
        fail(info_span!("s", v = 12.0));
        fail(info_span!("s", v = 1.5));
        fail(info_span!("s", v = true));
        fail(info_span!("s", v = "text"));
        fail(info_span!("s", v = %Shown));
        fail(info_span!("s", v = ?Some("x")));
        fail(info_span!("s", v = f64::NAN));
    });
    assert_eq!(found, expected, "and they group the same");
}

#[test]
fn a_value_is_cleaned_cut_and_without_the_token() {
    let rig = alone(|builder| builder.group_by(["tenant"]));
    rig.run(|| {
        error!(tenant = "<!here>\u{202e} a\n b", "a");
        error!(tenant = "x".repeat(48), "a");
        error!(tenant = "y".repeat(10_000), "a");
        error!(tenant = format!("key {TOKEN}"), "a");
        error!(tenant = " \u{200b}", "a");
        error!("a");
    });
    let expected = [
        " (tenant !here a b)".to_owned(),
        format!(" (tenant {})", "x".repeat(48)),
        format!(" (tenant {}...)", "y".repeat(45)),
        " (tenant key REDACTED)".to_owned(),
        String::new(),
    ];
    let expected = expected.map(|end| format!("a in it::titles::groups{end}"));
    let incidents = rig.delivered();
    let mut found = titles(&incidents);
    // Nothing that can be seen is no group: the last two are one.
    assert_eq!(found.split_off(4), expected[4..]);
    assert_eq!(found, expected[..4]);
    assert_eq!(rig.handle.stats().suppressed.repeat, 1);
}

#[test]
fn a_value_that_panics_is_marked() {
    struct Panics;
    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Display")
        }
    }
    let rig = alone(|builder| builder.group_by(["tenant"]));
    rig.run(|| error!(tenant = %Panics, "failed"));
    let expected = "failed in it::titles::groups (tenant panicked)";
    assert_eq!(titles(&rig.delivered()), [expected]);
}

#[test]
fn a_long_title_keeps_its_place_and_its_groups() {
    let rig = by(&["tenant"]);
    let titled = title(&rig, || error!(tenant = "acme", "{}", "word ".repeat(100)));
    assert!(titled.ends_with("word... in it::titles::groups (tenant acme)"), "{titled}");
    assert!((MAX_CHARS - 6..=MAX_CHARS).contains(&titled.chars().count()), "{titled}");
}

#[test]
fn groups_follow_a_custom_title_and_no_given_one() {
    let titles_of = Titles::text().custom(|parts, out| out.write_str(parts.message));
    let rig = rig_with(|builder| builder.titles(titles_of).group_by(["tenant"]));
    let incidents = rig.paged(|| {
        error!(tenant = "acme", "db 7");
        error!(tenant = "acme", spike.title = "given", "db 8");
    });
    assert_eq!(titles(&incidents), ["db 7 (tenant acme)", "given"]);
}

#[test]
fn an_error_can_join_the_key_and_still_names_what_says_nothing() {
    let rig = by(&["error", "code"]);
    let found = ends(&rig, || {
        error!(error = "no route 7", code = 1, "down");
        error!(error = "no route 8", code = 1);
    });
    assert_eq!(found, [" (error no route 7) (code 1)", " (error no route 8) (code 1)"]);
}

#[test]
fn fields_that_cannot_join_the_key_are_errors_that_say_which() {
    let build = |fields: &[&str]| {
        let builder = tracing_spike::from_env().mode(Mode::Off).group_by(fields.iter().copied());
        builder.build::<Registry>().map(drop).map_err(|error| {
            assert!(error.is_config());
            error.to_string()
        })
    };
    let names = "group_by: expected names of fields other than message, spike and spike.…, found ";
    for (fields, found) in [
        (&["message"][..], "\"message\""),
        (&["tenant", ""], "nothing"),
        (&["spike"], "\"spike\""),
        (&["spike.title"], "\"spike.title\""),
        (&["two words"], "another value (9 characters, not shown)"),
    ] {
        assert_eq!(build(fields), Err(format!("{names}{found}")));
    }
    let many = "group_by: expected 4 fields at most, found 5";
    assert_eq!(build(&["a", "b", "c", "d", "e"]), Err(many.to_owned()));
    let twice = "group_by: expected each field once, found \"b\" twice";
    assert_eq!(build(&["a", "b", "b"]), Err(twice.to_owned()));
    let (fits, long) = ("n".repeat(64), "n".repeat(65));
    let expected =
        "group_by: expected names of 64 characters together at most, found 65 characters";
    assert_eq!(build(&[&long]), Err(expected.to_owned()));
    assert_eq!(build(&[&fits]), Ok(()));
    assert_eq!(build(&["a", "b.c", "r#d", "spiked"]), Ok(()));
    assert_eq!(build(&[]), Ok(()));
}
