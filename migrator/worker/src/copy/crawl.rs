//! The crawl of a pass: both trees, folder by folder, and what is to be done about what they hold.

use std::sync::Arc;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::committer::Record;
use super::context::{PassContext, Piece};
use super::entries::{FolderVisit, LockFiles};
use super::files::copy_if_changed;
use super::locked::copy_unit;
use super::second_look::PassScope;
use crate::error::{Result, WorkerError};
use crate::names::{TEMPORARY_PREFIX, is_marker, listed_twice, name_refused, refuses_name};
use crate::store::Manifest;
use crate::tree::{Attributes, Entry, Folder, Kind, Later, Listings, Pair, PairVisitor, Slice};
use protocol::Count;

impl PairVisitor for PassContext<'_> {
    type File = Piece;

    const FILES_PER_TASK: usize = 64;

    fn source_failed(&self, area: usize, path: &RelativePath, errno: Errno) -> Result<()> {
        if !path.is_root() && self.says_not_there(path, errno)? {
            self.missed[area].add(path);
            return Ok(());
        }
        self.unreadable(path, errno)
    }

    fn open_destination(
        &self,
        parent: &Pair,
        name: &[u8],
        path: &RelativePath,
        has_source: bool,
    ) -> Result<Option<Folder>> {
        if has_source {
            return self.make_folder(parent, name, path);
        }
        match parent.destination.open_folder(name) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(WorkerError::writing("open the folder", path, errno)),
        }
    }

    /// Removes also what an earlier pass left unfinished there.
    fn list_destination(&self, pair: &Pair) -> Result<Vec<Entry>> {
        let failed = |errno| WorkerError::writing("list the folder", &pair.path, errno);
        let mut entries = pair.destination.list().map_err(failed)?;
        let is_own = |entry: &Entry| entry.name.starts_with(TEMPORARY_PREFIX);
        for leftover in entries.iter().filter(|entry| is_own(entry)) {
            if is_marker(&pair.path, &leftover.name) {
                continue;
            }
            // A folder of ours is where the queue step makes items ready; that step finishes or empties it itself.
            if pair.destination.kind_of(leftover).map_err(failed)? != Kind::Folder {
                let removed = pair.destination.remove_file(&leftover.name);
                removed.map_err(failed)?;
            }
        }
        entries.retain(|entry| !is_own(entry));
        Ok(entries)
    }

    fn visit(
        &self,
        pair: &Arc<Pair>,
        listings: &Listings,
        later: &mut Later<'_, Self>,
    ) -> Result<()> {
        self.monitor.obey()?;
        if pair.has_source() {
            self.monitor.count(Count::FoldersSeen, 1);
        }
        for name in &listings.repeated {
            let path = pair.source_path.join(name);
            self.monitor.finding(listed_twice(&path, self.problem()));
        }
        let lock_files = LockFiles::of(&listings.source);
        let classes = self.areas[pair.area].files_in(&pair.source_path);
        for slice in listings.slices() {
            let visit = FolderVisit {
                context: self,
                pair,
                classes: &classes,
                manifest: self.manifest_of(pair, &slice)?,
                lock_files: &lock_files,
                later,
            };
            visit.slice(&slice)?;
        }
        match self.scope {
            PassScope::Everything => self.remember_folder_time(pair),
            PassScope::NewNames => Ok(()),
        }
    }

    fn file(&self, piece: Piece) -> Result<()> {
        self.monitor.obey()?;
        match piece {
            Piece::File(file) => copy_if_changed(self, file),
            Piece::Database(unit) => copy_unit(self, unit),
        }
    }
}

impl PassContext<'_> {
    /// None where the destination cannot hold the name.
    fn make_folder(
        &self,
        parent: &Pair,
        name: &[u8],
        path: &RelativePath,
    ) -> Result<Option<Folder>> {
        let claim = self.claim(&parent.destination, name);
        let (folder, made) = match parent.destination.create_folder(name) {
            Ok(created) => created,
            Err(errno) if refuses_name(errno) => {
                let finding = name_refused(path, errno, self.problem());
                self.monitor.finding(finding);
                return Ok(None);
            }
            Err(errno) => return Err(WorkerError::writing("create the folder", path, errno)),
        };
        // A pass that was cut off may have made it and not recorded it; recording it twice changes nothing.
        if made || self.unfinished.is_some() {
            self.hand_in(Record::Folder {
                area: self.areas[parent.area].id,
                path: path.clone(),
            })?;
        }
        claim.settle();
        Ok(Some(folder))
    }

    /// What the manifest says of the names of a slice; nothing where only new names are looked for.
    fn manifest_of(&self, pair: &Pair, slice: &Slice<'_>) -> Result<Manifest> {
        let area = self.areas[pair.area].id;
        let end = slice.end.as_deref();
        match self.scope {
            PassScope::Everything => {
                self.store
                    .manifest_between(area, &pair.path, &slice.first, end)
            }
            PassScope::NewNames => Ok(Manifest::default()),
        }
    }

    fn remember_folder_time(&self, pair: &Pair) -> Result<()> {
        if !pair.has_source() {
            return Ok(());
        }
        match pair.source().and_then(Folder::attributes) {
            Ok(Attributes { modified, .. }) => {
                let time = (pair.area, pair.path.clone(), modified);
                self.lists().folder_times.push(time);
                Ok(())
            }
            Err(errno) => self.source_failed(pair.area, &pair.source_path, errno),
        }
    }
}
