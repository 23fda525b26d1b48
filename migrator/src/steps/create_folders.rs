//! The folders of the destination: that of the job, and those that the post office and its documents move to.
//!
//! What every post office has inside is made by the worker, once it is installed.

use crate::controller::{Controller, StepError, StepOutcome};

/// Makes the folders that are not there.
///
/// # Errors
/// What making them says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let link = controller.link()?;
    let job_folder = link.job_folder().to_owned();
    // Its reports and its quarantine hold what is nobody else's business.
    link.make_private_folder(&job_folder).await?;
    let areas = controller.area_orders();
    let make = link
        .command("mkdir")
        .arguments(["-p", "--"])
        .arguments(areas.iter().map(|area| area.destination.clone()));
    link.succeed(&make).await?;
    Ok(StepOutcome::Done(format!(
        "{} folders, job folder {}",
        areas.len(),
        job_folder.display()
    )))
}
