//! Making the folders that every post office has, in a destination that is empty or ours.

use postoffice::layout;
use postoffice::names::RelativePath;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::monitor::{Expected, Monitor};
use crate::protocol::{AreaKind, AreaOrder};
use crate::store::JobStore;

/// The pass that folders of every post office are recorded with.
const SKELETON_PASS: i64 = 0;

/// `FS_CASEFOLD_FL` of the kernel's `linux/fs.h`, for which the library has no name.
const CASEFOLD_FLAG: u32 = 0x4000_0000;

/// Takes the destination folders into this job and makes the folders of a post office in the first.
///
/// # Errors
/// [`WorkerError::Refused`] where a destination holds something that is not of this job, folds case by itself, or was
/// another folder before.
pub fn create_folders(
    capabilities: &Capabilities,
    orders: &[AreaOrder],
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<()> {
    monitor.phase("create folders", Expected::default());
    for (area, order) in capabilities.areas.iter().zip(orders) {
        take_destination(area, order, store)?;
        if area.kind == AreaKind::PostOffice {
            make_skeleton(area, store)?;
        }
    }
    Ok(())
}

/// Proves that the destination folders are those that this job has taken: in any other, everything would look foreign
/// and be set aside.
///
/// # Errors
/// [`WorkerError::Refused`].
pub(crate) fn prove_destinations(orders: &[AreaOrder], store: &JobStore) -> Result<()> {
    for order in orders {
        if !is_taken(order, store)? {
            return Err(WorkerError::Refused {
                code: "destination-not-ours",
                text: format!(
                    "The destination folder of {} was never taken into this job",
                    order.label
                ),
                remedy: "Run stage one, which takes it; nothing was changed".into(),
            });
        }
    }
    Ok(())
}

fn fact_of(order: &AreaOrder) -> String {
    format!("destination-{}", order.id)
}

/// Whether the destination folder belongs to this job.
fn is_taken(order: &AreaOrder, store: &JobStore) -> Result<bool> {
    match store.fact(&fact_of(order))? {
        None => Ok(false),
        Some(known) if known == order.destination => Ok(true),
        Some(known) => Err(WorkerError::Refused {
            code: "destination-changed",
            text: format!(
                "{} went to {known} until now, the worksheet says {}",
                order.label, order.destination
            ),
            remedy: "Correct the worksheet, or abandon the job and begin a new one".into(),
        }),
    }
}

fn take_destination(area: &Area, order: &AreaOrder, store: &JobStore) -> Result<()> {
    let root = RelativePath::root();
    if is_taken(order, store)? {
        return Ok(());
    }
    // A folder that folds case by itself answers to names that it does not have; GroupWise must not meet that.
    if rustix::fs::ioctl_getflags(&area.destination)
        .is_ok_and(|flags| flags.bits() & CASEFOLD_FLAG != 0)
    {
        return Err(WorkerError::Refused {
            code: "destination-folds-case",
            text: format!(
                "The destination folder of {} does not distinguish upper and lower case",
                area.label
            ),
            remedy: "Use a folder without the casefold attribute".into(),
        });
    }
    let entries = area
        .destination
        .list()
        .map_err(|errno| WorkerError::writing("list", &root, errno))?;
    if let Some(first) = entries.first() {
        return Err(WorkerError::Refused {
            code: "destination-not-empty",
            text: format!(
                "The destination folder of {} is not empty and not of this job: it holds {} entries, {} among them",
                area.label,
                entries.len(),
                postoffice::names::printable(&first.name)
            ),
            remedy: "Name another folder in the worksheet, or move away what is in this one; nothing was changed".into(),
        });
    }
    // Taken before the first folder is made, so that a run that is cut off finds its own folders again.
    store.remember_one(&fact_of(order), order.destination.clone())
}

fn make_skeleton(area: &Area, store: &JobStore) -> Result<()> {
    let folders = layout::folder_skeleton();
    store.record_folders(area.id, SKELETON_PASS, &folders)?;
    for path in &folders {
        let Some((parent, name)) = path.split() else {
            continue;
        };
        area.destination
            .descend(&parent)
            .and_then(|folder| folder.create_folder(name))
            .map_err(|errno| WorkerError::writing("create the folder", path, errno))?;
    }
    rustix::fs::syncfs(&area.destination)
        .map_err(|source| WorkerError::SyncFailed { files: 0, source })
}
