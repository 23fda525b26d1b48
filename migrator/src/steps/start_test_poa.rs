//! The Linux POA: installed, configured, and started where the live system cannot reach it.

use super::poa::ISOLATED_ADDRESS;
use super::system_files::{make_folder, own_log_folder};
use super::{convert_guardian, poa};
use crate::controller::{Controller, StepError, StepOutcome};
use protocol::{AgentRun, Verdict};

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
    let guardian = match convert_guardian::convert(controller).await {
        Ok(guardian) => guardian,
        Err(error) => return Err(for_a_later_pass(controller, error)),
    };
    let file = poa::configure(controller).await?;
    let isolated = file.isolated();
    poa::require_free(controller, &isolated, ISOLATED_ADDRESS, poa::ANOTHER_PORT).await?;
    let placed = controller.state().await?.facts.placed_files;
    poa::require_place(controller, &placed, &isolated).await?;
    poa::place(controller, &isolated).await?;
    if controller.worksheet.poa.run_as_user.is_some()
        && let Some(folder) = own_log_folder(controller)?
    {
        // Made by the job, it can be given to the user later; made by the agent, it would be anybody's.
        make_folder(controller, &folder).await?;
    }
    if let Err(error) = poa::start(controller, ISOLATED_ADDRESS, AgentRun::Test).await {
        return Err(for_a_later_pass(controller, error));
    }
    let port = controller.worksheet.poa.http_port;
    Ok(StepOutcome::Done(format!(
        "{installed}; guardian: {guardian}; answers at {ISOLATED_ADDRESS}, port {port}, reachable from nowhere else"
    )))
}

/// What fails where a database is missing, because this pass left it to the next one.
const MISS_A_DATABASE: [&str; 2] = ["poa-did-not-start", "gwcheck-failed"];

/// The guardian names every database, and GWCheck wants that of the post office; where this pass left one to the next, it may
/// have been just that one.
fn for_a_later_pass(controller: &Controller, error: StepError) -> StepError {
    if !controller.has_found("database-deferred") {
        return error;
    }
    let StepError::Finding(mut finding) = error else {
        return error;
    };
    if MISS_A_DATABASE.contains(&&*finding.code) {
        finding.verdict = Verdict::Temporary;
        finding
            .text
            .push_str("; this pass left a database to the next one, which may be what it misses");
        finding.remedy =
            "Run `gwmigrate stage-one` again when maintenance and backups of the source are over"
                .into();
    }
    StepError::Finding(finding)
}
