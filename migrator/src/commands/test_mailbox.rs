//! `gwmigrate test-mailbox`: a mailbox of the migrated post office beside the same one at the source.

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;
use protocol::Step;

/// Tests a mailbox.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    ending::end_command(controller, "test-mailbox", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    stage_two::attach(controller).await?;
    steps::run(controller, &[Step::TestMailbox]).await
}
