//! Starting the POA.

use protocol::{AgentRun, Fact};

use super::{control, service, wait_for};
use crate::controller::{Controller, StepError};
use protocol::Answer;

/// How many lines of what the control command said are shown.
const LINES_SHOWN: usize = 5;

/// Makes the agent known, starts it and waits until it answers; `address` is where it listens, seen from the
/// destination.
///
/// Its startup file is in place already: where the high-availability service runs, it may be the one that starts it.
pub(crate) async fn start(
    controller: &Controller,
    address: &str,
    run: AgentRun,
) -> Result<(), StepError> {
    // Remembered before: whatever becomes of the start, the next pass makes sure that the agent is stopped.
    controller.remember(Fact::Agent(run)).await?;
    service::register(controller).await?;
    let command = control(controller, "start")?;
    let output = controller.link()?.run(&command, Vec::new()).await?;
    if !output.status.is_success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let codes = controller.profile()?.agent.log_errors.join(", ");
        return Err(StepError::refused(
            "poa-did-not-start",
            format!(
                "The Linux POA did not start ({}): {}",
                output.status,
                last_lines(&said)
            ),
            format!(
                "Look at its log; one of {codes} means that something has not the exact name that it looks for, or is \
                 damaged"
            ),
        ));
    }
    wait_for(controller, address, Answer::Yes(())).await
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    postoffice::names::printable(
        lines[lines.len().saturating_sub(LINES_SHOWN)..]
            .join(" / ")
            .as_bytes(),
    )
}
