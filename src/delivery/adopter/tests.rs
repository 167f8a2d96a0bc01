//! What a look tells, of which files, and what it does not tell twice.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use serde_json::{Map, json};
use tempfile::TempDir;

use super::{Adopter, BYTES, DELETED, EVERY, LATEST, MAX_AGE, RECORDS, SOON, Taken};
use crate::{
    delivery::spool::{Record, Says as Recorded, Spool},
    incident::{Leftover, Replay, Says, Severity},
};

const MINE: u32 = 0x00c0_ffee;
/// Another endpoint of the same program.
const OTHER: u32 = 0x0000_0bad;

/// An entrance that remembers what it is told.
#[derive(Default)]
struct Entrance {
    told: Mutex<Vec<Leftover>>,
    is_muted: AtomicBool,
    /// So many it takes.
    room: AtomicUsize,
}

impl Replay for Entrance {
    fn replay(&self, leftover: Leftover) -> bool {
        let taken = self
            .room
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(1));
        if taken.is_ok() {
            self.told.lock().unwrap().push(leftover);
        }
        taken.is_ok()
    }

    fn is_muted(&self) -> bool {
        self.is_muted.load(Ordering::Relaxed)
    }
}

/// A spool with what adopts from it.
struct Bench {
    _scratch: TempDir,
    dir: PathBuf,
    entrance: Arc<Entrance>,
    adopter: Adopter,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        let scratch = tempfile::Builder::new().prefix("spool.").tempdir().unwrap();
        let dir = scratch.path().join("spool");
        let spool = Arc::new(Spool::open(&dir, false).unwrap());
        let entrance = Arc::new(Entrance::default());
        entrance.room.store(usize::MAX, Ordering::Relaxed);
        let weak = Arc::downgrade(&entrance);
        let adopter = Adopter::new(spool, vec![OTHER, MINE], weak);
        Self { _scratch: scratch, dir, entrance, adopter, now: Duration::ZERO }
    }

    /// A run that has died with these.
    fn leave(&self, records: &[Record]) {
        let spool = Spool::open(&self.dir, false).unwrap();
        records.iter().for_each(|record| spool.write(record).unwrap());
    }

    /// The titles that the next look tells, in their order.
    fn look(&mut self) -> (Taken, Vec<String>) {
        let (taken, told) = self.leftovers();
        (taken, told.into_iter().map(|leftover| leftover.title).collect())
    }

    fn leftovers(&mut self) -> (Taken, Vec<Leftover>) {
        self.now = self.adopter.next();
        let taken = self.adopter.look(self.now).unwrap();
        (taken, std::mem::take(&mut self.entrance.told.lock().unwrap()))
    }

    /// Deletes all that it can; how many could not be, as far as that is news.
    fn delete(&mut self, mut taken: Taken) -> usize {
        let mut stay = 0;
        while !taken.is_done() {
            stay += self.adopter.delete_some(&mut taken);
        }
        stay
    }

    fn files(&self) -> Vec<PathBuf> {
        let runs = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path());
        let in_run = |run: PathBuf| fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path());
        runs.filter(|path| path.is_dir()).flat_map(in_run).collect()
    }
}

fn ago(age: Duration) -> SystemTime {
    SystemTime::now() - age
}

fn record(title: &str) -> Record {
    let at = ago(Duration::from_secs(60));
    Record {
        endpoint: MINE,
        place: "https://hooks.spike.sh".to_owned(),
        title: title.to_owned(),
        says: Recorded::Trigger { opening: true },
        again: false,
        panic: false,
        storm: false,
        severity: None,
        priority: None,
        count: 1,
        since_last: 1,
        first: at,
        last: at,
        accepted: at,
        body: Map::new(),
    }
}

fn large(title: &str) -> Record {
    let mut record = record(title);
    record.body.insert("text".to_owned(), "x".repeat(60_000).into());
    record
}

/// A directory in the place of a file, which can't be deleted as one.
struct Stuck {
    path: PathBuf,
    aside: PathBuf,
}

impl Stuck {
    fn at(path: &Path, dir: &Path) -> Self {
        let stuck = Self { path: path.to_owned(), aside: dir.with_extension("aside") };
        fs::rename(path, &stuck.aside).unwrap();
        fs::create_dir(path).unwrap();
        stuck
    }

