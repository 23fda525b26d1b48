//! The source server, unmounted.

use super::mount_source;
use crate::controller::{Controller, StepError, StepOutcome};

/// Takes the mount away that the job made.
///
/// # Errors
/// A mount that is in use, or that is not ours.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let plan = mount_source::plan(controller)?;
    if plan.undo.is_empty() {
        return Ok(StepOutcome::Skipped(
            "the source was mounted by somebody else and stays mounted".into(),
        ));
    }
    plan.unmount(&controller.link()?.remote())
        .await
        .map_err(|error| mount_source::stop(&error))?;
    Ok(StepOutcome::Done("the source is no longer mounted".into()))
}
