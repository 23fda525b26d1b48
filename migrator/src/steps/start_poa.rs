//! The Linux POA, started for users.

use worker::protocol::{StatusReport, StepState};

use super::poa;
use crate::controller::{Controller, StepError, StepOutcome};
use crate::step::Step;

/// Starts it with the startup file that was converted in stage one, and waits until it answers.
///
/// # Errors
/// A job that is not sealed, or whose guardian still has its old names.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let status = controller.status().await?;
    require_sealed(&status)?;
    require_guardian(&status)?;
    if poa::control(controller).is_none() {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software; start it by hand".into(),
        ));
    }
    poa::use_kept_startup_file(controller).await?;
    let address = controller
        .worksheet
        .poa
        .ip
        .clone()
        .unwrap_or_else(|| "127.0.0.1".into());
    poa::start(controller, &address, "live").await?;
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "started, answers at {address}, port {port}"
    )))
}

fn require_sealed(status: &StatusReport) -> Result<(), StepError> {
    let is_sealed = status
        .steps
        .iter()
        .any(|line| line.step == Step::Seal.name() && line.state == StepState::Done);
    if is_sealed {
        return Ok(());
    }
    Err(StepError::refused(
        "not-sealed",
        "This job is not sealed: nothing proves yet that the destination is equal to the source",
        "Run `gwmigrate stage-two` to its end first",
    ))
}

fn require_guardian(status: &StatusReport) -> Result<(), StepError> {
    let is_done = status
        .steps
        .iter()
        .any(|line| line.step == Step::LowercaseGuardian.name() && line.state == StepState::Done);
    if is_done {
        return Ok(());
    }
    Err(StepError::refused(
        "guardian-not-converted",
        "The names in the guardian database have not been made lower case; the POA would not find its databases",
        "Run `gwmigrate stage-two` to its end first",
    ))
}
