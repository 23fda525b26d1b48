//! `gwmigrate finish`: the POA as its own user, and started for users.

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps;

/// Finishes the migration.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    keep::end(controller, "finish", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    stage_two::attach(controller).await?;
    controller
        .step(Step::RunAsUser, steps::run_as_user::run)
        .await?;
    controller.step(Step::StartPoa, steps::start_poa::run).await
}
