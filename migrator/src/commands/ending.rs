//! Ending a command: its report is kept in the job folder, under a number that is never used again.

use protocol::{Explain as _, JobState, Reply, Request};

use crate::advice::{Advice, Situation};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::checklist;

/// Ends the command `name` with what came of it.
pub(super) async fn end_command(
    controller: &mut Controller,
    name: &str,
    outcome: Result<(), StepError>,
) -> CommandOutcome {
    if let Err(error) = &outcome {
        report_once(controller, error);
    }
    let mut summary = controller.finish(outcome.as_ref().err());
    if controller.link().is_ok() {
        let report = serde_json::to_value(&summary).unwrap_or_default();
        match controller
            .call(&Request::KeepReport {
                command: name.to_owned(),
                report,
            })
            .await
        {
            Ok(Reply::Kept { file }) => {
                let folder = controller
                    .worksheet
                    .destination
                    .job_folder
                    .display()
                    .to_string();
                controller
                    .console()
                    .note(&format!("Report: {folder}/{file} at the destination"));
            }
            Ok(_) => {}
            // Where the command stopped before the worker was there, there is nowhere to keep it.
            Err(error) => tracing::debug!(%error, "the report was not kept"),
        }
    }
    if controller.link().is_ok()
        && let Ok(mut state) = controller.state().await
    {
        // This command is over.
        state.controller = None;
        let advice = advice(controller, &state);
        summary.next = Some(advice.next.text().to_owned());
        summary.back = Some(advice.back.text().to_owned());
    }
    controller.disconnect().await;
    summary
}

/// Ends a command that has something to show, where it came so far.
pub(super) async fn end_with<T>(
    controller: &mut Controller,
    name: &str,
    outcome: Result<T, StepError>,
) -> (CommandOutcome, Option<T>) {
    let (outcome, shown) = match outcome {
        Ok(shown) => (Ok(()), Some(shown)),
        Err(error) => (Err(error), None),
    };
    (end_command(controller, name, outcome).await, shown)
}

/// Ends a command that only reads: nothing of it is kept.
pub(super) async fn end_reading<T>(
    controller: &mut Controller,
    outcome: Result<T, StepError>,
) -> (CommandOutcome, Option<T>) {
    if let Err(error) = &outcome {
        controller.report(error.to_finding());
    }
    let summary = controller.finish(outcome.as_ref().err());
    controller.disconnect().await;
    (summary, outcome.ok())
}

/// Shows what stopped the command, unless a step or a task has shown it already.
fn report_once(controller: &mut Controller, error: &StepError) {
    let finding = error.to_finding();
    let is_shown = matches!(error, StepError::Task { .. }) || controller.has_reported(&finding);
    if !is_shown {
        controller.report_as_it_is(finding);
    }
}

/// What the job needs next, and the way back.
pub(super) fn advice(controller: &Controller, state: &JobState) -> Advice {
    let is_confirmed = checklist::open_items(controller, state).is_empty();
    Situation::of(state, is_confirmed).advice()
}
