//! Several runs, of one process and of several, with one spool.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Stdio},
    sync::{Barrier, Mutex},
    thread,
    time::{Duration, Instant},
};

use super::{MINE, Record, Spool, child, dead, list, me, own_dir, record, role, scratch, take};

const ADOPTS: &str = "sharing::f108_each_record_is_adopted_by_one_of_several_processes";
const KILLED: &str = "sharing::f105_what_was_written_survives_a_kill";
const REPLACED: &str = "sharing::f116_a_program_that_replaces_itself_adopts_its_own_run";

/// Every wait ends by then.
const DEADLINE: Duration = Duration::from_secs(20);

/// Takes over what dead runs have left, each record by way of the own run; returns the titles.
fn adopt(spool: &Spool) -> Vec<String> {
    let mut adopted = spool.adopt(&[MINE]);
    let mut titles = Vec::new();
    for (record, found) in std::mem::take(&mut adopted.records) {
        spool.write(&adopted.read(&found).unwrap()).unwrap();
        adopted.take_over(&found).unwrap();
        titles.push(record.title);
    }
    titles
}

/// Adopts until nobody else has anything left.
fn adopt_all(dir: &Path, spool: &Spool) -> Vec<String> {
    let deadline = Instant::now() + DEADLINE;
    let own = own_dir(spool);
    let own = own.file_name().unwrap().to_str().unwrap();
    let mut titles = Vec::new();
    // A run that another holds while we look may come free again.
    while list(dir).iter().any(|name| !name.starts_with(own)) {
        assert!(Instant::now() < deadline, "{:?}", list(dir));
        titles.extend(adopt(spool));
        thread::yield_now();
    }
    titles
}

#[test]
fn f108_two_runs_that_begin_at_once_adopt_each_record_once() {
    let (_scratch, dir) = scratch();
    for round in 0..1_000 {
        dead(&dir, &["a", "b"]);
        dead(&dir, &["c"]);
        let barrier = Barrier::new(2);
        let taken = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    barrier.wait();
                    let spool = Spool::open(&dir, false).unwrap();
                    let titles = adopt(&spool);
                    for title in &titles {
                        spool.remove(MINE, title).unwrap();
                    }
                    crate::lock::lock(&taken).extend(titles);
                });
            }
        });
        let mut taken = taken.into_inner().unwrap();
        taken.sort();
        assert_eq!(taken, ["a", "b", "c"], "round {round}");
        assert_eq!(list(&dir), [""; 0], "round {round}");
    }
}

#[test]
fn f108_a_thousand_runs_that_come_and_go_lose_nothing_and_leave_nothing() {
    let (_scratch, dir) = scratch();
    let taken = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in 0..8 {
            let (dir, taken) = (&dir, &taken);
            scope.spawn(move || {
                for run in 0..125 {
                    let spool = Spool::open(dir, false).unwrap();
                    spool.write(&record(&format!("{worker} {run}"))).unwrap();
                    // Dies with what it has written, for one of the others.
                    let mut adopted = spool.adopt(&[MINE]);
                    for (record, found) in std::mem::take(&mut adopted.records) {
                        adopted.take_over(&found).unwrap();
                        crate::lock::lock(taken).push(record.title);
                    }
                }
            });
        }
    });
    let mut taken = taken.into_inner().unwrap();
    let last = Spool::open(&dir, false).unwrap();
    loop {
        let adopted = last.adopt(&[MINE]);
        let more = adopted.more;
        taken.extend(take(adopted));
        if !more {
            break;
        }
    }
    drop(last);
    let each: BTreeSet<_> = taken.iter().collect();
    assert_eq!((taken.len(), each.len()), (1_000, 1_000), "each record once");
    assert_eq!(list(&dir), [""; 0]);
}

