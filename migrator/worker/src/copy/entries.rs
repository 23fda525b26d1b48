//! The entries of one folder of the source: which are copied, how, and when.

use std::collections::HashMap;
use std::sync::Arc;

use postoffice::layout::{CopyRule, FolderFiles};
use postoffice::names::PATH_DEPTH_MAX;
use rustix::io::Errno;

use super::crawl::Task;
use super::files::copy_if_changed;
use super::second_look::Look;
use super::shared::{FileTask, FolderPair, FolderTask, Shared};
use crate::capabilities::leaves_out_class;
use crate::error::{Result, WorkerError};
use crate::locks::lock_file_name;
use crate::pool::Stack;
use crate::store::{Manifest, Removal, RemovalKind};
use crate::tree::{Entry, Kind, Name};
use protocol::Count;

/// How many files one task of the pool copies.
const FILES_PER_TASK: usize = 64;

/// What the name of every lock file ends with.
const LOCK_EXTENSION: &[u8] = b".lck";

/// The work of one folder.
pub(super) struct FolderWork<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) pair: &'a Arc<FolderPair>,
    /// What its files are.
    pub(super) classes: &'a FolderFiles,
    pub(super) manifest: Manifest,
    pub(super) files: Vec<FileTask>,
    pub(super) lock_files: &'a LockFiles,
    pub(super) stack: &'a Stack<Task>,
}

