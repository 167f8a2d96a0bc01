use std::time::{Duration, SystemTime};

use serde_json::{Map, Value};

use super::{Found, Record, Says, Spool};
use crate::incident::Severity;

fn record(title: &str) -> Record {
    let at = |secs: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(secs * 1_000 + 7);
    let mut body = Map::new();
    body.insert("message".to_owned(), format!("{title}, in full").into());
    body.insert("schema".to_owned(), Value::from(1));
    Record {
        endpoint: 7,
        place: "https://hooks.spike.sh".to_owned(),
        title: title.to_owned(),
        says: Says::Trigger { opening: true },
        again: false,
        panic: false,
        storm: false,
        severity: Some(Severity::Sev2),
        priority: None,
        count: 3,
        since_last: 2,
        first: at(1_700_000_000),
        last: at(1_700_000_100),
        accepted: at(1_700_000_000),
        body,
    }
}

fn scratch(name: &str) -> tempfile::TempDir {
    tempfile::Builder::new().prefix(name).tempdir().unwrap()
}

#[test]
fn what_a_dead_run_had_to_say_is_adopted_once() {
    let scratch = scratch("spool-");
    let dir = scratch.path().join("spool");
    let first = Spool::open(&dir, true).unwrap();
    let (a, b) = (record("a"), record("b"));
    first.write(&a).unwrap();
    first.write(&b).unwrap();
    first.write(&record("c")).unwrap();
    first.remove(7, "c").unwrap();
    let second = Spool::open(&dir, false).unwrap();
    assert!(second.adopt(&[7]).records.is_empty(), "the first run is alive");
    drop(first);
    let mut adopted = second.adopt(&[7]);
    assert_eq!(adopted.records.len(), 2, "{adopted:?}");
    let records: Vec<(Record, Found)> = std::mem::take(&mut adopted.records);
    for (record, found) in records {
        assert!([&a, &b].contains(&&record));
        adopted.take_over(found).unwrap();
    }
    drop(adopted);
    drop(second);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}
