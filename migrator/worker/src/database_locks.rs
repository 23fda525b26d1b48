//! Whether the locks of databases are free: each is tried, and let go at once.

use std::collections::HashMap;

use postoffice::layout::CopyRule;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Area;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::locks::{self, Attempt, lock_file_name};
use crate::source::require_mounts;
use crate::tree::{Entry, Folder, Kind, Name, Visited, read_beginning};

/// Whether files with this rule are parts of databases.
pub(crate) fn is_of_database(rule: CopyRule) -> bool {
    matches!(rule, CopyRule::UnderLock | CopyRule::AtomicSet)
}

/// The lock files of a listing.
pub(crate) struct LockFiles<'a> {
    /// By their names in lower case; programs give them any case.
    by_name: HashMap<Vec<u8>, &'a Name>,
}

impl<'a> LockFiles<'a> {
    pub(crate) fn among(entries: &'a [Entry]) -> Self {
        let mut by_name = HashMap::new();
        for entry in entries {
            let lower = entry.name.to_ascii_lowercase();
            if lower.ends_with(b".lck") {
                by_name.entry(lower).or_insert(&entry.name);
            }
        }
        Self { by_name }
    }

    /// That of the database `name`.
    pub(crate) fn of(&self, name: &[u8]) -> Option<&'a Name> {
        let wanted = lock_file_name(name).to_ascii_lowercase();
        self.by_name.get(&wanted).copied()
    }
}

/// Tries the lock of the database at `path`, which is let go when the answer is dropped; `None` where it cannot be opened, or asked
/// for.
///
/// # Errors
/// Where the source is gone.
pub(crate) fn try_one(
    area: &Area,
    folder: &Folder,
    path: &RelativePath,
    name: &[u8],
    lock_file: Option<&[u8]>,
) -> Result<Option<Attempt>> {
    if area.has_no_locks() {
        return look_for_lock(area, folder, path, name).map(Some);
    }
    match locks::try_lock(folder, name, lock_file) {
        Ok(Attempt::Unsupported) => look_for_lock(area, folder, path, name).map(Some),
        // It would not be relied on, so the copy goes on as without one.
        Ok(Attempt::NotAsked(_)) if !area.relies_on_locks() => {
            look_for_lock(area, folder, path, name).map(Some)
        }
        Ok(Attempt::NotAsked(errno)) | Err(errno) if stops_the_step(errno) => {
            Err(WorkerError::reading("lock", path, errno))
        }
        Ok(Attempt::NotAsked(_)) | Err(_) => Ok(None),
        Ok(attempt) => Ok(Some(attempt)),
    }
}

/// Tries the lock of each database in a folder, one after another; each is let go when `tried` returns.
///
/// # Errors
/// Where the source is gone.
pub(crate) fn try_each_lock(
    area: &Area,
    visited: &Visited<'_>,
    mut tried: impl FnMut(&RelativePath, Option<Attempt>),
) -> Result<()> {
    let files = area.files_in(visited.path);
    let lock_files = LockFiles::among(visited.entries);
    for entry in visited.entries {
        let rule = files.class_of(&entry.name).copy_rule();
        if !is_of_database(rule) || entry.kind == Some(Kind::Folder) {
            continue;
        }
        let path = visited.path.join(&entry.name);
        let lock_file = lock_files.of(&entry.name).map(Name::as_slice);
        let attempt = try_one(area, visited.folder, &path, &entry.name, lock_file)?;
        tried(&path, attempt);
    }
    Ok(())
}

/// Where no lock can be asked for, one that is held shows itself when what it covers is read.
fn look_for_lock(
    area: &Area,
    folder: &Folder,
    path: &RelativePath,
    name: &[u8],
) -> Result<Attempt> {
    let reading = folder.open_file(name);
    let reading = reading.and_then(|(handle, _)| read_beginning(&handle, &mut [0_u8; 1]));
    let Err(errno) = reading else {
        return Ok(Attempt::Unsupported);
    };
    require_mounts(std::slice::from_ref(area), path, errno)?;
    let is_held = matches!(errno, Errno::IO | Errno::ACCESS | Errno::AGAIN);
    Ok(if is_held {
        Attempt::Busy
    } else {
        Attempt::Unsupported
    })
}
