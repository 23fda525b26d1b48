//! Stopping the POA, so that it stays stopped.

use std::time::{Duration, Instant};

use super::{ISOLATED_ADDRESS, POA_FACT, answers, control, gwha, live_address, wait_for};
use crate::controller::{Controller, StepError};
use crate::profile::Naming;

/// How often an agent that was stopped is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Stops the agent where the job says that it runs, and where it runs although the job stopped it; says whether it did.
pub(crate) async fn stop_if_running(controller: &mut Controller) -> Result<bool, StepError> {
    let status = controller.status().await?;
    let is_service = match controller.profile()?.control.names {
        Naming::Service => super::is_wanted(controller),
        Naming::StartupFile => false,
    };
    let address = match status.facts.get(POA_FACT).map(String::as_str) {
        Some("test") => ISOLATED_ADDRESS.to_owned(),
        Some("live") => live_address(controller),
        // Started again by somebody, or by the service that restarts agents.
        Some("stopped") if is_service && runs(controller).await? => ISOLATED_ADDRESS.to_owned(),
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
    wait_for(controller, &address, false).await?;
    if let Some(gwha) = gwha.filter(|_| has_gwha) {
        let watched = Duration::from_secs(gwha.watch_seconds);
        prove_stays_stopped(controller, &address, watched).await?;
    }
    if is_service && runs(controller).await? {
        return Err(comes_back());
    }
    controller.remember(POA_FACT, "stopped").await?;
    Ok(true)
}

/// Whether the control command says that it runs.
async fn runs(controller: &Controller) -> Result<bool, StepError> {
    let command = control(controller, "status")?;
    let output = controller.link()?.run(&command, Vec::new()).await?;
    // From GroupWise 8 on the word is `running`; what the exit code says differs between versions.
    let said = output.text();
    Ok(said.split_whitespace().any(|word| word == "running"))
}

/// Looks for longer than anything that restarts agents needs.
async fn prove_stays_stopped(
    controller: &Controller,
    address: &str,
    watched: Duration,
) -> Result<(), StepError> {
    let until = Instant::now() + watched;
    while Instant::now() < until {
        if answers(controller, address).await? {
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
