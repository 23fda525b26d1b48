//! What only stage one needed is gone.

use protocol::Change;

use crate::controller::{Controller, StepError, StepOutcome};

/// Removes unfinished uploads; everything else of the job folder is needed later.
///
/// # Errors
/// What removing says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let removed = controller.change(Change::RemoveUnfinishedUploads).await?;
    Ok(StepOutcome::Done(format!(
        "{removed} unfinished uploads removed; the source stays mounted for the next pass"
    )))
}
