//! Certificate and key files, when SSL is in use.

use std::path::{Path, PathBuf};

use postoffice::names::destination_name;
use protocol::{Explain as _, Secret, Task};
use secrecy::ExposeSecret as _;

use super::secrets::CERTIFICATE_PASSWORD;
use super::system_files::{self, make_folder};
use crate::controller::{Controller, StepError, StepOutcome};

/// Where certificates go: beside the agent's program.
pub(crate) fn certificate_folder(controller: &Controller) -> PathBuf {
    controller.worksheet.poa.install_folder.join("certificates")
}

/// Where certificate and key go; none where the worksheet names none.
pub(crate) fn files_at_destination(controller: &Controller) -> Vec<PathBuf> {
    let folder = certificate_folder(controller);
    let files = controller.worksheet.poa.certificate.iter();
    files
        .flat_map(|files| [&files.certificate, &files.key])
        .map(|file| {
            let name = file.file_name().unwrap_or_default().as_encoded_bytes();
            folder.join(String::from_utf8_lossy(&destination_name(name)).as_ref())
        })
        .collect()
}

/// A path of the source, from the root or from the folder of the post office.
pub(crate) fn at_source(controller: &Controller, path: &Path) -> PathBuf {
    controller.source_folder().join(path)
}

/// Looks at both files before anything is copied: whether they can be read and fit, and what clients will find wrong.
///
/// # Errors
/// A key that cannot be read or does not fit.
pub(crate) async fn look(controller: &mut Controller) -> Result<(), StepError> {
    match task(controller, None)? {
        None => Ok(()),
        Some(task) => controller.order(task).await.map(|_| ()),
    }
}

/// Copies both files once the key is proven to fit.
///
/// # Errors
/// A key that cannot be read or does not fit; nothing is copied then.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let folder = certificate_folder(controller);
    let Some(task) = task(controller, Some(&folder))? else {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no certificate".into(),
        ));
    };
    make_folder(controller, &folder).await?;
    for file in files_at_destination(controller) {
        system_files::remember(controller, &file).await?;
    }
    controller.order(task).await?;
    Ok(StepOutcome::Done(format!(
        "certificate and key fit and are in {}",
        folder.display()
    )))
}

/// What the worker is to do with the files that the worksheet names: copy them, or look at them where there is no target.
///
/// # Errors
/// A password that cannot be got.
pub(crate) fn task(
    controller: &Controller,
    target: Option<&Path>,
) -> Result<Option<Task>, StepError> {
    let poa = &controller.worksheet.poa;
    let Some(files) = &poa.certificate else {
        return Ok(None);
    };
    let key_password = match &files.key_password {
        None => None,
        Some(reference) => {
            let secret = controller.local.secret(reference, CERTIFICATE_PASSWORD);
            let secret = secret.map_err(|error| StepError::from(error.to_finding()))?;
            Some(Secret(secret.expose_secret().to_owned()))
        }
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    Ok(Some(Task::Certificates {
        certificate: text(&at_source(controller, &files.certificate)),
        key: text(&at_source(controller, &files.key)),
        target: target.map(text),
        dns_name: poa.dns_name.clone(),
        key_password,
    }))
}
