//! Setting aside what is not ours: moved into the job folder, never deleted, never delivered; and keeping copies there.

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Area;
use crate::copy_file::{CopyFailure, copy_across};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::names::{QUARANTINE_FOLDER, TEMPORARY_PREFIX};
use crate::store::JobStore;
use crate::tree::{Attributes, Folder, Kind};
use protocol::{Count, Finding, Verdict};

/// How many names are tried for an entry whose name is taken in the quarantine.
const NAMES_TRIED: u32 = 10_000;

/// Moves entries of the destination into the quarantine of the job folder.
pub(crate) struct Quarantine<'a> {
    pub(crate) job: &'a Folder,
    pub(crate) store: &'a JobStore,
    pub(crate) monitor: &'a dyn Monitor,
}

impl Quarantine<'_> {
    /// Sets the entry `name` of `folder` aside; says whether it was still there.
    ///
    /// # Errors
    /// What creating, renaming or copying says.
    pub(crate) fn set_aside(
        &self,
        area: &Area,
        folder: &Folder,
        path: &RelativePath,
        name: &[u8],
        reason: &str,
    ) -> Result<bool> {
        self.set_aside_as(area, (folder, name), &path.join(name), reason)
    }

    /// Sets an entry of a `folder` aside as what stands at the path `full`; says whether it was still there.
    ///
    /// # Errors
    /// As [`Self::set_aside`].
    pub(crate) fn set_aside_as(
        &self,
        area: &Area,
        (folder, name): (&Folder, &[u8]),
        full: &RelativePath,
        reason: &str,
    ) -> Result<bool> {
        let failed = |errno| WorkerError::writing("set aside", full, errno);
        let Some((path, full_name)) = full.split_last() else {
            return Ok(false);
        };
        let Some(attributes) = folder.metadata(name).map_err(failed)? else {
            return Ok(false);
        };
        let top = area.id.to_string();
        let (shelf, kept_path) = self
            .shelf(&top, &path)
            .map_err(|errno| in_job_folder(&place(&top, full), errno))?;
        let is_it = |kept: &Attributes| kept.is_same_file(&attributes);
        let kept_as = free_name(&shelf, full_name, is_it).map_err(failed)?;
        let is_there = shelf.metadata(&kept_as).map_err(failed)?.is_some();
        let place = place(&top, &kept_path.join(&kept_as));
        self.store.record_set_aside(area.id, full, &place, reason)?;
        match folder.rename_to_new(name, &shelf, &kept_as) {
            Ok(()) => {}
            // Cut off before: it has its second link there, and only the first one must go.
            Err(Errno::EXIST) if is_there => {
                folder.remove_file(name).map_err(failed)?;
            }
            Err(Errno::XDEV) => {
                move_across(folder, name, attributes.kind, &shelf, &kept_as).map_err(
                    |failure| match failure {
                        // It is the other file system that has no room, or is broken.
                        CopyFailure::Write(errno) => in_job_folder(&place, errno),
                        other => failed(other.errno()),
                    },
                )?;
            }
            Err(errno) => return Err(failed(errno)),
        }
        self.monitor.count(Count::SetAside, 1);
        self.monitor.finding(
            Finding::new(
                "set-aside",
                Verdict::Done,
                format!("{reason}; it was moved to {place} in the job folder"),
                "Nothing, unless somebody wants what it holds",
            )
            .about(full.as_bytes()),
        );
        Ok(true)
    }

    /// Copies the file `name` of a `folder` of the source, which is at `path` there; says where it is in the job folder.
    ///
    /// # Errors
    /// What reading and writing say.
    pub(crate) fn keep_copy(
        &self,
        area: &Area,
        folder: &Folder,
        path: &RelativePath,
        name: &[u8],
    ) -> Result<String> {
        let full = path.join(name);
        let top = format!("{}-from-source", area.id);
        let failed = |errno| in_job_folder(&place(&top, &full), errno);
        let (shelf, kept_path) = self.shelf(&top, path).map_err(failed)?;
        let kept_as = free_name(&shelf, name, |_| false).map_err(failed)?;
        keep((folder, name), &shelf, &kept_as).map_err(|failure| match failure {
            CopyFailure::Write(errno) => failed(errno),
            CopyFailure::Read(errno) => WorkerError::reading("read", &full, errno),
            CopyFailure::Changed => WorkerError::Refused {
                code: "kept-changing",
                text: format!("{full} changed while it was read"),
                remedy: "Run the same command again; where that comes back, see who works on it at the source".into(),
            },
        })?;
        Ok(place(&top, &kept_path.join(&kept_as)))
    }

    /// The folder of the quarantine, below its folder `top`, for what stood at `path`, and its own path there.
    fn shelf(&self, top: &str, path: &RelativePath) -> Result<(Folder, RelativePath), Errno> {
        let (mut shelf, _) = self.job.create_folder(QUARANTINE_FOLDER)?;
        (shelf, _) = shelf.create_folder(top.as_bytes())?;
        let mut kept_path = RelativePath::root();
        for name in path.components() {
            let (inner, kept_as) = match shelf.create_folder(name) {
                Ok((inner, _)) => (inner, name.to_vec()),
                // A file that was set aside earlier has the name.
                Err(Errno::NOTDIR) => {
                    let free = free_name(&shelf, name, |_| false)?;
                    (shelf.create_folder(&free)?.0, free)
                }
                Err(errno) => return Err(errno),
            };
            shelf = inner;
            kept_path = kept_path.join(&kept_as);
        }
        Ok((shelf, kept_path))
    }
}

