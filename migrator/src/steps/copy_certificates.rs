//! Certificate and key files, when SSL is in use.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use worker::finding::Explain as _;
use worker::protocol::{Secret, Task};

use crate::controller::{Controller, StepError, StepOutcome};

/// Where certificates go: beside the agent's program.
pub(crate) fn certificate_folder(controller: &Controller) -> PathBuf {
    controller.worksheet.poa.install_folder.join("certificates")
}

/// A path of the source, from the root or from the folder of the post office.
pub(crate) fn at_source(controller: &Controller, path: &Path) -> PathBuf {
    controller.source_folder().join(path)
}

/// Copies both files once the key is proven to fit.
///
/// # Errors
/// A key that cannot be read or does not fit; nothing is copied then.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let Some(files) = controller.worksheet.poa.certificate.clone() else {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no certificate".into(),
        ));
    };
    let folder = certificate_folder(controller);
    let link = controller.link()?;
    let make = link
        .command("mkdir")
        .arguments(["-p", "-m", "0700", "--"])
        .argument(folder.clone());
    link.run(&make, Vec::new()).await?.require_success(&make)?;
    let key_password = match &files.key_password {
        None => None,
        Some(reference) => {
            let secret = controller
                .surroundings
                .secret(reference, "password of the certificate's key");
            let secret = secret.map_err(|error| StepError::from(error.to_finding()))?;
            Some(Secret(secret.expose_secret().to_owned()))
        }
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    controller
        .order(Task::Certificates {
            certificate: text(&at_source(controller, &files.certificate)),
            key: text(&at_source(controller, &files.key)),
            target: text(&folder),
            key_password,
        })
        .await?;
    Ok(StepOutcome::Done(format!(
        "certificate and key fit and are in {}",
        folder.display()
    )))
}
