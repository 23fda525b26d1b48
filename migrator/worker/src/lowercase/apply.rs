//! Carrying the plan out: the deepest folders first, so that every path of the plan is still true when its turn comes.

use std::collections::BTreeMap;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::copy::thread_count;
use crate::error::{Result, WorkerError};
use crate::monitor::{Count, Monitor};
use crate::pool;
use crate::protocol::CopyOptions;
use crate::store::{JobStore, Rename};
use crate::tree::Folder;

/// How many renamings are done between two writes of the journal.
const BATCH_RENAMES: u32 = 16_384;

/// Finds out how far a sweep came that was cut off: what it renamed is marked as done, so that it can be undone, and
/// the rest of its plan is forgotten, because the next plan is made from what stands there now.
pub(super) fn settle(capabilities: &Capabilities, store: &JobStore) -> Result<()> {
    loop {
        let batch = store.next_renames(BATCH_RENAMES)?;
        if batch.is_empty() {
            return Ok(());
        }
        let (mut done, mut open) = (Vec::new(), Vec::new());
        for rename in batch {
            let is_done = is_done(capabilities, &rename).map_err(|errno| {
                WorkerError::writing("look at", &rename.folder.join(&rename.old), errno)
            })?;
            if is_done {
                done.push(rename);
            } else {
                open.push(rename);
            }
        }
        store.mark_renamed(&done)?;
        store.forget_renames(&open)?;
    }
}

/// Does what is planned.
pub(super) fn apply(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<()> {
    loop {
        let batch = store.next_renames(BATCH_RENAMES)?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut folders: BTreeMap<(u32, RelativePath), Vec<&Rename>> = BTreeMap::new();
        for rename in &batch {
            folders
                .entry((rename.area, rename.folder.clone()))
                .or_default()
                .push(rename);
        }
        let work: Vec<_> = folders.into_iter().collect();
        pool::run(work, thread_count(options), |((area, path), renames), _| {
            let Some(area) = capabilities.areas.iter().find(|known| known.id == area) else {
                return Ok(());
            };
            let folder = area
                .destination
                .descend(&path)
                .map_err(|errno| WorkerError::writing("open the folder", &path, errno))?;
            renames
                .iter()
                .try_for_each(|rename| rename_one(&folder, rename, monitor))
        })?;
        for area in &capabilities.areas {
            rustix::fs::syncfs(&area.destination).map_err(|source| WorkerError::SyncFailed {
                files: batch.len(),
                source,
            })?;
        }
        store.mark_renamed(&batch)?;
    }
}

fn rename_one(folder: &Folder, rename: &Rename, monitor: &dyn Monitor) -> Result<()> {
    let path = rename.folder.join(&rename.old);
    let failed = |errno| WorkerError::writing("rename", &path, errno);
    if rename.same_file {
        // Both names are links to one file: the lower-case one stays.
        folder.remove_file(&rename.old).map_err(failed)?;
        monitor.count(Count::Renamed, 1);
        return Ok(());
    }
    match folder.rename_to_new(&rename.old, folder, &rename.new) {
        Ok(()) => {
            monitor.count(Count::Renamed, 1);
            Ok(())
        }
        Err(Errno::EXIST) => Err(WorkerError::Refused {
            code: "name-collision",
            text: format!("{path} was to become a name that has appeared since the plan was made"),
            remedy: "Stop whatever works at the destination, then run the same command again"
                .into(),
        }),
        Err(errno) => Err(failed(errno)),
    }
}

/// Whether a sweep that was cut off had renamed this one already.
///
/// The folder has its old path still: it lies above, and the deepest names are changed first.
fn is_done(capabilities: &Capabilities, rename: &Rename) -> std::result::Result<bool, Errno> {
    let Some(area) = capabilities
        .areas
        .iter()
        .find(|area| area.id == rename.area)
    else {
        return Ok(false);
    };
    let folder = match area.destination.descend(&rename.folder) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
        Err(errno) => return Err(errno),
    };
    let has_new = folder
        .look_at(&rename.new)?
        .is_some_and(|there| there.inode == rename.inode);
    // While another link still has the old name, it is that link which is to go.
    Ok(has_new && folder.look_at(&rename.old)?.is_none())
}
