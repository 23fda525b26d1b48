//! After a run that was cut off: finding out which items had appeared in their queues.

use super::Step;
use super::staging::staging_name;
use crate::error::{Result, WorkerError};
use crate::store::ItemState;
use protocol::Count;

impl Step<'_> {
    /// Brings every item that was being placed to its end, and empties the staging folder.
    pub(super) fn recover(&self) -> Result<()> {
        let mut placed = Vec::new();
        let mut refused = Vec::new();
        for mut item in self.store.queue_items_being_placed()? {
            let path = item.folder.join(&item.name);
            let name = staging_name(&item.folder, &item.name);
            let staging = self.open_staging_of(&item.folder)?;
            let looked = staging.as_ref().map(|staging| staging.look_at(&name));
            let staged = looked
                .transpose()
                .map_err(|errno| WorkerError::writing("look at", &path, errno))?
                .flatten();
            // Not in the staging folder any more: the renaming happened, whoever has taken the item since.
            let stands = match staging.filter(|_| staged.is_some()) {
                None => true,
                Some(staging) => {
                    self.begin()?;
                    self.place_one(&staging, &self.queue_folder(&item.folder)?, &item)?
                }
            };
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
        self.empty_staging()
    }
}
