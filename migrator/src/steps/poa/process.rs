//! The running process of the POA: as whom it runs.

use super::startup_path;
use crate::controller::{Controller, StepError};
use protocol::Process;

/// The process that was started with the startup file of this POA; `None` where there is none.
///
/// # Errors
/// A question that could not be asked.
pub(crate) async fn process(controller: &Controller) -> Result<Option<Process>, StepError> {
    let program = controller.profile()?.agent.program;
    controller
        .agent_process(&program, &startup_path(controller)?)
        .await
}
