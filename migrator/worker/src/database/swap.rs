//! Putting a finished copy in the place of what it was made from.
//!
//! ```text
//! .gwmigrate-names-new     the copy is being made: worth nothing after a crash
//! .gwmigrate-names-ready   the copy is whole and durable: its files move to their places, control files last
//! ```

use postoffice::flaim::base_of;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::copy_file::{CopyFailure, copy_across};
use crate::error::{Result, WorkerError};
use crate::tree::{Folder, Kind};

/// The folder of an unfinished copy.
const NEW: &[u8] = b".gwmigrate-names-new";
/// The folder of a finished copy.
const READY: &[u8] = b".gwmigrate-names-ready";

/// A file on its way into a folder of another file system.
const ARRIVING: &[u8] = b".gwmigrate-names-arriving";

/// How deep folders of a copy may lie: the second fall-back copy of a guardian is in `ofmsg/guardbak`.
const DEPTH_MAX: usize = 4;

/// A copy beside the files that it will replace.
#[derive(Debug)]
pub(crate) struct Swap<'a> {
    place: &'a Folder,
    staging: Folder,
}

impl<'a> Swap<'a> {
    /// Finishes a move that was cut off, and makes an empty folder for the next copy.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn begin(place: &'a Folder) -> Result<Self> {
        finish_move(place)?;
        remove_all(place, NEW)?;
        let (staging, _) = place
            .create_folder(NEW)
            .map_err(|errno| WorkerError::writing("create", &path(NEW), errno))?;
        Ok(Self { place, staging })
    }

    /// The folder of the copy; its inside mirrors the folder that it will replace files of.
    pub(crate) fn staging(&self) -> &Folder {
        &self.staging
    }

    /// Makes the copy durable and moves its files to their places.
    ///
    /// # Errors
    /// What the kernel says; run again, [`Swap::begin`] goes on with what had begun.
    pub(crate) fn commit(self) -> Result<()> {
        rustix::fs::syncfs(&self.staging)
            .map_err(|source| WorkerError::SyncFailed { files: 1, source })?;
        self.place
            .rename_to_new(NEW, self.place, READY)
            .map_err(|errno| WorkerError::writing("rename", &path(NEW), errno))?;
        sync(self.place)?;
        finish_move(self.place)
    }

    /// Gives the copy up.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn discard(self) -> Result<()> {
        remove_all(self.place, NEW)
    }
}

/// Removes what earlier changes left behind in `place`, finished or not: whoever writes the files there anew wants
/// nothing of it.
///
/// # Errors
/// What the kernel says.
pub(crate) fn discard_unfinished(place: &Folder) -> Result<()> {
    remove_all(place, NEW)?;
    remove_all(place, READY)
}

fn path(name: &[u8]) -> RelativePath {
    RelativePath::root().join(name)
}

fn sync(folder: &Folder) -> Result<()> {
    rustix::fs::syncfs(folder).map_err(|source| WorkerError::SyncFailed { files: 1, source })
}

/// Moves the files of a finished copy, those that others belong to last.
fn finish_move(place: &Folder) -> Result<()> {
    let ready = match place.open_folder(READY) {
        Ok(ready) => ready,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(WorkerError::writing("open", &path(READY), errno)),
    };
    let mut files = Vec::new();
    collect(&ready, &RelativePath::root(), &mut files)?;
    files.sort_by_key(|file: &RelativePath| {
        let name = file.components().next_back().unwrap_or_default();
        (base_of(name).len() < name.len(), file.clone())
    });
    for file in files {
        let failed = |errno| WorkerError::writing("move", &file, errno);
        let Some((parent, name)) = file.split_last() else {
            continue;
        };
        let from = ready.descend(&parent).map_err(failed)?;
        let to = place.descend(&parent).map_err(failed)?;
        match from.rename_over_in(name, &to, name) {
            // The folder is a file system of its own.
            Err(Errno::XDEV) => move_across(&from, name, &to).map_err(failed)?,
            outcome => outcome.map_err(failed)?,
        }
    }
    sync(place)?;
    remove_all(place, READY)
}

/// Moves a file into a folder of another file system: whole and durable there before it takes the place of the old one.
fn move_across(from: &Folder, name: &[u8], to: &Folder) -> std::result::Result<(), Errno> {
    let copied = copy_across((from, name), to, ARRIVING, || {
        to.rename_over(ARRIVING, name)
    });
    copied.map_err(CopyFailure::errno)?;
    from.remove_file(name).map(|_| ())
}

fn collect(folder: &Folder, at: &RelativePath, files: &mut Vec<RelativePath>) -> Result<()> {
    let failed = |errno| WorkerError::writing("list", at, errno);
    for entry in folder.list().map_err(failed)? {
        let inner = at.join(&entry.name);
        match folder.kind_of(&entry).map_err(failed)? {
            Kind::Folder if inner.depth() <= DEPTH_MAX => {
                let folder = folder.open_folder(&entry.name).map_err(failed)?;
                collect(&folder, &inner, files)?;
            }
            Kind::File => files.push(inner),
            _ => return Err(failed(Errno::INVAL)),
        }
    }
    Ok(())
}

/// Removes a folder of ours with all that is in it, where there is one.
fn remove_all(place: &Folder, name: &[u8]) -> Result<()> {
    let failed = |errno| WorkerError::writing("remove", &path(name), errno);
    let folder = match place.open_folder(name) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    };
    for entry in folder.list().map_err(failed)? {
        match folder.kind_of(&entry).map_err(failed)? {
            Kind::Folder => remove_all(&folder, &entry.name)?,
            _ => drop(folder.remove_file(&entry.name).map_err(failed)?),
        }
    }
    place.remove_folder(name).map(|_| ()).map_err(failed)
}
