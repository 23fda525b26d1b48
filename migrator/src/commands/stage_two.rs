//! `gwmigrate stage-two`: what must be done while users are out.

use worker::protocol::{StatusReport, StepState};

use super::keep;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps;

/// Runs stage two.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    keep::end(controller, "stage-two", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    begin(controller).await?;
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
pub(super) async fn begin(controller: &mut Controller) -> Result<(), StepError> {
    attach(controller).await?;
    steps::install_utility::refuse_when_live(controller).await?;
    require_stage_one(&controller.status().await?)?;
    controller
        .step(Step::MountSource, steps::mount_source::run)
        .await
}

/// Attaches to the job and takes its lease and its journal.
pub(super) async fn attach(controller: &mut Controller) -> Result<(), StepError> {
    steps::install_utility::attach(controller).await?;
    let who = controller.surroundings.who.clone();
    controller.link_mut()?.take_lease(&who).await?;
    controller.open_journal().await
}

fn require_stage_one(status: &StatusReport) -> Result<(), StepError> {
    let is_copied = status
        .steps
        .iter()
        .any(|line| line.step == Step::CopyData.name() && line.state == StepState::Done);
    if is_copied {
        return Ok(());
    }
    Err(StepError::refused(
        "stage-one-not-done",
        "Stage one has not copied the data yet",
        "Run `gwmigrate stage-one` to its end first; users can work meanwhile",
    ))
}
