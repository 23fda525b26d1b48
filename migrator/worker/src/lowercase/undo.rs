//! Giving renamed entries their old names again: the shallowest folders first, the plan backwards.

use postoffice::names::RelativePath;
use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::marker::begin_generation;
use crate::monitor::Monitor;
use crate::store::{FolderRenames, JobStore, Rename};
use crate::tree::Folder;
use protocol::{Count, Expected, LowercaseReport, Operation};

use super::apply::{area_of, settle, sync};

/// About how many renamings are undone between two writes of the journal.
const BATCH_NAMES: usize = 4096;

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
    if store.shallowest_done()?.is_some() {
        begin_generation(capabilities, store, Operation::UndoLowercase)?;
    }
    // The last sweep first, and of each the shallowest level.
    while let Some(level) = store.shallowest_done()? {
        let mut before = i64::MAX;
        loop {
            let mut batch = store.next_undone(level, before, BATCH_NAMES)?;
            let Some(last) = batch.last() else {
                break;
            };
            before = last.id;
            monitor.obey()?;
            let mut files = 0;
            for row in &mut batch {
                report.renamed += undo_row(capabilities, monitor, row)?;
                files += row.renames.len();
                row.renames.clear();
            }
            sync(capabilities, files)?;
            store.replace_renames(level, &batch)?;
        }
        // A row that is not found under its number would be asked for for ever.
        if store.shallowest_done()? == Some(level) {
            return Err(JobStore::damaged_rename(level));
        }
    }
    Ok(report)
}

/// Gives the entries of a row their old names again; returns how many were still there under their new ones.
fn undo_row(
    capabilities: &Capabilities,
    monitor: &dyn Monitor,
    row: &FolderRenames,
) -> Result<u64> {
    let Some(area) = area_of(capabilities, row) else {
        return Ok(0);
    };
    let folder = match area.destination.descend(&row.folder) {
        Ok(folder) => folder,
        // Gone since it was renamed, with all that it held.
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(0),
        Err(errno) => return Err(WorkerError::writing("open the folder", &row.folder, errno)),
    };
    let mut undone = 0;
    for rename in row.renames.iter().rev() {
        if undo_one(&folder, &row.folder, rename)? {
            undone += 1;
            monitor.count(Count::Renamed, 1);
        }
    }
    Ok(undone)
}

/// Gives one entry its old name again; says whether it was still there under its new one.
fn undo_one(folder: &Folder, path: &RelativePath, rename: &Rename) -> Result<bool> {
    let (old, new) = (rename.old.as_bytes(), rename.new.as_bytes());
    let path = || path.join(new);
    let failed = |errno| WorkerError::writing("rename", &path(), errno);
    let outcome = if rename.same_file {
        rustix::fs::linkat(folder, new, folder, old, AtFlags::empty())
    } else {
        folder.rename_to_new(new, folder, old)
    };
    match outcome {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(Errno::EXIST) if has_old_name(folder, rename).map_err(failed)? => Ok(false),
        Err(Errno::EXIST) => Err(WorkerError::Refused {
            code: "name-collision",
            text: format!("{} cannot have its old name again: it is taken", path()),
            remedy: "Rename or remove what took the name, then run the same command again".into(),
        }),
        Err(errno) => Err(failed(errno)),
    }
}

/// Whether an undoing that was cut off had made the old link already.
fn has_old_name(folder: &Folder, rename: &Rename) -> std::result::Result<bool, Errno> {
    let old = folder.metadata(rename.old.as_bytes())?;
    let new = folder.metadata(rename.new.as_bytes())?;
    Ok(rename.same_file && matches!((old, new), (Some(old), Some(new)) if old.is_same_file(&new)))
}
