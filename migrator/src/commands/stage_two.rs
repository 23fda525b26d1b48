//! `gwmigrate stage-two`: what must be done while users are out.

use protocol::{Intent, JobState, Refusal, Standing, Step};

use super::keep;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;
use crate::steps::life::{Word, require_nobody_worked};

/// Runs stage two; `word` says that nobody has worked at the destination.
pub async fn run(controller: &mut Controller, word: Option<&Word>) -> CommandOutcome {
    let outcome = steps_of(controller, word).await;
    keep::end(controller, "stage-two", outcome).await
}

async fn steps_of(controller: &mut Controller, word: Option<&Word>) -> Result<(), StepError> {
    begin(controller, word).await?;
    steps::identify_documents::look_and_require_mapped(controller).await?;
    controller
        .step(Step::StopTestPoa, steps::stop_test_poa::run)
        .await?;
    controller
        .step(Step::Checklist, steps::checklist::run)
        .await?;
    controller
        .step(Step::ProveAtRest, steps::prove_at_rest::run)
        .await?;
    controller
        .step(Step::CopyModified, steps::copy_modified::run)
        .await?;
    controller
        .step(Step::Lowercase, steps::lowercase::run)
        .await?;
    controller
        .step(Step::LowercaseGuardian, steps::lowercase_guardian::run)
        .await?;
    controller
        .step(Step::CopyQueues, steps::copy_queues::run)
        .await?;
    controller.step(Step::Seal, steps::seal::run).await?;
    controller
        .step(Step::DeleteSoftware, steps::delete_software::run)
        .await?;
    controller.step(Step::Unmount, steps::unmount::run).await
}

/// Attaches to the job, makes sure that it may go on, and mounts the source.
async fn begin(controller: &mut Controller, word: Option<&Word>) -> Result<(), StepError> {
    attach(controller).await?;
    require_nobody_worked(controller, word).await?;
    require_stage_one(&controller.state().await?)?;
    controller
        .step(Step::MountSource, steps::mount_source::run)
        .await
}

/// Attaches to the job and takes its lease and its journal.
pub(super) async fn attach(controller: &mut Controller) -> Result<(), StepError> {
    steps::install_utility::attach_to_job(controller).await?;
    controller.take_lease().await?;
    controller.open_journal().await
}

fn require_stage_one(state: &JobState) -> Result<(), StepError> {
    if Standing::of(state).refusal(Intent::StageTwo) != Some(Refusal::NotCopied) {
        return Ok(());
    }
    Err(StepError::refused(
        "stage-one-not-done",
        "Stage one has not copied the data yet",
        "Run `gwmigrate stage-one` to its end first; users can work meanwhile",
    ))
}
