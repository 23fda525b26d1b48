//! `gwmigrate verify`: the destination beside its seal, at any later time.

use protocol::{SealReport, Task, TaskReport};

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};

/// Compares the destination with its seal.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<SealReport>) {
    let (outcome, report) = match order(controller).await {
        Ok(report) => (Ok(()), Some(report)),
        Err(error) => (Err(error), None),
    };
    (keep::end(controller, "verify", outcome).await, report)
}

async fn order(controller: &mut Controller) -> Result<SealReport, StepError> {
    stage_two::attach(controller).await?;
    match controller.order(Task::Verify).await?.report {
        Some(TaskReport::Seal(report)) => Ok(report),
        other => Err(StepError::Protocol {
            text: format!("{other:?}"),
        }),
    }
}
