//! Adoption: what dead runs have left to say, taken over by a live one.
//!
//! Invariants: nothing is touched without the lock of its run; a call opens at most [`FILES`]
//! files, reads at most [`BYTES`] and holds at most
//! [`RUNS`] runs; what is another endpoint's, or a later version's, stays as it
//! is; what is no record is set aside, never read again; a record's file is removed only once
//! another has taken it over.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
};

use twox_hash::XxHash3_64;

use super::{
    BYTES, FILES, Name, RECORD, UNFINISHED,
    lock::{Lock, NoLock, run_of},
    record::{Bad, Record},
    root::{gone_is_fine, is_dir, make_dir, names},
};

/// Where files go that are no records.
const QUARANTINE: &str = "quarantine";
/// Dead runs that one call takes over, at most: each keeps a file open.
const RUNS: usize = 64;
/// Files kept in quarantine, at most.
const SET_ASIDE: usize = 64;

/// What dead runs have left to say. Holds their locks until it is dropped; then the directories
/// that are empty are removed.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// The oldest first.
    pub(crate) records: Vec<(Record, Found)>,
    /// Files that were no records: moved to `quarantine/` or, when that is full, deleted.
    pub(crate) set_aside: usize,
    /// Records of other endpoints and of later versions, which were left alone.
    pub(crate) foreign: usize,
    /// Files and directories that could not be read or moved, for now; they stay.
    pub(crate) failed: usize,
    /// Whether the call came to one of its limits, and the next one will find more.
    pub(crate) more: bool,
    /// Those with records.
    pub(super) runs: Vec<Dead>,
}

/// The file of an adopted record.
#[derive(Debug)]
pub(crate) struct Found(PathBuf);

/// A dead run that is ours while this lives.
#[derive(Debug)]
pub(super) struct Dead {
    dir: PathBuf,
    lock: Lock,
}

/// One look for dead runs.
pub(super) struct Sweep<'a> {
    root: &'a Path,
    mine: &'a [u32],
    files: usize,
    bytes: u64,
    adopted: Adopted,
}

/// What a file of a dead run turned out to be.
enum Kind {
    Record(Box<Record>),
    Foreign,
    NoRecord,
    Gone,
    Failed,
}

impl Adopted {
    /// The record is safe elsewhere: deletes its file.
    pub(crate) fn take_over(&mut self, found: Found) -> io::Result<()> {
        gone_is_fine(fs::remove_file(found.0))
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        self.lock.end(&self.dir);
    }
}

impl<'a> Sweep<'a> {
    pub(super) fn new(root: &'a Path, mine: &'a [u32]) -> Self {
        Self { root, mine, files: FILES, bytes: BYTES, adopted: Adopted::default() }
    }

    /// Looks at all runs but `own`.
    pub(super) fn run(mut self, own: &str) -> Adopted {
        let runs: BTreeSet<String> = match names(self.root) {
            Ok(names) => names
                .iter()
                .filter_map(|name| run_of(name.to_str()?))
                .filter(|run| *run != own)
                .map(str::to_owned)
                .collect(),
            Err(_) => {
                self.failed();
                BTreeSet::new()
            }
        };
        for run in runs {
            self.adopted.more |= self.adopted.runs.len() == RUNS;
            if self.adopted.more {
                break;
            }
            match Lock::of_dead(self.root, &run) {
                Ok(lock) => {
                    let dead = Dead { dir: self.root.join(&run), lock };
                    let before = self.adopted.records.len();
                    self.dead(&run, &dead.dir);
                    // One that has nothing for us is let go at once.
                    if self.adopted.records.len() > before {
                        self.adopted.runs.push(dead);
                    }
                }
                // It is alive or being adopted, or was adopted meanwhile.
                Err(NoLock::Held) => {}
                Err(NoLock::File(error)) if error.kind() == ErrorKind::NotFound => {}
                Err(NoLock::File(_) | NoLock::Unsupported(_)) => self.failed(),
            }
        }
        self.adopted.records.sort_by_key(|(record, _)| record.accepted);
        self.adopted
    }

    fn dead(&mut self, run: &str, dir: &Path) {
        let names = match is_dir(dir) {
            Ok(true) => names(dir),
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let Ok(names) = names else {
            self.failed();
            return;
        };
        for name in names {
            let path = dir.join(&name);
            if name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                fs::remove_file(&path).ok();
                continue;
            }
            let name = name.to_str().and_then(Name::parse);
            let read = match name {
                Some(name) if !self.mine.contains(&name.endpoint) => Kind::Foreign,
                Some(_) if self.files == 0 || self.bytes == 0 => {
                    self.adopted.more = true;
                    return;
                }
                Some(_) => self.read(&path),
                None => Kind::NoRecord,
            };
            self.put(read, run, path);
        }
    }

    fn failed(&mut self) {
        self.adopted.failed = self.adopted.failed.saturating_add(1);
    }

    fn put(&mut self, read: Kind, run: &str, path: PathBuf) {
        let counter = match read {
            Kind::Record(record) => {
                self.adopted.records.push((*record, Found(path)));
                return;
            }
            Kind::Gone => return,
            Kind::Foreign => &mut self.adopted.foreign,
            Kind::Failed => &mut self.adopted.failed,
            Kind::NoRecord => match set_aside(self.root, run, &path) {
                Ok(()) => &mut self.adopted.set_aside,
                Err(_) => &mut self.adopted.failed,
            },
        };
        *counter = counter.saturating_add(1);
    }

    fn read(&mut self, path: &Path) -> Kind {
        self.files = self.files.saturating_sub(1);
        let bytes = match read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Kind::NoRecord,
            Err(error) if error.kind() == ErrorKind::NotFound => return Kind::Gone,
            Err(_) => return Kind::Failed,
        };
        self.bytes = self.bytes.saturating_sub(bytes.len() as u64);
        match Record::decode(&bytes) {
            Ok(record) if self.mine.contains(&record.endpoint) => Kind::Record(record.into()),
            Ok(_) | Err(Bad::Newer(_)) => Kind::Foreign,
            Err(_) => Kind::NoRecord,
        }
    }
}

/// The bytes of a regular file that is no longer than a record may be.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() > RECORD {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    File::open(path)?.take(RECORD).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Moves what is no record out of the way.
fn set_aside(root: &Path, run: &str, path: &Path) -> io::Result<()> {
    let quarantine = root.join(QUARANTINE);
    match make_dir(&quarantine, false) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ if !is_dir(&quarantine)? => return Err(ErrorKind::NotADirectory.into()),
        _ => {}
    }
    if fs::read_dir(&quarantine)?.take(SET_ASIDE).count() == SET_ASIDE {
        return fs::remove_file(path);
    }
    // Not its name, which may be too long with the run's before it.
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    fs::rename(path, quarantine.join(format!("{run}-{:016x}", XxHash3_64::oneshot(name))))
}
