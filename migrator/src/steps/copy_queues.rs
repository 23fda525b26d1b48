//! The message queues.

use protocol::{Task, TaskReport};

use super::words;
use crate::controller::{Controller, StepError, StepOutcome};

/// Carries them over, until a listing of the source brings nothing new.
///
/// # Errors
/// What stops the step; what was carried is kept.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller.order(Task::Queues { live: false }).await?;
    let Some(TaskReport::Queues(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no report of the queues".into(),
        });
    };
    Ok(StepOutcome::Done(format!(
        "{} items carried, {} stand in the queues, {} listings",
        words::count(report.carried),
        words::count(report.standing),
        report.rounds
    )))
}
