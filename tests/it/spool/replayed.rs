//! What a later run makes of what an earlier one has left.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    time::Duration,
};

use serde_json::Value;
use tracing_spike::{
    Guard, Handle, Incident, Severity,
    sandbox::{self, Fault, Sandbox},
};

use super::{alter, directory, files, read_record, records, run_with};
use crate::rig::{TOKEN, eventually};

const HOUR: u64 = 3_600;

/// A run that delivers nothing says what `say` does, and ends; a later one finds so many records.
pub(super) fn leave(sandbox: &Sandbox, dir: &Path, count: usize, say: impl FnOnce(&Handle)) {
    sandbox.fault(Fault::Status(503));
    let (_dispatch, guard) =
        run_with(sandbox, TOKEN, dir, |builder| builder.budget(1_000, 1_000).queue_capacity(1_000));
    say(&guard.handle());
    eventually("all is in the spool", || (records(dir) == count).then_some(()));
    drop(guard);
    // A last request that is on its way is refused, too: it comes before this one is answered.
    let mut page = TcpStream::connect(place(sandbox)).unwrap();
    page.write_all(b"GET / HTTP/1.1\r\nhost: it\r\nconnection: close\r\n\r\n").unwrap();
    page.read_to_end(&mut Vec::new()).unwrap();
    sandbox.clear_faults();
}

/// The sandbox's host and port.
fn place(sandbox: &Sandbox) -> String {
    let url = sandbox.url_for(TOKEN);
    url.split('/').nth(2).unwrap().to_owned()
}

pub(super) fn open(handle: &Handle, title: &str) {
    handle.trigger(Incident::new(title)).unwrap();
}

/// The next run, with nothing in its way; with the first `count` incidents that it opens.
pub(super) fn next(sandbox: &Sandbox, dir: &Path) -> Guard {
    run_with(sandbox, TOKEN, dir, |builder| builder).1
}

fn settled(guard: &Guard, dir: &Path) -> tracing_spike::Stats {
    let handle = guard.handle();
    eventually("all is settled", || {
        let stats = handle.stats();
        // What is in motion may be counted nowhere yet.
        let at_rest = stats.pending == 0 && stats.seen == stats.accounted();
        (stats.replayed > 0 && at_rest && records(dir) == 0).then_some(stats)
    })
}

fn titled<'a>(incidents: &'a [sandbox::Incident], title: &str) -> &'a sandbox::Incident {
    incidents.iter().find(|one| one.title() == title).unwrap_or_else(|| panic!("{incidents:#?}"))
}

/// What the records in the spool say, by this title.
fn recorded(dir: &Path, title: &str) -> Option<Value> {
    let said = files(dir).into_iter().filter_map(|(_, bytes)| read_record(&bytes));
    said.into_iter().find(|record| record["title"] == title)
}

