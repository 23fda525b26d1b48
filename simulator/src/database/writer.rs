//! How a change gets into the files of a database: at once where nobody else is there, or as an agent makes it beside
//! other programs.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use postoffice::flaim::MemoryFileSet;
use postoffice::names::RelativePath;
use serde::{Deserialize, Serialize};

use super::edit::{Edit, edited};
use super::files::{load, save, write_new};
use super::lock::DatabaseLock;
use super::{OpaqueGuardian, failed};
use crate::error::SimulatorError;
use crate::tree::{self, WriteMode};

/// How an agent writes beside other programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How long it waits for a lock.
    pub(crate) lock_wait: Duration,
    /// How long it rests behind each piece of a change, with the lock held: who copies without the lock meanwhile gets one
    /// part as it was and another as it will be.
    pub(crate) pause: Duration,
}

/// What a database held before and after one change; both as digests of all its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseChange {
    /// The path of its control file, as it is on the disk.
    pub database: String,
    /// The digest before; nothing where it was made.
    pub before: Option<String>,
    /// The digest after.
    pub after: String,
}

/// Writes databases, and remembers what it made of them.
#[derive(Debug)]
pub(crate) struct Writer {
    /// How long it waits for a lock; nothing where it needs none.
    lock_wait: Option<Duration>,
    mode: WriteMode,
    changes: RefCell<Vec<DatabaseChange>>,
}

impl Writer {
    /// One that has the post office to itself.
    ///
    /// Files get `time`, or what the operating system gives them where it is `None`.
    pub(crate) fn alone(time: Option<SystemTime>) -> Self {
        Self {
            lock_wait: None,
            mode: WriteMode {
                time,
                pause: Duration::ZERO,
            },
            changes: RefCell::default(),
        }
    }

    /// One that shares it with other programs.
    pub(crate) fn as_agent(pace: Pace) -> Self {
        Self {
            lock_wait: Some(pace.lock_wait),
            mode: WriteMode {
                time: None,
                pause: pace.pause,
            },
            changes: RefCell::default(),
        }
    }

    /// How everything is written.
    pub(crate) fn mode(&self) -> WriteMode {
        self.mode
    }

    /// The changes since this was asked for last.
    pub(crate) fn take_changes(&self) -> Vec<DatabaseChange> {
        self.changes.take()
    }

    /// Holds the lock of a database for a while and changes nothing, as maintenance does.
    pub(crate) fn hold(
        &self,
        root: &Dir,
        control: &RelativePath,
        time: Duration,
    ) -> Result<(), SimulatorError> {
        let _lock = self.lock(root, control)?;
        std::thread::sleep(time);
        Ok(())
    }

    /// Makes a database that is not there yet; says which files it has.
    pub(crate) fn create(
        &self,
        root: &Dir,
        control: &RelativePath,
        files: &MemoryFileSet,
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let _lock = self.lock(root, control)?;
        let paths = write_new(root, control, files, self.mode)?;
        self.remember(control, None, digest(files));
        Ok(paths)
    }

    /// Changes a database, or a guardian of either generation; says which files changed.
    pub(crate) fn edit(
        &self,
        root: &Dir,
        control: &RelativePath,
        by: Edit<'_>,
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let _lock = self.lock(root, control)?;
        let old = tree::read(root, control)?;
        let Some(guardian) = OpaqueGuardian::parse(&old) else {
            let old = load(root, control)?;
            let new = edited(&old, by).map_err(failed(control))?;
            return self.replace_locked(root, control, &old, &new);
        };
        let new = guardian.edited(by).to_bytes();
        self.replace_file_locked(root, control, &old, &new)
    }

    /// Writes what a database became; nobody but the caller may have changed it since `old` was read.
    pub(crate) fn replace(
        &self,
        root: &Dir,
        control: &RelativePath,
        old: &MemoryFileSet,
        new: &MemoryFileSet,
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let _lock = self.lock(root, control)?;
        self.replace_locked(root, control, old, new)
    }

    /// The same for a guardian of the older generation.
    pub(crate) fn replace_file(
        &self,
        root: &Dir,
        path: &RelativePath,
        old: &[u8],
        new: &[u8],
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let _lock = self.lock(root, path)?;
        self.replace_file_locked(root, path, old, new)
    }

    fn replace_locked(
        &self,
        root: &Dir,
        control: &RelativePath,
        old: &MemoryFileSet,
        new: &MemoryFileSet,
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let changed = save(root, control, old, new, self.mode)?;
        self.remember(control, Some(digest(old)), digest(new));
        Ok(changed)
    }

    fn replace_file_locked(
        &self,
        root: &Dir,
        path: &RelativePath,
        old: &[u8],
        new: &[u8],
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        tree::write_changes(root, path, old, new, self.mode)?;
        self.remember(path, Some(digest_of_one(old)), digest_of_one(new));
        Ok(vec![path.clone()])
    }

    fn lock(
        &self,
        root: &Dir,
        control: &RelativePath,
    ) -> Result<Option<DatabaseLock>, SimulatorError> {
        self.lock_wait
            .map(|wait| DatabaseLock::take(root, control, wait))
            .transpose()
    }

    fn remember(&self, control: &RelativePath, before: Option<String>, after: String) {
        self.changes.borrow_mut().push(DatabaseChange {
            database: control.to_string(),
            before,
            after,
        });
    }
}

/// The digest of all files of a database below a folder, as [`DatabaseChange`] has it.
///
/// # Errors
/// What reading says; a database whose header cannot be read is one.
pub fn database_digest(
    folder: &std::path::Path,
    control: &RelativePath,
) -> Result<String, SimulatorError> {
    let root = tree::open_folder(folder)?;
    let bytes = tree::read(&root, control)?;
    if OpaqueGuardian::parse(&bytes).is_some() {
        return Ok(digest_of_one(&bytes));
    }
    Ok(digest(&load(&root, control)?))
}

fn digest(files: &MemoryFileSet) -> String {
    digest_of(files.iter().map(|(_, bytes)| bytes.as_slice()))
}

fn digest_of_one(bytes: &[u8]) -> String {
    digest_of([bytes].into_iter())
}

fn digest_of<'a>(files: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = blake3::Hasher::new();
    for bytes in files {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.finalize().to_hex().to_string()
}
