//! `gwmigrate queues`: stragglers that arrived in the queues of the source after stage two.

use protocol::{Finding, QueueReport, Task, Verdict};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::source_poa::SourcePoa;
use crate::steps::{self, source_poa};

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
    if let Some(why) = source_poa::require_silent(controller).await? {
        controller.console().note(&format!(
            "Whether the POA at the source runs again is not known ({why}): see that it does not"
        ));
    }
    steps::mount_source::mount(controller).await?;
    let report: QueueReport = controller.report_of(Task::Queues { live: true }).await?;
    steps::mount_source::unmount_all(controller).await?;
    if let SourcePoa::Answers(at) = source_poa::is_back(controller).await? {
        controller.report(came_back(&at));
    } else if report.carried == 0 {
        controller.report(Finding::new(
            "no-stragglers",
            Verdict::NothingToDo,
            "The queues of the source hold nothing that was not carried over before",
            "Nothing",
        ));
    }
    Ok(report)
}

/// It answers after the queues were looked through, which it did not before.
fn came_back(at: &str) -> Finding {
    Finding::new(
        "source-poa-answers",
        Verdict::Refused,
        format!(
            "The POA at the source answers at {at} since its queues were looked through: it may have taken what arrived there, and \
             it may send once more what was carried"
        ),
        "Stop the agents at the source, and what starts them; then run `gwmigrate queues` again, which carries what is still there. \
         What was carried stays carried",
    )
}
