//! How the files follow the outbox, and what becomes of those that can't be written.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tempfile::TempDir;

use super::{AGAIN, Home, Kept, LastWords};
use crate::{
    delivery::{
        body::Source,
        outbox::{Next, Outbox},
        outcome::Outcome,
        spool::{Record, Says, Spool},
    },
    incident::{Detail, Keep, Occurrences, Op, Status, StormDetail},
};

const OPENING: Status = Status::Trigger { opening: true };
const RESOLVE: Status = Status::Resolve { first: true, not_before: Duration::ZERO };
const TICK: Duration = Duration::from_millis(1);

/// An outbox whose last words are kept in a spool of its own.
struct Bench {
    _scratch: TempDir,
    dir: PathBuf,
    spool: Arc<Spool>,
    kept: Kept,
    outbox: Outbox,
    now: Duration,
    seq: u64,
}

impl Bench {
    fn new() -> Self {
        let scratch = tempfile::Builder::new().prefix("spool.").tempdir().unwrap();
        let dir = scratch.path().join("spool");
        let spool = Arc::new(Spool::open(&dir, false).unwrap());
        let kept = Kept::new(Arc::clone(&spool), home());
        let now = Duration::from_secs(100);
        Self { _scratch: scratch, dir, spool, kept, outbox: Outbox::default(), now, seq: 0 }
    }

    fn op(&mut self, key: u64, status: Status) -> Op {
        self.seq += 1;
        let op = Op::sample(key, self.seq, status, self.now);
        let occurrences = Occurrences { count: self.seq, ..op.occurrences };
        Op { title: format!("title {key}"), occurrences, ..op }
    }

    fn push(&mut self, key: u64, status: Status) {
        let op = self.op(key, status);
        self.outbox.push(Box::new(op), self.now);
    }

    fn push_storm(&mut self, key: u64) {
        let detail = Detail::Storm(StormDetail { titles: 20, sample: Vec::new() });
        let op = Op { detail, ..self.op(key, OPENING) };
        self.outbox.push(Box::new(op), self.now);
    }

    /// The title that goes out next is delivered.
    fn deliver(&mut self) -> u64 {
        let Next::Attempt { op, .. } = self.outbox.next(self.now) else {
            panic!("nothing goes out")
        };
        let key = op.key;
        let _said = self.outbox.finish(Outcome::Accepted { verified: true }, self.now, 7);
        key
    }

    /// Whether all that was tried went well.
    fn follow(&mut self) -> bool {
        self.kept.follow(&self.outbox, &Source::default(), self.now).is_ok()
    }

    /// What the files say, by their titles.
    fn says(&self) -> Vec<(String, Says)> {
        let records = self.records().into_iter();
        let mut says: Vec<_> = records.map(|(_, record)| (record.title, record.says)).collect();
        says.sort_by(|one, other| one.0.cmp(&other.0));
        says
    }

    fn titles(&self) -> Vec<String> {
        self.says().into_iter().map(|(title, _)| title).collect()
    }

