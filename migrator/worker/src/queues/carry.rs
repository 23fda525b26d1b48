//! One round: carrying over what stands in the queues of the source and was not carried yet.

use std::collections::HashMap;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::{Listing, Standing, Step, digest_of, staging_name};
use crate::copy::{CopyFailure, Source, write_copy};
use crate::error::{Result, WorkerError};
use crate::finding::Verdict;
use crate::monitor::Count;
use crate::mount_gone::require_mounts;
use crate::store::{ItemState, QueueItem};
use crate::tree::Folder;
use crate::tree::owner::{Ownership, give, owned};

/// How many items are made durable together.
const BATCH_ITEMS: usize = 1024;

/// What one round did.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// Items that stand in their queues now.
    pub(super) carried: usize,
    /// Items that were being written or taken at the source; another listing decides about them.
    pub(super) moved: usize,
}

/// What came of making one item ready.
enum Staged {
    Ready(QueueItem),
    /// It is being written, or was taken from the queue.
    Moved,
    /// It could not be read, which has been reported.
    Unreadable,
}

impl Step<'_> {
    /// Carries what is new.
    pub(super) fn carry_round(&self, staging: &Folder, listing: &Listing) -> Result<Round> {
        let mut round = Round::default();
        for (folder, items) in listing {
            let known: HashMap<Vec<u8>, QueueItem> = self
                .store
                .queue_items_of(folder)?
                .into_iter()
                .map(|item| (item.name.clone(), item))
                .collect();
            let wanted: Vec<(&Vec<u8>, &Standing)> = items
                .iter()
                .filter(|(name, standing)| {
                    !known.get(*name).is_some_and(|item| is_same(item, standing))
                        && !self.given_up.borrow().contains(&folder.join(name))
                })
                .collect();
            for batch in wanted.chunks(BATCH_ITEMS) {
                self.carry_batch(staging, folder, batch, &known, &mut round)?;
            }
        }
        Ok(round)
    }

    fn carry_batch(
        &self,
        staging: &Folder,
        folder: &RelativePath,
        batch: &[(&Vec<u8>, &Standing)],
        known: &HashMap<Vec<u8>, QueueItem>,
        round: &mut Round,
    ) -> Result<()> {
        let queue = self.queue_folder(folder)?;
        let mut items = Vec::with_capacity(batch.len());
        for (name, standing) in batch {
            if known.contains_key(*name) {
                self.replaced_at_source(&queue, folder, name)?;
            }
            match self.stage(staging, folder, name, standing)? {
                Staged::Ready(item) => {
                    give_as_queue(staging, &queue, &item)?;
                    items.push(item);
                }
                Staged::Moved => round.moved += 1,
                Staged::Unreadable => {
                    self.given_up.borrow_mut().insert(folder.join(name));
                }
            }
        }
        round.carried += self.place(staging, &queue, items)?;
        Ok(())
    }

    /// An item of this name was carried before and the source has another one now.
    fn replaced_at_source(&self, queue: &Folder, folder: &RelativePath, name: &[u8]) -> Result<()> {
        if self.live {
            return Ok(());
        }
        // Nobody works at the destination: the copy of the older item makes way.
        queue
            .remove_file(name)
            .map(|_| ())
            .map_err(|errno| WorkerError::writing("remove", &folder.join(name), errno))
    }

    /// Makes one item ready beside the queues; unless it moves or cannot be read.
    fn stage(
        &self,
        staging: &Folder,
        folder: &RelativePath,
        name: &[u8],
        standing: &Standing,
    ) -> Result<Staged> {
        let path = standing.source_path();
        let source = match Source::open(&standing.folder, &standing.source_name) {
            Ok(opened) => opened,
            Err(Errno::NOENT) => return Ok(Staged::Moved),
            Err(errno) => return self.unreadable(&path, errno).map(|()| Staged::Unreadable),
        };
        let temporary = staging_name(folder, name);
        staging
            .remove_file(&temporary)
            .map_err(|errno| WorkerError::writing("remove", &path, errno))?;
        match write_copy(&source, staging, &temporary) {
            Ok(written) => Ok(Staged::Ready(QueueItem {
                folder: folder.clone(),
                name: name.to_vec(),
                size: written.source.size,
                modified: written.source.modified,
                digest: written.digest,
                state: ItemState::Placing,
            })),
            // It is being written: the next listing sees it again.
            Err(CopyFailure::Changed) => Ok(Staged::Moved),
            Err(CopyFailure::Read(errno)) => {
                self.unreadable(&path, errno).map(|()| Staged::Unreadable)
            }
            Err(CopyFailure::Write(errno)) => {
                Err(WorkerError::writing("write", &folder.join(name), errno))
            }
        }
    }

    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        require_mounts(std::slice::from_ref(self.area), path, errno)?;
        self.report(
            "queue-item-unreadable",
            Verdict::Unproven,
            path,
            &format!("it could not be read: {errno}"),
            "Give the account that mounts the source the right to read it, then run the same command again",
        );
        Ok(())
    }

    /// Lets staged items appear in their queue; returns how many did.
    fn place(&self, staging: &Folder, queue: &Folder, mut items: Vec<QueueItem>) -> Result<usize> {
        if items.is_empty() {
            return Ok(0);
        }
        self.sync(items.len())?;
        self.store.record_queue_items(&items)?;
        let mut refused = Vec::new();
        let mut index = 0;
        while index < items.len() {
            if self.place_one(staging, queue, &items[index])? {
                items[index].state = ItemState::Placed;
                index += 1;
            } else {
                refused.push(items.swap_remove(index));
            }
        }
        self.sync(items.len())?;
        self.store.record_queue_items(&items)?;
        self.store.forget_queue_items(&refused)?;
        self.monitor.count(Count::QueuedItems, items.len() as u64);
        Ok(items.len())
    }

    /// One renaming that never replaces; says whether the item stands in its queue.
    pub(super) fn place_one(
        &self,
        staging: &Folder,
        queue: &Folder,
        item: &QueueItem,
    ) -> Result<bool> {
        let path = item.folder.join(&item.name);
        let failed = |errno| WorkerError::writing("place", &path, errno);
        let temporary = staging_name(&item.folder, &item.name);
        match staging.rename_to_new(&temporary, queue, &item.name) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let is_equal = digest_of(queue, &item.folder, &item.name)? == Some(item.digest);
        staging.remove_file(&temporary).map_err(failed)?;
        if !is_equal {
            self.given_up.borrow_mut().insert(path.clone());
            self.report(
                "queue-name-taken",
                Verdict::Person,
                &path,
                "another item with this name stands in the queue of the destination, so this one was not carried over",
                "Run `gwmigrate queues` again once the agent has taken the other item",
            );
        }
        Ok(is_equal)
    }
}

/// Once the agents run as their own user the queues are theirs, and so are items that arrive later.
fn give_as_queue(staging: &Folder, queue: &Folder, item: &QueueItem) -> Result<()> {
    let give_it = || -> std::result::Result<(), Errno> {
        let of_queue = queue.owned()?.ownership;
        let (file, _) = staging.open_file(&staging_name(&item.folder, &item.name))?;
        let of_item = owned(&file)?.ownership;
        if (of_item.user, of_item.group) == (of_queue.user, of_queue.group) {
            return Ok(());
        }
        let wanted = Ownership {
            mode: of_item.mode,
            ..of_queue
        };
        give(&file, wanted)
    };
    give_it()
        .map_err(|errno| WorkerError::writing("give away", &item.folder.join(&item.name), errno))
}

fn is_same(item: &QueueItem, standing: &Standing) -> bool {
    item.state == ItemState::Placed
        && item.size == standing.attributes.size
        && item.modified == standing.attributes.modified
}
