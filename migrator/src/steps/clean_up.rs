//! What only stage one needed is gone.

use crate::controller::{Controller, StepError, StepOutcome};

/// Names of uploads that were cut off: [`crate::remote::Remote::upload`] gives such names beside the target.
const UPLOAD_PATTERN: &str = ".*.part";

/// Removes unfinished uploads; everything else of the job folder is needed later.
///
/// # Errors
/// What removing says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let link = controller.link()?;
    // Uploads that were cut off leave their temporary names beside the target.
    let command = link
        .command("find")
        .argument(link.job_folder().to_owned())
        .arguments([
            "-maxdepth",
            "2",
            "-name",
            UPLOAD_PATTERN,
            "-type",
            "f",
            "-delete",
            "-print",
        ]);
    let output = link
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    let removed = output.text().lines().count();
    Ok(StepOutcome::Done(format!(
        "{removed} unfinished uploads removed; the source stays mounted for the next pass"
    )))
}
