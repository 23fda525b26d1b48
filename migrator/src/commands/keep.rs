//! Ending a command: its report is kept in the job folder, under a number that is never used again.

use protocol::{Explain as _, Reply, Request};

use super::status::advice;
use crate::controller::{CommandOutcome, Controller, StepError};

/// Ends the command `name` with what came of it.
pub(super) async fn end(
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

/// Shows what stopped the command, unless a step or a task has shown it already.
fn report_once(controller: &mut Controller, error: &StepError) {
    let finding = error.to_finding();
    let is_shown = matches!(error, StepError::Task { .. }) || controller.has_reported(&finding);
    if !is_shown {
        controller.report_as_it_is(finding);
    }
}
