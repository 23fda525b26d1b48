//! Stopping the POA, so that it stays stopped.

use std::time::{Duration, Instant};

use protocol::{AgentRun, Fact};

use super::{ISOLATED_ADDRESS, control, gwha, live_address, port_state, process, wait_for};
use crate::controller::{Controller, StepError, StepOutcome};
use crate::profile::Naming;
use protocol::Answer;

/// How often an agent that was stopped is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Stops it, and makes sure that it no longer answers.
///
/// # Errors
/// A POA that does not stop.
pub(crate) async fn stop_test_poa(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if !super::is_wanted(controller) {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software".into(),
        ));
    }
    if stop_if_running(controller).await? {
        Ok(StepOutcome::Done("stopped, and its port is closed".into()))
    } else {
        Ok(StepOutcome::Done("it was not running".into()))
    }
}

/// Stops the agent where the job says that it runs, and where it runs although the job stopped it; says whether it did.
pub(crate) async fn stop_if_running(controller: &mut Controller) -> Result<bool, StepError> {
    let state = controller.state().await?;
    let is_service = match controller.profile()?.control.names {
        Naming::Service => super::is_wanted(controller),
        Naming::StartupFile => false,
    };
    let address = match state.facts.agent {
        Some(AgentRun::Test) => ISOLATED_ADDRESS.to_owned(),
        Some(AgentRun::Users) => live_address(controller),
        // Started again by somebody, or by the service that restarts agents.
        Some(AgentRun::Stopped) if is_service && process(controller).await?.is_some() => {
            ISOLATED_ADDRESS.to_owned()
        }
        _ => return Ok(false),
    };
    if !super::is_wanted(controller) {
        return Ok(false);
    }
    let gwha = controller.profile()?.gwha;
    let has_gwha = match &gwha {
        Some(gwha) => gwha::hold(controller, gwha).await?,
        None => false,
    };
    let command = control(controller, "stop")?;
    controller
        .link()?
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    wait_for(controller, &address, Answer::No).await?;
    if let Some(gwha) = gwha.filter(|_| has_gwha) {
        let watched = Duration::from_secs(gwha.watch_seconds);
        prove_stays_stopped(controller, &address, watched).await?;
    }
    if is_service && process(controller).await?.is_some() {
        return Err(comes_back());
    }
    controller.remember(Fact::Agent(AgentRun::Stopped)).await?;
    Ok(true)
}

/// Looks for longer than anything that restarts agents needs.
async fn prove_stays_stopped(
    controller: &Controller,
    address: &str,
    watched: Duration,
) -> Result<(), StepError> {
    let until = Instant::now() + watched;
    while Instant::now() < until {
        if port_state(controller, address).await? == Answer::Yes(()) {
            return Err(comes_back());
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
    Ok(())
}

fn comes_back() -> StepError {
    StepError::refused(
        "poa-comes-back",
        "The Linux POA was stopped, and something started it again",
        "Find out what restarts it (the high-availability service, a monitor, cron), stop that, then run the same command \
         again",
    )
}
