use super::{FIELD_CAP, Fields, SET_CAP, TEXT_CAP, Value, head};

fn put(fields: &mut Fields, name: &'static str, text: &str) {
    fields.push_text(name, |out| {
        out.push_str(text);
        false
    });
}

#[test]
fn f073_a_later_record_replaces_the_field_of_the_same_name() {
    let (mut span, mut late) = (Fields::default(), Fields::default());
    put(&mut span, "user", "unknown");
    span.push("attempt", Value::U64(1));
    put(&mut late, "user", "ann");
    put(&mut late, "order", "7");
    span.merge(&late);
    let seen: Vec<_> = span.iter().map(|f| (f.name, span.text(f.value))).collect();
    assert_eq!(seen, [("user", "ann"), ("attempt", ""), ("order", "7")]);
}

#[test]
fn a_field_that_is_recorded_for_ever_does_not_grow_the_span() {
    let (mut span, mut late) = (Fields::default(), Fields::default());
    put(&mut late, "state", &"x".repeat(TEXT_CAP));
    for _ in 0..10_000 {
        span.merge(&late);
    }
    assert!(span.text.capacity() <= 8 * TEXT_CAP, "{}", span.text.capacity());
    let texts: Vec<_> = span.iter().map(|f| span.text(f.value).len()).collect();
    assert_eq!(texts, [TEXT_CAP]);
}

#[test]
fn f085_fields_beyond_the_cap_are_counted() {
    let mut fields = Fields::default();
    for _ in 0..FIELD_CAP + 10 {
        put(&mut fields, "f", "x");
    }
    assert_eq!((fields.iter().count(), fields.omitted()), (FIELD_CAP, 10));
}

#[test]
fn the_fields_of_many_spans_together_stay_under_the_sets_cap() {
    let (mut event, mut span) = (Fields::default(), Fields::default());
    for _ in 0..20 {
        put(&mut span, "f", &"x".repeat(TEXT_CAP));
    }
    for _ in 0..32 {
        event.push_span("span");
        event.extend(&span);
    }
    assert!(event.text.len() <= SET_CAP + TEXT_CAP, "{}", event.text.len());
    assert!(event.omitted() > 600, "{}", event.omitted());
}

#[test]
fn a_head_ends_between_characters() {
    assert_eq!(head("naïve", 3), "na");
    assert_eq!(head("naïve", 4), "naï");
    assert_eq!(head("abc", 10), "abc");
}
