//! Lower-case names at the destination.

use protocol::{Task, TaskReport};

use super::words;
use crate::controller::{Controller, StepError, StepOutcome};

/// Renames what is not lower case.
///
/// # Errors
/// Two names that would become one; nothing is renamed then.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller
        .order(Task::Lowercase { plan_only: false })
        .await?;
    let Some(TaskReport::Lowercase(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no report of the sweep".into(),
        });
    };
    Ok(StepOutcome::Done(format!(
        "{} names looked at, {} renamed, {} kept",
        words::count(report.names),
        words::count(report.renamed),
        words::count(report.kept)
    )))
}
