//! The only place where the worker opens a path (`open`): the folders of the order and the job folder.
//!
//! Everything later happens relative to these handles.  `ambient_authority` appears in this module and nowhere else
//! of the worker (a test enforces it).  The source is opened where it cannot be written (`read_only_view`), as far as
//! this machine and the rights of this process allow.

mod open;
mod read_only_view;

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use postoffice::layout::{self, CopyRule, FileClass, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

pub use self::open::open_folder;
pub(crate) use self::open::{open_with_mounts, open_without_links, without_links};
use self::read_only_view::{ReadOnlyView, is_read_only};
use crate::error::{Result, WorkerError};
use crate::file_system;
use crate::places::SeenPlace;
use crate::pool::Threads;
use crate::store::{SourceIdentity, Stamp};
use crate::tree::{Attributes, Folder, Pace, Visited, walk_where};
use protocol::{AreaKind, CopyOptions, LockReach, Order};

/// Where some file systems keep what a repair found, at their top.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// One area with its open folders.
#[derive(Debug, Clone)]
pub struct Area {
    /// Number of the area in the job.
    pub id: u32,
    /// What it is.
    pub kind: AreaKind,
    /// What people call it.
    pub label: String,
    /// The folder of the mounted source, where the task needs it.
    pub source: Option<Folder>,
    /// The folder at the destination.
    pub destination: Folder,
    /// The mounts below the folder at the destination, by their paths in it, deepest last.
    pub(crate) mounts: Vec<(RelativePath, Folder)>,
    /// Whether the folder at the destination is the top of a file system.
    pub(crate) is_on_its_own: bool,
    /// The device whose files have change times that can be relied on, of the source; none where it has none.
    pub(crate) change_times: Option<u64>,
    /// Whom a lock reaches that is taken at the source, as measured.
    pub(crate) locks: LockReach,
    /// The source folder and its mounts, as they are now; none where the task does not need it.
    pub(crate) source_seen: Option<SeenPlace>,
    /// The same of the destination.
    pub(crate) destination_seen: SeenPlace,
}

impl Area {
    /// Whether a lock that is held at the source keeps its programs out; what is not certain does not.
    pub(crate) fn relies_on_locks(&self) -> bool {
        self.locks == LockReach::Shared
    }

    /// Whether it is of no use to ask the source for a lock.
    pub(crate) fn has_no_locks(&self) -> bool {
        matches!(self.locks, LockReach::KeptHere | LockReach::None)
    }

    /// Makes everything durable that was written at the destination, on every file system that it has.
    ///
    /// # Errors
    /// [`WorkerError::SyncFailed`] with the number of files that were written.
    pub(crate) fn sync(&self, files: usize) -> Result<()> {
        let inner = self.mounts.iter().map(|(_, folder)| folder);
        std::iter::once(&self.destination)
            .chain(inner)
            .try_for_each(|folder| {
                rustix::fs::syncfs(folder)
                    .map_err(|source| WorkerError::SyncFailed { files, source })
            })
    }

    /// The same for those of some areas in which something was changed.
    ///
    /// # Errors
    /// As [`Area::sync`].
    pub(crate) fn sync_touched(
        areas: &[Self],
        touched: &BTreeSet<u32>,
        files: usize,
    ) -> Result<()> {
        let mut touched = areas.iter().filter(|area| touched.contains(&area.id));
        touched.try_for_each(|area| area.sync(files))
    }

    /// The folder at the top of the file system that holds `path`, and its own path: names can be moved to and from it.
    pub(crate) fn top_of(&self, path: &RelativePath) -> (RelativePath, &Folder) {
        let holds = |mount: &RelativePath| {
            let mut below = path.components();
            mount.components().all(|name| below.next() == Some(name))
        };
        let mut mounts = self.mounts.iter().rev();
        mounts.find(|(mount, _)| holds(mount)).map_or_else(
            || (RelativePath::root(), &self.destination),
            |(mount, folder)| (mount.clone(), folder),
        )
    }

    /// Whether the folder at this path of the destination is there because of a file system, or leads to such a folder: it
    /// stays where it is, and is nobody's data.
    pub(crate) fn is_of_the_file_system(&self, path: &RelativePath) -> bool {
        self.is_mount_point(path) || self.holds_a_mount(path) || self.is_lost_and_found(path)
    }

    /// Whether this is the folder at the top of a file system that a repair of it puts what it found in.
    pub(crate) fn is_lost_and_found(&self, path: &RelativePath) -> bool {
        path.split_last().is_some_and(|(parent, name)| {
            let is_top = self.is_mount_point(&parent) || (parent.is_root() && self.is_on_its_own);
            name == LOST_AND_FOUND && is_top
        })
    }

    /// Walks the destination, but for what its file systems keep at their tops, which only root may list.
    ///
    /// # Errors
    /// As [`walk_where`].
    pub(crate) fn walk_destination(
        &self,
        threads: Threads,
        unreadable: impl Fn(&RelativePath, Errno) -> Result<()> + Sync,
        visit: impl Fn(&Visited<'_>) -> Result<()> + Sync,
    ) -> Result<()> {
        let enters = |path: &RelativePath| !self.is_lost_and_found(path);
        walk_where(&self.destination, threads, enters, unreadable, visit)
    }

    /// Whether a file system is mounted at this path of the destination, so that the folder can be neither renamed nor
    /// removed.
    pub(crate) fn is_mount_point(&self, path: &RelativePath) -> bool {
        self.mounts.iter().any(|(mount, _)| mount == path)
    }

    /// Whether a file system is mounted somewhere below this path of the destination.
    pub(crate) fn holds_a_mount(&self, path: &RelativePath) -> bool {
        self.mounts.iter().any(|(mount, _)| {
            let mut names = mount.components();
            mount != path && path.components().all(|name| names.next() == Some(name))
        })
    }

    /// What the file at `path` is; for many files of one folder, [`Area::files_in`].
    pub(crate) fn classify(&self, path: &RelativePath) -> FileClass {
        match self.kind {
            AreaKind::PostOffice => layout::classify_file(path),
            AreaKind::Documents => layout::classify_document(path),
        }
    }

    /// What the files of a folder are, by their names.
    pub(crate) fn files_in(&self, folder: &RelativePath) -> FolderFiles {
        match self.kind {
            AreaKind::PostOffice => FolderFiles::in_post_office(folder),
            AreaKind::Documents => FolderFiles::in_documents(folder),
        }
    }

    /// Whether a database or an item of a queue may lie in this folder, or anywhere below it.
    pub(crate) fn may_hold_databases(&self, folder: &RelativePath) -> bool {
        match self.kind {
            AreaKind::PostOffice => layout::may_hold_databases(folder),
            AreaKind::Documents => layout::documents_may_hold_databases(folder),
        }
    }

    /// The database that the file at `path` belongs to: its path in lower case, without `.db`.
    pub(crate) fn database_of(&self, path: &RelativePath) -> Option<RelativePath> {
        match self.kind {
            AreaKind::PostOffice => layout::database_of(path),
            AreaKind::Documents => layout::document_database_of(path),
        }
    }

    /// Whether the file at `path` is never copied and never compared: nobody's data, or a log that is not wanted.
    pub(crate) fn leaves_out(&self, path: &RelativePath, options: &CopyOptions) -> bool {
        leaves_out_class(self.classify(path), options)
    }

    /// Whether the source may show names that are no longer so; see [`file_system::may_show_old_names`].
    pub(crate) fn may_show_old_names(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(file_system::may_show_old_names)
    }

    /// What identifies a file of the source that says this of itself.
    pub(crate) fn source_identity(&self, attributes: &Attributes) -> SourceIdentity {
        // A server that keeps no such time says 1970, or 1601.
        let is_kept =
            self.change_times == Some(attributes.device) && attributes.changed.seconds > 0;
        SourceIdentity {
            stamp: Stamp::from(attributes),
            changed: is_kept.then_some(attributes.changed),
        }
    }

    /// The source folder.
    ///
    /// # Errors
    /// [`WorkerError::Order`] where the order did not ask for it to be opened.
    pub fn source(&self) -> Result<&Folder> {
        self.source.as_ref().ok_or_else(|| WorkerError::Order {
            text: format!("The source of {} was not opened for this task", self.label),
        })
    }

    /// The folders at both sides.
    ///
    /// # Errors
    /// As [`Area::source`].
    pub(crate) fn roots(&self) -> Result<(Folder, Folder)> {
        Ok((self.source()?.clone(), self.destination.clone()))
    }
}

/// Whether files of a class are never copied and never compared.
pub(crate) fn leaves_out_class(class: FileClass, options: &CopyOptions) -> bool {
    class.copy_rule() == CopyRule::Never || (class == FileClass::Log && !options.agent_logs)
}

/// A certificate or key file, opened before the sandbox closes.
#[derive(Debug)]
pub struct CertificateFiles {
    /// The folder that holds the certificate, and its name there.
    pub certificate: (Folder, Vec<u8>),
    /// The folder that holds the key, and its name there.
    pub key: (Folder, Vec<u8>),
    /// Where both go; nowhere when they are only looked at.
    pub target: Option<Folder>,
}

/// Everything that the worker may touch.
#[derive(Debug)]
pub struct Capabilities {
    /// The areas of the order, the post office first.
    pub areas: Vec<Area>,
    /// The job folder, only named: its owner can replace the worker in it, so no worker can give it away.  A worker that
    /// is sealed in can change nothing that has a name in it.
    pub job: Folder,
    /// The folder of the job folder that takes what was set aside, and what is being written for the job folder itself.
    pub quarantine: Folder,
    /// Certificate files, where the task is about them.
    pub certificates: Option<CertificateFiles>,
    /// The seal in the job folder, open, where the task compares something with it; none where there is none.
    pub(crate) seal: Option<OwnedFd>,
    /// Where the folders were opened, unless they were opened as everybody sees them.
    view: Option<ReadOnlyView>,
}

impl Capabilities {
    /// Opens what an order names, and makes the quarantine of the job where there is none.
    ///
    /// # Errors
    /// [`WorkerError::Open`] with the role of the folder that could not be opened; [`WorkerError::JobFolder`];
    /// [`WorkerError::Refused`] where a folder is, holds or is held by another.
    pub fn open(order: &Order, job_folder: &Path) -> Result<Self> {
        open::open(order, job_folder)
    }

    /// The same, where the source is read no faster than this.
    #[must_use]
    pub fn at_pace(mut self, pace: &Arc<Pace>) -> Self {
        for area in &mut self.areas {
            area.source = area
                .source
                .take()
                .map(|source| source.at_pace(Arc::clone(pace)));
        }
        self
    }

    /// Takes this thread, and all that it starts, to where paths lead to what was opened here; says whether no folder
    /// that is only read can be changed from there, by a handle or by a path.
    pub(crate) fn enter(&self) -> bool {
        let is_inside = match self.view.as_ref().map(ReadOnlyView::enter) {
            Some(Err(error)) => {
                tracing::debug!(%error, "paths lead to the source as everybody sees it");
                false
            }
            Some(Ok(())) | None => true,
        };
        is_inside && self.read_only().all(is_read_only)
    }

    /// Every folder that is only read.
    pub(crate) fn read_only(&self) -> impl Iterator<Item = &Folder> {
        let certificates = self
            .certificates
            .iter()
            .flat_map(|files| [&files.certificate.0, &files.key.0]);
        self.areas
            .iter()
            .filter_map(|area| area.source.as_ref())
            .chain(certificates)
    }

    /// Whether a folder that is written may be on a file system that renames by second links alone.
    pub(crate) fn may_rename_by_links(&self) -> bool {
        let mounts = self.areas.iter().flat_map(|area| &area.mounts);
        let mut folders = self.written().chain(mounts.map(|(_, folder)| folder));
        folders.any(|folder| !file_system::renames_without_replacing(folder))
    }

    /// Every folder in which everything may be written; the job folder itself is none of them.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Folder> {
        let target = self
            .certificates
            .iter()
            .filter_map(|files| files.target.as_ref());
        self.areas
            .iter()
            .map(|area| &area.destination)
            .chain([&self.quarantine])
            .chain(target)
    }
}
