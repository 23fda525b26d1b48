//! `gwmigrate status`: the list of the steps with a mark each, and the command that comes next.

use serde::{Deserialize, Serialize};
use worker::finding::Explain as _;
use worker::protocol::{JobState, Life};

use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What the job store says.
    pub status: JobState,
    /// The command that comes next.
    pub next: String,
    /// How to go back from here.
    pub back: String,
}

/// Reads where the job stands; changes nothing and needs no lease.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<Standing>) {
    let outcome = read(controller).await;
    if let Err(error) = &outcome {
        controller.report(error.to_finding());
    }
    let summary = controller.finish(outcome.as_ref().err());
    controller.disconnect().await;
    (summary, outcome.ok())
}

async fn read(controller: &mut Controller) -> Result<Standing, StepError> {
    steps::install_utility::attach(controller).await?;
    let status = controller.state().await?;
    let next = next_command(controller, &status);
    let back = last_step(&status).map_or_else(String::new, |step| step.back().to_owned());
    Ok(Standing { status, next, back })
}

fn last_step(state: &JobState) -> Option<Step> {
    let last = state
        .steps
        .iter()
        .max_by_key(|line| line.began_milliseconds);
    last.and_then(|line| Step::from_name(&line.step))
}

/// The command that comes next.
pub fn next_command(controller: &Controller, state: &JobState) -> String {
    let is_done = |step: Step| state.is_done(step.name());
    if state.running.is_some() {
        return "gwmigrate status (a worker is at work)".into();
    }
    match state.life.life {
        Life::NotLive => {}
        Life::Starting => {
            return "gwmigrate finish (the Linux POA was to be started for users, and nothing says what became of that)"
                .into();
        }
        Life::Live => return "gwmigrate queues (for stragglers), gwmigrate report".into(),
    }
    if !(is_done(Step::CopyData) && is_done(Step::CleanUp)) {
        return "gwmigrate stage-one".into();
    }
    if state.is_sealed() {
        return "gwmigrate finish".into();
    }
    if steps::checklist::open_items(controller, &state.checklist).is_empty() {
        "gwmigrate stage-two".into()
    } else if is_done(Step::TestMailbox) {
        "gwmigrate prepare".into()
    } else {
        "gwmigrate test-mailbox, then gwmigrate prepare; gwmigrate stage-one again for another pass"
            .into()
    }
}