    fn records(&self) -> Vec<(PathBuf, Record)> {
        let entries = |dir: &Path| -> Vec<PathBuf> {
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let runs = entries(&self.dir).into_iter().filter(|path| path.is_dir());
        let files = runs.flat_map(|run| entries(&run)).filter(|path| path.is_file());
        files
            .map(|path| (path.clone(), Record::decode(&fs::read(path).unwrap()).unwrap()))
            .collect()
    }

    /// A folder with something in it takes the place of a title's file.
    fn stick(&self, key: u64) -> PathBuf {
        let title = format!("title {key}");
        let mut records = self.records().into_iter();
        let (path, _) = records.find(|(_, record)| record.title == title).unwrap();
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        fs::write(path.join("inside"), "").unwrap();
        path
    }
}

fn home() -> Home {
    Home { id: 0x00c0_ffee, place: "https://hooks.spike.sh".to_owned() }
}

fn trigger(key: u64) -> (String, Says) {
    (format!("title {key}"), Says::Trigger { opening: true })
}

fn resolve(key: u64) -> (String, Says) {
    (format!("title {key}"), Says::Resolve)
}

#[test]
fn f105_each_titles_last_word_is_in_its_file_until_it_is_delivered() {
    let mut bench = Bench::new();
    assert!(bench.follow());
    bench.push(1, OPENING);
    assert!(!bench.kept.has(1));
    bench.push(2, OPENING);
    assert!(bench.follow());
    assert_eq!(bench.says(), [trigger(1), trigger(2)]);
    assert_eq!((bench.kept.has(1), bench.kept.has(2), bench.kept.has(3)), (true, true, false));
    assert_eq!(bench.kept.wake(bench.now), None);
    let (delivered, left) = if bench.deliver() == 1 { (1, 2) } else { (2, 1) };
    bench.push(left, RESOLVE);
    bench.push(3, OPENING);
    assert!(bench.follow());
    let mut says = bench.says();
    says.retain(|says| *says != trigger(3));
    // A trigger that was never sent and its resolve cancel out.
    assert!(says.is_empty() || says == [resolve(left)], "{says:?}");
    assert_eq!((bench.kept.has(delivered), bench.kept.has(3)), (false, true));
}

#[test]
fn f105_a_record_is_as_old_as_what_it_tells() {
    let mut bench = Bench::new();
    let (waited, earlier) = (Duration::from_secs(40), Duration::from_secs(600));
    let op = Op { aged: earlier, ..bench.op(1, OPENING) };
    bench.outbox.push(Box::new(op), bench.now);
    bench.now += waited;
    let before = SystemTime::now();
    assert!(bench.follow());
    let (_, record) = bench.records().remove(0);
    // Times are kept in whole milliseconds.
    let accepted = before - waited - earlier - TICK..=SystemTime::now() - waited - earlier;
    assert!(accepted.contains(&record.accepted), "{accepted:?} {:?}", record.accepted);
    let Home { id, place } = home();
    assert_eq!((record.endpoint, record.place, record.storm), (id, place, false));
}

#[test]
fn f102_what_cannot_be_written_is_tried_again_a_second_later_and_holds_up_nothing() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    bench.push(2, OPENING);
    assert!(bench.follow());
    let sent = bench.deliver();
    let stuck = 3 - sent;
    let path = bench.stick(stuck);
    bench.push(stuck, OPENING);
    bench.push(3, OPENING);
    assert!(!bench.follow());
    assert_eq!(bench.says(), [trigger(3)], "what is delivered makes room for what is not");
    assert_eq!((bench.kept.has(stuck), bench.kept.has(3)), (false, true));
    let again = bench.now + AGAIN;
    assert_eq!((bench.kept.wake(bench.now), bench.kept.wake(again)), (Some(again), None));
    bench.now = again - TICK;
    assert!(bench.follow(), "it is not tried");
    fs::remove_dir_all(path).unwrap();
    assert!(bench.follow());
    assert_eq!(bench.says(), [trigger(3)], "nor now");
    bench.now = again;
    assert!(bench.follow());
    assert!(bench.says().contains(&trigger(stuck)) && bench.kept.has(stuck));
}

#[test]
fn f102_what_cannot_be_removed_is_tried_again_a_second_later() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    assert!(bench.follow());
    let path = bench.stick(1);
    bench.deliver();
    assert!(!bench.follow());
    let again = bench.now + AGAIN;
    assert_eq!((bench.kept.has(1), bench.kept.wake(bench.now)), (false, Some(again)));
    bench.now = again - TICK;
    assert!(bench.follow() && path.exists(), "it is not tried");
    fs::remove_dir_all(&path).unwrap();
    fs::write(&path, "").unwrap();
    assert!(bench.follow() && path.exists(), "nor now");
    bench.now = again;
    assert!(bench.follow() && !path.exists());
    assert_eq!(bench.kept.wake(Duration::ZERO), None);
}

#[test]
fn f102_in_a_hurry_nothing_waits_for_its_second() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    assert!(bench.follow());
    let path = bench.stick(1);
    bench.push(1, OPENING);
    assert!(!bench.follow());
    fs::remove_dir_all(path).unwrap();
    bench.kept.hurry();
    assert!(bench.follow() && bench.kept.has(1));
    assert_eq!(bench.says(), [trigger(1)]);
    // What is well stays so.
    bench.kept.hurry();
    assert!(bench.kept.has(1));
}

