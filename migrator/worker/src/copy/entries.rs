//! The entries of one folder: which are copied, how, and when.

use std::collections::HashMap;
use std::sync::Arc;

use postoffice::layout::{CopyRule, FolderFiles};
use postoffice::names::{NAME_BYTES_MAX, PATH_DEPTH_MAX, printable};
use rustix::io::Errno;

use super::context::{FileTask, PassContext, Piece};
use super::extras::plan_extra;
use super::second_look::PassScope;
use crate::capabilities::leaves_out_class;
use crate::error::{Result, WorkerError};
use crate::locks::lock_file_name;
use crate::names::{
    is_mapped, is_reserved, kept_name, name_collision, name_mapped, name_too_long, reserved_name,
};
use crate::store::{Manifest, Removal, RemovalKind};
use crate::tree::{Entry, Kind, Later, Matched, Name, Pair, PairVisitor, Slice, SourceEntry};
use protocol::Count;

/// What the name of every lock file ends with.
const LOCK_EXTENSION: &[u8] = b".lck";

/// The visit of one folder, some of its names at a time.
pub(super) struct FolderVisit<'a, 'b, 'c> {
    pub(super) context: &'a PassContext<'b>,
    pub(super) pair: &'a Arc<Pair>,
    /// What its files are.
    pub(super) classes: &'a FolderFiles,
    /// What is known of the names, but for those that were met.
    pub(super) manifest: Manifest,
    pub(super) lock_files: &'a LockFiles,
    pub(super) later: &'a mut Later<'c, PassContext<'b>>,
}

