//! What must hold before an order is carried out: whose the destination is, whether users may have worked there, that no folder of
//! the job is left out, and that every file system is mounted that was mounted before (ARCHITECTURE.md rules 9c and 9d).

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::marker;
use crate::places::{MountChange, SeenPlace, Side};
use crate::store::JobStore;
use protocol::{GuardianAction, Order, Refusal, Task};

/// Makes sure that an order may be carried out.
///
/// # Errors
/// [`WorkerError::Refused`] with what is in its way; nothing was changed.
pub(crate) fn require(order: &Order, capabilities: &Capabilities, store: &JobStore) -> Result<()> {
    if changes_a_tree(&order.task) {
        refuse_where_users_may_have_worked(store)?;
    }
    require_all(order, store)?;
    if !order.task.needs_own_destination() {
        return Ok(());
    }
    for area in &capabilities.areas {
        let is_abandoned = matches!(order.task, Task::Abandon { .. });
        if is_abandoned {
            // It is the way back of a stage one that took no folder, too, and goes on where it was cut off: what was never taken
            // it leaves alone, and at whose folder it is it looks itself.
            taken(area, store)?;
        } else {
            require_taken(area, store)?;
        }
        require_mounts(area, store)?;
        if !is_abandoned {
            marker::require(area, store)?;
        }
    }
    Ok(())
}

/// Whether a task writes, renames, removes or sets anything aside in a tree, or proves what a later one relies on.
fn changes_a_tree(task: &Task) -> bool {
    match task {
        Task::CreateFolders
        | Task::Pass { .. }
        | Task::UndoLowercase
        | Task::Prove
        | Task::Seal
        | Task::Lowercase { plan_only: false }
        | Task::Abandon { plan_only: false }
        | Task::Queues { live: false } => true,
        Task::Guardian { action } => *action != GuardianAction::Look,
        _ => false,
    }
}

/// Once users may have worked at the destination, nothing is copied, renamed, sealed or undone there any more.
fn refuse_where_users_may_have_worked(store: &JobStore) -> Result<()> {
    let Some(refusal) = store.life()?.refusal() else {
        return Ok(());
    };
    let (code, text) = match refusal {
        Refusal::MayHaveWorked => (
            "users-may-have-worked",
            "The Linux POA of this job was started for users, and it is not known what became of that; copying over what \
             they may have done would lose mail",
        ),
        _ => (
            "already-live",
            "The Linux POA of this job serves users already; copying over it would lose their new mail",
        ),
    };
    Err(WorkerError::Refused {
        code,
        text: text.into(),
        remedy: "Use `gwmigrate queues` for stragglers. Where it is certain that nobody has worked there, say so: the same \
                 command with --users-have-not-worked --by NAME --note WHY"
            .into(),
    })
}

/// Makes sure that the order lacks no area that this job has taken: what is copied, sealed or undone without it looks whole.
fn require_all(order: &Order, store: &JobStore) -> Result<()> {
    let taken = store.taken_folders()?;
    let is_short = taken
        .keys()
        .any(|&taken| order.areas.iter().all(|area| area.id != taken));
    if !is_short {
        return Ok(());
    }
    // The numbers of the areas behind one that was deleted have moved, their folders have not.
    let is_named = |folder: &String| order.areas.iter().any(|area| area.destination == *folder);
    let Some(folder) = taken.into_values().find(|folder| !is_named(folder)) else {
        return Ok(());
    };
    Err(WorkerError::Refused {
        code: "area-left-out",
        text: format!("This job has taken the folder {folder}, which the worksheet no longer names"),
        remedy: "Put its [[documents.area]] back into the worksheet, at the place among the areas where it stood; nothing was \
                 changed. Where it is not to be moved with this job: put it back, run `gwmigrate abandon --yes`, then begin \
                 again without it"
            .into(),
    })
}

/// Makes sure that the destination folder of an area is the one that this job has taken: in any other, everything would look
/// foreign and be set aside.
fn require_taken(area: &Area, store: &JobStore) -> Result<()> {
    if taken(area, store)?.is_some() {
        return Ok(());
    }
    Err(WorkerError::Refused {
        code: "destination-not-ours",
        text: format!(
            "The destination folder of {} was never taken into this job",
            area.label
        ),
        remedy: "Run stage one, which takes it; nothing was changed".into(),
    })
}

/// What stage one saw of the destination folder of an area; none where this job has not taken it.
///
/// # Errors
/// [`WorkerError::Refused`] where the job has taken another folder for the area.
pub(crate) fn taken(area: &Area, store: &JobStore) -> Result<Option<SeenPlace>> {
    let now = &area.destination_seen.folder;
    match store.seen_place(area.id, Side::Destination)? {
        Some(seen) if seen.folder != *now => Err(WorkerError::Refused {
            code: "destination-changed",
            text: format!(
                "{} went to {} until now, the worksheet says {now}",
                area.label, seen.folder
            ),
            remedy: "Correct the worksheet, or abandon the job and begin a new one".into(),
        }),
        seen => Ok(seen),
    }
}

/// Makes sure that both sides of an area are mounted as stage one saw them.
fn require_mounts(area: &Area, store: &JobStore) -> Result<()> {
    for (side, now) in sides(area) {
        let seen = store.seen_place(area.id, side)?;
        if let Some(change) = changes(seen.as_ref(), now).first() {
            return Err(mounts_changed(area, side, change));
        }
    }
    Ok(())
}

/// The folders of an area that are open, as they are now.
pub(crate) fn sides(area: &Area) -> impl Iterator<Item = (Side, &SeenPlace)> {
    let source = area.source_seen.iter();
    source
        .map(|seen| (Side::Source, seen))
        .chain([(Side::Destination, &area.destination_seen)])
}

/// How the mounts of a folder have changed since stage one saw them; nothing where nobody has looked yet.
pub(crate) fn changes(seen: Option<&SeenPlace>, now: &SeenPlace) -> Vec<MountChange> {
    match (seen.and_then(|seen| seen.mounts.as_ref()), &now.mounts) {
        (Some(seen), Some(now)) => seen.changes(now),
        _ => Vec::new(),
    }
}

/// The refusal to go on where the mounts are not those that stage one saw.
pub(crate) fn mounts_changed(area: &Area, side: Side, change: &MountChange) -> WorkerError {
    let what = match side {
        Side::Source => "source",
        Side::Destination => "destination",
    };
    WorkerError::Refused {
        code: "mounts-changed",
        text: format!("The {what} of {} is not mounted as it was: {change}", area.label),
        remedy: "Mount it as it was, then run the same command again; nothing was changed. Where it is meant to be so, run \
                 `gwmigrate stage-one --accept-mounts --by NAME --note WHY`"
            .into(),
    }
}