#[test]
fn f105_the_most_severe_and_the_oldest_page_and_the_storm_incident_tells_the_rest() {
    const WORDS: [&str; 5] = ["alpha", "bravo", "charlie", "delta", "echo"];
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let titles: Vec<String> =
        (0..40).map(|n| format!("{} {} failed", WORDS[n / 8 % 5], "x".repeat(n % 8 + 1))).collect();
    let severity = |n: usize| match n % 8 {
        0 => Severity::Sev1,
        1 | 2 => Severity::Sev2,
        _ => Severity::Sev3,
    };
    leave(&sandbox, &dir, 40, |handle| {
        for (n, title) in titles.iter().enumerate() {
            handle.trigger(Incident::new(title).severity(severity(n))).unwrap();
        }
    });
    // The later in the list, the longer ago.
    for (path, record) in super::all_records(&dir) {
        let at = titles.iter().position(|title| record["title"] == title.as_str()).unwrap() as u64;
        alter(&path, |record| record["accepted"] = (now() - 60_000 - at * 100).into());
    }
    let wanted: Vec<&String> = {
        let of = |wanted| titles.iter().enumerate().filter(move |(n, _)| severity(*n) == wanted);
        let ten = of(Severity::Sev1).chain(of(Severity::Sev2).rev().take(5));
        ten.map(|(_, title)| title).collect()
    };

    // A run that can't deliver takes over, and what it has folded is in its own file: a kill here
    // would lose no count.
    sandbox.fault(Fault::Status(503));
    let second = next(&sandbox, &dir);
    let storm = eventually("what is left is told by eleven", || {
        (records(&dir) == 11).then(|| recorded(&dir, "error storm in it")).flatten()
    });
    assert_eq!((&storm["count"], &storm["storm"]), (&30.into(), &true.into()), "{storm}");
    for title in &wanted {
        assert!(recorded(&dir, title).is_some(), "{title}");
    }
    drop(second);
    let stats = second_stats(&sandbox, &dir);
    assert_eq!((stats.replayed, stats.delivered), (11, 11), "{stats:?}");
    let incidents = sandbox.incidents();
    assert_eq!(incidents.len(), 11, "{incidents:#?}");
    for title in wanted {
        assert_eq!(titled(&incidents, title).body()["occurrences"]["count"], 1);
    }
    let storm = titled(&incidents, "error storm in it");
    assert_eq!(storm.body()["occurrences"]["count"], 30, "{storm:?}");
    fs::remove_dir_all(dir).unwrap();
}

fn second_stats(sandbox: &Sandbox, dir: &Path) -> tracing_spike::Stats {
    sandbox.clear_faults();
    let guard = next(sandbox, dir);
    let stats = settled(&guard, dir);
    assert_eq!((stats.seen, stats.undelivered()), (stats.accounted(), 0), "{stats:?}");
    stats
}

/// Milliseconds since 1970.
fn now() -> u64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    since.as_millis() as u64
}

#[test]
fn f105_storms_of_several_dead_runs_add_up() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    for _ in 0..2 {
        sandbox.fault(Fault::Status(503));
        let (_dispatch, guard) =
            run_with(&sandbox, TOKEN, &dir.join("apart"), |builder| builder.budget(1, 1));
        for title in ["one failed", "two failed", "three failed", "four failed"] {
            open(&guard.handle(), title);
        }
        eventually("all is in the spool", || {
            let storm = recorded(&dir.join("apart"), "error storm in it")?;
            (storm["count"] == 3).then_some(())
        });
        drop(guard);
        // Else the second run would take over the first one's.
        fs::create_dir_all(dir.join("all")).unwrap();
        for entry in fs::read_dir(dir.join("apart")).unwrap() {
            let path = entry.unwrap().path();
            fs::rename(&path, dir.join("all").join(path.file_name().unwrap())).unwrap();
        }
    }
    let all = dir.join("all");
    assert_eq!(records(&all), 4);
    second_stats(&sandbox, &all);
    let incidents = sandbox.incidents();
    assert_eq!(incidents.len(), 2, "{incidents:#?}");
    assert_eq!(titled(&incidents, "error storm in it").body()["occurrences"]["count"], 6);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_resolve_takes_the_place_of_its_trigger() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    leave(&sandbox, &dir, 1, |handle| {
        open(handle, "disk is full");
        eventually("it was tried", || (handle.stats().retries > 0).then_some(()));
        handle.resolve("disk is full").unwrap();
        eventually("that is its last word", || {
            (recorded(&dir, "disk is full")?["says"] == "resolve").then_some(())
        });
    });
    second_stats(&sandbox, &dir);
    let last = sandbox.requests().pop().unwrap();
    assert!(last.is_resolve() && last.title() == Some("disk is full"), "{last:?}");
    assert!(sandbox.incidents().is_empty(), "it was never opened: {:?}", sandbox.incidents());
    fs::remove_dir_all(dir).unwrap();
}

