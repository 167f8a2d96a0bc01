use std::time::{Duration, SystemTime};

use proptest::{
    collection::{btree_map, vec},
    option, prop_assert_eq, prop_oneof,
    strategy::{Just, Strategy},
    test_runner::Config,
};
use serde_json::{Map, Value, json};

use super::{
    super::record::{Bad, Record, Says},
    record,
};
use crate::incident::{Priority, Severity};

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Any JSON but fractions, which a parser may read as their neighbour.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        proptest::bool::ANY.prop_map(Value::from),
        proptest::num::i64::ANY.prop_map(Value::from),
        proptest::num::u64::ANY.prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn time() -> impl Strategy<Value = SystemTime> {
    (0..253_402_300_800_000_u64)
        .prop_map(|millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
}

fn any_record() -> impl Strategy<Value = Record> {
    let says = prop_oneof![
        Just(Says::Trigger { opening: true }),
        Just(Says::Trigger { opening: false }),
        Just(Says::Resolve),
    ];
    let severity = prop_oneof![Just(Severity::Sev1), Just(Severity::Sev2), Just(Severity::Sev3)];
    let priority = prop_oneof![
        Just(Priority::P1),
        Just(Priority::P2),
        Just(Priority::P3),
        Just(Priority::P4),
        Just(Priority::P5),
    ];
    let any = proptest::bool::ANY;
    let count = proptest::num::u64::ANY;
    let what = (proptest::num::u32::ANY, ".*", ".*", says);
    let marks = ((any, any, any), option::of(severity), option::of(priority), (count, count));
    (what, marks, (time(), time(), time()), btree_map(".*", json_value(), 0..5)).prop_map(
        |((endpoint, place, title, says), marks, (first, last, accepted), body)| {
            let ((again, panic, storm), severity, priority, (count, since_last)) = marks;
            let body = body.into_iter().collect();
            Record {
                endpoint,
                place,
                title,
                says,
                again,
                panic,
                storm,
                severity,
                priority,
                count,
                since_last,
                first,
                last,
                accepted,
                body,
            }
        },
    )
}

proptest::proptest! {
    #![proptest_config(config(500))]

    #[test]
    fn what_is_encoded_is_decoded(record in any_record()) {
        let bytes = record.encode();
        prop_assert_eq!(Record::decode(&bytes), Ok(record.clone()));
        prop_assert_eq!(Record::decode_head(&bytes), Ok(Record { body: Map::new(), ..record }));
    }

    #[test]
    fn f103_no_bytes_make_the_decoder_panic(
        bytes in vec(proptest::num::u8::ANY, 0..300), at in 0..300_usize, json in ".*",
    ) {
        assert!(Record::decode(&bytes).is_err());
        let mut near = record("near").encode();
        let end = (at + bytes.len()).min(near.len());
        near.splice(at.min(end)..end, bytes);
        // What was put there may be what was there.
        assert!(Record::decode(&near).is_ok_and(|found| found == record("near"))
            || Record::decode(&near).is_err());
        // What has a true header is still only what its JSON says.
        assert!(Record::decode(&with_header(&json)).is_err());
    }
}

#[test]
fn f103_a_hundred_thousand_mutated_records_are_read_or_refused() {
    let seeds = [record("a").encode(), with_header("{\"body\":{}}"), b"tracing-spike ".to_vec()];
    let mut chance = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        usize::try_from(chance % below as u64).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for n in 0..100_000 {
        let mut bytes = seeds[n % seeds.len()].clone();
        for _ in 0..=next(3) {
            let at = next(bytes.len() + 1);
            match next(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, [b'"', b'{', b'}', b' ', b'\n', b'9', 0, 255][next(8)]),
                2 if at < bytes.len() => bytes[at] ^= 1 << next(8),
                _ => {
                    let (from, to) = (next(at + 1), at);
                    let part = bytes[from..to].to_vec();
                    bytes.extend(part);
                }
            }
        }
        // Half of them with a header that is true of them, so that the JSON is looked at.
        let json = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if n % 2 == 0
            && let Ok(json) = str::from_utf8(&bytes[json..])
        {
            bytes = with_header(json);
        }
        match Record::decode(&bytes) {
            Ok(found) => {
                let head = Record { body: Map::new(), ..found.clone() };
                assert_eq!(Record::decode_head(&bytes), Ok(head));
                assert_eq!(Record::decode(&found.encode()), Ok(found));
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 50_000, "{read} {refused}");
}

fn with_header(json: &str) -> Vec<u8> {
    let checksum = crc32fast::hash(json.as_bytes());
    format!("tracing-spike spool 1 {checksum:08x} {}\n{json}", json.len()).into_bytes()
}

#[test]
fn a_record_reads_as_one_line_for_programs_and_json_for_people() {
    let bytes = record("a").encode();
    let text = String::from_utf8(bytes).unwrap();
    let (header, json) = text.split_once('\n').unwrap();
    assert_eq!(header, format!("tracing-spike spool 1 {:08x} {}", 0xf3ee_2901_u32, json.len()));
    let json: Value = serde_json::from_str(json).unwrap();
    let expected = json!({
        "endpoint": "00c0ffee", "place": "https://hooks.spike.sh", "title": "a", "says": "open",
        "again": false, "panic": false, "storm": false, "severity": "sev2", "priority": null,
        "count": 3, "since_last": 2, "first": 1_700_000_000_007_u64,
        "last": 1_700_000_100_007_u64, "accepted": 1_700_000_000_007_u64,
        "body": { "message": "a, in full", "schema": 1 },
    });
    assert_eq!(json, expected);
}

#[test]
fn a_head_is_read_in_any_order_and_whatever_its_texts_look_like() {
    let head = Record { body: Map::new(), ..record("a") };
    let text = String::from_utf8(record("a").encode()).unwrap();
    let mut json: Map<String, Value> =
        serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let body = json.remove("body").unwrap();
    let fields = Value::Object(json).to_string();
    let fields = fields.strip_prefix('{').unwrap();
    let body_first = format!("{{\"body\":{body},{fields}");
    assert_eq!(Record::decode_head(&with_header(&body_first)), Ok(head));
    let odd = record("of \"a\",\"body\":{}, and \\\",\"body\":");
    let head = Record { body: Map::new(), ..odd.clone() };
    assert_eq!(Record::decode_head(&odd.encode()), Ok(head));
    let bad = String::from_utf8(record("a").encode()).unwrap().replace("in full", "in fulL");
    assert_eq!(Record::decode_head(bad.as_bytes()), Err(Bad::Checksum), "of all its bytes");
}

#[test]
fn what_is_no_record_says_why() {
    let good = String::from_utf8(record("a").encode()).unwrap();
    assert_eq!(Record::decode(good.as_bytes()), Ok(record("a")), "the twin");
    let (header, json) = good.split_once('\n').unwrap();
    let words: Vec<&str> = header.split(' ').collect();
    let [magic, spool, "1", checksum, length] = words[..] else { panic!("{header}") };
    let file = |version: &str, checksum: &str, length: &str| {
        format!("{magic} {spool} {version} {checksum} {length}\n{json}")
    };
    let table = [
        (String::new(), Bad::Header),
        ("\n".to_owned(), Bad::Header),
        (header.to_owned(), Bad::Header),
        (json.to_owned(), Bad::Header),
        (good.replacen("tracing", "Tracing", 1), Bad::Header),
        (file("0", checksum, length), Bad::Header),
        (file("01", checksum, length), Bad::Header),
        (file("+1", checksum, length), Bad::Header),
        (file("one", checksum, length), Bad::Header),
        (file("99999999999", checksum, length), Bad::Header),
        (file("2", checksum, length), Bad::Newer(2)),
        (file("10", "of another", "kind"), Bad::Newer(10)),
        ("tracing-spike spool 2\nanything".to_owned(), Bad::Newer(2)),
        (file("1", checksum, ""), Bad::Header),
        (file("1", checksum, &format!("0{length}")), Bad::Header),
        (file("1", checksum, &format!("{length} ")), Bad::Header),
        (file("1", checksum, "4"), Bad::Length),
        (format!("{good} "), Bad::Length),
        (file("1", "00000000", length), Bad::Checksum),
        (file("1", &checksum.to_uppercase(), length), Bad::Checksum),
        (file("1", "", length), Bad::Checksum),
        (good.replace("in full", "in fulL"), Bad::Checksum),
    ];
    for (bytes, expected) in table {
        assert_eq!(Record::decode(bytes.as_bytes()), Err(expected), "{bytes}");
    }
    let long = format!("tracing-spike spool 1 {}\n", "0".repeat(1 << 20));
    assert_eq!(Record::decode(long.as_bytes()), Err(Bad::Header));
}

#[test]
fn each_field_is_wanted_and_of_its_kind() {
    let text = String::from_utf8(record("a").encode()).unwrap();
    let json: Map<String, Value> = serde_json::from_str(text.split_once('\n').unwrap().1).unwrap();
    let decode = |json: &Map<String, Value>| {
        Record::decode(&with_header(&serde_json::to_string(json).unwrap()))
    };
    assert_eq!(decode(&json), Ok(record("a")), "the twin");
    for name in json.keys() {
        let is_field =
            |result: Result<Record, Bad>| matches!(result, Err(Bad::Field(field)) if field == name);
        let mut without = json.clone();
        without.remove(name);
        assert!(is_field(decode(&without)), "{name}");
        for wrong in [json!([]), json!("wrong"), json!(-1), json!(true), json!({})] {
            let is_right = match name.as_str() {
                "place" | "title" => wrong.is_string(),
                "again" | "panic" | "storm" => wrong.is_boolean(),
                "body" => wrong.is_object(),
                _ => false,
            };
            let mut with = json.clone();
            with.insert(name.clone(), wrong);
            assert_eq!(is_field(decode(&with)), !is_right, "{with:?}");
        }
    }
    for wrong in ["", "[]", "null", "{", "{}}", "\u{feff}{}"] {
        assert_eq!(Record::decode(&with_header(wrong)), Err(Bad::Json), "{wrong}");
    }
    let mut later = json;
    later.insert("of a later version".to_owned(), json!({}));
    assert_eq!(decode(&later), Ok(record("a")), "a field that we don't know is left out");
}

#[test]
fn f111_times_are_clamped_to_what_can_be_written() {
    let far = Duration::from_secs(400_000_000_000);
    let odd = Record {
        first: SystemTime::UNIX_EPOCH - Duration::from_secs(1),
        last: SystemTime::UNIX_EPOCH + far,
        ..record("a")
    };
    let found = Record::decode(&odd.encode()).unwrap();
    assert_eq!(found.first, SystemTime::UNIX_EPOCH);
    let last = humantime::format_rfc3339_millis(found.last).to_string();
    assert_eq!(last, "9999-12-31T23:59:59.999Z");
    let text = String::from_utf8(odd.encode()).unwrap();
    let json = text.split_once('\n').unwrap().1;
    let json = json.replace("253402300799999", &u64::MAX.to_string());
    let found = Record::decode(&with_header(&json)).unwrap();
    assert_eq!(humantime::format_rfc3339_millis(found.last).to_string(), last);
}

#[test]
fn what_is_nested_deeper_than_a_parser_reads_is_kept_as_text() {
    let nest = |levels| (0..levels).fold(json!({"leaf": 1}), |inner, _| json!([inner]));
    let with = |value: Value| {
        let mut record = record("a");
        record.body.insert("fields".to_owned(), value);
        record
    };
    let shallow = with(nest(99));
    assert_eq!(Record::decode(&shallow.encode()), Ok(shallow));
    let deep = Record::decode(&with(nest(1_500)).encode()).unwrap();
    let mut value = &deep.body["fields"];
    let mut levels = 0;
    while let Value::Array(items) = value {
        value = &items[0];
        levels += 1;
    }
    assert_eq!(levels, 100);
    let rest = value.as_str().unwrap();
    assert!(rest.starts_with("[[") && rest.contains("{\"leaf\":1}"), "{rest}");
    let objects = (0..1_500).fold(json!(1), |inner, _| json!({"in": inner}));
    let deep = Record::decode(&with(objects).encode()).unwrap();
    let value = (0..100).fold(&deep.body["fields"], |value, _| &value["in"]);
    assert!(value.as_str().unwrap().starts_with("{\"in\":{"), "{value}");
}
