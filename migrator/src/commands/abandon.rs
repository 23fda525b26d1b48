//! `gwmigrate abandon`: the job undone at the destination; the source is not touched.

use std::path::Path;

use protocol::{AbandonLine, AbandonReport, Fact, Finding, JobState, Request, Task, Verdict};
use serde::{Deserialize, Serialize};

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::life::{foresee_nobody_worked, require_nobody_worked};
use crate::steps::system_files::{self, SystemPlan};
use crate::steps::{self, poa};

/// What is or would be undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbandonPlan {
    /// Files that this job copied and that go.
    pub files_removed: u64,
    /// How many bytes that frees.
    pub bytes_removed: u64,
    /// Entries that it did not copy and that are set aside in the job folder.
    pub set_aside: u64,
    /// The same for each entry at the top of a destination folder.
    pub lines: Vec<AbandonLine>,
    /// What becomes of the system of the destination.
    pub system: SystemPlan,
    /// Whether it was done.
    pub is_done: bool,
}

/// Shows what would be undone and, with `yes`, does it.
pub async fn run(controller: &mut Controller, yes: bool) -> (CommandOutcome, Option<AbandonPlan>) {
    let outcome = undo(controller, yes).await;
    ending::end_with(controller, "abandon", outcome).await
}

async fn undo(controller: &mut Controller, yes: bool) -> Result<AbandonPlan, StepError> {
    stage_two::attach(controller).await?;
    end_running_worker(controller, yes).await?;
    if yes {
        require_nobody_worked(controller).await?;
    } else {
        foresee_nobody_worked(controller).await?;
    }
    let state = controller.state().await?;
    let system = system_files::plan(controller, &state).await?;
    // Whatever refuses it does so before anything is undone.
    let mut report: AbandonReport = order(controller, true).await?;
    // Nothing of the system is this job's then; the agent that the worksheet names may be at work for another one.
    let has_taken_nothing = report.not_taken.len() == controller.area_orders().len();
    if yes {
        if !has_taken_nothing {
            undo_system(controller, &state, &system).await?;
        }
        report = order(controller, false).await?;
    }
    let end = end_of(&report, has_taken_nothing, yes);
    let sum = |of: fn(&AbandonLine) -> u64| report.lines.iter().map(of).sum();
    let plan = AbandonPlan {
        files_removed: sum(|line| line.files),
        bytes_removed: sum(|line| line.bytes),
        set_aside: sum(|line| line.set_aside),
        lines: report.lines,
        system,
        is_done: yes,
    };
    if yes {
        steps::job_folder::delete_software(controller).await?;
        steps::mount_source::unmount_all(controller).await?;
    }
    if let Some(end) = end {
        controller.report(end);
    }
    Ok(plan)
}

/// Undoes what the job did to the system of the destination.
async fn undo_system(
    controller: &mut Controller,
    state: &JobState,
    plan: &SystemPlan,
) -> Result<(), StepError> {
    poa::stop_if_running(controller).await?;
    // Our section first: what restarts agents must not find it any more.
    poa::unregister(controller).await?;
    poa::release_gwha(controller).await?;
    let placed = state.facts.placed_files.iter();
    for file in placed.filter(|file| !plan.files.iter().any(|going| going == Path::new(file))) {
        controller.remember(Fact::SharedFile(file.clone())).await?;
    }
    // The store forgets these with the job.
    controller.call(&Request::RemovePlaced).await.map(|_| ())
}

/// What is said at the end; nothing of a plan that shows what goes.
fn end_of(report: &AbandonReport, has_taken_nothing: bool, yes: bool) -> Option<Finding> {
    let again = "A new `gwmigrate stage-one` begins again. Where the POA at the source was stopped, start it";
    let nothing_taken = |text, remedy| {
        Some(Finding::new(
            "nothing-taken",
            Verdict::NothingToDo,
            text,
            remedy,
        ))
    };
    match (has_taken_nothing, yes) {
        (true, true) => nothing_taken(
            "This job has no folder of the destination, so nothing had to be undone there; what it had mounted, and its copy \
             of the software, are gone",
            again,
        ),
        (true, false) => nothing_taken(
            "This job has no folder of the destination, so there is nothing to undo in any",
            "`gwmigrate abandon --yes` takes away what it has mounted, and its copy of the software",
        ),
        (false, true) => {
            let folders = report.not_taken.join(", ");
            let left = if folders.is_empty() {
                String::new()
            } else {
                format!("; left as it is, because this job never took it: {folders}")
            };
            let text = format!(
                "The destination holds nothing of the post office any more; the source was not touched{left}"
            );
            Some(Finding::new("abandoned", Verdict::Done, text, again))
        }
        (false, false) => None,
    }
}

async fn order(controller: &mut Controller, plan_only: bool) -> Result<AbandonReport, StepError> {
    controller.report_of(Task::Abandon { plan_only }).await
}

/// A copy that runs would go on beside what undoes it: it is ended, or, where only a plan is wanted, left alone.
async fn end_running_worker(controller: &mut Controller, yes: bool) -> Result<(), StepError> {
    let Some(running) = controller.state().await?.running else {
        return Ok(());
    };
    if !yes {
        return Err(Finding::new(
            "worker-runs",
            Verdict::Temporary,
            format!(
                "A worker is at work on this job ({}), so what would be undone is not known yet",
                running.task
            ),
            "Wait until it is done; `gwmigrate abandon --yes` ends it first, and then undoes the job",
        )
        .into());
    }
    controller.console().note(&format!(
        "A worker is at work on this job ({}); it is ended first",
        running.task
    ));
    controller.call(&Request::StopWorker).await.map(|_| ())
}
