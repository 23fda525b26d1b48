//! A pass over everything but the message queues, while users work.

use protocol::{Count, PassKind, Task};

use super::{poa, words};
use crate::controller::{Controller, StepError, StepOutcome};

/// Counts what there is before the first pass, then copies what differs.
///
/// # Errors
/// What stops a pass; what was copied is kept.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    // A running test POA would change files while they are compared and replaced.
    poa::stop_if_running(controller).await?;
    let state = controller.state().await?;
    let is_first = state.passes.is_empty();
    if is_first {
        controller
            .order(Task::Inventory { only_count: true })
            .await?;
    }
    let finished = controller
        .order(Task::Pass {
            kind: PassKind::StageOne,
        })
        .await?;
    let which = if is_first {
        "first pass"
    } else {
        "repeated pass"
    };
    let seen = words::count(words::of(&finished.counts, Count::FilesSeen));
    Ok(StepOutcome::Done(format!(
        "{which} over {seen} files: {}",
        words::pass(&finished.counts)
    )))
}
