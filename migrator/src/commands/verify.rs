//! `gwmigrate verify`: the destination beside its seal, or the source beside what was proven of it, at any later time.

use protocol::{FetchReport, SealReport, Task, VerifySourceReport};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// Compares the destination with its seal.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<SealReport>) {
    let outcome = order(controller).await;
    ending::end_with(controller, "verify", outcome).await
}

async fn order(controller: &mut Controller) -> Result<SealReport, StepError> {
    stage_two::attach(controller).await?;
    controller.report_of(Task::Verify).await
}

/// Reads the source once more, as far as it was not read since it came to rest.
pub async fn source(controller: &mut Controller) -> (CommandOutcome, Option<VerifySourceReport>) {
    let outcome = with_source(controller, Task::VerifySource).await;
    ending::end_with(controller, "verify-source", outcome).await
}

/// Brings one file of the source into the job folder.
pub async fn fetch(
    controller: &mut Controller,
    subject: String,
) -> (CommandOutcome, Option<FetchReport>) {
    let outcome = with_source(controller, Task::Fetch { subject }).await;
    ending::end_with(controller, "verify-fetch", outcome).await
}

/// Does a task while the source is mounted, for this command alone.
async fn with_source<R: TryFrom<protocol::TaskReport>>(
    controller: &mut Controller,
    task: Task,
) -> Result<R, StepError> {
    stage_two::attach(controller).await?;
    steps::mount_source::mount(controller).await?;
    let report = controller.report_of(task).await;
    // The worker goes on, and reads what is mounted.
    if let Err(interrupted @ StepError::Interrupted { .. }) = report {
        return Err(interrupted);
    }
    let unmounted = steps::mount_source::unmount_all(controller).await;
    let report = report?;
    unmounted.map(|_| report)
}
