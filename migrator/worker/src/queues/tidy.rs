//! Before the agents of the destination work: its queues hold nothing but what the source holds.
//!
//! Items that the test POA made are set aside, never delivered.  Items that an earlier run carried and that the source
//! no longer has were delivered at the source meanwhile and go.

use std::collections::{BTreeMap, HashMap, HashSet};

use postoffice::layout::{self, CopyRule, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::{Listing, QueueRun, SourceItem, digest_of};
use crate::error::{Result, WorkerError};
use crate::names::TEMPORARY_PREFIX;
use crate::pool::{Threads, lock};
use crate::quarantine::Quarantine;
use crate::store::{FolderOwner, QueueItem, Removal, RemovalKind};
use crate::tree::{Folder, Kind, walk_where};
use protocol::Count;

impl QueueRun<'_> {
    /// Makes the queues of the destination hold only items of the listing that were carried already.
    pub(super) fn tidy(&self, listing: &Listing) -> Result<()> {
        // A queue folder that is gone was taken with all its items, which must be carried again.
        for path in listing.keys() {
            self.queue_folder(path)?;
        }
        let mut folders = self.destination_queues()?;
        // The queue that it is of at the source could not be asked for.
        folders.retain(|(path, _)| !self.has_given_up_queue(path));
        folders.sort_by_key(|(path, _)| std::cmp::Reverse(path.depth()));
        for (path, folder) in &folders {
            self.tidy_folder(path, folder, listing.get(path))?;
        }
        for (path, _) in &folders {
            if !listing.contains_key(path) {
                self.remove_folder(path)?;
            }
        }
        Ok(())
    }

    fn tidy_folder(
        &self,
        path: &RelativePath,
        folder: &Folder,
        standing: Option<&BTreeMap<Vec<u8>, SourceItem>>,
    ) -> Result<()> {
        let known: HashMap<Vec<u8>, QueueItem> = self
            .store
            .queue_items_of(path)?
            .into_iter()
            .map(|item| (item.name.clone(), item))
            .collect();
        let entries = folder
            .list()
            .map_err(|errno| WorkerError::writing("list the queue", path, errno))?;
        let mut stands = HashSet::new();
        let files = FolderFiles::in_post_office(path);
        for entry in entries {
            let full = path.join(&entry.name);
            let kind = match folder.kind_of(&entry) {
                Ok(kind) => kind,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(WorkerError::writing("look at", &full, errno)),
            };
            let is_item = kind != Kind::Folder
                && files.class_of(&entry.name).copy_rule() == CopyRule::QueueStep;
            if !is_item {
                continue;
            }
            // Its item at the source could not be asked for.
            if self.has_given_up(&full) {
                stands.insert(entry.name);
                continue;
            }
            match known.get(&entry.name[..]) {
                Some(item) if is_as_carried(folder, item)? => {
                    if standing.is_some_and(|items| items.contains_key(&entry.name[..])) {
                        stands.insert(entry.name);
                    } else {
                        folder
                            .remove_file(&entry.name)
                            .map_err(|errno| WorkerError::writing("remove", &full, errno))?;
                        self.monitor.count(Count::FilesRemoved, 1);
                    }
                }
                _ => {
                    let reason =
                        "it stood in a queue of the destination and did not come from the source";
                    self.quarantine()
                        .set_aside(self.area, folder, path, &entry.name, reason)?;
                }
            }
        }
        // Carried before and no longer there: the test POA took it, so it must be carried again.
        let gone: Vec<QueueItem> = known
            .into_values()
            .filter(|item| !stands.contains(&item.name[..]))
            .collect();
        if gone.is_empty() {
            Ok(())
        } else {
            self.store.forget_queue_items(&gone)
        }
    }

    /// Removes a queue folder that the source does not have, unless every post office has it.
    fn remove_folder(&self, path: &RelativePath) -> Result<()> {
        let Some((parent_path, name)) = path.split() else {
            return Ok(());
        };
        let owner = self.store.folder_owner(self.area.id, path)?;
        if owner == FolderOwner::EveryPostOffice || self.area.is_of_the_file_system(path) {
            return Ok(());
        }
        let failed = |errno| WorkerError::writing("remove the folder", path, errno);
        let parent = self
            .area
            .destination
            .descend(&parent_path)
            .map_err(failed)?;
        match parent.remove_folder(name) {
            Ok(_) => {}
            // Something that is no item, such as a log.
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                let reason = "the source does not have this queue folder";
                self.quarantine()
                    .set_aside(self.area, &parent, &parent_path, name, reason)?;
            }
            Err(errno) => return Err(failed(errno)),
        }
        self.store.finish_removals(&[Removal {
            area: self.area.id,
            folder: parent_path,
            name: name.to_vec(),
            kind: RemovalKind::VanishedFolder,
            was_copied: false,
        }])
    }

    pub(super) fn quarantine(&self) -> Quarantine<'_> {
        Quarantine {
            job: &self.capabilities.job,
            store: self.store,
            monitor: self.monitor,
        }
    }

    /// Whether a folder is the migrator's own, or of a file system, and so no queue.
    fn is_kept_out(&self, path: &RelativePath) -> bool {
        let name = path.split_last().map(|(_, name)| name);
        name.is_some_and(|name| name.starts_with(TEMPORARY_PREFIX))
            || self.area.is_lost_and_found(path)
    }

    fn destination_queues(&self) -> Result<Vec<(RelativePath, Folder)>> {
        let queues = std::sync::Mutex::new(Vec::new());
        walk_where(
            &self.area.destination,
            Threads::of(self.options),
            |path| layout::is_queue(path) && !self.is_kept_out(path),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| {
                if layout::is_queue(visited.path) {
                    let mut queues = lock(&queues);
                    queues.push((visited.path.clone(), visited.folder.clone()));
                }
                Ok(())
            },
        )?;
        Ok(queues
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

fn is_as_carried(folder: &Folder, item: &QueueItem) -> Result<bool> {
    Ok(digest_of(folder, &item.folder, &item.name)? == Some(item.digest))
}
