//! What the job folder holds for a while only: unfinished uploads and the copy of the software.

use protocol::Change;

use super::copy_software::SOFTWARE_FOLDER;
use crate::controller::{Controller, StepError, StepOutcome};

/// Removes unfinished uploads; everything else of the job folder is needed later.
///
/// # Errors
/// What removing says.
pub(super) async fn clean_up(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let removed = controller.change(Change::RemoveUnfinishedUploads).await?;
    Ok(StepOutcome::Done(format!(
        "{removed} unfinished uploads removed; the source stays mounted for the next pass"
    )))
}

/// Removes the copy of the software.
///
/// # Errors
/// What removing says.
pub(crate) async fn delete_software(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let link = controller.link()?;
    let folder = link.job_folder().join(SOFTWARE_FOLDER);
    let name = SOFTWARE_FOLDER.to_owned();
    controller
        .change(Change::RemoveFromJobFolder { name })
        .await?;
    Ok(StepOutcome::Done(format!("{} is gone", folder.display())))
}
