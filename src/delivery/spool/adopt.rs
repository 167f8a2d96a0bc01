//! Adoption: what dead runs have left to say, taken over by a live one.
//!
//! Invariants: nothing is touched without the lock of its run; a call opens at most [`FILES`]
//! files, reads at most [`BYTES`], keeps no body, and holds at most [`RUNS`] runs; what is another
//! endpoint's, or a later version's, stays as it is until it is of no use to anybody; what is no
//! record is set aside, never read again; a record's file is removed only once another has taken
//! it over.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use twox_hash::XxHash3_64;

use super::{
    BYTES, FILES, Name, RECORD, UNFINISHED,
    lock::{Lock, NoLock, run_of},
    record::{Bad, Record},
    root::{gone_is_fine, is_dir, make_dir, names},
};
use crate::clock::Clock;

/// Where files go that are no records.
const QUARANTINE: &str = "quarantine";
/// Dead runs that one call takes over, at most: each keeps a file open.
const RUNS: usize = 64;
/// Files kept in quarantine, at most.
const SET_ASIDE: usize = 64;
/// What nobody has taken for so long, nobody will: its webhook is gone.
const FORGOTTEN: Duration = Duration::from_secs(30 * 86_400);

/// What dead runs have left to say. Holds their locks until it is dropped; then the directories
/// that are empty are removed.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    /// Without their bodies.
    pub(crate) records: Vec<(Record, Found)>,
    /// Files that were no records: moved to `quarantine/` or, when that is full, deleted.
    pub(crate) set_aside: usize,
    /// Records of other endpoints and of later versions, which were left alone.
    pub(crate) foreign: usize,
    /// Of those, the ones that were deleted, since nobody has taken them for a month.
    pub(crate) forgotten: usize,
    /// Files and directories that could not be read or moved, for now; they stay.
    pub(crate) failed: usize,
    /// Whether the call came to one of its limits, and the next one will find more.
    pub(crate) more: bool,
    /// Those with records.
    pub(super) runs: Vec<Dead>,
    root: PathBuf,
}

/// The file of an adopted record.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
    pub(crate) accepted: SystemTime,
}

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
    /// Of the file that is being read.
    buffer: Vec<u8>,
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
    /// The whole record; `None` when it can't be read, which is counted here.
    pub(crate) fn read(&mut self, found: &Found) -> Option<Record> {
        match kind_of(&found.path, &mut Vec::new(), Record::decode) {
            Kind::Record(record) => Some(*record),
            other => {
                self.count(other, &found.path);
                None
            }
        }
    }

    /// The record is safe elsewhere: deletes its file.
    pub(crate) fn take_over(&mut self, found: &Found) -> io::Result<()> {
        gone_is_fine(fs::remove_file(&found.path))
    }

    /// Counts what is no record of ours, and puts it where it belongs.
    fn count(&mut self, kind: Kind, path: &Path) {
        let counter = match kind {
            Kind::Record(_) | Kind::Gone => return,
            Kind::Foreign if is_forgotten(path) && fs::remove_file(path).is_ok() => {
                &mut self.forgotten
            }
            Kind::Foreign => &mut self.foreign,
            Kind::Failed => &mut self.failed,
            Kind::NoRecord => match set_aside(&self.root, path) {
                Ok(()) => &mut self.set_aside,
                Err(_) => &mut self.failed,
            },
        };
        *counter = counter.saturating_add(1);
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        self.lock.end(&self.dir);
    }
}

impl<'a> Sweep<'a> {
    pub(super) fn new(root: &'a Path, mine: &'a [u32]) -> Self {
        let adopted = Adopted { root: root.to_owned(), ..Adopted::default() };
        Self { root, mine, files: FILES, bytes: BYTES, buffer: Vec::new(), adopted }
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
            // It could not be made yet.
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeSet::new(),
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
                    self.dead(&dead.dir);
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
        self.adopted
    }

    fn dead(&mut self, dir: &Path) {
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
            let kind = match name {
                Some(name) if !self.mine.contains(&name.endpoint) => Kind::Foreign,
                Some(_) if self.files == 0 || self.bytes == 0 => {
                    self.adopted.more = true;
                    return;
                }
                Some(_) => self.read(&path),
                None => Kind::NoRecord,
            };
            match kind {
                Kind::Record(record) => {
                    let (size, accepted) = (self.buffer.len() as u64, record.accepted);
                    self.adopted.records.push((*record, Found { path, size, accepted }));
                }
                other => self.adopted.count(other, &path),
            }
        }
    }

    fn failed(&mut self) {
        self.adopted.failed = self.adopted.failed.saturating_add(1);
    }

    fn read(&mut self, path: &Path) -> Kind {
        self.files = self.files.saturating_sub(1);
        let kind = kind_of(path, &mut self.buffer, Record::decode_head);
        self.bytes = self.bytes.saturating_sub(self.buffer.len() as u64);
        match kind {
            Kind::Record(record) if !self.mine.contains(&record.endpoint) => Kind::Foreign,
            kind => kind,
        }
    }
}

/// What a file is, as `decode` tells of its bytes, which are in `buffer` then.
fn kind_of(
    path: &Path,
    buffer: &mut Vec<u8>,
    decode: impl FnOnce(&[u8]) -> Result<Record, Bad>,
) -> Kind {
    buffer.clear();
    match read(path, buffer) {
        Ok(true) => {}
        Ok(false) => return Kind::NoRecord,
        Err(error) if error.kind() == ErrorKind::NotFound => return Kind::Gone,
        Err(_) => return Kind::Failed,
    }
    match decode(buffer) {
        Ok(record) => Kind::Record(record.into()),
        Err(Bad::Newer(_)) => Kind::Foreign,
        Err(_) => Kind::NoRecord,
    }
}

/// Whether it was written so long ago that it is of no use to anybody.
fn is_forgotten(path: &Path) -> bool {
    let written = fs::symlink_metadata(path).and_then(|found| found.modified());
    let age = written.ok().and_then(|written| Clock::wall().duration_since(written).ok());
    age.is_some_and(|age| age > FORGOTTEN)
}

/// Reads a regular file; false when it is none, or longer than a record may be.
fn read(path: &Path, bytes: &mut Vec<u8>) -> io::Result<bool> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() || found.len() > RECORD {
        return Ok(false);
    }
    File::open(path)?.take(RECORD).read_to_end(bytes)?;
    Ok(true)
}

/// Moves what is no record out of the way.
fn set_aside(root: &Path, path: &Path) -> io::Result<()> {
    let quarantine = root.join(QUARANTINE);
    // Whether it was made or there already, what counts is what is there.
    make_dir(&quarantine, false).ok();
    if !is_dir(&quarantine)? {
        return Err(ErrorKind::NotADirectory.into());
    }
    if fs::read_dir(&quarantine)?.take(SET_ASIDE).count() == SET_ASIDE {
        return fs::remove_file(path);
    }
    // Not its name, which may be too long with the run's before it.
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let run = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    fs::rename(path, quarantine.join(format!("{run}-{:016x}", XxHash3_64::oneshot(name))))
}
