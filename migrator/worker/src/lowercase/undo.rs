//! Giving renamed entries their old names again: the shallowest folders first, the plan backwards.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::monitor::{Count, Expected, Monitor};
use crate::protocol::LowercaseReport;
use crate::store::{JobStore, Rename};
use crate::tree::Folder;

use super::apply::settle;

/// How many renamings are undone between two writes of the journal.
const BATCH_RENAMES: u32 = 4096;

/// Undoes every renaming that this job has done and that still stands.
///
/// # Errors
/// What renaming says; where an old name has been taken meanwhile, [`WorkerError::Refused`].
pub fn undo_lowercase(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<LowercaseReport> {
    monitor.phase("give the old names back", Expected::default());
    let mut report = LowercaseReport::default();
    settle(capabilities, store)?;
    // The last sweep first, and of each the shallowest level.
    while let Some(level) = store.shallowest_done()? {
        let mut before = i64::MAX;
        loop {
            let batch = store.next_undone(level, before, BATCH_RENAMES)?;
            let Some(last) = batch.last() else {
                break;
            };
            before = last.id;
            for rename in &batch {
                if undo_one(capabilities, rename)? {
                    report.renamed += 1;
                    monitor.count(Count::Renamed, 1);
                }
            }
            for area in &capabilities.areas {
                rustix::fs::syncfs(&area.destination).map_err(|source| {
                    WorkerError::SyncFailed {
                        files: batch.len(),
                        source,
                    }
                })?;
            }
            store.forget_renames(level, &batch)?;
        }
    }
    Ok(report)
}

/// Gives one entry its old name again; says whether it was still there under its new one.
fn undo_one(capabilities: &Capabilities, rename: &Rename) -> Result<bool> {
    let Some(area) = capabilities
        .areas
        .iter()
        .find(|area| area.id == rename.area)
    else {
        return Ok(false);
    };
    let path = rename.folder.join(&rename.new);
    let failed = |errno| WorkerError::writing("rename", &path, errno);
    let folder = match area.destination.descend(&rename.folder) {
        Ok(folder) => folder,
        // Gone since it was renamed, with all that it held.
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(false),
        Err(errno) => return Err(failed(errno)),
    };
    let outcome = if rename.same_file {
        let (new, old) = (&rename.new[..], &rename.old[..]);
        rustix::fs::linkat(&folder, new, &folder, old, AtFlags::empty())
    } else {
        folder.rename_to_new(&rename.new, &folder, &rename.old)
    };
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::EXIST) if has_old_name(&folder, rename).map_err(failed)? => Ok(false),
        Err(Errno::EXIST) => Err(WorkerError::Refused {
            code: "name-collision",
            text: format!("{path} cannot have its old name again: it is taken"),
            remedy: "Rename or remove what took the name, then run the same command again".into(),
        }),
        Err(errno) => Err(failed(errno)),
    }
}

/// Whether an undoing that was cut off had made the old link already.
fn has_old_name(folder: &Folder, rename: &Rename) -> std::result::Result<bool, Errno> {
    let (old, new) = (folder.look_at(&rename.old)?, folder.look_at(&rename.new)?);
    Ok(rename.same_file && matches!((old, new), (Some(old), Some(new)) if old.is_same_file(&new)))
}
