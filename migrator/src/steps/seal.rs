//! The seal: both trees compared, entry by entry.

use protocol::{SealReport, Task, TaskReport};

use super::words;
use crate::controller::{Controller, StepError, StepOutcome};

/// Seals the result.
///
/// # Errors
/// Differences, as findings; no seal is written then.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller.order(Task::Seal).await?;
    let Some(TaskReport::Seal(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no report of the seal".into(),
        });
    };
    Ok(StepOutcome::Done(in_words(&report)))
}

/// What a seal says, in one line.
pub(crate) fn in_words(report: &SealReport) -> String {
    let digest = report
        .root_digests
        .values()
        .next()
        .map_or("", |digest| &digest[..digest.len().min(16)]);
    format!(
        "{} files, {} proven equal, digest {digest}",
        words::count(report.files),
        words::bytes(report.bytes)
    )
}
