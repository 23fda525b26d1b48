//! `gwmigrate status`: the list of the steps with a mark each, who is at work, and the command that comes next.

use protocol::JobState;
use serde::{Deserialize, Serialize};

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// What the job store says.
    pub status: JobState,
    /// The command that comes next.
    pub next: String,
    /// How to go back from here.
    pub back: String,
}

/// Reads where the job stands; changes nothing and needs no lease.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<StatusReport>) {
    let outcome = read(controller).await;
    ending::end_reading(controller, outcome).await
}

async fn read(controller: &mut Controller) -> Result<StatusReport, StepError> {
    steps::install_utility::attach(controller).await?;
    let status = controller.state().await?;
    let advice = ending::advice(controller, &status);
    Ok(StatusReport {
        status,
        next: advice.next.text().to_owned(),
        back: advice.back.text().to_owned(),
    })
}