#[test]
fn f102_what_was_folded_into_a_storm_that_cannot_be_written_keeps_its_file() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    bench.push_storm(2);
    assert!(bench.follow());
    let is_storm: Vec<bool> = bench.records().iter().map(|(_, record)| record.storm).collect();
    assert_eq!(is_storm.iter().filter(|storm| **storm).count(), 1);
    // The first leaves the outbox, and the storm incident grows by it, but can't say so.
    assert_eq!(bench.deliver(), 1);
    let path = bench.stick(2);
    bench.push_storm(2);
    assert!(!bench.follow());
    assert_eq!(bench.titles(), ["title 1"]);
    bench.now += AGAIN - TICK;
    assert!(bench.follow());
    assert_eq!(bench.titles(), ["title 1"], "while it waits for its second, too");
    fs::remove_dir_all(path).unwrap();
    bench.now += TICK;
    assert!(bench.follow());
    assert_eq!(bench.titles(), ["title 2"]);
}

#[test]
fn f105_what_somebody_cleaned_up_is_written_anew() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    assert!(bench.follow());
    fs::remove_dir_all(&bench.dir).unwrap();
    assert!(bench.follow() && bench.kept.has(1));
    assert_eq!(bench.says(), [trigger(1)]);
    // What is well is not written again.
    let modified = |bench: &Bench| {
        let path = bench.records().remove(0).0;
        fs::File::options().write(true).open(path).unwrap()
    };
    modified(&bench).set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert!(bench.follow());
    let written = modified(&bench).metadata().unwrap().modified().unwrap();
    assert_eq!(written, SystemTime::UNIX_EPOCH);
}

#[test]
fn f101_a_directory_that_cannot_be_looked_at_is_left_alone_for_a_second() {
    let mut bench = Bench::new();
    bench.push(1, OPENING);
    assert!(bench.follow());
    let aside = bench.dir.with_extension("aside");
    let away = |bench: &Bench| {
        fs::rename(&bench.dir, &aside).unwrap();
        fs::write(&bench.dir, "").unwrap();
    };
    let back = |bench: &Bench| {
        fs::remove_file(&bench.dir).unwrap();
        fs::rename(&aside, &bench.dir).unwrap();
    };
    away(&bench);
    assert!(!bench.follow());
    assert!(!bench.kept.has(1), "who knows");
    let again = bench.now + AGAIN;
    assert_eq!((bench.kept.wake(bench.now), bench.kept.wake(again)), (Some(again), None));
    bench.now = again - TICK;
    assert!(bench.follow(), "it is not looked at");
    back(&bench);
    bench.push(2, OPENING);
    assert!(bench.follow());
    assert_eq!(bench.says(), [trigger(1)], "nor now");
    bench.now = again;
    assert!(bench.follow() && bench.kept.has(1) && bench.kept.has(2));
    // But at the end there is no later.
    away(&bench);
    assert!(!bench.follow());
    back(&bench);
    bench.push(3, OPENING);
    bench.kept.hurry();
    assert!(bench.follow() && bench.kept.has(3));
}

#[test]
fn f059_a_panics_file_that_its_thread_has_written_goes_when_it_is_delivered() {
    let mut bench = Bench::new();
    let words = |home| LastWords {
        spool: Arc::clone(&bench.spool),
        homes: vec![home],
        source: Source::default(),
    };
    let (words, elsewhere) = (words(Some(home())), words(None));
    let op = Op { panic: true, ..bench.op(1, OPENING) };
    elsewhere.keep(&op, bench.now);
    assert_eq!(bench.says(), [], "an endpoint that has no place in the spool");
    words.keep(&op, bench.now);
    assert_eq!(bench.says(), [trigger(1)]);
    bench.kept.foresee(&op);
    assert!(!bench.kept.has(1), "nobody knows whether it was written");
    bench.outbox.push(Box::new(op), bench.now);
    bench.deliver();
    assert!(bench.follow());
    assert_eq!(bench.says(), []);
    // What tells of no panic was written by nobody else.
    let op = bench.op(2, OPENING);
    bench.kept.foresee(&op);
    assert_eq!(bench.kept.wake(Duration::ZERO), None);
}
