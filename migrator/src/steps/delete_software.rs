//! The temporary copy of the Linux software, gone.

use protocol::Change;

use super::copy_software::SOFTWARE_FOLDER;
use crate::controller::{Controller, StepError, StepOutcome};

/// Removes it.
///
/// # Errors
/// What removing says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let link = controller.link()?;
    let folder = link.job_folder().join(SOFTWARE_FOLDER);
    let name = SOFTWARE_FOLDER.to_owned();
    controller
        .change(Change::RemoveFromJobFolder { name })
        .await?;
    Ok(StepOutcome::Done(format!("{} is gone", folder.display())))
}
