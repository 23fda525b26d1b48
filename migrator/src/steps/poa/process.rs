//! The running process of the POA: as whom it runs.

use serde::Deserialize;

use super::startup_path;
use crate::controller::{Controller, StepError};

/// A running agent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The user that it runs as.
    pub(crate) uid: u32,
}

/// The process that was started with the startup file of this POA; `None` where there is none.
pub(crate) async fn process(controller: &Controller) -> Result<Option<Process>, StepError> {
    let link = controller.link()?;
    let command = link
        .worker("process")
        .argument("--program")
        .argument(controller.profile()?.agent.program)
        .argument("--startup")
        .argument(startup_path(controller)?);
    let output = link
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    serde_json::from_str(&output.text()).map_err(|error| StepError::Protocol {
        text: error.to_string(),
    })
}
