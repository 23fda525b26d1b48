//! One round: carrying over what stands in the queues of the source and was not carried yet.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::staging::staging_name;
use super::still::Stillness;
use super::{Listing, QueueRun, SourceItem, digest_of};
use crate::copy_file::{CopyFailure, Source, hash_file, write_copy};
use crate::error::{Result, WorkerError};
use crate::file_system::renames_without_replacing;
use crate::names::{name_refused, refuses_name};
use crate::source::require_mounts;
use crate::store::{ItemState, QueueItem};
use crate::tree::owner::{Ownership, give, owned};
use crate::tree::{Folder, Time};
use protocol::{Count, Expected, Finding, Verdict};

/// How many items are made durable together.
const BATCH_ITEMS: usize = 1024;

/// A file that shows what time the file system gives to changes now.
const TICK_FILE: &[u8] = b".gwmigrate-tick";
/// How long to wait for a later time; the coarsest times that are known are of two seconds.
const TICK_MAX: Duration = Duration::from_secs(3);
/// How long to sleep before it is looked at again.
const TICK_PAUSE: Duration = Duration::from_millis(1);

/// What came of making one item ready.
enum Staged {
    Ready(QueueItem),
    /// It is what was carried before, with another time: it could not be read when that was asked.
    Carried(QueueItem),
    /// It is being written, or was taken from the queue.
    Moved,
    /// It could not be read, which has been reported.
    Unreadable,
}

/// An item that is to be carried: its name at the destination, and where it stands.
type Wanted<'a> = (&'a [u8], &'a SourceItem);

