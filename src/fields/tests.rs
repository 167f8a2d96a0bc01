use super::{FIELD_CAP, Fields, SET_CAP, TEXT_CAP, head};

fn put(fields: &mut Fields, name: &'static str, text: &str) {
    fields.push_text(name, |out| {
        out.push_str(text);
        false
    });
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
    let mut event = Fields::default();
    for _ in 0..32 {
        event.push_span("span");
        for _ in 0..20 {
            put(&mut event, "f", &"x".repeat(TEXT_CAP));
        }
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