impl FolderWork<'_> {
    /// Looks at one entry of the source; says whether what stands at the destination under its name is its copy.
    pub(super) fn look_at_entry(
        &mut self,
        entry: &Entry,
        name: &[u8],
        there: Option<&Entry>,
    ) -> Result<bool> {
        let Some(source) = &self.pair.source else {
            return Ok(true);
        };
        let kind = match source.kind_of(entry) {
            Ok(kind) => kind,
            Err(errno) => {
                // Nothing is known of it, so its copy and what the manifest says of it stay as they are.
                self.manifest.remove(name);
                let path = self.pair.source_path.join(&entry.name);
                if errno == Errno::NOENT {
                    self.shared.report_vanished(&path);
                } else {
                    self.shared.unreadable(&path, errno)?;
                }
                return Ok(true);
            }
        };
        match kind {
            Kind::Folder => self.look_at_folder_entry(entry, name, there)?,
            Kind::File => self.look_at_file_entry(entry, name, there.is_some())?,
            Kind::Symlink | Kind::Special => self.report_no_file(entry, name, kind),
        }
        Ok(true)
    }

    /// What cannot be a file or folder any more keeps the copy that it has, because nobody knows whether that is meant.
    fn report_no_file(&mut self, entry: &Entry, name: &[u8], kind: Kind) {
        self.manifest.remove(name);
        if leaves_out_class(self.classes.class_of(&entry.name), self.shared.options) {
            return;
        }
        self.shared.report(
            "not-a-file",
            self.shared.problem(),
            &self.pair.source_path.join(&entry.name),
            &format!("it is {} and is not copied; an older copy of it stays as it is", kind.words()),
            "GroupWise makes no such thing; put what it stands for in its place at the source, or remove it there, before \
             stage two",
        );
    }

    fn look_at_folder_entry(
        &mut self,
        entry: &Entry,
        name: &[u8],
        there: Option<&Entry>,
    ) -> Result<()> {
        let path = self.pair.source_path.join(&entry.name);
        if path.depth() > PATH_DEPTH_MAX {
            self.shared.report(
                "path-too-deep",
                self.shared.problem(),
                &path,
                &format!("it lies more than {PATH_DEPTH_MAX} folders deep and is not copied"),
                "GroupWise makes no such folders; look where it comes from, and move it out of the post office",
            );
            return Ok(());
        }
        let task = FolderTask::Inside {
            parent: Arc::clone(self.pair),
            source_name: Some(entry.name.to_vec()),
            name: name.to_vec(),
        };
        let blocked = match there {
            None => false,
            Some(there) => self.destination_kind(there)? != Some(Kind::Folder),
        };
        if !blocked {
            self.stack.push(Task::Folder(task));
        } else if self.shared.look == Look::Everything {
            // A file of ours that the source replaced by a folder, or something foreign: it goes first.
            self.plan_blocking_file(name)?;
            self.shared.lists().blocked_folders.push(task);
        }
        Ok(())
    }

    fn look_at_file_entry(&mut self, entry: &Entry, name: &[u8], listed: bool) -> Result<()> {
        let class = self.classes.class_of(&entry.name);
        let known = self.manifest.remove(name);
        let rule = class.copy_rule();
        if leaves_out_class(class, self.shared.options) {
            self.count_left_out(entry);
            return Ok(());
        }
        let is_database = matches!(rule, CopyRule::UnderLock | CopyRule::AtomicSet);
        let is_old = listed && self.shared.look == Look::NewNames;
        if rule == CopyRule::QueueStep || (is_old && !is_database) {
            return Ok(());
        }
        let lock_file = is_database
            .then(|| self.lock_files.beside(&entry.name))
            .flatten();
        let task = FileTask {
            pair: Arc::clone(self.pair),
            source_name: entry.name.to_vec(),
            name: name.to_vec(),
            known,
            listed,
            class,
            lock_file,
        };
        if is_database {
            // An old one too: a new file beside it waits for a pass that copies both.
            self.shared.lists().databases.push(task);
            return Ok(());
        }
        self.files.push(task);
        if self.files.len() >= FILES_PER_TASK {
            self.hand_out_files()?;
        }
        Ok(())
    }

    fn count_left_out(&self, entry: &Entry) {
        let size = self
            .pair
            .source
            .as_ref()
            .and_then(|source| source.look_at(&entry.name).ok().flatten());
        self.shared.monitor.count(Count::FilesLeftOut, 1);
        self.shared.monitor.count(
            Count::BytesLeftOut,
            size.map_or(0, |attributes| attributes.size),
        );
    }

    /// Gives the collected files to the pool, or copies them at once where much is waiting already.
    pub(super) fn hand_out_files(&mut self) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        if files.is_empty() {
            return Ok(());
        }
        if self.stack.is_long() {
            return files
                .into_iter()
                .try_for_each(|file| copy_if_changed(self.shared, file));
        }
        self.stack.push(Task::Files(files));
        Ok(())
    }

    fn destination_kind(&self, there: &Entry) -> Result<Option<Kind>> {
        match self.pair.destination.kind_of(there) {
            Ok(kind) => Ok(Some(kind)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(WorkerError::writing(
                "look at",
                &self.pair.path.join(&there.name),
                errno,
            )),
        }
    }

    fn plan_blocking_file(&mut self, name: &[u8]) -> Result<()> {
        let known = self.manifest.remove(name);
        let destination = self.pair.destination.look_at(name);
        let attributes = destination
            .map_err(|errno| WorkerError::writing("look at", &self.pair.path.join(name), errno))?;
        let was_copied = known.is_some();
        let ours = matches!((known, attributes), (Some(known), Some(there)) if known.destination_is_untouched(&there));
        self.shared.plan_removal(Removal {
            area: self.shared.areas[self.pair.area].id,
            folder: self.pair.path.clone(),
            name: name.to_vec(),
            kind: if ours {
                RemovalKind::Vanished
            } else {
                RemovalKind::SetAside
            },
            was_copied,
        })
    }
}

/// The lock files of a folder: the name that each has in the listing, by its lower-case form.
pub(super) struct LockFiles(HashMap<Vec<u8>, Vec<u8>>);

impl LockFiles {
    /// Those of a listing.
    pub(super) fn of(entries: &[Entry]) -> Self {
        let names = entries.iter().map(|entry| &entry.name);
        let is_lock = |name: &&Name| {
            let end = name.len().saturating_sub(LOCK_EXTENSION.len());
            name[end..].eq_ignore_ascii_case(LOCK_EXTENSION)
        };
        Self(
            names
                .filter(is_lock)
                .map(|name| (name.to_ascii_lowercase(), name.to_vec()))
                .collect(),
        )
    }

    /// The lock file of a database, under the name that it has in the listing.
    fn beside(&self, database: &[u8]) -> Option<Vec<u8>> {
        let wanted = lock_file_name(database).to_ascii_lowercase();
        self.0.get(&wanted).cloned()
    }
}
