//! The Linux POA software at the destination, with the digest that it has here.

use std::path::PathBuf;

use protocol::Change;

use super::install_utility::digest;
use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;

/// Readable by its owner alone.
const PACKAGE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// The folder of the job folder that holds the software until stage two is done.
pub(crate) const SOFTWARE_FOLDER: &str = "software";

/// Where the package is at the destination.
pub(crate) fn package_at_destination(controller: &Controller) -> Option<PathBuf> {
    let package = controller.worksheet.poa.package.as_ref()?;
    let name = package.path.file_name()?;
    Some(
        controller
            .worksheet
            .destination
            .job_folder
            .join(SOFTWARE_FOLDER)
            .join(name),
    )
}

/// Uploads the package, unless it is there already.
///
/// # Errors
/// A digest that differs after the upload.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let (Some(package), Some(target)) = (
        controller.worksheet.poa.package.clone(),
        package_at_destination(controller),
    ) else {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no package".into(),
        ));
    };
    let wanted = digest(&package.path)?;
    if controller.digest(&target).await?.as_deref() == Some(wanted.as_str()) {
        return Ok(StepOutcome::Done(
            "the same package was there already".into(),
        ));
    }
    let path = controller.link()?.job_folder().join(SOFTWARE_FOLDER);
    let mode = FOLDER_MODE;
    controller.change(Change::MakeFolder { path, mode }).await?;
    let console = controller.console();
    let uploaded = controller
        .link()?
        .upload(&package.path, &target, PACKAGE_MODE, |bytes| {
            console.upload("the POA software", bytes);
        })
        .await?;
    if controller.digest(&target).await?.as_deref() != Some(wanted.as_str()) {
        return Err(StepError::refused(
            "package-differs",
            format!("The package has another digest at the destination than here ({wanted})"),
            "Run the same command again; if it stays, check the disk of the destination",
        ));
    }
    Ok(StepOutcome::Done(format!(
        "{} uploaded, digest {}",
        numbers::bytes(uploaded.bytes),
        &wanted[..16]
    )))
}
