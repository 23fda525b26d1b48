//! After a run that was cut off: finding out which items had appeared in their queues.

use rustix::io::Errno;

use super::{Step, staging_name};
use crate::error::{Result, WorkerError};
use crate::monitor::Count;
use crate::store::ItemState;
use crate::tree::Folder;

impl Step<'_> {
    /// Brings every item that was being placed to its end, and empties the staging folder.
    pub(super) fn recover(&self, staging: &Folder) -> Result<()> {
        let mut placed = Vec::new();
        let mut refused = Vec::new();
        for mut item in self.store.queue_items_being_placed()? {
            let path = item.folder.join(&item.name);
            let staged = staging
                .look_at(&staging_name(&item.folder, &item.name))
                .map_err(|errno| WorkerError::writing("look at", &path, errno))?;
            // Not in the staging folder any more: the renaming happened, whoever has taken the item since.
            let stands = staged.is_none()
                || self.place_one(staging, &self.queue_folder(&item.folder)?, &item)?;
            if stands {
                item.state = ItemState::Placed;
                placed.push(item);
            } else {
                refused.push(item);
            }
        }
        self.sync(placed.len())?;
        self.monitor.count(Count::QueuedItems, placed.len() as u64);
        self.store.record_queue_items(&placed)?;
        self.store.forget_queue_items(&refused)?;
        self.empty(staging)
    }

    /// What is left in the staging folder was never recorded: half-written, and still at the source.
    #[allow(clippy::unused_self)]
    fn empty(&self, staging: &Folder) -> Result<()> {
        let root = postoffice::names::RelativePath::root().join(super::STAGING);
        let failed = |errno: Errno| WorkerError::writing("empty", &root, errno);
        for entry in staging.list().map_err(failed)? {
            staging.remove_file(&entry.name).map_err(failed)?;
        }
        Ok(())
    }
}
