//! The spool: what this run still has to say, one file a title, for a later run if this one dies.
//!
//! `{dir}/{run}/{endpoint}-{title}.json`, with `{dir}/{run}.lock` held while the run lives.
//! Invariants: a file that is visible is whole; only the owner of a directory may enter it, and
//! no symlink is followed; a run has at most [`FILES`] files and [`BYTES`] bytes; in a forked
//! child it does nothing; no token is in it.

mod adopt;
mod lock;
mod record;
mod root;

use std::{
    collections::HashMap,
    fmt, fs,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use twox_hash::XxHash3_64;

pub(crate) use adopt::{Adopted, Found};
pub(crate) use record::{Record, Says};
pub(crate) use root::SpoolError;
#[cfg(feature = "cli")]
pub(crate) use root::look;

use crate::lock::{lock, try_lock};
use adopt::Sweep;
use lock::{Lock, NoLock};
use root::{failed, gone_is_fine, is_dir, make_dir, names, refused, sync};

/// Files of one run, at most; also, files that one adoption opens.
const FILES: usize = 4_096;
/// Bytes of one run's files, at most; also, bytes that one adoption reads.
const BYTES: u64 = 32 << 20;
/// Bytes of one record, at most.
const RECORD: u64 = 64 << 10;
/// What the name of a file begins with that is not yet whole.
const UNFINISHED: &str = ".new-";
/// Names tried for a run: one is taken only by an adopter that was quicker than our lock.
const TRIES: usize = 16;

/// This run's part of the spool.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    run: Mutex<Run>,
    /// The run's; a forked child lets go of its copy.
    lock: Mutex<Option<Lock>>,
    fsync: bool,
    /// The process that opened it.
    owner: u32,
    closed: AtomicBool,
}

/// The directory of this run, with what is in it.
#[derive(Debug)]
struct Run {
    name: String,
    dir: PathBuf,
    files: HashMap<Name, Written>,
    bytes: u64,
    /// How often a run was begun before, since somebody removed it.
    renewed: u64,
}

/// A file of this run.
#[derive(Debug)]
struct Written {
    size: u64,
    /// Another may have the same hash.
    title: String,
}

/// The name of a record's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name {
    endpoint: u32,
    title: u64,
}

impl Spool {
    /// Makes this run's directory in `dir`, which is made, too, if there is none. With `fsync`,
    /// what is written survives a loss of power, and costs a write to the disk each time.
    pub(crate) fn open(dir: &Path, fsync: bool) -> Result<Self, SpoolError> {
        let mut spool = Self::closed_for_now(dir, fsync)?;
        let (run, lock) = Run::begin(&spool.root, fsync)?;
        (spool.run, spool.lock) = (Mutex::new(run), Mutex::new(Some(lock)));
        Ok(spool)
    }

    /// As [`open`](Spool::open) after what kept that from it has passed: this run's directory is
    /// made when there is something to write.
    pub(crate) fn closed_for_now(dir: &Path, fsync: bool) -> Result<Self, SpoolError> {
        let root = root::path(dir)?;
        let run = Mutex::new(Run::new(String::new(), root.clone()));
        let (lock, closed) = (Mutex::new(None), AtomicBool::new(false));
        Ok(Self { root, run, lock, fsync, owner: process::id(), closed })
    }

    /// Writes what is to be said of a title in the place of what was.
    pub(crate) fn write(&self, record: &Record) -> io::Result<()> {
        if !self.is_ours() {
            return Err(io::Error::other("the spool is another process's, or closed"));
        }
        let bytes = record.encode();
        let size = bytes.len() as u64;
        if size > RECORD {
            return Err(io::Error::new(ErrorKind::FileTooLarge, "a record has at most 64 KiB"));
        }
        let name = Name::of(record.endpoint, &record.title);
        let mut run = lock(&self.run);
        self.renew(&mut run)?;
        run.check_room(name, &record.title, size)?;
        run.put(name, &bytes, self.fsync)?;
        run.set(name, Some(Written { size, title: record.title.clone() }));
        sync(self.fsync, &run.dir)
    }

    /// Sees to it that this run is there still; a number that changes when all that it had written
    /// is gone.
    pub(crate) fn look(&self) -> io::Result<u64> {
        if !self.is_ours() {
            return Ok(0);
        }
        let mut run = lock(&self.run);
        self.renew(&mut run)?;
        Ok(run.renewed)
    }

    /// Nothing is left to be said of a title.
    pub(crate) fn remove(&self, endpoint: u32, title: &str) -> io::Result<()> {
        if !self.is_ours() {
            return Ok(());
        }
        let name = Name::of(endpoint, title);
        let mut run = lock(&self.run);
        if run.is_anothers(name, title) {
            return Ok(());
        }
        gone_is_fine(fs::remove_file(run.dir.join(name.to_string())))?;
        run.set(name, None);
        Ok(())
    }

    /// Takes over the runs that have died, as far as their records are for the endpoints `mine`.
    pub(crate) fn adopt(&self, mine: &[u32]) -> Adopted {
        if !self.is_ours() {
            return Adopted::default();
        }
        let own = lock(&self.run).name.clone();
        Sweep::new(&self.root, mine).run(&own)
    }

