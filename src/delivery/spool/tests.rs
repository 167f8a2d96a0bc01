mod damage;
mod faults;
mod place;
mod records;
mod sharing;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};
use tempfile::TempDir;

use super::{Adopted, Found, Record, Says, Spool};
use crate::{
    delivery::{body::Source, kept::LastWords},
    incident::{Keep, Severity},
};

/// The endpoint of every record here.
const MINE: u32 = 0x00c0_ffee;
/// Set in a child process, to the path of the test that it is to play.
const ROLE: &str = "SPOOL_TEST_CHILD";
/// Set in a child process, to its spool.
const DIR: &str = "SPOOL_TEST_DIR";

fn record(title: &str) -> Record {
    let at = |secs: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(secs * 1_000 + 7);
    let mut body = Map::new();
    body.insert("message".to_owned(), format!("{title}, in full").into());
    body.insert("schema".to_owned(), Value::from(1));
    Record {
        endpoint: MINE,
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

fn large(title: &str, bytes: usize) -> Record {
    let mut record = record(title);
    record.body.insert("text".to_owned(), "x".repeat(bytes).into());
    record
}

/// A record of just so many bytes.
fn sized(title: &str, bytes: usize) -> Record {
    let spare = bytes - large(title, 10_000).encode().len();
    let record = large(title, 10_000 + spare);
    assert_eq!(record.encode().len(), bytes);
    record
}

/// A directory for one test, and the path of a spool in it.
fn scratch() -> (TempDir, PathBuf) {
    let scratch = tempfile::Builder::new().prefix("spool.").tempdir().unwrap();
    let dir = scratch.path().join("spool");
    (scratch, dir)
}

/// A run that has died with these records.
fn dead(dir: &Path, titles: &[&str]) -> PathBuf {
    let spool = Spool::open(dir, false).unwrap();
    titles.iter().for_each(|title| spool.write(&record(title)).unwrap());
    own_dir(&spool)
}

fn own_dir(spool: &Spool) -> PathBuf {
    crate::lock::lock(&spool.run).dir.clone()
}

/// Takes over all that was adopted, and ends it; returns the titles.
fn take(mut adopted: Adopted) -> Vec<String> {
    let records: Vec<(Record, Found)> = std::mem::take(&mut adopted.records);
    let mut titles = Vec::new();
    for (record, found) in records {
        adopted.take_over(&found).unwrap();
        titles.push(record.title);
    }
    titles.sort();
    titles
}

/// The records that were adopted, as far as they can be read; they stay.
fn whole(adopted: &mut Adopted) -> Vec<Record> {
    let heads = std::mem::take(&mut adopted.records);
    let whole = heads.iter().filter_map(|(_, found)| adopted.read(found)).collect();
    adopted.records = heads;
    whole
}

/// What is in a directory, sorted.
fn list(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A child process that plays `test`, a path below this module, with the spool `dir`.
fn child(program: &mut Command, test: &str, dir: &Path) -> Command {
    let mut child = std::mem::replace(program, Command::new("true"));
    child
        .args(["--exact", &format!("delivery::spool::tests::{test}")])
        .args(["--nocapture", "--test-threads=1"])
        .env(ROLE, test)
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    child
}

fn me() -> Command {
    Command::new(std::env::current_exe().unwrap())
}

/// The spool that this process is to play with, if it is the child that plays `test`.
fn role(test: &str) -> Option<PathBuf> {
    let is_child = std::env::var(ROLE).is_ok_and(|role| role == test);
    is_child.then(|| std::env::var_os(DIR).unwrap().into())
}

#[test]
fn what_a_dead_run_had_to_say_is_adopted_once() {
    let (_scratch, dir) = scratch();
    let first = Spool::open(&dir, true).unwrap();
    for title in ["a", "b", "c"] {
        first.write(&record(title)).unwrap();
    }
    first.remove(MINE, "c").unwrap();
    first.remove(MINE, "never written").unwrap();
    let second = Spool::open(&dir, false).unwrap();
    assert!(second.adopt(&[MINE]).records.is_empty(), "the first run is alive");
    drop(first);
    assert_eq!(second.adopt(&[MINE]).records.len(), 2, "what is not taken over stays");
    let mut adopted = second.adopt(&[MINE]);
    assert!(whole(&mut adopted).iter().all(|found| *found == record(&found.title)));
    assert_eq!(take(adopted), ["a", "b"]);
    assert!(second.adopt(&[MINE]).records.is_empty());
    drop(second);
    assert_eq!(list(&dir), [""; 0], "nothing is left, no lock either");
}

#[test]
fn a_resolve_takes_the_place_of_its_trigger_but_not_of_another_runs() {
    let (_scratch, dir) = scratch();
    let (first, second) = (Spool::open(&dir, false).unwrap(), Spool::open(&dir, false).unwrap());
    let resolve = Record { says: Says::Resolve, ..record("a") };
    first.write(&record("a")).unwrap();
    first.write(&resolve).unwrap();
    let earlier = Record { accepted: SystemTime::UNIX_EPOCH, ..record("a") };
    second.write(&earlier).unwrap();
    drop((first, second));
    let mut adopted = Spool::open(&dir, false).unwrap().adopt(&[MINE]);
    let mut records = whole(&mut adopted);
    records.sort_by_key(|record| record.accepted);
    assert_eq!(records, [earlier, resolve]);
}

#[test]
fn f101_a_run_never_fills_the_disk() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    for title in 0..super::FILES {
        spool.write(&record(&title.to_string())).unwrap();
    }
    let full = spool.write(&record("one more")).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    spool.write(&record("0")).expect("another in the place of one");
    spool.remove(MINE, "0").unwrap();
    spool.write(&record("one more")).expect("there is room again");
    let own = own_dir(&spool);
    assert_eq!(list(&own).len(), super::FILES);
    drop(spool);

    let spool = Spool::open(&dir, false).unwrap();
    let too_large = spool.write(&large("too large", 65_536)).unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::FileTooLarge);
    let mut written = 0;
    let full = loop {
        match spool.write(&large(&written.to_string(), 64_000)) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let length = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().metadata().unwrap().len();
    let bytes: u64 = fs::read_dir(own_dir(&spool)).unwrap().map(length).sum();
    assert!((super::BYTES - 70_000..=super::BYTES).contains(&bytes), "{bytes}");
    spool.write(&record("0")).expect("a smaller one in the place of one");
    spool.write(&record("small")).expect("there is room again");
}

#[test]
fn one_adoption_is_bounded_and_the_next_finds_the_rest() {
    let (_scratch, dir) = scratch();
    let titles: Vec<String> = (0..super::FILES).map(|title| title.to_string()).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    dead(&dir, &titles);
    for run in 0..100 {
        dead(&dir, &[&format!("of run {run}")]);
    }
    let spool = Spool::open(&dir, false).unwrap();
    let (mut calls, mut found) = (0, 0);
    loop {
        let adopted = spool.adopt(&[MINE]);
        let more = adopted.more;
        assert!(adopted.runs.len() <= 64, "each keeps a file open");
        calls += 1;
        let taken = take(adopted).len();
        assert!(taken <= super::FILES);
        found += taken;
        if !more {
            break;
        }
    }
    assert!((2..10).contains(&calls), "{calls}");
    assert_eq!(found, super::FILES + 100);
    assert_eq!(list(&dir).len(), 2, "the directory and the lock of this run");

    for _ in 0..2 {
        let first = Spool::open(&dir, false).unwrap();
        (0..300).for_each(|title| first.write(&large(&title.to_string(), 60_000)).unwrap());
    }
    let adopted = spool.adopt(&[MINE]);
    assert!(adopted.more, "one adoption reads 32 MiB");
    let found = take(adopted).len();
    assert!((550..600).contains(&found), "{found}");
    let adopted = spool.adopt(&[MINE]);
    assert!(!adopted.more);
    assert_eq!(found + take(adopted).len(), 600);
}

#[test]
fn a_run_whose_lock_or_directory_was_cleaned_up_begins_anew() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    spool.write(&record("a")).unwrap();
    let first = own_dir(&spool);
    fs::remove_file(first.with_extension("lock")).unwrap();
    // To others that run is dead.
    let other = Spool::open(&dir, false).unwrap();
    assert_eq!(take(other.adopt(&[MINE])), ["a"]);
    spool.write(&record("b")).unwrap();
    assert_ne!(own_dir(&spool), first);
    assert!(other.adopt(&[MINE]).records.is_empty());

    fs::remove_dir_all(&dir).unwrap();
    spool.write(&record("c")).unwrap();
    spool.remove(MINE, "b").unwrap();
    assert_eq!(take(other.adopt(&[MINE])), [""; 0], "it is alive");
    drop(spool);
    assert_eq!(take(other.adopt(&[MINE])), ["c"]);

    // Who ends after its lock was cleaned up leaves the one that another made.
    let spool = Spool::open(&dir, false).unwrap();
    spool.write(&record("d")).unwrap();
    let lock = own_dir(&spool).with_extension("lock");
    fs::remove_file(&lock).unwrap();
    let mut adopted = other.adopt(&[MINE]);
    let (_, found) = adopted.records.remove(0);
    adopted.take_over(&found).unwrap();
    drop(spool);
    assert!(lock.exists());
    drop(adopted);
    assert!(!lock.exists(), "the twin");
}

#[test]
fn f065_a_forked_child_leaves_the_spool_alone() {
    let (_scratch, dir) = scratch();
    let mut spool = Spool::open(&dir, false).unwrap();
    spool.write(&record("a")).unwrap();
    spool.let_go_in_child();
    let other = Spool::open(&dir, false).unwrap();
    assert!(other.adopt(&[MINE]).records.is_empty(), "who opened it does not let go");
    // As a forked child sees it.
    spool.owner += 1;
    assert!(!spool.is_ours());
    spool.write(&record("b")).unwrap_err();
    spool.remove(MINE, "a").unwrap();
    assert!(spool.adopt(&[MINE]).records.is_empty());
    let run = own_dir(&spool);
    let words = LastWords { spool: spool.into(), homes: Vec::new(), source: Source::default() };
    words.let_go_in_child();
    words.let_go_in_child();
    assert_eq!(other.adopt(&[MINE]).records.len(), 1, "its copy of the lock is gone");
    drop(words);
    assert!(run.exists());
    assert_eq!(take(other.adopt(&[MINE])), ["a"]);
}

#[test]
fn f101_titles_whose_files_have_one_name_do_not_take_each_others_place() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    spool.write(&record("a")).unwrap();
    // As if "a" were another title with the same hash.
    let name = super::Name::of(MINE, "a");
    crate::lock::lock(&spool.run).files.get_mut(&name).unwrap().title = "other".to_owned();
    let error = spool.write(&record("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    spool.remove(MINE, "a").unwrap();
    assert_eq!(list(&own_dir(&spool)), [name.to_string()], "it is the other's");
    spool.remove(MINE, "b").unwrap();
    // The twin: its own.
    crate::lock::lock(&spool.run).files.get_mut(&name).unwrap().title = "a".to_owned();
    spool.write(&Record { says: Says::Resolve, ..record("a") }).unwrap();
    spool.remove(MINE, "a").unwrap();
    assert_eq!(list(&own_dir(&spool)), [""; 0]);
}

#[test]
fn f101_the_largest_record_is_written_and_read_and_no_larger_one() {
    let (_scratch, dir) = scratch();
    let largest = usize::try_from(super::RECORD).unwrap();
    let spool = Spool::open(&dir, false).unwrap();
    spool.write(&sized("largest", largest)).unwrap();
    let too_large = spool.write(&sized("too large", largest + 1)).unwrap_err();
    assert_eq!(too_large.kind(), ErrorKind::FileTooLarge);
    let name = super::Name::of(MINE, "too large").to_string();
    fs::write(own_dir(&spool).join(name), sized("too large", largest + 1).encode()).unwrap();
    drop(spool);
    let mut adopted = Spool::open(&dir, false).unwrap().adopt(&[MINE]);
    assert_eq!((adopted.records.len(), adopted.set_aside), (1, 1));
    assert_eq!(whole(&mut adopted), [sized("largest", largest)]);
}

#[test]
fn f101_a_run_has_32_mib_to_the_byte() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    let (largest, most) = (super::RECORD, super::BYTES);
    let of = |n: u64| sized(&format!("{n:03}"), usize::try_from(largest).unwrap());
    (0..most / largest).for_each(|n| spool.write(&of(n)).unwrap());
    assert_eq!(spool.write(&record("one more")).unwrap_err().kind(), ErrorKind::StorageFull);
    spool.write(&of(0)).expect("another in the place of one");
    spool.remove(MINE, "000").unwrap();
    spool.write(&record("one more")).expect("there is room again");
    assert_eq!(spool.write(&of(0)).unwrap_err().kind(), ErrorKind::StorageFull);
}

#[test]
fn a_run_whose_directory_is_gone_or_whose_lock_is_anothers_begins_anew() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    assert_eq!((spool.look().unwrap(), spool.look().unwrap()), (0, 0));
    let first = own_dir(&spool);
    fs::remove_dir(&first).unwrap();
    assert_eq!((spool.look().unwrap(), spool.look().unwrap()), (1, 1));
    let second = own_dir(&spool);
    spool.write(&record("a")).unwrap();
    let lock = second.with_extension("lock");
    fs::rename(&lock, dir.join("aside")).unwrap();
    fs::write(&lock, "").unwrap();
    assert_eq!(spool.look().unwrap(), 2);
    let third = own_dir(&spool);
    assert!(first != second && second != third && third.exists());
    // What it had written is for whoever comes.
    assert_eq!(take(spool.adopt(&[MINE])), ["a"]);
    // Where nobody can look, none begins.
    let aside = dir.with_extension("aside");
    fs::rename(&dir, &aside).unwrap();
    fs::write(&dir, "").unwrap();
    assert_eq!(spool.look().unwrap_err().kind(), ErrorKind::NotADirectory);
    fs::remove_file(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    assert_eq!((spool.look().unwrap(), own_dir(&spool)), (2, third.clone()));
    spool.close();
    assert_eq!(spool.look().unwrap(), 0, "it is over");
    assert!(!third.exists());
}

#[test]
fn a_file_that_is_gone_is_none_and_one_that_cannot_be_reached_has_failed() {
    let (_scratch, dir) = scratch();
    let run = dead(&dir, &["a"]);
    let mut adopted = Spool::open(&dir, false).unwrap().adopt(&[MINE]);
    let (_, found) = adopted.records.remove(0);
    fs::remove_file(&found.path).unwrap();
    assert_eq!(adopted.read(&found), None);
    assert_eq!((adopted.failed, adopted.set_aside), (0, 0));
    adopted.take_over(&found).unwrap();
    fs::remove_dir(&run).unwrap();
    fs::write(&run, "").unwrap();
    assert_eq!(adopted.read(&found), None);
    assert_eq!((adopted.failed, adopted.set_aside), (1, 0));
    adopted.take_over(&found).unwrap_err();
}

#[test]
fn f105_of_more_than_64_dead_runs_the_others_are_for_the_next_look() {
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    (0..64).for_each(|run| drop(dead(&dir, &[&format!("of run {run}")])));
    let adopted = spool.adopt(&[MINE]);
    assert_eq!((adopted.records.len(), adopted.more), (64, false));
    drop(adopted);
    dead(&dir, &["of one more"]);
    let adopted = spool.adopt(&[MINE]);
    assert_eq!((adopted.records.len(), adopted.more), (64, true));
    take(adopted);
    let adopted = spool.adopt(&[MINE]);
    assert_eq!((take(adopted).len(), list(&dir).len()), (1, 2));
}
