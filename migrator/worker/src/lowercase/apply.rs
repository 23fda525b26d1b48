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

/// Finishes what an earlier sweep had begun.
pub(super) fn finish_cut_off(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<()> {
    if store.fact("lowercase-begun")?.as_deref() == Some("yes") {
        apply(capabilities, store, monitor, &CopyOptions::default())?;
    }
    Ok(())
}

/// Does what is planned.
pub(super) fn apply(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<()> {
    // From here on the plan must be finished before another one is made.
    store.remember_one("lowercase-begun", "yes")?;
    while let Some(level) = store.next_rename_level(false)? {
        let batch = store.renames_of_level(level, false, BATCH_RENAMES)?;
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
    store.remember_one("lowercase-begun", "no")
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
        Err(Errno::NOENT) if is_done(folder, rename).map_err(failed)? => Ok(()),
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
fn is_done(folder: &Folder, rename: &Rename) -> std::result::Result<bool, Errno> {
    Ok(folder
        .look_at(&rename.new)?
        .is_some_and(|there| there.inode == rename.inode))
}
