//! `gwmigrate stage-one`: everything that can be done while users work; may be repeated.

use protocol::Step;

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::{self, copy_certificates, source_poa};

/// Runs stage one.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    ending::end_command(controller, "stage-one", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    steps::run(controller, Step::slice(Step::Connect, Step::InstallUtility)).await?;
    // A port that was seen open is known to be closed later.
    source_poa::look(controller).await?;
    copy_certificates::look(controller).await?;
    steps::run(controller, Step::slice(Step::CopySoftware, Step::CleanUp)).await
}