    /// The file is found there again.
    fn end(&self) {
        fs::remove_dir(&self.path).unwrap();
        fs::rename(&self.aside, &self.path).unwrap();
    }
}

#[test]
fn f102_what_was_told_is_not_told_again_whatever_becomes_of_its_file() {
    let mut bench = Bench::new();
    bench.leave(&[record("disk full"), record("queue stuck")]);
    let (taken, told) = bench.look();
    assert_eq!(told.len(), 2);
    // Nothing of it could be kept, so that nothing is deleted.
    drop(taken);
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.done.len()), (0, 2));
    // One can't be deleted: that is told once, and tried again.
    let stuck = Stuck::at(&taken.done[0].path, &bench.dir);
    assert_eq!(bench.delete(taken), 1);
    stuck.end();
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.done.len(), bench.adopter.next()), (0, 1, bench.now + EVERY));
    let stuck = Stuck::at(&taken.done[0].path, &bench.dir);
    assert_eq!(bench.delete(taken), 0);
    stuck.end();
    let (taken, _) = bench.look();
    assert_eq!(bench.delete(taken), 0);
    assert_eq!((bench.files().len(), bench.adopter.told.len()), (0, 0), "nothing to remember");
    // The twin: another run's word on the same title.
    bench.leave(&[record("disk full")]);
    assert_eq!(bench.look().1, ["disk full"]);
}

#[test]
fn f105_what_there_is_no_room_for_is_told_at_the_next_look() {
    let mut bench = Bench::new();
    bench.leave(&[record("a"), record("b"), record("c")]);
    bench.entrance.room.store(1, Ordering::Relaxed);
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.done.len(), bench.adopter.next()), (1, 1, bench.now + SOON));
    bench.entrance.room.store(2, Ordering::Relaxed);
    drop(taken);
    let (taken, rest) = bench.look();
    let mut all = [told, rest].concat();
    all.sort();
    assert_eq!((all, taken.done.len()), (["a", "b", "c"].map(str::to_owned).to_vec(), 3));
}

#[test]
fn f105_of_a_title_the_newest_counts_and_its_file_is_deleted_last() {
    let mut bench = Bench::new();
    let at = |secs| ago(Duration::from_secs(secs));
    let resolve =
        |title: &str, accepted| Record { says: Recorded::Resolve, accepted, ..record(title) };
    let trigger = |title: &str, accepted| Record { accepted, ..record(title) };
    let now = at(0);
    let hour = Duration::from_secs(3_600);
    bench.leave(&[trigger("resolved", at(90)), resolve("failed again", at(90))]);
    bench.leave(&[resolve("resolved", at(80)), trigger("failed again", at(80))]);
    // By clocks that can't be right, or can't tell.
    bench.leave(&[resolve("at once", now), resolve("ahead", now + 2 * hour)]);
    bench.leave(&[trigger("at once", now), trigger("ahead", now + hour)]);
    let files = bench.files().len();
    let (taken, told) = bench.look();
    assert_eq!((files, taken.done.len(), told.len()), (8, 8, 4), "{told:?}");
    let says: Vec<(String, bool)> = taken
        .done
        .iter()
        .map(|found| Record::decode(&fs::read(&found.path).unwrap()).unwrap())
        .map(|record| (record.title, record.says == Recorded::Resolve))
        .collect();
    for (title, is_resolved) in
        [("resolved", true), ("failed again", false), ("at once", false), ("ahead", false)]
    {
        let last = says.iter().rfind(|(other, _)| other == title).unwrap();
        assert_eq!(last.1, is_resolved, "{title}");
    }
    // What is older and can't be deleted is not told in its turn.
    let stuck = Stuck::at(&taken.done[0].path, &bench.dir);
    assert_eq!(bench.delete(taken), 1);
    stuck.end();
    let (taken, told) = bench.look();
    assert_eq!((taken.done.len(), told.len()), (1, 0));
}

