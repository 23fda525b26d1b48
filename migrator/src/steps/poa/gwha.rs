//! The high-availability service, which starts agents again that were stopped: held while ours must stay stopped.
//!
//! It serves every agent of the server, so it is started again only where it was running before, which the job store
//! remembers.

use postoffice::names::printable;
use protocol::{Fact, Finding, Verdict};

use crate::controller::{Controller, StepError, could_not_ask};
use crate::profile::{Gwha, GwhaService};
use crate::remote::{ExitStatus, RemoteCommand};

/// Stops it where it runs; says whether the server has it at all.
pub(super) async fn hold(controller: &mut Controller, gwha: &Gwha) -> Result<bool, StepError> {
    let Some(service) = find(controller, gwha).await? else {
        return Ok(false);
    };
    if !runs(controller, &service).await? {
        return Ok(true);
    }
    // Remembered before: cut off in between, it is started again all the same.
    controller.remember(Fact::GwhaHeld(true)).await?;
    run(controller, &service.stop).await?;
    if runs(controller, &service).await? {
        return Err(StepError::refused(
            "gwha-does-not-stop",
            format!(
                "The high-availability service still runs after `{}`; it would start the POA again",
                service.stop.join(" ")
            ),
            "Stop it by hand, then run the same command again",
        ));
    }
    controller.report(Finding::new(
        "gwha-held",
        Verdict::Done,
        "The high-availability service is stopped, so that it does not start the POA again; it watches no other agent \
         of this server meanwhile",
        format!(
            "Nothing: `gwmigrate finish` starts it again, and so does `gwmigrate abandon`; by hand: `{}`",
            service.start.join(" ")
        ),
    ));
    Ok(true)
}

/// Starts it again where this job stopped it; says whether it did.
pub(crate) async fn release(controller: &Controller) -> Result<bool, StepError> {
    if !controller.state().await?.facts.gwha_held {
        return Ok(false);
    }
    let Some(gwha) = controller.profile()?.gwha else {
        return Ok(false);
    };
    let Some(service) = find(controller, &gwha).await? else {
        return Ok(false);
    };
    if !runs(controller, &service).await? {
        run(controller, &service.start).await?;
    }
    controller.remember(Fact::GwhaHeld(false)).await?;
    Ok(true)
}

/// The way in which this server runs it.
async fn find(controller: &Controller, gwha: &Gwha) -> Result<Option<GwhaService>, StepError> {
    for service in &gwha.service {
        if controller.entry(&service.present).await?.is_some() {
            return Ok(Some(service.clone()));
        }
    }
    Ok(None)
}

/// Whether the server has the service, and it runs.
pub(super) async fn may_start_it(controller: &Controller) -> Result<bool, StepError> {
    let Some(gwha) = controller.profile()?.gwha else {
        return Ok(false);
    };
    match find(controller, &gwha).await? {
        Some(service) => runs(controller, &service).await,
        None => Ok(false),
    }
}

/// What the exit codes of `status` mean (LSB, and systemd keeps to it): 0 for a service that runs; 1, 2 and 3 for one that does
/// not, where nothing is said about why it could not be asked.
async fn runs(controller: &Controller, service: &GwhaService) -> Result<bool, StepError> {
    let command = command(controller, &service.status)?;
    let output = controller.link()?.run(&command, Vec::new()).await?;
    match &output.status {
        ExitStatus::Code(0) => Ok(true),
        ExitStatus::Code(3) => Ok(false),
        ExitStatus::Code(1 | 2) if output.stderr.is_empty() => Ok(false),
        status => {
            let said = printable(output.stderr.trim_ascii());
            Err(could_not_ask(
                &service.present,
                &format!("{status}: {said}"),
            ))
        }
    }
}

async fn run(controller: &Controller, words: &[String]) -> Result<(), StepError> {
    let command = command(controller, words)?.detached();
    controller.link()?.succeed(&command).await.map(drop)
}

fn command(controller: &Controller, words: &[String]) -> Result<RemoteCommand, StepError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(StepError::refused(
            "profile",
            "A command of the high-availability service is empty in the profile",
            "Correct the file that [poa] profile names",
        ));
    };
    Ok(controller
        .link()?
        .command(program.clone())
        .arguments(arguments))
}
