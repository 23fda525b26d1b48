//! `gwmigrate abandon`: the job undone at the destination; the source is not touched.

use serde::{Deserialize, Serialize};
use worker::finding::{Finding, Verdict};
use worker::monitor::Count;
use worker::protocol::Task;

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::life::{Word, require_nobody_worked};
use crate::steps::{self, poa, words};

/// What is or would be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonPlan {
    /// Files that this job copied and that go.
    pub files_removed: u64,
    /// Entries that it did not copy and that are set aside in the job folder.
    pub set_aside: u64,
    /// Whether it was done.
    pub is_done: bool,
}

/// Shows what would be undone and, with `yes`, does it; `word` says that nobody has worked at the destination.
pub async fn run(
    controller: &mut Controller,
    yes: bool,
    word: Option<&Word>,
) -> (CommandOutcome, Option<AbandonPlan>) {
    let (outcome, plan) = match undo(controller, yes, word).await {
        Ok(plan) => (Ok(()), Some(plan)),
        Err(error) => (Err(error), None),
    };
    (keep::end(controller, "abandon", outcome).await, plan)
}

async fn undo(
    controller: &mut Controller,
    yes: bool,
    word: Option<&Word>,
) -> Result<AbandonPlan, StepError> {
    stage_two::attach(controller).await?;
    require_nobody_worked(controller, word).await?;
    if yes {
        poa::stop_if_running(controller).await?;
        // Our section first: what restarts agents must not find it any more.
        poa::unregister(controller).await?;
        poa::release_gwha(controller).await?;
    }
    let finished = controller.order(Task::Abandon { plan_only: !yes }).await?;
    let plan = AbandonPlan {
        files_removed: words::of(&finished.counts, Count::FilesRemoved),
        set_aside: words::of(&finished.counts, Count::SetAside),
        is_done: yes,
    };
    if yes {
        steps::delete_software::run(controller).await?;
        steps::unmount::run(controller).await?;
        controller.report(Finding::new(
            "abandoned",
            Verdict::Done,
            "The destination holds nothing of the post office any more; the source was not touched",
            format!(
                "What was set aside and the reports are in {}; remove that folder by hand when nobody needs them",
                controller.worksheet.destination.job_folder.display()
            ),
        ));
    }
    Ok(plan)
}
