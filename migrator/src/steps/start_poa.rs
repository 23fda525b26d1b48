//! The Linux POA, started for users.

use worker::protocol::{StatusReport, StepState};

use super::poa;
use super::run_as_user::{self, Account};
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
    if !poa::is_wanted(controller) {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software; start it by hand".into(),
        ));
    }
    let file = poa::kept(controller).await?;
    poa::place(controller, &file).await?;
    let account = match controller.worksheet.poa.run_as_user.clone() {
        None => None,
        Some(user) => {
            let account = run_as_user::account(controller, &user).await?;
            let path = poa::startup_path(controller)?;
            run_as_user::give_path(controller, &path, &account).await?;
            Some((user, account))
        }
    };
    let address = poa::live_address(controller);
    poa::start(controller, &address, "live").await?;
    let runs_as = match &account {
        None => String::new(),
        Some((user, account)) => prove_user(controller, user, account).await?,
    };
    // After the agent, so that both never start it at once.
    let gwha = if poa::release_gwha(controller).await? {
        "; the high-availability service runs again"
    } else {
        ""
    };
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "started, answers at {address}, port {port}{runs_as}{gwha}"
    )))
}

/// Makes sure that the agent runs as the user of the worksheet; says so.
async fn prove_user(
    controller: &Controller,
    user: &str,
    account: &Account,
) -> Result<String, StepError> {
    let seen = match poa::process(controller).await? {
        Some(process) if process.uid == account.uid => {
            return Ok(format!("; process {} runs as {user}", process.pid));
        }
        Some(process) => format!("runs as the user with number {}", process.uid),
        None => "answers, but there is no process with its program and startup file".to_owned(),
    };
    Err(StepError::refused(
        "runs-as-other-user",
        format!("The POA is to run as {user}, and {seen}"),
        "See how the control command starts it and what uid.conf says, stop it, then run the same command again",
    ))
}

pub(super) fn require_sealed(status: &StatusReport) -> Result<(), StepError> {
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
