//! `gwmigrate verify`: the destination beside its seal, at any later time.

use protocol::{SealReport, Task};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};

/// Compares the destination with its seal.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<SealReport>) {
    let outcome = order(controller).await;
    ending::end_with(controller, "verify", outcome).await
}

async fn order(controller: &mut Controller) -> Result<SealReport, StepError> {
    stage_two::attach(controller).await?;
    controller.report_of(Task::Verify).await
}
