//! The Linux POA: installed, configured, and started where the live system cannot reach it.

use super::{convert_guardian, poa};
use crate::controller::{Controller, StepError, StepOutcome};

/// The test run listens here alone, so that neither the live MTA nor a user reaches it.
const ISOLATED_ADDRESS: &str = "127.0.0.1";

/// Installs, converts the startup file, starts, and waits until it answers.
///
/// # Errors
/// A startup file that cannot be converted; an agent that does not start or does not answer.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if poa::control(controller).is_none() {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no POA software".into(),
        ));
    }
    let installed = poa::install(controller).await?;
    // The agent finds its databases through the guardian, under exactly the names that stand there.
    let guardian = convert_guardian::convert(controller).await?;
    let file = poa::configure(controller).await?;
    let path = poa::startup_path(controller);
    poa::write(controller, &path, file.isolated().to_bytes()).await?;
    poa::start(controller, ISOLATED_ADDRESS, "test").await?;
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "{installed}; guardian: {guardian}; answers at {ISOLATED_ADDRESS}, port {port}, reachable from nowhere else"
    )))
}
