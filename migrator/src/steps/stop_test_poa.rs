//! The Linux POA of stage one, stopped.

use super::poa;
use crate::controller::{Controller, StepError, StepOutcome};

/// Stops it, and makes sure that it no longer answers.
///
/// # Errors
/// A POA that does not stop.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if !poa::is_wanted(controller) {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software".into(),
        ));
    }
    if poa::stop_if_running(controller).await? {
        Ok(StepOutcome::Done("stopped, and its port is closed".into()))
    } else {
        Ok(StepOutcome::Done("it was not running".into()))
    }
}
