//! Small files of the destination's system.

use std::path::Path;

use crate::controller::{Controller, StepError};

/// Writes a file whole or not at all; what was there before the first time is kept in `keep`.
pub(crate) async fn put(
    controller: &Controller,
    path: &Path,
    mode: &str,
    bytes: Vec<u8>,
    keep: Option<&Path>,
) -> Result<(), StepError> {
    let link = controller.link()?;
    let mut command = link
        .worker("put")
        .argument("--path")
        .argument(path.to_owned())
        .argument("--mode")
        .argument(mode);
    if let Some(keep) = keep {
        command = command.argument("--keep").argument(keep.to_owned());
    }
    link.run(&command, bytes).await?.require_success(&command)?;
    Ok(())
}
