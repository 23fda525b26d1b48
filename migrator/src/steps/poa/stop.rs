//! Stopping the POA, so that it stays stopped.

use std::time::{Duration, Instant};

use protocol::{AgentRun, Fact};

use super::{
    ANSWER_INTERVAL, ANSWER_TIMEOUT, ISOLATED_ADDRESS, control, gwha, live_address, port_state,
    process, wait_for, why_it_may_run,
};
use crate::controller::{Controller, StepError, StepOutcome};
use crate::steps::gwcheck;
use protocol::Answer;

/// How often an agent that was stopped is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Stops it, and makes sure that it no longer answers.
///
/// # Errors
/// A POA that does not stop.
pub(crate) async fn stop_test_poa(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    Ok(if stop_if_running(controller).await? {
        StepOutcome::Done("stopped, and its port is closed".into())
    } else if super::is_wanted(controller) {
        StepOutcome::Done("it was not running".into())
    } else {
        StepOutcome::Skipped("the worksheet names no POA software".into())
    })
}

/// Stops the agent where the job says that it runs, and where it runs although the job stopped it; says whether it did.
///
/// # Errors
/// An agent that runs and that the worksheet no longer names: nothing says how it is stopped.  GWCheck, which is let come to its
/// end.
pub(crate) async fn stop_if_running(controller: &mut Controller) -> Result<bool, StepError> {
    gwcheck::require_ended(controller).await?;
    let state = controller.state().await?;
    if !super::is_wanted(controller) {
        return match state.facts.agent {
            Some(AgentRun::Test | AgentRun::Users) => Err(not_named()),
            Some(AgentRun::Stopped) | None => Ok(false),
        };
    }
    let address = match state.facts.agent {
        Some(AgentRun::Test) => ISOLATED_ADDRESS.to_owned(),
        Some(AgentRun::Users) => live_address(controller),
        // Started again by somebody, or by the service that restarts agents.
        Some(AgentRun::Stopped) if process(controller).await?.is_some() => {
            ISOLATED_ADDRESS.to_owned()
        }
        _ => return Ok(false),
    };
    let gwha = controller.profile()?.gwha;
    let has_gwha = match &gwha {
        Some(gwha) => gwha::hold(controller, gwha).await?,
        None => false,
    };
    let command = control(controller, "stop")?;
    let output = controller.link()?.run(&command, Vec::new()).await?;
    // What does not run cannot be stopped: it was never started, its software was removed, or the destination was started anew.
    if !output.status.is_success() && why_it_may_run(controller).await?.is_some() {
        output.require_success(&command)?;
    }
    wait_for(controller, &address, Answer::No).await?;
    wait_until_gone(controller).await?;
    if let Some(gwha) = gwha.filter(|_| has_gwha) {
        let watched = Duration::from_secs(gwha.watch_seconds);
        prove_stays_stopped(controller, &address, watched).await?;
        if process(controller).await?.is_some() {
            return Err(comes_back());
        }
    }
    controller.remember(Fact::Agent(AgentRun::Stopped)).await?;
    Ok(true)
}

/// Waits until its process has ended: a closed port alone may be one that it never opened, where the worksheet names another one
/// than it was started with.
async fn wait_until_gone(controller: &Controller) -> Result<(), StepError> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    while let Some(process) = process(controller).await? {
        if Instant::now() >= until {
            return Err(StepError::refused(
                "poa-does-not-stop",
                format!(
                    "The Linux POA was stopped, and still runs as process {} after {} s",
                    process.pid,
                    ANSWER_TIMEOUT.as_secs()
                ),
                "Look at its log at the destination, stop it there, then run the same command again; nothing else was changed",
            ));
        }
        tokio::time::sleep(ANSWER_INTERVAL).await;
    }
    Ok(())
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

fn not_named() -> StepError {
    StepError::refused(
        "poa-not-named",
        "The Linux POA of this job was started, and the worksheet no longer names its software, so it cannot be stopped",
        "Put the lines with which it was started back into [poa], then run the same command again; nothing was changed",
    )
}

fn comes_back() -> StepError {
    StepError::refused(
        "poa-comes-back",
        "The Linux POA was stopped, and something started it again",
        "Find out what restarts it (the high-availability service, a monitor, cron), stop that, then run the same command \
         again",
    )
}
