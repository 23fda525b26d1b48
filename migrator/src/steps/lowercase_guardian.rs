//! The names stored in the guardian database.

use super::convert_guardian::convert;
use crate::controller::{Controller, StepError, StepOutcome};

/// Makes every file and folder name stored in the guardian lower case.
///
/// # Errors
/// What the conversion says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    convert(controller).await.map(StepOutcome::Done)
}
