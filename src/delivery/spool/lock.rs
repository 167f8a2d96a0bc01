//! A run's place in the spool: its lock `{run}.lock` and its directory `{run}`.
//!
//! Invariants: a lock is taken before its directory is made, and removed after it, so that a
//! directory whose lock nobody holds is that of a dead run; who got a lock has the file that is
//! there under its name, not one that was removed meanwhile; no symlink is followed.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    hash::{BuildHasher, RandomState},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    process,
};

use super::root::{gone_is_fine, is_dir};

/// What the name of a lock ends with.
const LOCK: &str = ".lock";
/// Hexadecimal digits of chance in a run's name.
const CHANCE: usize = 16;

/// A lock that is held as long as this lives.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) file: File,
    path: PathBuf,
}

/// Why no lock was got.
#[derive(Debug)]
pub(super) enum NoLock {
    /// Somebody holds it, or removed it meanwhile.
    Held,
    /// The file can't be made or opened.
    File(io::Error),
    /// The file system has no locks.
    Unsupported(io::Error),
}

impl Lock {
    /// Makes and takes the lock of `run` in `root`, of which there is none yet.
    pub(super) fn make(root: &Path, run: &str) -> Result<Self, NoLock> {
        let path = lock_path(root, run);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(NoLock::Held),
            Err(error) => return Err(NoLock::File(error)),
        };
        Self::take(file, path).inspect_err(|no| {
            // Held: it is another's now, who removes it.
            if !matches!(no, NoLock::Held) {
                fs::remove_file(lock_path(root, run)).ok();
            }
        })
    }

    /// Takes the lock of a run that has died: the one that it left or, if somebody removed that
    /// but not the directory, a new one.
    pub(super) fn of_dead(root: &Path, run: &str) -> Result<Self, NoLock> {
        let path = lock_path(root, run);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(NoLock::Held),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return match is_dir(&root.join(run)) {
                    Ok(true) => Self::make(root, run),
                    _ => Err(NoLock::File(error)),
                };
            }
            Err(error) => return Err(NoLock::File(error)),
        }
        // For writing: a network file system locks nothing else exclusively.
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(NoLock::File)?;
        Self::take(file, path)
    }

    fn take(file: File, path: PathBuf) -> Result<Self, NoLock> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(NoLock::Held),
            Err(TryLockError::Error(error)) => return Err(NoLock::Unsupported(error)),
        }
        let lock = Self { file, path };
        match lock.is_there() {
            Ok(true) => Ok(lock),
            Ok(false) => Err(NoLock::Held),
            Err(error) => Err(NoLock::File(error)),
        }
    }

    /// Whether it is still the one that others find.
    pub(super) fn is_there(&self) -> io::Result<bool> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) => Ok(is_same(&self.file.metadata()?, &found)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends its run: removes the directory if it is empty, and then the lock.
    pub(super) fn end(&self, dir: &Path) {
        if self.is_there().is_ok_and(|there| there) && gone_is_fine(fs::remove_dir(dir)).is_ok() {
            fs::remove_file(&self.path).ok();
        }
        // A child that is being started may have a copy, which would hold it until it runs.
        self.file.unlock().ok();
    }
}

/// A name that no other run has.
pub(super) fn new_name() -> String {
    let chance = RandomState::new().hash_one(process::id());
    format!("{}-{chance:0CHANCE$x}", process::id())
}

/// The run that an entry of the spool belongs to.
pub(super) fn run_of(entry: &str) -> Option<&str> {
    let run = entry.strip_suffix(LOCK).unwrap_or(entry);
    let (pid, chance) = run.split_once('-')?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let is_run = pid.parse::<u32>().is_ok() && chance.len() == CHANCE && chance.bytes().all(hex);
    is_run.then_some(run)
}

fn lock_path(root: &Path, run: &str) -> PathBuf {
    root.join(format!("{run}{LOCK}"))
}

/// Whether both are one file.
#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.file_type() == other.file_type()
}
