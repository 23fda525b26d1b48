//! `gwmigrate finish`: a last look at the source, the POA as its own user, and started for users.
//!
//! Much may have happened since the seal.  So it is proven anew that no POA works at the destination and that nothing there has
//! changed, that the POA at the source is off, and that nothing at the source has changed: otherwise mail that came there would be
//! left behind, and two POAs would serve one post office.

use protocol::{Life, Said, Step, Task, UnmovedReport};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::numbers;
use crate::steps::{self, life, mount_source, poa, source_poa};

/// Finishes the migration.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    ending::end_command(controller, "finish", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    stage_two::attach(controller).await?;
    let state = controller.state().await?;
    life::require_sealed(&state)?;
    if state.life.life == Life::NotLive {
        require_untouched(controller).await?;
    }
    match controller.statements.source_is_gone.clone() {
        Some(statement) => {
            source_poa::require_silent(controller).await?;
            statement.say(controller, Said::SourceIsGone).await?;
        }
        None => look_at_source(controller, state.life.life).await?,
    }
    steps::run(controller, Step::slice(Step::RunAsUser, Step::StartPoa)).await
}

/// Makes sure that the destination is what was sealed, and that no agent is at work there: the one that runs after a restart of the
/// server is the one of the test, which users cannot reach and which has changed the databases that it opened.
async fn require_untouched(controller: &mut Controller) -> Result<(), StepError> {
    let was_running = poa::stop_if_running(controller).await?;
    let report: UnmovedReport = controller.report_of(Task::LookForWork).await?;
    if report.changed == 0 {
        return Ok(());
    }
    let why = if was_running {
        "; the Linux POA ran, and was stopped"
    } else {
        ""
    };
    Err(StepError::refused(
        "destination-changed-since-seal",
        format!(
            "{} files of the destination are not as they were sealed{why}",
            numbers::count(report.changed)
        ),
        "Run `gwmigrate stage-two` again, which copies anew what differs, sets aside what is new, and seals; nothing was started",
    ))
}

/// Makes sure that the source is off, and that it is what was sealed.
async fn look_at_source(controller: &mut Controller, life: Life) -> Result<(), StepError> {
    if life == Life::Live {
        // Users have worked here for long; what becomes of the source is another matter, as long as it does not answer.
        return source_poa::require_silent(controller).await.map(|_| ());
    }
    let off = source_poa::require_off(controller).await?;
    let missing = mount_source::missing(controller).await?;
    let looked = compare(controller).await;
    // What was not mounted before is not mounted afterwards, whatever was seen.
    let unmounted = mount_source::unmount(controller, missing).await;
    let looked = looked?;
    unmounted?;
    controller
        .console()
        .note(&format!("The POA at the source: {off}; {looked}"));
    Ok(())
}

async fn compare(controller: &mut Controller) -> Result<String, StepError> {
    let mounted = mount_source::mount(controller).await;
    mounted.map_err(|error| or_gone(&error))?;
    let report: UnmovedReport = controller.report_of(Task::CompareSource).await?;
    Ok(format!(
        "{} files there are as they were sealed",
        numbers::count(report.files)
    ))
}

/// The same error, which says as well what is to be done where the source will never be mounted again.
fn or_gone(error: &StepError) -> StepError {
    use protocol::Explain as _;
    let mut finding = error.to_finding();
    finding.remedy.push_str(
        "; `finish` looks at the source once more.  Where it is gone for good: gwmigrate finish --source-is-gone --by NAME \
         --note WHY",
    );
    finding.into()
}
