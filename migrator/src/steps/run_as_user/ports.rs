//! Ports below 1024, which only root may open, or a program with the one capability for it.

use protocol::Change;

use crate::controller::{Controller, StepError};

/// The ports in words.
pub(super) fn shown(ports: &[u16]) -> String {
    let numbers: Vec<String> = ports.iter().map(u16::to_string).collect();
    match ports {
        [_] => format!("port {}", numbers.join("")),
        _ => format!("ports {}", numbers.join(", ")),
    }
}

pub(super) fn refused(
    controller: &Controller,
    user: &str,
    ports: &[u16],
) -> Result<StepError, StepError> {
    let program = controller.profile()?.agent.program;
    Ok(StepError::refused(
        "low-ports",
        format!(
            "The startup file has the POA open {}, and below 1024 only root may; {user} may not",
            shown(ports)
        ),
        format!(
            "Say [poa] low_ports = \"capability\" to give {} the right to open them (a new version of its package takes \
             that away again), or change the ports in the POA's settings to 1024 or above; nothing was changed",
            program.display()
        ),
    ))
}

/// Gives the agent's program the capability.
pub(super) async fn allow(controller: &Controller) -> Result<(), StepError> {
    let program = controller.profile()?.agent.program;
    controller
        .change(Change::AllowLowPorts { program })
        .await
        .map(drop)
}
