//! What changed at the source, what changed at the destination, and what was removed.

use protocol::{PassKind, Task};

use super::words;
use crate::controller::{Controller, StepError, StepOutcome};

/// The one pass that counts.
///
/// # Errors
/// What stops a pass; what was copied is kept.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller
        .order(Task::Pass {
            kind: PassKind::StageTwo,
        })
        .await?;
    Ok(StepOutcome::Done(words::pass(&finished.counts)))
}
