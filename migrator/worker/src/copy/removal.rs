//! Carrying out the plan of removals, after it was checked as a whole.

use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::finding::{Finding, Verdict};
use crate::monitor::{Count, Monitor};
use crate::quarantine::Quarantine;
use crate::store::{JobStore, Removal, RemovalKind};
use crate::tree::Folder;

/// How many entries are carried out between two writes of the journal.
const BATCH_ENTRIES: u32 = 1024;

/// Below this many removals the share does not matter.
const FEW_REMOVALS: u64 = 100;

/// Refuses a plan that would remove more than the given share of what was copied: an empty or wrong source must never
/// look like "everything was deleted".
pub(super) fn check_plan(store: &JobStore, limit_percent: u32) -> Result<()> {
    let (removed, _) = store.count_removals()?;
    let (files, _) = store.manifest_totals(None)?;
    if removed <= FEW_REMOVALS
        || removed.saturating_mul(100) <= files.saturating_mul(limit_percent.into())
    {
        return Ok(());
    }
    Err(WorkerError::Refused {
        code: "too-many-removals",
        text: format!(
            "{removed} of {files} copied files are no longer at the source, more than the limit of {limit_percent} \
             percent; nothing was removed"
        ),
        remedy: "See that the right folder of the source is mounted; where the files are really gone, raise \
                 removal_limit_percent in the worksheet and run the same command again"
            .into(),
    })
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
            carry_out_one(capabilities, &quarantine, monitor, removal)?;
        }
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
            Err(Errno::NOTEMPTY | Errno::EXIST) => {
                monitor.finding(
                    Finding::new(
                        "folder-not-empty",
                        Verdict::Person,
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
