//! The temporary copy of the Linux software, gone.

use super::copy_software::SOFTWARE_FOLDER;
use crate::controller::{Controller, StepError, StepOutcome};

/// Removes it.
///
/// # Errors
/// What removing says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let link = controller.link()?;
    let folder = link.job_folder().join(SOFTWARE_FOLDER);
    let command = link
        .command("rm")
        .arguments(["-r", "-f", "--"])
        .argument(folder.clone());
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(StepOutcome::Done(format!("{} is gone", folder.display())))
}
