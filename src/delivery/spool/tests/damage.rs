//! What is not whole is set aside, and nothing else.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use super::{super::adopt::Adopted, MINE, Record, Spool, dead, list, record, scratch, take};

const TITLES: [&str; 3] = ["a", "b", "c"];

/// The files of a dead run with three records, and who adopts it.
fn three(dir: &Path) -> (PathBuf, Vec<PathBuf>, Spool) {
    let run = dead(dir, &TITLES);
    let files = list(&run).iter().map(|name| run.join(name)).collect();
    (run, files, Spool::open(dir, false).unwrap())
}

/// Fails unless all that was adopted was written just so; returns its titles.
fn whole(adopted: &mut Adopted) -> Vec<String> {
    let records = super::whole(adopted).into_iter().map(|found| {
        assert_eq!(found, record(&found.title));
        found.title
    });
    let mut titles: Vec<_> = records.collect();
    titles.sort_unstable();
    titles
}

#[test]
fn f103_every_truncation_and_every_bit_flip_of_three_records() {
    let (_scratch, dir) = scratch();
    let (run, files, spool) = three(&dir);
    let (mut damaged, mut newer) = (0, 0);
    for file in &files {
        let good = fs::read(file).unwrap();
        let title = Record::decode(&good).unwrap().title;
        let others: Vec<&str> = TITLES.into_iter().filter(|other| *other != title).collect();
        let truncated = (0..good.len()).map(|length| good[..length].to_vec());
        let flipped = (0..good.len() * 8).map(|bit| {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        });
        for bytes in truncated.chain(flipped) {
            fs::write(file, &bytes).unwrap();
            let mut adopted = spool.adopt(&[MINE]);
            assert_eq!(whole(&mut adopted), others);
            // A version of 1 with a bit flipped may read as a later one, and is left alone.
            assert_eq!(adopted.set_aside + adopted.foreign, 1, "{}", bytes.escape_ascii());
            assert_eq!((file.exists(), adopted.failed), (adopted.foreign == 1, 0));
            (damaged, newer) = (damaged + adopted.set_aside, newer + adopted.foreign);
        }
        fs::write(file, &good).unwrap();
    }
    assert!(damaged > 8_000, "{damaged}");
    assert_eq!(newer, 3 * 3, "3, 5 and 9");
    assert_eq!(whole(&mut spool.adopt(&[MINE])), TITLES, "the twin");
    let quarantine = list(&dir.join("quarantine"));
    assert!(quarantine.iter().all(|name| name.starts_with(&list_name(&run))), "{quarantine:?}");
}

fn list_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[cfg(unix)]
#[test]
fn f103_what_was_never_a_record_is_set_aside_too() {
    use std::os::unix::{ffi::OsStrExt, fs::symlink, net::UnixListener};
    let (scratch, dir) = scratch();
    let (run, files, spool) = three(&dir);
    let name = |title: u64| format!("{MINE:08x}-{title:016x}.json");
    let outside = scratch.path().join("outside");
    fs::write(&outside, record("through a link").encode()).unwrap();
    let junk: Vec<u8> =
        (0..5_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(run.join(name(1)), [0; 4_096]).unwrap();
    fs::write(run.join(name(2)), junk).unwrap();
    fs::write(run.join(name(3)), "").unwrap();
    File::create(run.join(name(4))).unwrap().set_len(1 << 30).unwrap();
    let two = [fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap()].concat();
    fs::write(run.join(name(5)), two).unwrap();
    symlink(&outside, run.join(name(6))).unwrap();
    fs::create_dir(run.join(name(7))).unwrap();
    fs::write(run.join(name(7)).join("inside"), "").unwrap();
    let _socket = UnixListener::bind(run.join(name(8))).unwrap();
    for odd in [&b"not UTF-8 \xff.json"[..], b"no-record.json", &[b'x'; 255], b"a\nb"] {
        fs::copy(&files[0], run.join(std::ffi::OsStr::from_bytes(odd))).unwrap();
    }
    fs::write(run.join(".new-AbCdEf"), "half of a reco").unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!(whole(&mut adopted), TITLES);
    assert_eq!((adopted.set_aside, adopted.foreign, adopted.failed), (12, 0, 0));
    take(adopted);
    assert_eq!(list(&dir.join("quarantine")).len(), 12);
    assert!(!run.exists(), "nothing is left in it");
    assert_eq!(Record::decode(&fs::read(outside).unwrap()), Ok(record("through a link")));
}

#[test]
fn f103_records_that_changed_places_or_are_there_twice_are_still_records() {
    let (_scratch, dir) = scratch();
    let (run, files, spool) = three(&dir);
    let (first, second) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
    fs::write(&files[0], &second).unwrap();
    fs::write(&files[1], &first).unwrap();
    assert_eq!(whole(&mut spool.adopt(&[MINE])), TITLES);
    fs::write(run.join(format!("{MINE:08x}-{:016x}.json", 9)), &first).unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!((whole(&mut adopted).len(), adopted.set_aside), (4, 0));
}

#[test]
fn f103_quarantine_has_room_for_64_files_and_no_link_leads_elsewhere() {
    let (_scratch, dir) = scratch();
    let run = dead(&dir, &["a"]);
    for n in 0..100 {
        fs::write(run.join(format!("junk {n}")), "x").unwrap();
    }
    let spool = Spool::open(&dir, false).unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!((whole(&mut adopted), adopted.set_aside), (vec!["a".to_owned()], 100));
    assert_eq!(list(&dir.join("quarantine")).len(), 64);
    take(adopted);
    assert!(!run.exists());

    fs::remove_dir_all(dir.join("quarantine")).unwrap();
    let elsewhere = dir.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&elsewhere, dir.join("quarantine")).unwrap();
    #[cfg(not(unix))]
    fs::write(dir.join("quarantine"), "").unwrap();
    let run = dead(&dir, &["a"]);
    fs::write(run.join("junk"), "x").unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!(
        (whole(&mut adopted), adopted.set_aside, adopted.failed),
        (vec!["a".to_owned()], 0, 1)
    );
    assert_eq!(list(&elsewhere), [""; 0]);
    assert!(run.join("junk").exists(), "it stays");
}

