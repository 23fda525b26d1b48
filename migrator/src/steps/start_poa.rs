//! The Linux POA, started for users.

use postoffice::startup_file::StartupFile;
use protocol::{Account, AgentRun, Change, JobState, Life, Proof, Request};

use super::run_as_user;
use super::{life, poa, source_poa};
use crate::controller::{Controller, Notice, StepError, StepOutcome};

/// Starts it with the startup file that was converted in stage one, and waits until it answers.
///
/// # Errors
/// A job that is not sealed, or whose guardian still has its old names.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if controller.statements.source_is_gone.is_none() {
        // The steps before may have taken a while.
        source_poa::require_silent(controller).await?;
    }
    let state = controller.state().await?;
    life::require_sealed(&state)?;
    require_guardian(&state)?;
    if !poa::is_wanted(controller) {
        begin_life(controller).await?;
        controller.tell(&Notice::UsersMayWork).await;
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software; start it by hand, users may work from now on"
                .into(),
        ));
    }
    let file = poa::kept(controller).await?;
    let account = match controller.worksheet.poa.run_as_user.clone() {
        None => None,
        Some(user) => {
            let account = run_as_user::account(controller, &user).await?;
            Some((user, account))
        }
    };
    let address = poa::live_address(controller);
    poa::require_ready(controller, &file)?;
    let another = poa::another_kept_port(controller);
    poa::require_free(controller, &file, &address, &another).await?;
    poa::require_place(controller, &state.facts.placed_files, &file).await?;
    begin_life(controller).await?;
    match start(controller, &file, account.as_ref(), &address).await {
        Ok(()) => end_start(controller, Life::Live, "the Linux POA has answered").await?,
        Err(error) => {
            // The failure of the start is what is told; that it could not be taken back is said beside it.
            if let Err(second) = end_failed_start(controller, &error).await {
                controller.console().note(&format!(
                    "Users count as having worked at the destination, because it could not be made certain that the POA \
                     does not run: {second}"
                ));
            }
            return Err(error);
        }
    }
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
    controller.tell(&Notice::UsersMayWork).await;
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "started, answers at {address}, port {port}{runs_as}{gwha}"
    )))
}

/// From here on users may have worked, whatever becomes of the start: it is remembered before anything can start the agent.
async fn begin_life(controller: &Controller) -> Result<(), StepError> {
    let by = controller.local.who.clone();
    controller
        .call(&Request::BeginLife { by })
        .await
        .map(|_| ())
}

async fn end_start(controller: &Controller, life: Life, note: &str) -> Result<(), StepError> {
    let (by, note) = (controller.local.who.clone(), note.to_owned());
    let request = Request::EndStart { life, by, note };
    controller.call(&request).await.map(|_| ())
}

/// Puts the startup file for users in its place and starts the agent.
async fn start(
    controller: &Controller,
    file: &StartupFile,
    account: Option<&(String, Account)>,
    address: &str,
) -> Result<(), StepError> {
    let is_own = poa::place(controller, file).await?;
    if let Some((_, account)) = account.filter(|_| is_own) {
        let path = poa::startup_path(controller)?;
        let to = *account;
        controller.change(Change::Give { path, to }).await?;
    }
    poa::start(controller, address, AgentRun::Users).await
}

/// Takes it back that users may have worked where the control command itself could not start the agent, and where it is
/// certain that it does not run.  An agent that was started and does not answer may have answered meanwhile.
async fn end_failed_start(controller: &Controller, error: &StepError) -> Result<(), StepError> {
    let is_certain =
        matches!(error, StepError::Finding(finding) if finding.code == "poa-did-not-start");
    if !is_certain || poa::why_it_may_run(controller).await?.is_some() {
        return Ok(());
    }
    end_start(
        controller,
        Life::NotLive,
        "the Linux POA could not be started, and does not run",
    )
    .await
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

fn require_guardian(state: &JobState) -> Result<(), StepError> {
    if state.is_proven(Proof::Guardian) || state.may_hold_new_mail() {
        return Ok(());
    }
    Err(StepError::refused(
        "guardian-not-converted",
        "The names in the guardian database have not been made lower case; the POA would not find its databases",
        "Run `gwmigrate stage-two` to its end first",
    ))
}
