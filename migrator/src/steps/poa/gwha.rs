//! The high-availability service, which starts agents again that were stopped: held while ours must stay stopped.
//!
//! It serves every agent of the server, so it is started again only where it was running before, which the job store
//! remembers.

use worker::finding::{Finding, Verdict};

use crate::controller::{Controller, StepError};
use crate::profile::{Gwha, GwhaService};
use crate::remote::RemoteCommand;

/// The fact that says that this job stopped the service: `held`, or `released` once it was started again.
pub(crate) const GWHA_FACT: &str = "gwha";

/// Stops it where it runs; says whether the server has it at all.
pub(super) async fn hold(controller: &mut Controller, gwha: &Gwha) -> Result<bool, StepError> {
    let Some(service) = find(controller, gwha).await? else {
        return Ok(false);
    };
    if !runs(controller, &service).await? {
        return Ok(true);
    }
    // Remembered before: cut off in between, it is started again all the same.
    controller.remember(GWHA_FACT, "held").await?;
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
    let status = controller.status().await?;
    if status.facts.get(GWHA_FACT).map(String::as_str) != Some("held") {
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
    controller.remember(GWHA_FACT, "released").await?;
    Ok(true)
}

/// The way in which this server runs it.
async fn find(controller: &Controller, gwha: &Gwha) -> Result<Option<GwhaService>, StepError> {
    for service in &gwha.service {
        if controller.link()?.exists(&service.present).await? {
            return Ok(Some(service.clone()));
        }
    }
    Ok(None)
}

async fn runs(controller: &Controller, service: &GwhaService) -> Result<bool, StepError> {
    let command = command(controller, &service.status)?;
    let output = controller.link()?.run(&command, Vec::new()).await?;
    Ok(output.status.is_success())
}

async fn run(controller: &Controller, words: &[String]) -> Result<(), StepError> {
    let command = command(controller, words)?;
    controller
        .link()?
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(())
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
