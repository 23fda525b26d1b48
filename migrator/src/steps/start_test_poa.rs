//! The Linux POA: installed, configured, and started where the live system cannot reach it.

use super::poa::ISOLATED_ADDRESS;
use super::{convert_guardian, poa};
use crate::controller::{Controller, StepError, StepOutcome};
use worker::finding::{Finding, Verdict};

/// Installs, converts the startup file, starts, and waits until it answers.
///
/// # Errors
/// A startup file that cannot be converted; an agent that does not start or does not answer.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if !poa::is_wanted(controller) {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software".into(),
        ));
    }
    let installed = poa::install(controller).await?;
    // The agent finds its databases through the guardian, under exactly the names that stand there.
    let guardian = convert_guardian::convert(controller).await?;
    let file = poa::configure(controller).await?;
    poa::place(controller, &file.isolated()).await?;
    if let Err(error) = poa::start(controller, ISOLATED_ADDRESS, "test").await {
        return Err(for_a_later_pass(controller, error));
    }
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "{installed}; guardian: {guardian}; answers at {ISOLATED_ADDRESS}, port {port}, reachable from nowhere else"
    )))
}

/// The guardian names every database; where this pass left one to the next, the agent may have missed just that one.
fn for_a_later_pass(controller: &Controller, error: StepError) -> StepError {
    let is_missing =
        matches!(&error, StepError::Finding(finding) if finding.code == "poa-did-not-start");
    if !is_missing || !controller.has_found("database-deferred") {
        return error;
    }
    let text =
        format!("{error}; this pass left a database to the next one, which may be what it misses");
    let remedy =
        "Run `gwmigrate stage-one` again when maintenance and backups of the source are over";
    Finding::new("poa-did-not-start", Verdict::Temporary, text, remedy).into()
}
