//! Where a spool may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{super::SpoolError, MINE, Spool, dead, list, own_dir, record, scratch, take};
use crate::webhook::Webhook;

/// The sentence with which a directory is refused.
fn refusal(dir: &Path) -> String {
    match Spool::open(dir, true) {
        Err(error @ SpoolError::Refused { .. }) => error.to_string(),
        other => panic!("{}: {other:?}", dir.display()),
    }
}

#[test]
fn f100_a_directory_is_made_wherever_one_can_be() {
    let (scratch, dir) = scratch();
    let long = (0..18).fold(dir.clone(), |dir, _| dir.join("x".repeat(200)));
    let dirs = [
        dir.clone(),
        dir.join("with/parents"),
        scratch.path().join("with a\nnewline"),
        scratch.path().join("with a slash/"),
        long,
    ];
    for dir in dirs {
        dead(&dir, &["a"]);
        let spool = Spool::open(&dir, true).unwrap();
        assert_eq!(take(spool.adopt(&[MINE])), ["a"], "{}", dir.display());
    }
}

#[cfg(unix)]
#[test]
fn f100_what_is_no_directory_of_ours_alone_is_refused_in_one_sentence() {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    let (scratch, dir) = scratch();
    let path = |name: &str| scratch.path().join(name);
    fs::write(path("file"), "").unwrap();
    fs::create_dir(path("real")).unwrap();
    symlink(path("real"), path("link")).unwrap();
    symlink(path("nowhere"), path("dangling")).unwrap();
    for (name, mode) in [("of all", 0o777), ("of a group", 0o770)] {
        fs::create_dir(path(name)).unwrap();
        fs::set_permissions(path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let table = [
        (path("file"), "expected a directory, found something else"),
        (path("file/below"), "the directory can't be made: "),
        (path("link"), "expected a directory, found a symbolic link"),
        (path("link/"), "expected a directory, found a symbolic link"),
        (path("link/."), "expected a directory, found a symbolic link"),
        (path("dangling"), "expected a directory, found a symbolic link"),
        (path("of all"), "expected a directory that only its owner can write to, found "),
        (path("of a group"), "expected a directory that only its owner can write to, found "),
        (path("with a \0"), "the directory can't be made: "),
        (path(&"x".repeat(4_096)), "the directory can't be made: "),
        (PathBuf::new(), "expected the path of a directory: "),
        ("https://hooks.spike.sh/not-secret-1/push-events".into(), "expected a directory, found "),
    ];
    for (dir, expected) in table {
        let found = refusal(&dir);
        assert!(found.starts_with(expected), "{}: {found}", dir.display());
        assert!(!found.contains("not-secret-1") && !found.contains('\n'), "{found}");
    }
    assert!(!Path::new("https:").exists());
    assert_eq!(list(&path("real")), [""; 0], "nothing was put behind the link");
    // Where it says that one may be.
    Spool::open(&path("of all").join("ours"), false).unwrap();
    fs::set_permissions(path("real"), fs::Permissions::from_mode(0o755)).unwrap();
    Spool::open(&path("real"), false).unwrap();

    fs::create_dir(&dir).unwrap();
    // Only root can give a directory away; who is not root has none that he may write to.
    if chown(&dir, Some(65_534), None).is_ok() {
        let found = refusal(&dir);
        assert!(found.contains("of the user that the program runs as, found another's"), "{found}");
        assert_eq!(list(&dir), [""; 0], "no lock is left");
    } else {
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o500)).unwrap();
        assert!(refusal(&dir).starts_with("no file can be made in the directory: "));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn f100_a_directory_whose_path_is_too_long_for_a_file_in_it_is_refused() {
    let (_scratch, mut dir) = scratch();
    // A path has at most 4,095 bytes.
    while let left @ 1.. = 4_080_usize.saturating_sub(dir.as_os_str().len() + 1) {
        dir.push("x".repeat(left.min(200)));
    }
    let found = refusal(&dir);
    assert!(found.starts_with("no file can be made in the directory: "), "{found}");
    assert_eq!(list(&dir), [""; 0]);
}

#[cfg(unix)]
#[test]
fn f100_what_may_pass_by_itself_is_told_from_what_a_person_has_to_change() {
    let of = |code| SpoolError::Refused {
        why: "the directory can't be made",
        source: Some(std::io::Error::from_raw_os_error(code)),
    };
    for passing in [libc::ENOSPC, libc::EDQUOT, libc::EROFS, libc::EMFILE, libc::ENFILE, libc::EIO]
    {
        assert!(of(passing).may_pass(), "{}", of(passing));
    }
    for stays in [libc::EACCES, libc::EPERM, libc::ENOTDIR, libc::ENOENT, libc::ELOOP] {
        assert!(!of(stays).may_pass(), "{}", of(stays));
    }
    let (scratch, _) = scratch();
    fs::write(scratch.path().join("file"), "").unwrap();
    assert!(!Spool::open(&scratch.path().join("file"), false).unwrap_err().may_pass());
}

#[test]
fn f101_a_spool_that_could_not_be_opened_is_when_there_is_something_to_write() {
    let (_scratch, dir) = scratch();
    dead(&dir, &["a"]);
    // As a full disk does: there can be no directory.
    let aside = dir.with_extension("aside");
    fs::rename(&dir, &aside).unwrap();
    fs::write(&dir, "").unwrap();
    let spool = Spool::closed_for_now(&dir, false).unwrap();
    spool.write(&record("b")).unwrap_err();
    spool.look().unwrap_err();
    spool.remove(MINE, "b").unwrap_err();
    fs::remove_file(&dir).unwrap();
    fs::rename(&aside, &dir).unwrap();
    let mut adopted = spool.adopt(&[MINE]);
    assert_eq!(super::whole(&mut adopted), [record("a")], "what can be read is");
    spool.remove(MINE, "b").unwrap();
    assert_eq!(take(adopted), ["a"]);
    assert_eq!(list(&dir), [""; 0], "there was nothing to write yet");
    spool.write(&record("b")).unwrap();
    assert_eq!(list(&own_dir(&spool)).len(), 1);
    drop(spool);
    let spool = Spool::open(&dir, false).unwrap();
    assert_eq!(take(spool.adopt(&[MINE])), ["b"]);
    assert!(Spool::closed_for_now(Path::new("https://hooks.spike.sh"), false).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn f115_where_nothing_can_be_written_there_is_no_spool() {
    for dir in ["/proc/spool", "/sys/spool"] {
        let found = refusal(Path::new(dir));
        assert!(found.starts_with("the directory can't be made: "), "{found}");
    }
}

#[cfg(unix)]
#[test]
fn f100_nobody_else_can_read_what_is_written() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (scratch, _) = scratch();
    let (parent, dir) = (scratch.path().join("made"), scratch.path().join("made/too"));
    let run = dead(&dir, &["bad"]);
    fs::write(run.join("junk"), "").unwrap();
    let spool = Spool::open(&dir, true).unwrap();
    assert_eq!(spool.adopt(&[MINE]).set_aside, 1);
    spool.write(&record("a")).unwrap();
    let own = own_dir(&spool);
    for path in [&parent, &dir, &own, &dir.join("quarantine")] {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let file = own.join(&list(&own)[0]);
    for path in [file, own.with_extension("lock")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn f109_a_webhook_is_told_from_others_without_its_token() {
    let id = |url: &str| Webhook::parse(url, "builder(url)").unwrap().id();
    let first = id("https://hooks.spike.sh/abcd1234EFGH/push-events");
    assert_eq!(first, id("https://hooks.spike.sh/abcd1234EFGH/push-events"));
    assert_eq!(first, FIRST, "what was written by earlier versions is still found");
    assert_ne!(first, id("https://hooks.spike.sh/abcd1234EFGI/push-events"));
    assert_ne!(first, id("https://hooks.spike.sh:8443/abcd1234EFGH/push-events"));
}

/// The id of that webhook in version 1 of the format.
const FIRST: u32 = 3_836_206_566;
