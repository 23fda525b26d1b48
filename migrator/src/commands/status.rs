//! `gwmigrate status`: the list of the steps with a mark each, who is at work, and the command that comes next.

use protocol::{Explain as _, JobState};
use serde::{Deserialize, Serialize};

use crate::advice::{Advice, Situation};
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
    if let Err(error) = &outcome {
        controller.report(error.to_finding());
    }
    let summary = controller.finish(outcome.as_ref().err());
    controller.disconnect().await;
    (summary, outcome.ok())
}

async fn read(controller: &mut Controller) -> Result<StatusReport, StepError> {
    steps::install_utility::attach(controller).await?;
    let status = controller.state().await?;
    let advice = advice(controller, &status);
    Ok(StatusReport {
        status,
        next: advice.next.text().to_owned(),
        back: advice.back.text().to_owned(),
    })
}

/// What the job needs next, and the way back.
pub(crate) fn advice(controller: &Controller, state: &JobState) -> Advice {
    let is_confirmed = steps::checklist::open_items(controller, state).is_empty();
    Situation::of(state, is_confirmed).advice()
}