#[test]
fn f103_a_newest_record_that_is_none_hides_no_older_one() {
    let mut bench = Bench::new();
    bench.leave(&[record("disk full")]);
    let [path] = &bench.files()[..] else { panic!() };
    let newer = Record { accepted: SystemTime::now(), ..record("disk full") };
    // Its checksum is right, its head is, but not its body.
    let bytes = String::from_utf8(newer.encode()).unwrap();
    let json = bytes.split_once('\n').unwrap().1.replace("\"body\":{", "\"body\":{{");
    let checksum = crc32fast::hash(json.as_bytes());
    let bytes = format!("tracing-spike spool 1 {checksum:08x} {}\n{json}", json.len());
    fs::write(path.with_file_name(format!("{MINE:08x}-{:016x}.json", 7)), bytes).unwrap();
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.set_aside()), (0, 1));
    drop(taken);
    assert_eq!(bench.look().1, ["disk full"]);
}

#[test]
fn f103_a_look_tells_what_matters_most_and_no_more_than_256_records_or_2_mib() {
    let mut bench = Bench::new();
    let many: Vec<Record> = (0..RECORDS * 2).map(|n| record(&format!("failure {n}"))).collect();
    bench.leave(&many);
    let severe = |title: &str, severity| Record { severity: Some(severity), ..record(title) };
    bench.leave(&[
        severe("mild", Severity::Sev3),
        severe("grave", Severity::Sev1),
        Record { panic: true, ..record("panicked") },
    ]);
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.done.len()), (RECORDS, RECORDS));
    assert_eq!(told[..3], ["panicked", "grave", "mild"]);
    assert_eq!(bench.adopter.next(), bench.now + SOON);
    assert_eq!(bench.delete(taken), 0);
    // What is not deleted does not keep the others from being told.
    let (taken, told) = bench.look();
    assert_eq!(told.len(), RECORDS);
    drop(taken);
    let (taken, told) = bench.look();
    assert_eq!((told.len(), taken.done.len()), (3, RECORDS + 3));
    assert_eq!(bench.adopter.next(), bench.now + EVERY);
    bench.delete(taken);
    assert!(bench.files().is_empty());

    bench.leave(&(0..60).map(|n| large(&format!("failure {n}"))).collect::<Vec<_>>());
    let bytes = usize::try_from(BYTES).unwrap();
    assert_eq!(bench.look().1.len(), bytes.div_ceil(60_000));
}

#[test]
fn f105_while_all_is_muted_triggers_stay_and_resolves_go_out() {
    let mut bench = Bench::new();
    let resolve = Record { says: Recorded::Resolve, ..record("queue stuck") };
    bench.leave(&[record("disk full"), resolve]);
    bench.entrance.is_muted.store(true, Ordering::Relaxed);
    let (taken, told) = bench.look();
    assert_eq!((told, bench.adopter.next()), (vec!["queue stuck".to_owned()], bench.now + EVERY));
    assert_eq!((bench.delete(taken), bench.files().len()), (0, 1));
    assert!(bench.look().1.is_empty());
    bench.entrance.is_muted.store(false, Ordering::Relaxed);
    assert_eq!(bench.look().1, ["disk full"]);
}

#[test]
fn f109_what_nobody_takes_for_a_month_is_deleted() {
    let mut bench = Bench::new();
    let day = Duration::from_secs(86_400);
    bench.leave(&[Record { endpoint: 8, ..record("of another webhook") }]);
    bench.leave(&[Record { endpoint: 9, ..record("of a third one") }]);
    let touch = |age| {
        for path in bench.files() {
            fs::File::options().write(true).open(path).unwrap().set_modified(ago(age)).unwrap();
        }
    };
    touch(29 * day);
    let (taken, _) = bench.look();
    assert_eq!((taken.foreign(), taken.forgotten(), bench.files().len()), (2, 0, 2));
    drop(taken);
    let touch = |path: &Path, age| {
        fs::File::options().write(true).open(path).unwrap().set_modified(ago(age)).unwrap();
    };
    touch(&bench.files()[0], 31 * day);
    let (taken, _) = bench.look();
    assert_eq!((taken.foreign(), taken.forgotten(), bench.files().len()), (1, 1, 1));
    drop(taken);
    let entries = fs::read_dir(&bench.dir).unwrap().count();
    assert_eq!(entries, 4, "this run and the other one, with their locks");
}