#[test]
fn f109_what_is_anothers_or_a_later_versions_is_left_alone() {
    let (_scratch, dir) = scratch();
    let other = Record { endpoint: 8, ..record("of another token") };
    let first = Spool::open(&dir, false).unwrap();
    first.write(&record("a")).unwrap();
    first.write(&other).unwrap();
    let run = super::own_dir(&first);
    drop(first);
    // Its name says that it is ours, which must not be enough.
    fs::write(run.join(format!("{MINE:08x}-{:016x}.json", 1)), other.encode()).unwrap();
    let mut later = File::create(run.join(format!("{MINE:08x}-{:016x}.json", 2))).unwrap();
    later.write_all(b"tracing-spike spool 2 of a shape that we don't know\n\xff").unwrap();
    let spool = Spool::open(&dir, false).unwrap();
    for _ in 0..2 {
        let mut adopted = spool.adopt(&[MINE]);
        assert_eq!(
            (whole(&mut adopted), adopted.set_aside, adopted.foreign),
            (vec!["a".to_owned()], 0, 3)
        );
    }
    assert_eq!(take(spool.adopt(&[MINE])), ["a"]);
    assert_eq!(list(&run).len(), 3);
    // Whose they are finds them, while we look: what is not ours is not held.
    let _looking = spool.adopt(&[MINE]);
    let mut adopted = Spool::open(&dir, false).unwrap().adopt(&[8]);
    assert_eq!((adopted.records.len(), adopted.foreign), (1, 2));
    assert_eq!(super::whole(&mut adopted), [other]);
}

#[test]
fn a_lock_without_a_run_and_a_run_without_a_lock_are_dead() {
    let (_scratch, dir) = scratch();
    let run = dead(&dir, &["a"]);
    fs::remove_file(run.with_extension("lock")).unwrap();
    fs::write(dir.join("1-00112233445566aa.lock"), "").unwrap();
    // Too long for a name with `.lock` behind it, which is told as what can't be read.
    let long = format!("{}1-00112233445566aa", "0".repeat(233));
    fs::write(dir.join(&long), "").unwrap();
    // Nor is this the lock of one.
    fs::create_dir(dir.join("3-00112233445566aa.lock")).unwrap();
    // None of these is a run's.
    let others = [
        "1-00112233445566a.lock",
        "1-00112233445566ag",
        "1-00112233445566ax.lock",
        "2-00112233445566aa",
        "4-00112233445566aa",
        "notes.txt",
        "x-00112233445566aa.lock",
    ];
    others.iter().for_each(|other| fs::write(dir.join(other), "").unwrap());
    let spool = Spool::open(&dir, false).unwrap();
    let adopted = spool.adopt(&[MINE]);
    assert_eq!((adopted.failed, adopted.set_aside), (1, 0));
    assert_eq!(take(adopted), ["a"]);
    drop(spool);
    let mut left = [&[long.as_str(), "3-00112233445566aa.lock"], &others[..]].concat();
    left.sort_unstable();
    assert_eq!(list(&dir), left, "what is no run's is left alone");
}

#[cfg(unix)]
#[test]
fn f100_no_link_is_taken_for_a_run() {
    use std::os::unix::fs::symlink;
    let (scratch, dir) = scratch();
    let run = dead(&dir, &["a"]);
    let outside = scratch.path().join("outside");
    fs::rename(&run, &outside).unwrap();
    symlink(&outside, &run).unwrap();
    let spool = Spool::open(&dir, false).unwrap();
    assert!(spool.adopt(&[MINE]).records.is_empty());
    assert_eq!(list(&outside).len(), 1);
    fs::remove_file(&run).unwrap();
    fs::rename(&outside, &run).unwrap();
    // Nor for a lock.
    let lock = run.with_extension("lock");
    let target = scratch.path().join("target");
    fs::rename(&lock, &target).unwrap();
    symlink(&target, &lock).unwrap();
    assert!(spool.adopt(&[MINE]).records.is_empty());
    fs::remove_file(&lock).unwrap();
    assert_eq!(take(spool.adopt(&[MINE])), ["a"], "the twin");
}
