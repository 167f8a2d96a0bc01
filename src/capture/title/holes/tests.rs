//! Messages with their values marked by `⟨` and `⟩`.

use super::{Holes, fill};

fn filled(marked: &str) -> Option<String> {
    let (mut text, mut holes) = (String::new(), Holes::default());
    for part in marked.split('⟩') {
        let (literal, value) = part.split_once('⟨').unwrap_or((part, ""));
        text.push_str(literal);
        let start = text.len();
        text.push_str(value);
        if part.contains('⟨') {
            holes.note(start, text.len());
        }
    }
    let mut out = String::from("left over");
    fill(&text, &holes, &mut out).then_some(out)
}

#[test]
fn a_value_becomes_a_placeholder_however_it_looks() {
    for (marked, shape) in [
        ("failed to load user ⟨alice⟩ from ⟨web-one⟩", "failed to load user # from #"),
        ("⟨main⟩ applying snapshot failed", "# applying snapshot failed"),
        ("user ⟨⟩ is gone", "user # is gone"),
        ("user ⟨-⟩ is gone", "user # is gone"),
        ("no value", "no value"),
        ("bind to ⟨10.0.0.7⟩:⟨5432⟩ failed", "bind to # failed"),
        ("⟨quartz⟩/⟨cobalt⟩-⟨x⟩ lost, ⟨a⟩ lost", "# lost, # lost"),
        ("bind to [::⟨ffff⟩:⟨1⟩]:⟨80⟩, to ::⟨1⟩", "bind to [#]:#, to #"),
        ("procedure Closed-⟨7⟩ lost, größe-⟨7⟩", "procedure # lost, #"),
        ("back by ⟨6⟩e-⟨7⟩ s", "back by # s"),
        ("key ⟨of two words⟩ is gone", "key # is gone"),
        ("took ⟨1.5⟩ms, then ⟨2⟩s, of ⟨3⟩ seconds", "took #, then #, of # seconds"),
        ("⟨READ⟩_ADDR and ⟨ann⟩'s", "#_ADDR and #'s"),
    ] {
        assert_eq!(filled(marked).as_deref(), Some(shape), "for {marked:?}");
    }
}

#[test]
fn what_tells_the_kind_of_a_failure_is_left_to_the_rules_of_text() {
    for (marked, shape) in [
        (
            "failed: ⟨connection refused⟩ (os error ⟨111⟩)",
            "failed: connection refused (os error #)",
        ),
        ("failed: ⟨timeout⟩", "failed: timeout"),
        ("failed: ⟨orders⟩", "failed: #"),
        ("error ⟨no such file⟩ in it", "error no such file in it"),
        ("⟨peer refused it⟩ in it", "peer refused it in it"),
        ("⟨-⟩⟨5⟩ left", "# left"),
        ("no invoice for ⟨Acme Corp⟩", "no invoice for #"),
        ("could not ask ⟨a⟩, ⟨no route to it⟩", "could not ask #, no route to it"),
    ] {
        assert_eq!(filled(marked).as_deref(), Some(shape), "for {marked:?}");
    }
}

#[test]
fn nothing_but_values_is_no_shape() {
    assert_eq!(filled("⟨timeout⟩"), None);
    assert_eq!(filled("⟨a⟩: ⟨b⟩ (⟨5⟩)"), None);
    assert_eq!(filled("⟨a b⟩: ⟨5⟩"), None);
    assert_eq!(filled("⟨no route failed⟩: ⟨5⟩").as_deref(), Some("no route failed: #"));
}

#[test]
fn a_cut_takes_the_holes_behind_it() {
    let mut holes = Holes::default();
    holes.note(2, 4);
    holes.note(6, 9);
    holes.note(9, 12);
    assert_eq!(holes.ranges, [2..4, 6..12]);
    holes.truncate(8);
    assert_eq!(holes.ranges, [2..4, 6..8]);
    holes.truncate(6);
    assert!(holes.ranges.len() == 1 && holes.ranges.contains(&(2..4)));
    holes.note(6, 6);
    holes.truncate(6);
    assert_eq!(holes.ranges, [2..4, 6..6]);
    holes.truncate(0);
    assert!(holes.is_empty());
}
