//! `gwmigrate accept`: what a person has looked at, and what decides no exit code any more.

use protocol::{AcceptedLine, Extent, Request};

use super::{ending, stage_two};
use crate::controller::Statement;
use crate::controller::{CommandOutcome, Controller, StepError};

/// What is accepted, or no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The code.
    pub code: String,
    /// How much of it.
    pub extent: Extent,
    /// What it is about, as it is shown; empty for the whole job, and for the whole code.
    pub subject: String,
    /// Who accepts it and why; none where it is taken back.
    pub statement: Option<Statement>,
}

/// Accepts it, or takes that back; gives everything that is accepted then.
pub async fn run(
    controller: &mut Controller,
    acceptance: Acceptance,
) -> (CommandOutcome, Option<Vec<AcceptedLine>>) {
    let outcome = accept(controller, acceptance).await;
    ending::end_with(controller, "accept", outcome).await
}

async fn accept(
    controller: &mut Controller,
    acceptance: Acceptance,
) -> Result<Vec<AcceptedLine>, StepError> {
    let Acceptance {
        code,
        extent,
        subject,
        statement,
    } = acceptance;
    stage_two::attach(controller).await?;
    let request = match statement {
        Some(Statement { by, note }) => Request::Accept {
            code,
            extent,
            subject,
            by,
            note,
        },
        None => Request::WithdrawAcceptance {
            code,
            extent,
            subject,
        },
    };
    controller.call(&request).await?;
    Ok(controller.state().await?.accepted)
}