    /// This run is over: what it has left is for the next one.
    pub(crate) fn close(&self) {
        if !self.is_ours() {
            return;
        }
        self.closed.store(true, Ordering::Release);
        if let Some(held) = lock(&self.lock).take() {
            lock(&self.run).end(&held);
        }
    }

    /// Whether this process opened it, and is no forked child of the one that did, and it is not
    /// closed.
    fn is_ours(&self) -> bool {
        process::id() == self.owner && !self.closed.load(Ordering::Acquire)
    }

    /// Closes a forked child's copy of the lock: it would keep the parent's run alive.
    pub(crate) fn let_go_in_child(&self) {
        if process::id() != self.owner
            && let Some(mut lock) = try_lock(&self.lock)
        {
            lock.take();
        }
    }

    /// Begins anew if somebody cleaned up our lock or directory: without the lock the directory
    /// is another's, who may be adopting it already.
    fn renew(&self, run: &mut Run) -> io::Result<()> {
        let mut held = lock(&self.lock);
        if let Some(held) = held.as_ref()
            && held.is_there()?
            && is_dir(&run.dir)?
        {
            return Ok(());
        }
        let (mut new, lock) = Run::begin(&self.root, self.fsync).map_err(io::Error::other)?;
        new.renewed = run.renewed.saturating_add(1);
        let old = std::mem::replace(run, new);
        if let Some(held) = held.replace(lock) {
            old.end(&held);
        }
        Ok(())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.close();
    }
}

impl Run {
    fn new(name: String, dir: PathBuf) -> Self {
        Self { name, dir, files: HashMap::new(), bytes: 0, renewed: 0 }
    }

    fn begin(root: &Path, fsync: bool) -> Result<(Self, Lock), SpoolError> {
        root::make(root, fsync)?;
        for _ in 0..TRIES {
            let name = lock::new_name();
            let lock = match Lock::make(root, &name) {
                Ok(lock) => lock,
                Err(NoLock::Held) => continue,
                Err(NoLock::File(error)) => {
                    return Err(failed("no file can be made in the directory")(error));
                }
                Err(NoLock::Unsupported(error)) => return Err(SpoolError::NoLocks(error)),
            };
            let dir = root.join(&name);
            let run = Self::new(name, dir);
            let made = root::is_ours(root, &lock.file).and_then(|()| {
                let made = make_dir(&run.dir, false).and_then(|()| sync(fsync, root));
                made.map_err(failed("no directory can be made in the directory"))
            });
            return match made {
                Ok(()) => Ok((run, lock)),
                Err(error) => {
                    run.end(&lock);
                    Err(error)
                }
            };
        }
        Err(refused("no lock could be taken in the directory"))
    }

    fn put(&self, name: Name, bytes: &[u8], fsync: bool) -> io::Result<()> {
        // What fails is never tried again with the same file: it is removed when it is dropped.
        let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(&self.dir);
        let mut file = file.map_err(without_path)?;
        file.as_file_mut().write_all(bytes)?;
        if fsync {
            file.as_file().sync_all()?;
        }
        file.persist(self.dir.join(name.to_string())).map_err(|error| error.error)?;
        Ok(())
    }

    /// Removes what nobody needs; what is left is for the next run, which finds the lock free.
    fn end(&self, lock: &Lock) {
        for name in names(&self.dir).unwrap_or_default() {
            if name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                fs::remove_file(self.dir.join(name)).ok();
            }
        }
        lock.end(&self.dir);
    }

    fn is_anothers(&self, name: Name, title: &str) -> bool {
        self.files.get(&name).is_some_and(|file| file.title != title)
    }

    fn check_room(&self, name: Name, title: &str, size: u64) -> io::Result<()> {
        if self.is_anothers(name, title) {
            let why = "another title's file has the same name";
            return Err(io::Error::new(ErrorKind::AlreadyExists, why));
        }
        let before = self.files.get(&name).map(|file| file.size);
        let others = self.bytes.saturating_sub(before.unwrap_or_default());
        let is_full = before.is_none() && self.files.len() >= FILES;
        if is_full || others.saturating_add(size) > BYTES {
            return Err(io::Error::new(
                ErrorKind::StorageFull,
                "a run has at most 4096 files and 32 MiB in the spool",
            ));
        }
        Ok(())
    }

    fn set(&mut self, name: Name, file: Option<Written>) {
        let size = file.as_ref().map_or(0, |file| file.size);
        let before = match file {
            Some(file) => self.files.insert(name, file),
            None => self.files.remove(&name),
        };
        let others = self.bytes.saturating_sub(before.map_or(0, |file| file.size));
        self.bytes = others.saturating_add(size);
    }
}

/// The errors of `tempfile` show where its file is.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((why, _)) => io::Error::new(error.kind(), why.to_owned()),
        None => error,
    }
}

impl Name {
    fn of(endpoint: u32, title: &str) -> Self {
        Self { endpoint, title: XxHash3_64::oneshot(title.as_bytes()) }
    }

    fn parse(name: &str) -> Option<Self> {
        let (endpoint, title) = name.strip_suffix(".json")?.split_once('-')?;
        let endpoint = u32::from_str_radix(endpoint, 16).ok()?;
        let title = u64::from_str_radix(title, 16).ok()?;
        Some(Self { endpoint, title }).filter(|parsed| parsed.to_string() == name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}.json", self.endpoint, self.title)
    }
}

#[cfg(test)]
mod tests;
