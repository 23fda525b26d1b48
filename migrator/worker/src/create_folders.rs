//! Taking the destination folders into the job, and making the folders that every post office has.

use postoffice::layout;
use postoffice::names::{RelativePath, printable};
use rustix::io::Errno;

use crate::abilities::try_abilities;
use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::marker::{self, Owner};
use crate::monitor::Monitor;
use crate::places::MountChange;
use crate::preconditions::{changes, mounts_changed, sides, taken};
use crate::store::JobStore;
use crate::tree::Folder;
use protocol::{AreaKind, Expected, Finding, Operation, Verdict};

/// The pass that folders of every post office are recorded with.
const SKELETON_PASS: i64 = 0;

/// Takes the destination folders into this job and makes the folders of a post office in the first.
///
/// # Errors
/// [`WorkerError::Refused`] where a destination belongs to another job, holds something that is not of this job, folds case
/// by itself, was another folder before, or where a mount is missing.
pub fn create_folders(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<()> {
    monitor.phase("create folders", Expected::default());
    for area in &capabilities.areas {
        take_destination(area, store)?;
        see_mounts(area, store, monitor)?;
    }
    store.have_seen_mounts()?;
    // A job that was abandoned begins again with the first folder that it takes.
    store.begin_again()?;
    let post_offices = capabilities
        .areas
        .iter()
        .filter(|area| area.kind == AreaKind::PostOffice);
    for area in post_offices {
        make_skeleton(capabilities, area, store)?;
    }
    Ok(())
}

fn take_destination(area: &Area, store: &JobStore) -> Result<()> {
    let was_taken = taken(area, store)?.is_some();
    match marker::owner(area, store)? {
        Owner::AnotherJob(marker) => return Err(marker::of_another_job(area, &marker)),
        // Also where a run was cut off between the marker and the job store.
        Owner::ThisJob(_) => return marker::require(area, store),
        Owner::Nobody if was_taken => return marker::require(area, store),
        Owner::Nobody => {}
    }
    require_abilities(area)?;
    let foreign = foreign_in(area, &area.destination, &RelativePath::root())?;
    if let Some(first) = foreign.first() {
        return Err(WorkerError::Refused {
            code: "destination-not-empty",
            text: format!(
                "The destination folder of {} is not empty and not of this job: it holds {} entries, {} among them",
                area.label,
                foreign.len(),
                printable(first.as_bytes())
            ),
            remedy: "Name another folder in the worksheet, or move away what is in this one; nothing was changed".into(),
        });
    }
    // Marked before the first folder is made, so that a run that is cut off finds its own folders again.
    marker::take(area, store)
}

/// What a folder of the destination holds that is there neither because of a file system, nor on the way to one.
///
/// # Errors
/// What listing says.
pub(crate) fn foreign_in(
    area: &Area,
    folder: &Folder,
    path: &RelativePath,
) -> Result<Vec<RelativePath>> {
    let failed = |errno| WorkerError::writing("list", path, errno);
    let mut foreign = Vec::new();
    for entry in folder.list().map_err(failed)? {
        let inner = path.join(&entry.name);
        if area.is_mount_point(&inner) {
            continue;
        }
        if area.holds_a_mount(&inner) {
            let folder = folder.open_folder(&entry.name).map_err(failed)?;
            foreign.extend(foreign_in(area, &folder, &inner)?);
            continue;
        }
        let is_unfinished = path.is_root() && marker::is_unfinished(&entry.name);
        if !is_unfinished && !area.is_of_the_file_system(&inner) {
            foreign.push(inner);
        }
    }
    Ok(foreign)
}

/// Tries what the stages need of the file systems of a destination, before anything is copied: a folder that folds case answers
/// to names that it does not have, and what only stage two needs must not fail while users are out.
fn require_abilities(area: &Area) -> Result<()> {
    let root = (RelativePath::root(), area.destination.clone());
    for (path, folder) in std::iter::once(&root).chain(&area.mounts) {
        let failed = |errno| WorkerError::writing("try the file system of", path, errno);
        let shown = format!("The destination folder of {}", area.label);
        let found = try_abilities(folder, shown).map_err(failed)?;
        let Some(trouble) = found.trouble() else {
            continue;
        };
        return Err(if found.folds_case {
            WorkerError::Refused {
                code: "destination-folds-case",
                text: trouble,
                remedy: "Use a folder without the casefold attribute, on a file system that distinguishes case (ext4, xfs, btrfs)"
                    .into(),
            }
        } else {
            WorkerError::Refused {
                code: "destination-unable",
                text: trouble,
                remedy:
                    "Use a folder on a file system that can (ext4, xfs, btrfs); nothing was changed"
                        .into(),
            }
        });
    }
    Ok(())
}

/// Remembers what is mounted on both sides.  What was there before must be there still, unless a person says otherwise; what has
/// come on top since is told.
fn see_mounts(area: &Area, store: &JobStore, monitor: &dyn Monitor) -> Result<()> {
    let are_accepted = store.are_mounts_accepted()?;
    for (side, now) in sides(area) {
        let seen = store.seen_place(area.id, side)?;
        let known = seen.as_ref().filter(|_| !are_accepted);
        for change in changes(known, now) {
            let MountChange::Appeared { path, is } = &change else {
                return Err(mounts_changed(area, side, &change));
            };
            monitor.finding(
                Finding::new(
                    "mount-appeared",
                    Verdict::NeedsAttention,
                    format!("{is} is mounted there since the last pass, which hides what was there before"),
                    "Nothing, where it is meant to be so; else unmount it, then run stage one again",
                )
                .about(path.as_bytes()),
            );
        }
        if seen.as_ref() != Some(now) {
            store.record_place(area.id, side, now)?;
        }
    }
    Ok(())
}

fn make_skeleton(capabilities: &Capabilities, area: &Area, store: &JobStore) -> Result<()> {
    let folders = layout::folder_skeleton();
    let mut missing = Vec::new();
    for path in &folders {
        match area.destination.descend(path) {
            Ok(_) => {}
            Err(Errno::NOENT) => missing.push(path),
            Err(errno) => return Err(WorkerError::writing("open the folder", path, errno)),
        }
    }
    if missing.is_empty() {
        return store.record_folders(area.id, SKELETON_PASS, &folders);
    }
    marker::begin_generation(capabilities, store, Operation::CreateFolders)?;
    store.record_folders(area.id, SKELETON_PASS, &folders)?;
    for path in missing {
        let Some((parent, name)) = path.split() else {
            continue;
        };
        area.destination
            .descend(&parent)
            .and_then(|folder| folder.create_folder(name))
            .map_err(|errno| WorkerError::writing("create the folder", path, errno))?;
    }
    area.sync(0)
}