impl QueueRun<'_> {
    /// Carries what is new and has stood still; says whether nothing was left to do.  Waits where items are to be looked at
    /// again.
    pub(super) fn carry_round(&self, listing: &Listing) -> Result<bool> {
        let mut has_carried = false;
        let mut wait: Option<Duration> = None;
        for (folder, items) in listing {
            let known: HashMap<Vec<u8>, QueueItem> = self
                .store
                .queue_items_of(folder)?
                .into_iter()
                .map(|item| (item.name.clone(), item))
                .collect();
            let mut still: Vec<Wanted<'_>> = Vec::new();
            for (name, standing) in items {
                let path = folder.join(name);
                if self.has_given_up(&path) || self.is_carried(known.get(name), standing)? {
                    continue;
                }
                match self.look_at_item(&path, standing) {
                    Stillness::Still => still.push((name, standing)),
                    Stillness::Wait(left) => {
                        wait = Some(wait.map_or(left, |least| least.min(left)));
                    }
                    Stillness::Moving => {}
                }
            }
            for batch in still.chunks(BATCH_ITEMS) {
                self.monitor.obey()?;
                has_carried = true;
                self.carry_batch(folder, batch, &known)?;
            }
        }
        // What was carried or waited for, another listing looks at again.
        if let Some(wait) = wait.filter(|_| !has_carried) {
            self.monitor.phase(
                "wait until the items of the queues stand still",
                Expected::wait(wait),
            );
            self.monitor.wait(wait)?;
            self.monitor
                .phase("carry the queues over", Expected::default());
        }
        Ok(!has_carried && wait.is_none())
    }

    /// Whether this very item was carried before.  A changed daylight saving setting moves the times of items that were
    /// delivered long ago: where only the time is another one, the bytes decide.
    fn is_carried(&self, item: Option<&QueueItem>, standing: &SourceItem) -> Result<bool> {
        let Some(item) = item.filter(|item| is_placed(item)) else {
            return Ok(false);
        };
        if item.size != standing.attributes.size {
            return Ok(false);
        }
        if item.modified == standing.attributes.modified {
            return Ok(true);
        }
        let Ok((attributes, digest)) = hash_file(&standing.folder, &standing.source_name) else {
            // Copying it says what is wrong with it, or that it is the same.
            return Ok(false);
        };
        if digest != item.digest {
            return Ok(false);
        }
        let seen = QueueItem {
            modified: attributes.modified,
            ..item.clone()
        };
        self.store.record_queue_items(&[seen])?;
        Ok(true)
    }

    fn carry_batch(
        &self,
        folder: &RelativePath,
        batch: &[Wanted<'_>],
        known: &HashMap<Vec<u8>, QueueItem>,
    ) -> Result<()> {
        let staging = self.staging_of(folder)?;
        let Some(queue) = self.queue_folder(folder)? else {
            for (name, _) in batch {
                self.give_up(folder.join(name));
            }
            return Ok(());
        };
        let mut items = Vec::with_capacity(batch.len());
        for (name, standing) in batch {
            let known = known.get(*name);
            match self.stage(&staging, folder, (name, standing), known)? {
                Staged::Ready(item) => {
                    if known.is_some() {
                        self.replaced_at_source(&queue, folder, name)?;
                    }
                    give_as_queue(&staging, &queue, &item)?;
                    items.push(item);
                }
                Staged::Carried(item) => self.store.record_queue_items(&[item])?,
                Staged::Moved => self.has_moved(&folder.join(name)),
                Staged::Unreadable => {
                    self.give_up(folder.join(name));
                }
            }
        }
        self.place(&staging, &queue, items)
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

    /// Makes one item ready beside the queues; unless it moves, cannot be read, or is what is `known` of that name.
    fn stage(
        &self,
        staging: &Folder,
        folder: &RelativePath,
        (name, standing): Wanted<'_>,
        known: Option<&QueueItem>,
    ) -> Result<Staged> {
        let path = standing.source_path();
        let source = match Source::open(&standing.folder, &standing.source_name) {
            Ok(opened) => opened,
            // It can be looked at, and not be opened by its name.
            Err(errno @ Errno::NOENT)
                if matches!(standing.folder.metadata(&standing.source_name), Ok(Some(_))) =>
            {
                return self.unreadable(&path, errno).map(|()| Staged::Unreadable);
            }
            // It went, or a program has opened it that lets nobody else in.
            Err(Errno::NOENT | Errno::BUSY | Errno::TXTBSY) => return Ok(Staged::Moved),
            Err(errno) => return self.unreadable(&path, errno).map(|()| Staged::Unreadable),
        };
        let temporary = staging_name(folder, name);
        let discard = || {
            staging
                .remove_file(&temporary)
                .map_err(|errno| WorkerError::writing("remove", &path, errno))
        };
        discard()?;
        match write_copy(&source, staging, &temporary) {
            Ok(written) if !written.source.is_unchanged_since(&standing.attributes) => {
                discard()?;
                Ok(Staged::Moved)
            }
            Ok(written) => {
                let item = QueueItem {
                    folder: folder.clone(),
                    name: name.to_vec(),
                    size: written.source.size,
                    modified: written.source.modified,
                    digest: written.digest,
                    state: ItemState::Placing,
                };
                if !known.is_some_and(|known| is_placed(known) && known.digest == item.digest) {
                    return Ok(Staged::Ready(item));
                }
                discard()?;
                Ok(Staged::Carried(QueueItem {
                    state: ItemState::Placed,
                    ..item
                }))
            }
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

    pub(super) fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        require_mounts(std::slice::from_ref(self.area), path, errno)?;
        self.monitor.report(
            "queue-item-unreadable",
            Verdict::Unproven,
            path,
            &format!("it could not be read: {errno}"),
            "Give the account that mounts the source the right to read it, then run the same command again",
        );
        Ok(())
    }

    /// Lets staged items appear in their queue.
    fn place(&self, staging: &Folder, queue: &Folder, items: Vec<QueueItem>) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        self.sync(items.len())?;
        let items = with_changes(staging, items)?;
        self.store.record_placing(&items)?;
        if self.live && !renames_without_replacing(staging) {
            let newest = items.iter().map(|(_, changed)| *changed);
            if let Some(newest) =
                newest.max_by_key(|changed| (changed.seconds, changed.nanoseconds))
            {
                wait_for_later_changes(staging, newest)?;
            }
        }
        let mut placed = Vec::with_capacity(items.len());
        for (mut item, _) in items {
            if self.place_one(staging, queue, &item)? {
                item.state = ItemState::Placed;
                placed.push(item);
            }
        }
        self.sync(placed.len())?;
        self.store.record_placed(&placed)?;
        self.monitor.count(Count::QueuedItems, placed.len() as u64);
        Ok(())
    }

    /// One renaming that never replaces; says whether the item stands in its queue.
    ///
    /// One that does not is forgotten before its staged copy goes: recorded as being placed and staged no longer, it would be
    /// taken for one that has appeared in its queue.
    pub(super) fn place_one(
        &self,
        staging: &Folder,
        queue: &Folder,
        item: &QueueItem,
    ) -> Result<bool> {
        let path = item.folder.join(&item.name);
        let failed = |errno| WorkerError::writing("place", &path, errno);
        let temporary = staging_name(&item.folder, &item.name);
        let refusal = match staging.rename_to_new(&temporary, queue, &item.name) {
            Ok(()) => return Ok(true),
            Err(Errno::EXIST) => {
                let is_equal = digest_of(queue, &item.folder, &item.name)? == Some(item.digest);
                (!is_equal).then(|| name_taken(&path))
            }
            Err(errno) if refuses_name(errno) => {
                Some(name_refused(&path, errno, Verdict::Unproven))
            }
            Err(errno) => return Err(failed(errno)),
        };
        let stands = refusal.is_none();
        if let Some(finding) = refusal {
            self.store.forget_queue_items(std::slice::from_ref(item))?;
            self.give_up(path.clone());
            self.monitor.finding(finding);
        }
        staging.remove_file(&temporary).map_err(failed)?;
        Ok(stands)
    }
}

/// What is said of an item whose name somebody else's has.
fn name_taken(path: &RelativePath) -> Finding {
    let text = "another item with this name stands in the queue of the destination, so this one was not carried over";
    let remedy = "Run `gwmigrate queues` again once the agent has taken the other item";
    Finding::new("queue-name-taken", Verdict::NeedsAttention, text, remedy).about(path.as_bytes())
}

/// Staged items, each with when its inode last changed.
fn with_changes(staging: &Folder, items: Vec<QueueItem>) -> Result<Vec<(QueueItem, Time)>> {
    let changed = |item: &QueueItem| {
        let looked = staging.metadata(&staging_name(&item.folder, &item.name));
        let looked = looked.and_then(|looked| looked.ok_or(Errno::NOENT));
        let path = item.folder.join(&item.name);
        looked.map_err(|errno| WorkerError::writing("look at", &path, errno))
    };
    let items = items.into_iter();
    items
        .map(|item| changed(&item).map(|looked| (item, looked.changed)))
        .collect()
}

/// Waits until what is changed in a folder gets a later time than `changed`: a file system counts in ticks of some milliseconds, and a
/// second link that is made in the same tick would leave no trace on its item (see `was_perhaps_placed`).
///
/// It gives up where times do not go on: an item whose link leaves no trace is then taken for one that was not placed.
///
/// # Errors
/// What making, looking at or removing a file there says.
fn wait_for_later_changes(staging: &Folder, changed: Time) -> Result<()> {
    let path = RelativePath::root().join(TICK_FILE);
    let failed = |errno| WorkerError::writing("look at the time of", &path, errno);
    let until = Instant::now() + TICK_MAX;
    loop {
        staging.remove_file(TICK_FILE).map_err(failed)?;
        drop(staging.create_file(TICK_FILE).map_err(failed)?);
        let made = staging.metadata(TICK_FILE).map_err(failed)?;
        staging.remove_file(TICK_FILE).map_err(failed)?;
        let is_later = made.is_some_and(|made| made.changed.nanoseconds_since(changed) > 0);
        if is_later || Instant::now() >= until {
            return Ok(());
        }
        std::thread::sleep(TICK_PAUSE);
    }
}

fn is_placed(item: &QueueItem) -> bool {
    item.state == ItemState::Placed
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
