//! `gwmigrate lowercase --plan` and `--undo`: looking at the renamings, and taking them back.

use protocol::{LowercaseReport, Task, TaskReport};

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::life::require_nobody_worked;

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowercaseAction {
    /// Only say what would be renamed.
    Plan,
    /// Give renamed entries their old names again.
    Undo,
}

/// Plans or undoes.
pub async fn run(
    controller: &mut Controller,
    action: LowercaseAction,
) -> (CommandOutcome, Option<LowercaseReport>) {
    let outcome = order(controller, action).await;
    let (outcome, report) = match outcome {
        Ok(report) => (Ok(()), Some(report)),
        Err(error) => (Err(error), None),
    };
    (keep::end(controller, "lowercase", outcome).await, report)
}

async fn order(
    controller: &mut Controller,
    action: LowercaseAction,
) -> Result<LowercaseReport, StepError> {
    stage_two::attach(controller).await?;
    if action == LowercaseAction::Undo {
        require_nobody_worked(controller).await?;
    }
    let task = match action {
        LowercaseAction::Plan => Task::Lowercase { plan_only: true },
        LowercaseAction::Undo => Task::UndoLowercase,
    };
    match controller.order(task).await?.report {
        Some(TaskReport::Lowercase(report)) => Ok(report),
        other => Err(StepError::Protocol {
            text: format!("{other:?}"),
        }),
    }
}
