//! Before the agents of the destination work: its queues hold nothing but what the source holds.
//!
//! Items that the test POA made are set aside, never delivered.  Items that an earlier run carried and that the source
//! no longer has were delivered at the source meanwhile and go.

use std::collections::HashMap;

use postoffice::layout::{self, CopyRule};
use postoffice::names::RelativePath;

use super::{Listing, Step};
use crate::copy::{hash_file, thread_count};
use crate::error::{Result, WorkerError};
use crate::monitor::Count;
use crate::quarantine::Quarantine;
use crate::store::QueueItem;
use crate::tree::{Folder, Kind};
use crate::walk::walk;

impl Step<'_> {
    /// Makes the queues of the destination hold only items of the listing that were carried already.
    pub(super) fn tidy(&self, listing: &Listing) -> Result<()> {
        let folders = self.destination_queues()?;
        let quarantine = Quarantine {
            job: self.job,
            store: self.store,
            monitor: self.monitor,
        };
        for (path, folder) in folders {
            let known: HashMap<Vec<u8>, QueueItem> = self
                .store
                .queue_items_of(&path)?
                .into_iter()
                .map(|item| (item.name.clone(), item))
                .collect();
            let standing = listing.get(&path);
            let entries = folder
                .list()
                .map_err(|errno| WorkerError::writing("list the queue", &path, errno))?;
            let mut stands = std::collections::HashSet::new();
            for entry in entries {
                let full = path.join(&entry.name);
                let is_item = folder
                    .kind_of(&entry)
                    .is_ok_and(|kind| kind != Kind::Folder)
                    && layout::classify_file(&full).copy_rule() == CopyRule::QueueStep;
                if !is_item {
                    continue;
                }
                match known.get(&entry.name) {
                    Some(item) if is_as_carried(&folder, item) => {
                        if standing.is_some_and(|items| items.contains_key(&entry.name)) {
                            stands.insert(entry.name);
                        } else {
                            folder
                                .remove_file(&entry.name)
                                .map_err(|errno| WorkerError::writing("remove", &full, errno))?;
                            self.monitor.count(Count::FilesRemoved, 1);
                        }
                    }
                    _ => {
                        let reason = "it stood in a queue of the destination and did not come from the source";
                        quarantine.set_aside(self.area, &folder, &path, &entry.name, reason)?;
                    }
                }
            }
            // Carried before and no longer there: the test POA took it, so it must be carried again.
            let gone: Vec<QueueItem> = known
                .into_values()
                .filter(|item| !stands.contains(&item.name))
                .collect();
            self.store.forget_queue_items(&gone)?;
        }
        Ok(())
    }

    fn destination_queues(&self) -> Result<Vec<(RelativePath, Folder)>> {
        let queues = std::sync::Mutex::new(Vec::new());
        walk(
            &self.area.destination,
            thread_count(self.options),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| {
                if layout::is_queue(visited.path) {
                    let mut queues = queues
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
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

fn is_as_carried(folder: &Folder, item: &QueueItem) -> bool {
    matches!(hash_file(folder, &item.name), Ok((attributes, digest))
        if attributes.size == item.size && digest == item.digest)
}
