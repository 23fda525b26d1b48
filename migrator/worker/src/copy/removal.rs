//! Carrying out the plan of removals, after it was checked as a whole.

use std::collections::BTreeMap;

use postoffice::layout::FileClass;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::quarantine::Quarantine;
use crate::store::{JobStore, Removal, RemovalKind};
use crate::tree::Folder;
use protocol::{Count, Finding, Verdict};

/// How many entries are carried out between two writes of the journal.
const BATCH_ENTRIES: u32 = 1024;

/// Below this many removals the limit of the worksheet does not matter.
const FEW_REMOVALS: u64 = 20;

/// From this many removals on, that most of it goes is never what a day of work does.
const COLLAPSE_REMOVALS: u64 = 6;

/// More than this share of what was copied is most of it.
const COLLAPSE_PERCENT: u32 = 50;

/// How many files of each class of an area.
type ByClass = BTreeMap<FileClass, u64>;

/// Refuses a plan by which more than the given share of what was copied would go from an area, or from one class of its
/// files: an empty or wrong source, or a disk of it that is not mounted, must never look like "everything was deleted".
///
/// What would be set aside counts as well, where this job had copied it.
pub(super) fn check_plan(
    capabilities: &Capabilities,
    store: &JobStore,
    limit_percent: u32,
) -> Result<()> {
    let mut going: BTreeMap<u32, ByClass> = BTreeMap::new();
    store.each_removal(|removal| {
        let area = capabilities
            .areas
            .iter()
            .find(|area| area.id == removal.area);
        if let Some(area) = area.filter(|_| removal.was_copied) {
            let class = area.classify(&removal.folder.join(&removal.name));
            *going.entry(area.id).or_default().entry(class).or_default() += 1;
        }
    })?;
    for area in &capabilities.areas {
        let Some(going) = going.get(&area.id) else {
            continue;
        };
        if going.values().sum::<u64>() >= COLLAPSE_REMOVALS {
            check_area(area, store, going, limit_percent)?;
        }
    }
    Ok(())
}

fn check_area(area: &Area, store: &JobStore, going: &ByClass, limit_percent: u32) -> Result<()> {
    let mut copied = ByClass::new();
    store.each_copied(area.id, |folder, name| {
        *copied.entry(area.classify(&folder.join(name))).or_default() += 1;
    })?;
    let exceeds = |going: u64, copied: u64, percent: u32| {
        going.saturating_mul(100) > copied.saturating_mul(percent.into())
    };
    let is_too_many = |going, copied| going > FEW_REMOVALS && exceeds(going, copied, limit_percent);
    let is_collapse = |going, copied| {
        let percent = limit_percent.max(COLLAPSE_PERCENT);
        going >= COLLAPSE_REMOVALS && exceeds(going, copied, percent)
    };
    let (all_going, all_copied) = (going.values().sum(), copied.values().sum());
    let mut too_many = None;
    if is_too_many(all_going, all_copied) || is_collapse(all_going, all_copied) {
        too_many = Some(("files".to_owned(), all_going, all_copied));
    }
    for (&class, &going) in going.iter().filter(|(class, _)| !comes_and_goes(**class)) {
        let copied = copied.get(&class).copied().unwrap_or(0);
        let is_mail = class != FileClass::Other;
        if is_too_many(going, copied) || (is_mail && is_collapse(going, copied)) {
            too_many = Some((format!("files of the class {class}"), going, copied));
        }
    }
    let Some((what, going, copied)) = too_many else {
        return Ok(());
    };
    Err(WorkerError::Refused {
        code: "too-many-removals",
        text: format!(
            "{going} of {copied} {what} of {} that were copied are no longer at the source, more than the limit of \
             {limit_percent} percent; nothing was removed",
            area.label
        ),
        remedy: "See that the right folder of the source is mounted, with all that is mounted below it; where the files are \
                 really gone, raise removal_limit_percent in the worksheet and run the same command again"
            .into(),
    })
}

/// Whether the files of a class have new names after a night, although nothing was lost.
fn comes_and_goes(class: FileClass) -> bool {
    matches!(class, FileClass::Index | FileClass::Log)
}

/// Removes or sets aside what the plan says.
pub(super) fn carry_out(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<()> {
    let quarantine = Quarantine {
        job: &capabilities.job,
        store,
        monitor,
    };
    loop {
        let batch = store.next_removals(BATCH_ENTRIES)?;
        if batch.is_empty() {
            return Ok(());
        }
        for removal in &batch {
            monitor.obey()?;
            carry_out_one(capabilities, &quarantine, monitor, removal)?;
        }
        // What the manifest forgets must not come back with the power: it would be a stranger's.
        let touched = batch.iter().map(|removal| removal.area).collect();
        Area::sync_touched(&capabilities.areas, &touched, 0)?;
        store.finish_removals(&batch)?;
    }
}

fn carry_out_one(
    capabilities: &Capabilities,
    quarantine: &Quarantine<'_>,
    monitor: &dyn Monitor,
    removal: &Removal,
) -> Result<()> {
    let Some(area) = capabilities
        .areas
        .iter()
        .find(|area| area.id == removal.area)
    else {
        return Ok(());
    };
    let path = removal.folder.join(&removal.name);
    let failed = |errno| WorkerError::writing("remove", &path, errno);
    let folder = match area.destination.descend(&removal.folder) {
        Ok(folder) => folder,
        // Gone with the folder that held it.
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(failed(errno)),
    };
    match removal.kind {
        RemovalKind::Vanished => {
            if folder.remove_file(&removal.name).map_err(failed)? {
                monitor.count(Count::FilesRemoved, 1);
            }
            Ok(())
        }
        RemovalKind::SetAside => set_aside(quarantine, area, &folder, removal),
        RemovalKind::VanishedFolder => match folder.remove_folder(&removal.name) {
            Ok(_) => Ok(()),
            // A mount point is the administrator's, and empty it means nothing.
            Err(Errno::BUSY) if area.is_mount_point(&path) => Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                monitor.finding(
                    Finding::new(
                        "folder-not-empty",
                        Verdict::NeedsAttention,
                        "the source no longer has this folder, but something has appeared in it since it was planned",
                        "Run a pass again",
                    )
                    .about(path.as_bytes()),
                );
                Ok(())
            }
            Err(errno) => Err(failed(errno)),
        },
    }
}

fn set_aside(
    quarantine: &Quarantine<'_>,
    area: &Area,
    folder: &Folder,
    removal: &Removal,
) -> Result<()> {
    let reason = "it is not at the source and is not as this job wrote it";
    quarantine
        .set_aside(area, folder, &removal.folder, &removal.name, reason)
        .map(|_| ())
}