impl FolderVisit<'_, '_, '_> {
    /// Looks at all names of a slice.
    pub(super) fn slice(mut self, slice: &Slice<'_>) -> Result<()> {
        for matched in slice.matched() {
            match matched {
                Matched::Source(entry, there) => self.source_entry(entry, there)?,
                Matched::Collision { first, others, .. } => {
                    self.manifest.remove(&first.destination_name[..]);
                    self.report_collision(first, others);
                }
                Matched::OnlyDestination(_) if self.context.scope == PassScope::NewNames => {}
                Matched::OnlyDestination(extra) => {
                    let known = self.manifest.remove(&extra.name[..]);
                    if let Some(folder) =
                        plan_extra(self.context, self.pair, extra, known.as_ref())?
                    {
                        self.later.folder(folder);
                    }
                }
            }
        }
        // Neither side has them any more.
        let names = self.manifest.into_keys();
        let gone: Vec<_> = names.map(|name| (self.pair.path.clone(), name)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let area = self.context.areas[self.pair.area].id;
        self.context.store.forget_files(area, &gone)
    }

    /// Names of the source that would become one at the destination; none of them is copied.
    fn report_collision(&self, first: &SourceEntry, others: &[SourceEntry]) {
        for other in others {
            self.context.monitor.finding(name_collision(
                &self.pair.source_path.join(&other.name),
                &printable(&first.name),
                "Rename or remove one of the two at the source, then run a pass again; neither was copied",
            ));
        }
    }

    fn source_entry(&mut self, entry: &SourceEntry, there: Option<&Entry>) -> Result<()> {
        let pair = self.pair;
        let path = || pair.source_path.join(&entry.name);
        if is_reserved(&entry.destination_name) {
            let finding = reserved_name(&path(), self.context.problem());
            self.context.monitor.finding(finding);
            return Ok(());
        }
        if entry.destination_name.len() > NAME_BYTES_MAX {
            let finding = name_too_long(&path(), self.context.problem());
            self.context.monitor.finding(finding);
            return Ok(());
        }
        if is_mapped(&entry.name) {
            self.context.monitor.finding(name_mapped(&path()));
        }
        if let Some(reason) = entry.kept {
            self.context.monitor.finding(kept_name(&path(), reason));
        }
        match pair.source().and_then(|source| source.kind_of(entry)) {
            Ok(Kind::Folder) => self.folder(entry, there),
            Ok(Kind::File) => self.file(entry, there.is_some()),
            Ok(kind @ (Kind::Symlink | Kind::Special)) => {
                self.no_file(entry, kind);
                Ok(())
            }
            Err(errno) => {
                // Nothing is known of it, so its copy and what the manifest says of it stay as they are.
                self.manifest.remove(&entry.destination_name[..]);
                self.context.source_failed(pair.area, &path(), errno)
            }
        }
    }

    /// What cannot be a file or folder any more keeps the copy that it has, because nobody knows whether that is meant.
    fn no_file(&mut self, entry: &SourceEntry, kind: Kind) {
        self.manifest.remove(&entry.destination_name[..]);
        if leaves_out_class(self.classes.class_of(&entry.name), self.context.options) {
            return;
        }
        let path = self.pair.source_path.join(&entry.name);
        self.context.report_no_file(&path, kind.words());
    }

    fn folder(&mut self, entry: &SourceEntry, there: Option<&Entry>) -> Result<()> {
        let Some(folder) = self.pair.inside(entry) else {
            self.context.monitor.report(
                "path-too-deep",
                self.context.problem(),
                &self.pair.source_path.join(&entry.name),
                &format!("it lies more than {PATH_DEPTH_MAX} folders deep and is not copied"),
                "GroupWise makes no such folders; look where it comes from, and move it out of the post office",
            );
            return Ok(());
        };
        let is_blocked = match there {
            None => false,
            Some(there) => self.destination_kind(there)? != Some(Kind::Folder),
        };
        if !is_blocked {
            let area = &self.context.areas[self.pair.area];
            if self.context.databases_first
                && !area.may_hold_databases(&self.pair.source_path.join(&entry.name))
            {
                self.context.lists().put_off.push(folder);
            } else {
                self.later.folder(folder);
            }
        } else if self.context.scope == PassScope::Everything {
            // A file of ours that the source replaced by a folder, or something foreign: it goes first.
            self.plan_blocking_file(&entry.destination_name)?;
            self.context.lists().blocked_folders.push(folder);
        }
        Ok(())
    }

    fn file(&mut self, entry: &SourceEntry, listed: bool) -> Result<()> {
        let class = self.classes.class_of(&entry.name);
        let known = self.manifest.remove(&entry.destination_name[..]);
        let rule = class.copy_rule();
        if leaves_out_class(class, self.context.options) {
            self.count_left_out(entry);
            return Ok(());
        }
        let is_database = matches!(rule, CopyRule::UnderLock | CopyRule::AtomicSet);
        let is_old = listed && self.context.scope == PassScope::NewNames;
        if rule == CopyRule::QueueStep || (is_old && !is_database) || self.was_refused(entry) {
            return Ok(());
        }
        let lock_file = is_database
            .then(|| self.lock_files.beside(&entry.name))
            .flatten();
        let task = FileTask {
            pair: Arc::clone(self.pair),
            source_name: entry.name.to_vec(),
            name: entry.destination_name.to_vec(),
            known,
            listed,
            class,
            lock_file,
        };
        if is_database {
            // An old one too: a new file beside it waits for a pass that copies both.
            self.context.lists().databases.push(task);
            return Ok(());
        }
        self.later.file(Piece::File(task))
    }

    /// Whether the first look of this pass has refused a name, because another file is opened by it.
    fn was_refused(&self, entry: &SourceEntry) -> bool {
        let same_files = &self.context.lists().same_files;
        self.context.scope == PassScope::NewNames
            && !same_files.is_empty()
            && same_files.contains(&(self.pair.area, self.pair.source_path.join(&entry.name)))
    }

    fn count_left_out(&self, entry: &Entry) {
        let source = self.pair.source();
        let attributes = source.and_then(|source| source.metadata(&entry.name));
        let size = attributes
            .ok()
            .flatten()
            .map_or(0, |attributes| attributes.size);
        self.context.monitor.count(Count::FilesLeftOut, 1);
        self.context.monitor.count(Count::BytesLeftOut, size);
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
        let destination = self.pair.destination.metadata(name);
        let attributes = destination
            .map_err(|errno| WorkerError::writing("look at", &self.pair.path.join(name), errno))?;
        let was_copied = known.is_some();
        let ours = matches!((known, attributes), (Some(known), Some(there)) if known.destination_is_untouched(&there));
        self.context.plan_removal(Removal {
            area: self.context.areas[self.pair.area].id,
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
    pub(super) fn of(entries: &[SourceEntry]) -> Self {
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
