//! `gwmigrate stage-two`: what must be done while users are out.

use protocol::{Intent, Refusal, Standing, Step};

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::life::require_nobody_worked;
use crate::steps::{self, identify_documents, install_utility};

/// Runs stage two.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    ending::end_command(controller, "stage-two", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    attach(controller).await?;
    require_nobody_worked(controller).await?;
    require_stage_one(controller).await?;
    steps::run(controller, &[Step::MountSource]).await?;
    identify_documents::look_and_require_mapped(controller).await?;
    steps::run(controller, Step::slice(Step::StopTestPoa, Step::Unmount)).await
}

/// Attaches to the job and takes its lease and its journal.
pub(super) async fn attach(controller: &mut Controller) -> Result<(), StepError> {
    install_utility::attach_to_job(controller).await?;
    controller.take_lease().await?;
    controller.open_journal().await
}

/// Makes sure that stage one has copied the data, and made what the POA is to be started with for users: what is sealed without
/// that could not be served.
///
/// # Errors
/// A refusal.
pub(super) async fn require_stage_one(controller: &Controller) -> Result<(), StepError> {
    let state = controller.state().await?;
    if Standing::of(&state).refusal(Intent::StageTwo) == Some(Refusal::NotCopied) {
        return Err(StepError::refused(
            "stage-one-not-done",
            "Stage one has not copied the data yet",
            "Run `gwmigrate stage-one` to its end first; users can work meanwhile",
        ));
    }
    if steps::poa::is_wanted(controller) {
        steps::poa::kept(controller).await?;
    }
    Ok(())
}