/// How long ago it was accepted, or how far in the future.
fn aged(dir: &Path, title: &str, age: i64) {
    for (path, record) in super::all_records(dir) {
        if record["title"] == title {
            let accepted = now().saturating_add_signed(-age * 1_000);
            alter(&path, |record| record["accepted"] = accepted.into());
        }
    }
}

#[test]
fn f110_what_is_late_says_so_and_what_is_too_old_is_counted_and_told_together() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let hour = HOUR as i64;
    let ages = [
        ("two minutes soon", 100),
        ("two minutes ago", 121),
        ("six hours soon", 6 * hour - 20),
        ("six hours ago", 6 * hour + 1),
        ("ten years ago", 10 * 365 * 24 * hour),
        ("an hour ahead", -hour),
        ("ten years ahead", -10 * 365 * 24 * hour),
    ];
    leave(&sandbox, &dir, ages.len(), |handle| {
        ages.iter().for_each(|(title, _)| open(handle, title));
    });
    ages.iter().for_each(|(title, age)| aged(&dir, title, *age));
    let guard = next(&sandbox, &dir);
    let stats = settled(&guard, &dir);
    assert_eq!(stats.replayed, 7, "{stats:?}");
    // One of the two opens the storm incident, which is delivered.
    assert_eq!((stats.delivered, stats.lost.expired), (6, 1), "{stats:?}");
    assert_eq!(stats.seen, stats.accounted());
    let incidents = sandbox.incidents();
    let delayed = |title| titled(&incidents, title).body().get("delayed").cloned();
    for title in ["two minutes soon", "an hour ahead", "ten years ahead"] {
        assert_eq!(delayed(title), None, "{title}");
    }
    let seconds = |title| delayed(title).unwrap()["seconds"].as_u64().unwrap();
    assert!((121..200).contains(&seconds("two minutes ago")));
    assert!((6 * HOUR - 20..6 * HOUR + 60).contains(&seconds("six hours soon")));
    assert!(delayed("two minutes ago").unwrap()["occurred"].as_str().unwrap().ends_with('Z'));
    let storm = titled(&incidents, "error storm in it");
    assert_eq!(storm.body()["occurrences"]["count"], 2, "{storm:?}");
    assert_eq!(incidents.len(), 6);
    drop(guard);
    fs::remove_dir_all(dir).unwrap();
}

/// What is done to a file.
type Damage = fn(&mut Vec<u8>);

#[test]
fn f103_what_is_damaged_is_set_aside_and_the_rest_is_delivered() {
    let damages: [(&str, Damage); 8] = [
        ("nothing left", Vec::clear),
        ("the header alone", |bytes| bytes.truncate(30)),
        ("half of it", |bytes| bytes.truncate(bytes.len() / 2)),
        ("its last byte gone", |bytes| bytes.truncate(bytes.len() - 1)),
        ("a bit of the header", |bytes| bytes[25] ^= 1),
        ("a bit of the title", |bytes| {
            let at = bytes.windows(3).position(|word| word == b"two").unwrap();
            bytes[at] ^= 4;
        }),
        ("a page of zeros", |bytes| *bytes = vec![0; 4_096]),
        ("something after it", |bytes| bytes.push(b'\n')),
    ];
    for (what, damage) in damages {
        let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
        leave(&sandbox, &dir, 3, |handle| {
            ["one failed", "two failed", "three failed"].iter().for_each(|one| open(handle, one));
        });
        for (path, record) in super::all_records(&dir) {
            if record["title"] == "two failed" {
                let mut bytes = fs::read(&path).unwrap();
                damage(&mut bytes);
                fs::write(path, bytes).unwrap();
            }
        }
        let guard = next(&sandbox, &dir);
        let stats = settled(&guard, &dir);
        assert_eq!((stats.delivered, stats.set_aside), (2, 1), "{what}: {stats:?}");
        let mut titles: Vec<_> =
            sandbox.incidents().iter().map(|one| one.title().to_owned()).collect();
        titles.sort();
        assert_eq!(titles, ["one failed", "three failed"], "{what}");
        drop(guard);
        eventually("only what was set aside is left", || {
            let files = files(&dir);
            (files.len() == 1 && files[0].0.starts_with(dir.join("quarantine"))).then_some(())
        });
        fs::remove_dir_all(dir).unwrap();
    }
}

