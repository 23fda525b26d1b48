//! The folders in which items are made ready: one at the top of each file system that has queues, because only within a
//! file system does a renaming let an item appear.  They are gone when the step is done; a run
//! that was cut off leaves them, and the next one finds out by them which items had appeared in their queues.

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::QueueRun;
use crate::error::{Result, WorkerError};
use crate::names::TEMPORARY_PREFIX;
use crate::store::{ItemState, QueueItem};
use crate::tree::{Attributes, Folder};
use protocol::{Count, Verdict};

/// Name of such a folder.
const STAGING: &[u8] = b".gwmigrate-queues";

impl QueueRun<'_> {
    /// Brings every item that was being placed to its end, and empties the staging folder.
    pub(super) fn recover(&self) -> Result<()> {
        let mut placed = Vec::new();
        for mut item in self.store.queue_items_being_placed()? {
            let path = item.folder.join(&item.name);
            let name = staging_name(&item.folder, &item.name);
            let staging = self.open_staging_of(&item.folder)?;
            let looked = staging.as_ref().map(|staging| staging.metadata(&name));
            let staged = looked
                .transpose()
                .map_err(|errno| WorkerError::writing("look at", &path, errno))?
                .flatten();
            let stands = match staging.zip(staged) {
                // Not in the staging folder any more: the renaming happened, whoever has taken the item since.
                None => true,
                Some((staging, staged)) => {
                    self.begin()?;
                    self.place_again(&staging, &item, &staged)?
                }
            };
            if stands {
                item.state = ItemState::Placed;
                placed.push(item);
            }
        }
        self.sync(placed.len())?;
        self.monitor.count(Count::QueuedItems, placed.len() as u64);
        self.store.record_placed(&placed)?;
        self.empty_staging()
    }

    /// Places an item that a run which was cut off has left staged; says whether it stands in its queue.
    fn place_again(&self, staging: &Folder, item: &QueueItem, staged: &Attributes) -> Result<bool> {
        let Some(queue) = self.queue_folder(&item.folder)? else {
            // Its staged copy goes with all others.
            self.store.forget_queue_items(std::slice::from_ref(item))?;
            return Ok(false);
        };
        if !self.was_perhaps_placed(&queue, item, staged)? {
            return self.place_one(staging, &queue, item);
        }
        self.set_aside_as_unsure(staging, item)?;
        let known = QueueItem {
            state: ItemState::Placed,
            ..item.clone()
        };
        self.store.record_queue_items(&[known])?;
        Ok(false)
    }

    /// Whether a staged item may have appeared in its queue, and been taken from there.
    ///
    /// Where there is no renaming that never replaces, an item gets a second link before the first one goes.  A run that is cut off
    /// between the two leaves both; and where a live agent has taken the item since, an inode that has changed and does not stand in
    /// the queue.
    fn was_perhaps_placed(
        &self,
        queue: &Folder,
        item: &QueueItem,
        staged: &Attributes,
    ) -> Result<bool> {
        let before = self.store.changed_before_placing(item)?;
        if !self.live || before.is_none_or(|before| before == staged.changed) {
            return Ok(false);
        }
        let path = item.folder.join(&item.name);
        let standing = queue
            .metadata(&item.name)
            .map_err(|errno| WorkerError::writing("look at", &path, errno))?;
        Ok(!standing.is_some_and(|standing| standing.is_same_file(staged)))
    }

    /// Keeps an item for a person to look at that is neither to be delivered twice nor to be lost.
    fn set_aside_as_unsure(&self, staging: &Folder, item: &QueueItem) -> Result<()> {
        let path = item.folder.join(&item.name);
        let reason = "a run that was cut off may have delivered it";
        let staged = (staging, &staging_name(&item.folder, &item.name)[..]);
        self.quarantine()
            .set_aside_as(self.area, staged, &path, reason)?;
        self.give_up(path.clone());
        self.monitor.report(
            "queue-item-unsure",
            Verdict::NeedsAttention,
            &path,
            "whether the agent has taken it from its queue before the last run was cut off is not known, so it was not delivered again",
            "See in the log of the agent whether it has delivered it; where it has not, put the file from the quarantine of the job \
             folder into its queue",
        );
        Ok(())
    }

    /// The staging folder for items of a queue, made where it is not there.
    pub(super) fn staging_of(&self, queue: &RelativePath) -> Result<Folder> {
        self.begin()?;
        let (top, folder) = self.area.top_of(queue);
        let made = folder.create_folder(STAGING);
        made.map(|(staging, _)| staging)
            .map_err(|errno| WorkerError::writing("create", &top.join(STAGING), errno))
    }

    /// The staging folder for items of a queue, where there is one.
    pub(super) fn open_staging_of(&self, queue: &RelativePath) -> Result<Option<Folder>> {
        let (top, folder) = self.area.top_of(queue);
        open(&top, folder)
    }

    /// The staging folders that are there, each with the folder that holds it.
    fn all_staging(&self) -> Result<Vec<(RelativePath, &Folder, Folder)>> {
        let inner = self.area.mounts.iter();
        let tops = inner.map(|(path, folder)| (path.clone(), folder));
        let mut found = Vec::new();
        for (top, folder) in tops.chain([(RelativePath::root(), &self.area.destination)]) {
            if let Some(staging) = open(&top, folder)? {
                found.push((top, folder, staging));
            }
        }
        Ok(found)
    }

    /// Empties the staging folders: what is left in them was never recorded, is half-written, and still at the source.
    pub(super) fn empty_staging(&self) -> Result<()> {
        for (top, _, staging) in self.all_staging()? {
            let failed = |errno| WorkerError::writing("empty", &top.join(STAGING), errno);
            for entry in staging.list().map_err(failed)? {
                staging.remove_file(&entry.name).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Removes the staging folders, which are empty.
    pub(super) fn remove_staging(&self) -> Result<()> {
        for (top, folder, _) in self.all_staging()? {
            folder
                .remove_folder(STAGING)
                .map_err(|errno| WorkerError::writing("remove", &top.join(STAGING), errno))?;
        }
        Ok(())
    }
}

fn open(top: &RelativePath, folder: &Folder) -> Result<Option<Folder>> {
    match folder.open_folder(STAGING) {
        Ok(staging) => Ok(Some(staging)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(WorkerError::writing("open", &top.join(STAGING), errno)),
    }
}

/// The name of an item in the staging folder: a digest of its place, so that the next run finds it again.
pub(super) fn staging_name(folder: &RelativePath, name: &[u8]) -> Vec<u8> {
    let digest = blake3::hash(folder.join(name).as_bytes());
    [TEMPORARY_PREFIX, digest.to_hex().as_bytes()].concat()
}