#[test]
fn f105_it_looks_every_half_minute_and_deletes_a_few_files_at_once() {
    let mut bench = Bench::new();
    let many: Vec<Record> = (0..=DELETED).map(|n| record(&format!("failure {n}"))).collect();
    bench.leave(&many);
    let (mut taken, told) = bench.look();
    assert_eq!(told.len(), DELETED + 1);
    assert!(bench.adopter.look(bench.now + EVERY - Duration::from_nanos(1)).is_none());
    assert_eq!((taken.failed(), taken.set_aside(), taken.foreign()), (0, 0, 0));
    assert_eq!((taken.is_done(), bench.adopter.delete_some(&mut taken)), (false, 0));
    assert_eq!((taken.is_done(), bench.files().len()), (false, 1));
    assert_eq!(bench.adopter.delete_some(&mut taken), 0);
    assert_eq!((taken.is_done(), bench.files().len()), (true, 0));
}

#[test]
fn f105_a_directory_that_cannot_be_read_is_counted_for_each_look() {
    let mut bench = Bench::new();
    let aside = bench.dir.with_extension("aside");
    fs::rename(&bench.dir, &aside).unwrap();
    let (taken, _) = bench.look();
    assert_eq!(taken.failed(), 0, "there is none yet");
    fs::write(&bench.dir, "").unwrap();
    for _ in 0..2 {
        let (taken, told) = bench.look();
        assert_eq!((taken.failed(), told.len()), (1, 0));
    }
    fs::remove_file(&bench.dir).unwrap();
    fs::rename(&aside, &bench.dir).unwrap();
    assert_eq!(bench.look().0.failed(), 0, "the twin");
}

#[test]
fn f105_what_is_told_is_what_was_left_and_no_other_endpoints() {
    let mut bench = Bench::new();
    let repeat = Recorded::Trigger { opening: false };
    let sample = json!({"titles": 3, "sample": ["disk full", 7, "queue stuck"]});
    let storm = Record { storm: true, ..record("error storm") };
    let body = Map::from_iter([("storm".to_owned(), sample)]);
    bench.leave(&[
        Record { panic: true, ..record("panicked") },
        Record { endpoint: OTHER, says: repeat, count: 9, since_last: 4, ..record("again") },
        Record { says: Recorded::Resolve, ..record("resolved") },
        Record { body, ..storm },
    ]);
    let told = bench.leftovers().1;
    let of = |title: &str| told.iter().find(|leftover| leftover.title == title).unwrap();
    assert_eq!(told.len(), 4);
    assert!(matches!(of("panicked").says, Says::Trigger { opening: true, panic: true }));
    assert!(matches!(of("again").says, Says::Trigger { opening: false, panic: false }));
    assert_eq!((of("again").occurrences.count, of("again").occurrences.since_last), (9, 4));
    assert_eq!((of("again").endpoint, of("resolved").endpoint), (0, 1));
    assert!(matches!(of("resolved").says, Says::Resolve));
    let Says::Storm { sample } = &of("error storm").says else { panic!() };
    assert_eq!(sample[..], ["disk full", "queue stuck"]);
}

#[test]
fn f110_what_is_too_old_is_told_as_such_and_no_doubt_of_what_was_accepted_is() {
    let mut bench = Bench::new();
    // As exact as a busy machine lets times be.
    let half = Duration::from_secs(30);
    let aged = |title: &str, age| Record { accepted: ago(age), ..record(title) };
    let again = |title: &str, age| Record { again: true, ..aged(title, age) };
    bench.leave(&[
        aged("old", MAX_AGE + half),
        aged("recent", MAX_AGE - half),
        again("doubted", LATEST - half),
        again("settled", LATEST + half),
        Record { says: Recorded::Resolve, ..again("resolved", LATEST + half) },
        aged("never accepted", LATEST + half),
    ]);
    let (taken, told) = bench.leftovers();
    let mut told: Vec<_> =
        told.iter().map(|leftover| (leftover.title.as_str(), leftover.is_expired)).collect();
    told.sort_unstable();
    let expected = ["doubted", "never accepted", "old", "recent", "resolved"];
    assert_eq!(told, expected.map(|title| (title, title == "old")));
    assert_eq!((bench.delete(taken), bench.files().len()), (0, 0), "what need not be told, too");
}
