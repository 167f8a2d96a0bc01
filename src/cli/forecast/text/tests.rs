use super::{super::line::Value, read};

/// Level, target, spans, place, and fields as text.
fn shown(line: &str) -> String {
    let Some(event) = read(line) else { return "nothing".to_owned() };
    let spans: Vec<&str> = event.spans.iter().map(|span| span.name.as_ref()).collect();
    let fields: Vec<String> =
        event.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let place = event.file.map(|file| format!("{file}:{}", event.line.unwrap_or(0)));
    format!(
        "{} {}/{} {} | {}",
        event.level.map_or("", |level| level.as_str()),
        spans.join(">"),
        event.target,
        place.unwrap_or_default(),
        fields.join(", ")
    )
}

#[test]
fn text_is_read_as_far_as_it_tells() {
    for (line, expected) in [
        ("2026-11-28T08:00:00.5Z ERROR shop::db: gone", "ERROR /shop::db  | message=gone"),
        (
            "2026-11-28T08:00:00Z  WARN shop: src/main.rs:12: low order=7 who=\"a b\"",
            "WARN /shop src/main.rs:12 | message=low, order=7, who=a b",
        ),
        (
            "2026-11-28T08:00:00Z ERROR load{user=4 at=\"x: y\"}:query: shop::db: gone",
            "ERROR load>query/shop::db  | message=gone",
        ),
        ("2026-11-28T08:00:00Z ERROR load: shop::db: gone", "ERROR load/shop::db  | message=gone"),
        (
            "2026-11-28T08:00:00Z ERROR shop: not found: a user",
            "ERROR /shop  | message=not found: a user",
        ),
        ("ERROR main ThreadId(01) shop::db: gone", "ERROR /shop::db  | message=gone"),
        ("[2026-11-28 08:00:00 ERROR shop::db] gone", "ERROR /  | message=shop::db] gone"),
        ("2026-11-28T08:00:00Z ERROR it says nothing", "ERROR /  | message=it says nothing"),
        ("2026-11-28T08:00:00Z ERROR shop: e=\"a=b c=d\"", "ERROR /shop  | e=a=b c=d"),
        ("   at shop::orders::take (src/orders.rs:42)", "nothing"),
        ("the ERROR of our ways", "nothing"),
        ("", "nothing"),
        ("ERROR", "nothing"),
    ] {
        assert_eq!(shown(line), expected, "{line}");
    }
}

#[test]
fn colour_tells_what_text_does_not() {
    let line = "\x1b[2m2026-11-28T08:00:00Z\x1b[0m \x1b[31mERROR\x1b[0m some thread \
                \x1b[1mload\x1b[0m\x1b[1m{\x1b[0m\x1b[3muser\x1b[0m\x1b[2m=\x1b[0m4\x1b[1m}\x1b[0m\
                \x1b[2m:\x1b[0m \x1b[2mshop::db\x1b[0m\x1b[2m:\x1b[0m code=7 of x \
                \x1b[3morder\x1b[0m\x1b[2m=\x1b[0m7";
    assert_eq!(shown(line), "ERROR load/shop::db  | message=code=7 of x, order=7");
    let event = read(line).unwrap();
    assert_eq!(event.spans[0].fields, [("user".into(), Value::I64(4))]);
    assert!(!event.is_guess);
}
