//! `gwmigrate lowercase --plan` and `--undo`: looking at the renamings, and taking them back.

use protocol::{LowercaseReport, Task};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::life::require_nobody_worked;
use crate::steps::poa;

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
    ending::end_with(controller, "lowercase", outcome).await
}

async fn order(
    controller: &mut Controller,
    action: LowercaseAction,
) -> Result<LowercaseReport, StepError> {
    stage_two::attach(controller).await?;
    if action == LowercaseAction::Undo {
        require_nobody_worked(controller).await?;
        // Neither the agent nor GWCheck finds its files under other names than it began with.
        poa::stop_if_running(controller).await?;
    }
    let task = match action {
        LowercaseAction::Plan => Task::Lowercase { plan_only: true },
        LowercaseAction::Undo => Task::UndoLowercase,
    };
    controller.report_of(task).await
}