/// A name of the shelf that nothing has, or only what is to have it.
fn free_name(
    shelf: &Folder,
    name: &[u8],
    is_it: impl Fn(&Attributes) -> bool,
) -> Result<Vec<u8>, Errno> {
    let is_free = |name: &[u8]| Ok(shelf.metadata(name)?.as_ref().is_none_or(&is_it));
    if is_free(name)? {
        return Ok(name.to_vec());
    }
    for number in 2..NAMES_TRIED {
        let suffix = format!(".{number}");
        let stem = &name[..name
            .len()
            .min(postoffice::names::NAME_BYTES_MAX - suffix.len())];
        let candidate = [stem, suffix.as_bytes()].concat();
        if is_free(&candidate)? {
            return Ok(candidate);
        }
    }
    Err(Errno::EXIST)
}

/// Where something is kept, from the job folder.
fn place(top: &str, path: &RelativePath) -> String {
    format!(
        "{}/{top}/{path}",
        String::from_utf8_lossy(QUARANTINE_FOLDER)
    )
}

fn in_job_folder(place: &str, errno: Errno) -> WorkerError {
    WorkerError::JobFolder {
        operation: "write",
        name: place.to_owned(),
        source: errno.into(),
    }
}

/// Copies a file into a shelf: under a name of its own until it is whole, so that nobody takes a part for it.
fn keep(file: (&Folder, &[u8]), shelf: &Folder, kept_as: &[u8]) -> Result<(), CopyFailure> {
    let unfinished = [TEMPORARY_PREFIX, blake3::hash(kept_as).to_hex().as_bytes()].concat();
    copy_across(file, shelf, &unfinished, || {
        shelf.rename_to_new(&unfinished, shelf, kept_as)
    })
}

/// Moves an entry to another file system: copied, made durable, and only then removed.
fn move_across(
    folder: &Folder,
    name: &[u8],
    kind: Kind,
    shelf: &Folder,
    kept_as: &[u8],
) -> Result<(), CopyFailure> {
    let (read, wrote) = (CopyFailure::Read, CopyFailure::Write);
    match kind {
        Kind::File => {
            keep((folder, name), shelf, kept_as)?;
            folder.remove_file(name).map_err(read)?;
        }
        Kind::Folder => {
            let source = folder.open_folder(name).map_err(read)?;
            let (target, _) = shelf.create_folder(kept_as).map_err(wrote)?;
            for entry in source.list().map_err(read)? {
                let kind = source.kind_of(&entry).map_err(read)?;
                move_across(&source, &entry.name, kind, &target, &entry.name)?;
            }
            rustix::fs::fsync(&target).map_err(wrote)?;
            folder.remove_folder(name).map_err(read)?;
        }
        Kind::Symlink => {
            let target = rustix::fs::readlinkat(folder, name, Vec::new()).map_err(read)?;
            rustix::fs::symlinkat(target.as_c_str(), shelf, kept_as).map_err(wrote)?;
            rustix::fs::fsync(shelf).map_err(wrote)?;
            folder.remove_file(name).map_err(read)?;
        }
        // A pipe or device holds no data and cannot be carried to another file system.
        Kind::Special => {
            folder.remove_file(name).map_err(read)?;
        }
    }
    Ok(())
}
