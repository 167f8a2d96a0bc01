use tracing::{Metadata, callsite, callsite::Callsite, metadata::Kind};

use super::{Item, Kept, SHORT, read};
use crate::fields::{Fields, SET_CAP, TEXT_CAP, Value};

fn meta() -> &'static Metadata<'static> {
    callsite! { name: "request", kind: Kind::SPAN, fields: user, attempt, order, state }.metadata()
}

fn texts(kept: &Kept) -> Vec<(&'static str, String)> {
    let text = |item: Item<'_>| match item {
        Item::Text(text) => text.to_owned(),
        Item::Plain(value) => format!("{value:?}"),
    };
    kept.iter().map(|(name, item)| (name, text(item))).collect()
}

#[test]
fn each_value_is_kept_with_its_type() {
    let plain = [
        Value::Bool(true),
        Value::Bool(false),
        Value::I64(i64::MIN),
        Value::U64(u64::MAX),
        Value::F64(-0.5),
    ];
    for padding in 0..=SHORT {
        let mut kept = Kept::new(meta());
        assert!(kept.is_empty());
        kept.push(0, Item::Text(&"é".repeat(padding / 2)));
        plain.iter().for_each(|value| kept.push(1, Item::Plain(*value)));
        kept.push(2, Item::Text(""));
        let items: Vec<_> = kept.iter().collect();
        assert_eq!(items.len(), 7, "{padding}");
        assert_eq!(items[0], ("user", Item::Text(&"é".repeat(padding / 2))));
        for (item, value) in items[1..6].iter().zip(plain) {
            assert_eq!(*item, ("attempt", Item::Plain(value)));
        }
        assert_eq!(items[6], ("order", Item::Text("")));
    }
}

#[test]
fn f073_a_later_record_replaces_the_field_of_the_same_name() {
    let (mut span, mut late) = (Kept::new(meta()), Kept::new(meta()));
    span.push(0, Item::Text("unknown"));
    span.push(1, Item::Plain(Value::U64(1)));
    late.push(0, Item::Text("ann"));
    late.push(2, Item::Text("7"));
    span.merge(late);
    let mut seen = texts(&span);
    seen.sort();
    let expected = [("attempt", "U64(1)"), ("order", "7"), ("user", "ann")];
    assert_eq!(seen, expected.map(|(name, text)| (name, text.to_owned())));
}

#[test]
fn a_field_that_is_recorded_for_ever_does_not_grow_the_span() {
    let mut span = Kept::new(meta());
    for _ in 0..10_000 {
        let mut late = Kept::new(meta());
        late.push(3, Item::Text(&"x".repeat(TEXT_CAP)));
        span.merge(late);
    }
    assert!(span.long.capacity() <= 8 * TEXT_CAP, "{}", span.long.capacity());
    assert_eq!(texts(&span), [("state", "x".repeat(TEXT_CAP))]);
}

#[test]
fn f085_what_is_too_much_is_left_out_and_counted() {
    let mut span = Kept::new(meta());
    for _ in 0..100 {
        span.push(3, Item::Text(&"x".repeat(TEXT_CAP)));
    }
    span.push(3, Item::Text(&"x".repeat(70_000)));
    span.push(256, Item::Plain(Value::Bool(true)));
    let kept = span.iter().count();
    assert!(kept * TEXT_CAP <= SET_CAP + TEXT_CAP && kept > 20, "{kept}");
    let mut fields = Fields::default();
    span.append_to(&mut fields);
    assert_eq!(fields.omitted() as usize, 102 - kept);
    let (mut small, all) = (Kept::new(meta()), fields.kept().len());
    small.push(1, Item::Plain(Value::U64(1)));
    small.append_to(&mut fields);
    assert_eq!(fields.omitted() as usize, 102 - kept + 1, "there is no room for a second one");
    assert_eq!(fields.kept().len(), all);
    // Twin: half of it begins where there is room.
    let mut fields = Fields::default();
    fields.push_text("first", |out| {
        out.push_str(&"x".repeat(SET_CAP / 2));
        false
    });
    span.append_to(&mut fields);
    let found = read(meta(), fields.kept()).count();
    assert!((kept / 2..=kept / 2 + 1).contains(&found), "{found} of {kept}");
    assert_eq!(fields.omitted() as usize, 102 - found);
}
