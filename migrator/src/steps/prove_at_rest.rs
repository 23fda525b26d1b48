//! The proof that nobody works on the source any more.

use worker::protocol::{Task, TaskReport};

use super::probe::answers;
use crate::controller::{Controller, StepError, StepOutcome};

/// Ports closed, locks free, and nothing modified during a quiet window.
///
/// # Errors
/// A refusal that names what still works there; nothing was changed.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let closed = prove_ports_closed(controller).await?;
    let quiet_seconds = controller.worksheet.copy.quiet_seconds;
    let finished = controller.order(Task::AtRest { quiet_seconds }).await?;
    let Some(TaskReport::AtRest(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no proof of rest".into(),
        });
    };
    Ok(StepOutcome::Done(format!(
        "{closed} ports closed, {} locks free, nothing modified for {} s",
        report.locks_tried, report.quiet_seconds
    )))
}

async fn prove_ports_closed(controller: &Controller) -> Result<usize, StepError> {
    let source = &controller.worksheet.source;
    let Some(address) = &source.address else {
        return Ok(0);
    };
    for port in &source.poa_ports {
        if answers(address, *port).await {
            return Err(StepError::refused(
                "source-poa-answers",
                format!("The POA at the source still answers at {address}, port {port}"),
                "Stop the POA at the source, then run stage two again; nothing was changed",
            ));
        }
    }
    Ok(source.poa_ports.len())
}