#[test]
fn a_replay_waits_for_room_and_loses_nothing() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    leave(&sandbox, &dir, 12, |handle| {
        (0..12).for_each(|n| open(handle, &format!("{} failed", "x".repeat(n + 1))));
    });
    let (_dispatch, guard) =
        run_with(&sandbox, TOKEN, &dir, |builder| builder.queue_capacity(5).budget(100, 100));
    let stats = eventually("all is delivered", || {
        Some(guard.handle().stats()).filter(|stats| stats.delivered == 12)
    });
    assert_eq!((stats.replayed, stats.refused.full), (12, 0), "{stats:?}");
    drop(guard);
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn what_an_earlier_run_has_told_again_is_one_occurrence_more_of_what_is_open() {
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    leave(&sandbox, &dir, 1, |handle| open(handle, "disk is full"));
    sandbox.fault(Fault::Hang);
    let (_dispatch, guard) = run_with(&sandbox, TOKEN, &dir, |builder| {
        builder.shutdown_timeout(Duration::from_millis(50))
    });
    open(&guard.handle(), "disk is full");
    let stats = eventually("both are known", || {
        Some(guard.handle().stats()).filter(|stats| stats.accounted() == 2)
    });
    assert_eq!((stats.suppressed.repeat, stats.pending), (1, 1), "{stats:?}");
    drop(guard);
    fs::remove_dir_all(dir).unwrap();
}

/// Whether no run holds its lock.
fn all_are_dead(dir: &Path) -> bool {
    let locks = files(dir).into_iter().map(|(path, _)| path);
    let mut locks = locks.filter(|path| path.extension().is_some_and(|end| end == "lock"));
    locks.all(|lock| fs::File::open(lock).map_or(true, |lock| lock.try_lock().is_ok()))
}

#[test]
fn f105_a_run_that_ends_amid_its_replay_leaves_nothing_to_be_paged_twice() {
    const MANY: usize = 150;
    let (sandbox, dir) = (Sandbox::start().unwrap(), directory());
    let title = |n: usize| format!("{} {} failed", "x".repeat(n % 10 + 1), "y".repeat(n / 10 + 1));
    leave(&sandbox, &dir, MANY, |handle| (0..MANY).for_each(|n| open(handle, &title(n))));
    let run = |timeout| {
        run_with(&sandbox, TOKEN, &dir, |builder| {
            builder.budget(1_000, 1_000).shutdown_timeout(Duration::from_millis(timeout))
        })
    };
    for delivered in [0, 5] {
        let (_dispatch, guard) = run(0);
        let handle = guard.handle();
        eventually("it is amid its replay", || {
            let stats = handle.stats();
            (stats.replayed > 0 && stats.delivered >= delivered).then_some(())
        });
        drop(guard);
        eventually("its worker has ended", || all_are_dead(&dir).then_some(()));
        let stats = handle.stats();
        assert_eq!((stats.undelivered(), stats.seen), (0, stats.accounted()), "{stats:?}");
    }
    let (_dispatch, guard) = run(200);
    settled(&guard, &dir);
    drop(guard);
    let mut accepted: Vec<_> = sandbox.requests();
    accepted.retain(|request| request.status() == Some(200));
    let of = |title: &str| accepted.iter().filter(|one| one.title() == Some(title)).count();
    let counts: Vec<usize> = (0..MANY).map(|n| of(&title(n))).collect();
    assert!(counts.iter().all(|count| *count >= 1), "{counts:?}");
    // That which was in flight as a run ended.
    assert!(counts.iter().sum::<usize>() <= MANY + 2, "{counts:?}");
    fs::remove_dir_all(dir).unwrap();
}
