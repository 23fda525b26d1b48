//! `gwmigrate watch`: what the worker is doing now, from any terminal, until its order ends.

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::install_utility;

/// Follows the worker that is at work; changes nothing and needs no lease.  Ends as the order ends.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = watch(controller).await;
    ending::end_reading(controller, outcome).await.0
}

async fn watch(controller: &mut Controller) -> Result<(), StepError> {
    install_utility::attach(controller).await?;
    controller.watch().await
}
