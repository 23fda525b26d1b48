//! The source server, and the shares of document storage areas, unmounted.

use super::mount_source::{self, JobMount};
use crate::controller::{Controller, StepError, StepOutcome};

/// Takes the mounts away that the job made.
///
/// # Errors
/// A mount that is in use, or that is not ours.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let mounts = mount_source::mounts(controller)?;
    Ok(match unmount(controller, mounts).await? {
        0 => {
            StepOutcome::Skipped("the source was mounted by somebody else and stays mounted".into())
        }
        1 => StepOutcome::Done("the source is no longer mounted".into()),
        many => StepOutcome::Done(format!("{many} shares are no longer mounted")),
    })
}

/// Takes these mounts away where they are ours, the last one first; says how many were ours to take.
///
/// # Errors
/// What the first of them said that could not be taken away; the others are taken away all the same.
pub(crate) async fn unmount(
    controller: &Controller,
    mounts: Vec<JobMount>,
) -> Result<usize, StepError> {
    let remote = controller.link()?.remote();
    let mut ours = 0;
    let mut outcome = Ok(());
    for mount in mounts.iter().rev() {
        if mount.plan.undo.is_empty() {
            continue;
        }
        ours += 1;
        let unmounted = mount.plan.unmount(&remote).await;
        outcome = outcome.and(unmounted.map_err(|error| mount_source::stop(&error)));
    }
    outcome.map(|()| ours)
}
