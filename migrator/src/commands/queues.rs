//! `gwmigrate queues`: stragglers that arrived in the queues of the source after stage two.

use protocol::{Finding, QueueReport, Task, Verdict};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// Carries stragglers over, without touching what stands in the queues of the destination.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<QueueReport>) {
    let outcome = order(controller).await;
    ending::end_with(controller, "queues", outcome).await
}

async fn order(controller: &mut Controller) -> Result<QueueReport, StepError> {
    stage_two::attach(controller).await?;
    let state = controller.state().await?;
    if !state.is_sealed() && !state.may_hold_new_mail() {
        return Err(StepError::refused(
            "not-sealed",
            "The queues are carried over by stage two, which has not come to its end",
            "Run `gwmigrate stage-two`; this command is for what arrives later",
        ));
    }
    steps::source_poa::require_not_back(controller).await?;
    steps::mount_source::mount(controller).await?;
    let report: QueueReport = controller.report_of(Task::Queues { live: true }).await?;
    steps::mount_source::unmount_all(controller).await?;
    if report.carried == 0 {
        controller.report(Finding::new(
            "no-stragglers",
            Verdict::NothingToDo,
            "The queues of the source hold nothing that was not carried over before",
            "Nothing",
        ));
    }
    Ok(report)
}
