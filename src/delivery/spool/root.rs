//! The directory that runs share, and what is done to directories.
//!
//! Invariants: one in which others could put things is refused; no symlink is followed; of the
//! path nothing is shown, since it might be a pasted secret.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// Names looked at in one directory, at most.
const NAMES: usize = 65_536;

/// Why there is no spool.
#[derive(Debug)]
pub(crate) enum SpoolError {
    /// A person has to change something.
    Refused { why: &'static str, source: Option<io::Error> },
    /// The file system has no locks, so that nobody could tell whose a directory is.
    NoLocks(io::Error),
}

impl SpoolError {
    /// Whether it may pass by itself: the disk is full or read-only, or fails, or there are too
    /// many open files.
    pub(crate) fn may_pass(&self) -> bool {
        let Self::Refused { source: Some(source), .. } = self else { return false };
        is_lack(source)
    }
}

fn is_lack(error: &io::Error) -> bool {
    // EIO, ENFILE and EMFILE, for which there is no kind.
    let is_code = |code| [5, 23, 24].contains(&code);
    let kinds = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::ReadOnlyFilesystem];
    kinds.contains(&error.kind()) || cfg!(unix) && error.raw_os_error().is_some_and(is_code)
}

/// The directory that runs share, as it is meant.
pub(super) fn path(dir: &Path) -> Result<PathBuf, SpoolError> {
    // Who mixes up two variables must not find the token in the name of a directory.
    if dir.to_string_lossy().contains("://") {
        return Err(refused("expected a directory, found a URL"));
    }
    let root = std::path::absolute(dir).map_err(failed("expected the path of a directory"))?;
    // Without a slash at its end, which would follow a symlink.
    Ok(root.components().collect())
}

/// Makes the directory that runs share if there is none.
pub(super) fn make(root: &Path, fsync: bool) -> Result<(), SpoolError> {
    match make_dir(root, true) {
        // What is there is looked at below.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        made => made.map_err(failed("the directory can't be made"))?,
    }
    check(root)?;
    for parent in root.ancestors().skip(1) {
        // One that we may not read is none that we have made.
        sync(fsync, parent).ok();
    }
    Ok(())
}

/// Looks whether the directory that runs share would be refused, and makes nothing.
#[cfg(feature = "cli")]
pub(crate) fn look(dir: &Path) -> Result<(), SpoolError> {
    let root = path(dir)?;
    if fs::symlink_metadata(&root).is_err_and(|error| error.kind() != ErrorKind::PermissionDenied) {
        let is_file = |path: &Path| path.exists() && !path.is_dir();
        return match root.ancestors().any(is_file) {
            true => Err(refused("expected a directory, found a file in its path")),
            // It will be made.
            false => Ok(()),
        };
    }
    check(&root)?;
    // A file without a name tells who we are.
    tempfile::tempfile().map_or(Ok(()), |file| is_ours(&root, &file))
}

/// Refuses a directory in which others can put things.
fn check(root: &Path) -> Result<(), SpoolError> {
    let found = fs::symlink_metadata(root).map_err(failed("the directory can't be read"))?;
    if found.is_symlink() {
        return Err(refused("expected a directory, found a symbolic link"));
    }
    if !found.is_dir() {
        return Err(refused("expected a directory, found something else"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o022 != 0 {
        return Err(refused(
            "expected a directory that only its owner can write to, found one that others can, \
             too; name a directory in it, which will be made, or take away their right",
        ));
    }
    Ok(())
}

/// Refuses a directory of another user, who could put things there. Who we are is told by whose
/// the file is that we have just made.
#[cfg(unix)]
pub(super) fn is_ours(root: &Path, made: &File) -> Result<(), SpoolError> {
    use std::os::unix::fs::MetadataExt;
    let (root, made) = (fs::symlink_metadata(root), made.metadata());
    let root = root.map_err(failed("the directory can't be read"))?;
    let made = made.map_err(failed("the lock can't be read"))?;
    if made.uid() == root.uid() {
        return Ok(());
    }
    Err(refused("expected a directory of the user that the program runs as, found another's"))
}

#[cfg(not(unix))]
pub(super) fn is_ours(_: &Path, _: &File) -> Result<(), SpoolError> {
    Ok(())
}

pub(super) fn refused(why: &'static str) -> SpoolError {
    SpoolError::Refused { why, source: None }
}

pub(super) fn failed(why: &'static str) -> impl FnOnce(io::Error) -> SpoolError {
    move |source| SpoolError::Refused { why, source: Some(source) }
}

/// Makes a directory that nobody else may enter.
pub(super) fn make_dir(path: &Path, with_parents: bool) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(with_parents).create(path)
}

/// Whether there is a directory, and no link to one.
pub(super) fn is_dir(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn names(dir: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(dir)?.take(NAMES).map(|entry| Ok(entry?.file_name())).collect()
}

/// What is removed may be gone already.
pub(super) fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Makes what happened to the names in a directory outlive a loss of power.
pub(super) fn sync(wanted: bool, dir: &Path) -> io::Result<()> {
    if wanted && cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { why, source: None } => f.write_str(why),
            Self::Refused { why, source: Some(source) } => write!(f, "{why}: {source}"),
            Self::NoLocks(source) => {
                write!(f, "the file system of the directory has no locks: {source}")
            }
        }
    }
}

impl std::error::Error for SpoolError {}
