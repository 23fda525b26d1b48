//! The proof that nobody works on the source any more.

use protocol::{Task, TaskReport};

use super::source_poa;
use crate::controller::{Controller, StepError, StepOutcome};

/// Ports closed, locks free, and nothing modified during a quiet window.
///
/// # Errors
/// A refusal that names what still works there; nothing was changed.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let off = source_poa::require_off(controller).await?;
    let quiet_seconds = controller.worksheet.copy.quiet_seconds;
    let finished = controller.order(Task::AtRest { quiet_seconds }).await?;
    let Some(TaskReport::AtRest(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no proof of rest".into(),
        });
    };
    Ok(StepOutcome::Done(format!(
        "{off}, {} locks free, nothing modified for {} s",
        report.locks_tried, report.quiet_seconds
    )))
}