#[test]
fn f108_each_record_is_adopted_by_one_of_several_processes() {
    if let Some(dir) = role(ADOPTS) {
        let spool = Spool::open(&dir, false).unwrap();
        let mut titles = adopt(&spool);
        // The others' live runs are there too, so look until nothing new is found.
        for _ in 0..20 {
            thread::yield_now();
            titles.extend(adopt(&spool));
        }
        for title in titles {
            say(&title);
            spool.remove(MINE, &title).unwrap();
        }
        return;
    }
    let (_scratch, dir) = scratch();
    let titles: Vec<String> = (0..200).map(|n| format!("title {n:03}")).collect();
    for pair in titles.chunks(2) {
        dead(&dir, &[&pair[0], &pair[1]]);
    }
    let children: Vec<Child> =
        (0..4).map(|_| child(&mut me(), ADOPTS, &dir).spawn().unwrap()).collect();
    let mut found = Vec::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        found.extend(said(&String::from_utf8(output.stdout).unwrap()));
    }
    // What somebody else held at the time is left for who comes later.
    let spool = Spool::open(&dir, false).unwrap();
    found.extend(adopt_all(&dir, &spool));
    found.sort();
    assert_eq!(found, titles, "each once");
}

/// Tells the test that started this process.
fn say(what: &str) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "said: {what}").unwrap();
    stdout.flush().unwrap();
}

/// What a child has told; the harness writes to the same stream.
fn said(stdout: &str) -> Vec<String> {
    let said = stdout.lines().filter_map(|line| line.split_once("said: "));
    said.map(|(_, what)| what.to_owned()).collect()
}

#[cfg(unix)]
#[test]
fn f105_what_was_written_survives_a_kill() {
    if let Some(dir) = role(KILLED) {
        let spool = Spool::open(&dir, false).unwrap();
        for n in 0.. {
            let title = format!("title {}", n % 20);
            spool.write(&Record { count: n, ..record(&title) }).unwrap();
            say(&format!("{n}"));
        }
    }
    let (_scratch, dir) = scratch();
    let spool = Spool::open(&dir, false).unwrap();
    for round in 0..40 {
        let mut child = child(&mut me(), KILLED, &dir).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let told = |line: String| Some(line.split_once("said: ")?.1.parse::<u64>().unwrap());
        let mut last = lines.by_ref().filter_map(told).nth(round * 7).unwrap();
        child.kill().unwrap();
        last = lines.filter_map(told).last().unwrap_or(last);
        child.wait().unwrap();
        let adopted = spool.adopt(&[MINE]);
        assert_eq!(adopted.set_aside + adopted.failed, 0, "{adopted:?}");
        for (found, _) in &adopted.records {
            // What was said of the title, or what was about to be.
            let newest = (0..=last).rev().find(|n| n % 20 == found.count % 20);
            assert!(newest.is_none_or(|newest| found.count >= newest), "{} {last}", found.count);
        }
        let expected = usize::try_from(last + 1).unwrap().min(20);
        assert!((expected..=expected + 1).contains(&adopted.records.len()), "{last} {adopted:?}");
        take(adopted);
    }
    drop(spool);
    assert_eq!(list(&dir), [""; 0], "no lock is stuck, and no file that is not whole is left");
}

#[cfg(unix)]
#[test]
fn f116_a_program_that_replaces_itself_adopts_its_own_run() {
    use std::os::unix::process::CommandExt;
    if let Some(dir) = role(REPLACED) {
        let spool = Spool::open(&dir, false).unwrap();
        if std::env::var_os("SPOOL_TEST_SECOND").is_some() {
            adopt(&spool).iter().for_each(|title| say(title));
            let pid = format!("{}-", std::process::id());
            let own = list(&dir).iter().all(|name| name.starts_with(&pid));
            say(if own { "the pid is the same" } else { "another pid" });
            return;
        }
        spool.write(&record("written before")).unwrap();
        let mut again = child(&mut me(), REPLACED, &dir);
        again.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        let error = again.env("SPOOL_TEST_SECOND", "").exec();
        panic!("{error}");
    }
    let (_scratch, dir) = scratch();
    let output = child(&mut me(), REPLACED, &dir).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = said(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(said, ["written before", "the pid is the same"]);
}
