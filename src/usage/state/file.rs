//! A small file that is written as a whole, and that one process at a time may use.
//!
//! What is written goes to a new file beside it, which takes its place once it is on the disk: a
//! process that is killed leaves the file as of the last write. The first line says what the file
//! is, and has a digest of the rest, so that no damage goes unseen.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// What the file is, followed by the version of its form.
const KIND: &str = "polytomic-shim usage ";
/// The version of the form that is read and written.
const VERSION: &str = "2";
/// Larger ones are read no further, in bytes: that of ten thousand clients has some 10 MB.
const LARGEST: u64 = 256 << 20;

/// The file, locked.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// Its lock is on the file that the path means.
    locked: File,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("cannot be opened: {0}")]
    Unopened(#[from] io::Error),
    #[error("is in use by another process")]
    InUse,
    #[error("is no state file")]
    Foreign,
    #[error("was written by another version of polytomic-shim")]
    OtherVersion,
    #[error("is damaged: {0}")]
    Damaged(String),
}

impl StateFile {
    /// Opens the file, or makes it, and gives what it holds; nothing where it is new.
    pub(super) fn open(path: &Path) -> Result<(Self, Option<Vec<u8>>), FileError> {
        let mut locked = lock(path)?;
        // A device such as /dev/null would be replaced like any other.
        if !locked.metadata()?.is_file() {
            return Err(FileError::Foreign);
        }
        // What is behind a link is written, not the link.
        let path = fs::canonicalize(path)?;
        let mut start = Vec::new();
        Read::by_ref(&mut locked).take(KIND.len() as u64).read_to_end(&mut start)?;
        if start.is_empty() {
            return Ok((Self { path, locked }, None));
        }
        if start != KIND.as_bytes() {
            return Err(FileError::Foreign);
        }
        let mut rest = Vec::new();
        Read::by_ref(&mut locked).take(LARGEST).read_to_end(&mut rest)?;
        let content = content(&rest)?.to_vec();
        Ok((Self { path, locked }, Some(content)))
    }

    /// Puts `content` in place of what the file holds; waits for the disk.
    pub(super) fn write(&mut self, content: &[u8]) -> io::Result<()> {
        let mut beside = self.path.clone().into_os_string();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        // One that was killed may have left it.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut fresh = options().create_new(true).open(&beside)?;
        fresh.try_lock().map_err(io::Error::from)?;
        writeln!(fresh, "{KIND}{VERSION} {}", digest(content))?;
        fresh.write_all(content)?;
        fresh.sync_all()?;
        fs::rename(&beside, &self.path)?;
        self.locked = fresh;
        // The new name has to reach the disk as well, where folders can be asked for that.
        if let Some(Ok(folder)) = self.path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Only its owner may read it: it can hold the salt.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn lock(path: &Path) -> Result<File, FileError> {
    loop {
        let file = options().create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path)? => return Ok(file),
            // Its owner has put another one in its place just now.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FileError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

/// Whether the path still means that file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let (own, there) = (file.metadata()?, fs::metadata(path)?);
    Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> io::Result<bool> {
    Ok(true)
}

/// What stands behind the first line, given all behind [`KIND`].
fn content(bytes: &[u8]) -> Result<&[u8], FileError> {
    let damaged = |how: &str| FileError::Damaged(how.to_owned());
    let end = memchr::memchr(b'\n', bytes).ok_or_else(|| damaged("its first line has no end"))?;
    let (line, content) = bytes.split_at(end);
    let content = content.get(1..).unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    match line.split_once(' ') {
        Some((VERSION, sum)) if sum == digest(content) => Ok(content),
        Some((VERSION, _)) => Err(damaged("it does not hold what was written")),
        _ => Err(FileError::OtherVersion),
    }
}

/// The first half of its SHA-256, in hexadecimal.
fn digest(content: &[u8]) -> String {
    let sum = Sha256::digest(content);
    sum.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
