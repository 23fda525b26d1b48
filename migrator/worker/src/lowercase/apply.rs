//! Carrying the plan out: the deepest folders first, so that every path of the plan is still true when its turn comes.

use std::collections::HashMap;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::marker::begin_generation;
use crate::monitor::Monitor;
use crate::pool::{self, Threads};
use crate::store::{FolderRenames, JobStore, Rename};
use crate::tree::Folder;
use protocol::{CopyOptions, Count, Operation};

/// How many names of the plan are read at once.
const BATCH_NAMES: usize = 32_768;

/// Finds out how far a sweep came that was cut off: what it renamed is marked as done, so that it can be undone, and
/// the rest of its plan is forgotten, because the next plan is made from what stands there now.
pub(super) fn settle(capabilities: &Capabilities, store: &JobStore) -> Result<()> {
    while let Some(level) = store.deepest_planned()? {
        let mut after = 0;
        loop {
            let batch = store.next_renames(level, after, BATCH_NAMES)?;
            let Some(last) = batch.last() else {
                break;
            };
            after = last.id;
            store.replace_renames(level, &what_is_done(capabilities, &batch)?)?;
        }
        store.close_level(level)?;
    }
    Ok(())
}

/// Those rows of a batch that a sweep that was cut off had not wholly done, with what it had done of them.
fn what_is_done(
    capabilities: &Capabilities,
    batch: &[FolderRenames],
) -> Result<Vec<FolderRenames>> {
    let mut cut_off = Vec::new();
    for rows in of_one_folder(batch) {
        let Some(first) = rows.first() else {
            continue;
        };
        let names = names_in(capabilities, first)
            .map_err(|errno| WorkerError::writing("list the folder", &first.folder, errno))?;
        for row in rows {
            let mut done = row.clone();
            done.renames.retain(|rename| is_done(&names, rename));
            if done != *row {
                cut_off.push(done);
            }
        }
    }
    Ok(cut_off)
}

/// Does what is planned, level by level; the rows of the plan are read while those before them are done.
///
/// A level is marked as done when it is durable, and only then the next one begins: [`settle`] finds out how far a level
/// came by the names that stand there, for which the folders above must have the names of the plan.
pub(super) fn apply(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<()> {
    if store.deepest_planned()?.is_some() {
        begin_generation(capabilities, store, Operation::Lowercase)?;
    }
    while let Some(level) = store.deepest_planned()? {
        let mut batch = store.next_renames(level, 0, BATCH_NAMES)?;
        let mut files = 0;
        while let Some(last) = batch.last() {
            let after = last.id;
            files += batch.iter().map(|row| row.renames.len()).sum::<usize>();
            batch = std::thread::scope(|scope| {
                let reading = scope.spawn(|| store.next_renames(level, after, BATCH_NAMES));
                rename_all(capabilities, monitor, options, &batch)?;
                reading.join().unwrap_or_else(|_| Err(died()))
            })?;
        }
        sync(capabilities, files)?;
        store.close_level(level)?;
    }
    Ok(())
}

/// Makes durable what was renamed in all areas.
pub(super) fn sync(capabilities: &Capabilities, files: usize) -> Result<()> {
    capabilities
        .areas
        .iter()
        .try_for_each(|area| area.sync(files))
}

fn died() -> WorkerError {
    WorkerError::Order {
        text: "A thread of the plan of renamings died".into(),
    }
}

fn rename_all(
    capabilities: &Capabilities,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    batch: &[FolderRenames],
) -> Result<()> {
    let folders: Vec<&[FolderRenames]> = of_one_folder(batch).collect();
    pool::run(folders, Vec::new(), Threads::of(options), |rows, _| {
        monitor.obey()?;
        let Some(first) = rows.first() else {
            return Ok(());
        };
        let Some(area) = area_of(capabilities, first) else {
            return Ok(());
        };
        let folder = area
            .destination
            .descend(&first.folder)
            .map_err(|errno| WorkerError::writing("open the folder", &first.folder, errno))?;
        let mut renames = rows.iter().flat_map(|row| &row.renames);
        renames.try_for_each(|rename| rename_one(&folder, &first.folder, rename, monitor))
    })
}

/// The rows of each folder, which stand together in the plan.
fn of_one_folder(batch: &[FolderRenames]) -> impl Iterator<Item = &[FolderRenames]> {
    batch.chunk_by(|left, right| left.area == right.area && left.folder == right.folder)
}

/// The area of a row; none where the order does not name it.
pub(super) fn area_of<'a>(capabilities: &'a Capabilities, row: &FolderRenames) -> Option<&'a Area> {
    let mut areas = capabilities.areas.iter();
    areas.find(|area| area.id == row.area)
}

fn rename_one(
    folder: &Folder,
    path: &RelativePath,
    rename: &Rename,
    monitor: &dyn Monitor,
) -> Result<()> {
    let (old, new) = (rename.old.as_bytes(), rename.new.as_bytes());
    let path = || path.join(old);
    let failed = |errno| WorkerError::writing("rename", &path(), errno);
    if rename.same_file {
        // Both names are links to one file: the lower-case one stays.
        folder.remove_file(old).map_err(failed)?;
        monitor.count(Count::Renamed, 1);
        return Ok(());
    }
    match folder.rename_to_new(old, folder, new) {
        Ok(()) => {
            monitor.count(Count::Renamed, 1);
            Ok(())
        }
        Err(Errno::EXIST) => Err(WorkerError::Refused {
            code: "name-collision",
            text: format!(
                "{} was to become a name that has appeared since the plan was made",
                path()
            ),
            remedy: "Stop whatever works at the destination, then run the same command again"
                .into(),
        }),
        Err(Errno::BUSY) => Err(WorkerError::Refused {
            code: "mount-point-name",
            text: format!("{} is a mount point, which cannot be renamed while it is one", path()),
            remedy: "Unmount it, mount it again under its name in lower case, and run `gwmigrate stage-one \
                     --accept-mounts --by NAME --note WHY`; then run the same command again"
                .into(),
        }),
        Err(errno) => Err(failed(errno)),
    }
}

/// The names in the folder of a row, with their inodes as the listing has them; none where the folder is gone.
///
/// The folder has its old path still: it lies above, and the deepest names are changed first.
fn names_in(
    capabilities: &Capabilities,
    row: &FolderRenames,
) -> std::result::Result<HashMap<Vec<u8>, u64>, Errno> {
    let Some(area) = area_of(capabilities, row) else {
        return Ok(HashMap::new());
    };
    let folder = match area.destination.descend(&row.folder) {
        Ok(folder) => folder,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(HashMap::new()),
        Err(errno) => return Err(errno),
    };
    let entries = folder.list()?.into_iter();
    Ok(entries
        .map(|entry| (entry.name.into_vec(), entry.inode))
        .collect())
}

/// Whether a sweep that was cut off had renamed this one already.
fn is_done(names: &HashMap<Vec<u8>, u64>, rename: &Rename) -> bool {
    // While another link still has the old name, it is that link which is to go.
    names.get(rename.new.as_bytes()) == Some(&rename.inode)
        && !names.contains_key(rename.old.as_bytes())
}
