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

/// What a file says; `None` where there is none.
pub(crate) async fn read(
    controller: &Controller,
    path: &Path,
) -> Result<Option<Vec<u8>>, StepError> {
    if !controller.link()?.exists(path).await? {
        return Ok(None);
    }
    let link = controller.link()?;
    let command = link.command("cat").argument("--").argument(path.to_owned());
    let output = link
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(Some(output.stdout))
}
