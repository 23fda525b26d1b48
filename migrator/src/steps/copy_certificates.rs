//! Certificate and key files, when SSL is in use.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use postoffice::names::destination_name;
use protocol::{Secret, Task};
use secrecy::ExposeSecret as _;

use super::secrets::CERTIFICATE_PASSWORD;
use super::system_files::{self, make_folder};
use crate::controller::{Controller, StepError, StepOutcome, could_not_ask};

/// Where certificates go: beside the agent's program.
pub(crate) fn certificate_folder(controller: &Controller) -> PathBuf {
    controller.worksheet.poa.install_folder.join("certificates")
}

/// Where a certificate or key of the source goes.
pub(crate) fn place_of(controller: &Controller, file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    let name = destination_name(name);
    certificate_folder(controller).join(String::from_utf8_lossy(&name).as_ref())
}

/// Certificate and key at the source, and where each goes; none where the worksheet names none.
fn pairs(controller: &Controller) -> Vec<(PathBuf, PathBuf)> {
    let files = controller.worksheet.poa.certificate.iter();
    files
        .flat_map(|files| [&files.certificate, &files.key])
        .map(|file| (at_source(controller, file), place_of(controller, file)))
        .collect()
}

/// Where certificate and key go; none where the worksheet names none.
pub(crate) fn files_at_destination(controller: &Controller) -> Vec<PathBuf> {
    let pairs = pairs(controller).into_iter();
    pairs.map(|(_, place)| place).collect()
}

async fn digest_at_source(controller: &Controller, file: &Path) -> Result<String, StepError> {
    let digest = controller.digest(file).await?;
    digest.ok_or_else(|| could_not_ask(file, "it is not there any more"))
}

/// Makes sure that nothing of somebody else is where certificate and key go, whom `placed` does not name.
///
/// # Errors
/// As [`system_files::may_place`].
pub(crate) async fn require_place(
    controller: &Controller,
    placed: &BTreeSet<String>,
) -> Result<(), StepError> {
    for (source, place) in pairs(controller) {
        let digest = digest_at_source(controller, &source).await?;
        system_files::may_place(controller, placed, &place, &digest).await?;
    }
    Ok(())
}

/// A path of the source, from the root or from the folder of the post office.
pub(crate) fn at_source(controller: &Controller, path: &Path) -> PathBuf {
    controller.source_folder().join(path)
}

/// Looks at both files before anything is copied: whether they can be read and fit, and what clients will find wrong.
///
/// # Errors
/// A key that cannot be read or does not fit; another file where one of them goes.
pub(crate) async fn look(controller: &mut Controller) -> Result<(), StepError> {
    let Some(task) = task(controller, None)? else {
        return Ok(());
    };
    controller.order(task).await?;
    let placed = controller.state().await?.facts.placed_files;
    require_place(controller, &placed).await
}

/// Copies both files once the key is proven to fit.
///
/// # Errors
/// A key that cannot be read or does not fit, another file where one of them goes; nothing is copied then.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let folder = certificate_folder(controller);
    let Some(task) = task(controller, Some(&folder))? else {
        return Ok(StepOutcome::Skipped(
            "the worksheet names no certificate".into(),
        ));
    };
    let placed = controller.state().await?.facts.placed_files;
    require_place(controller, &placed).await?;
    make_folder(controller, &folder).await?;
    for (source, place) in pairs(controller) {
        let digest = digest_at_source(controller, &source).await?;
        // What somebody else has put there as it is, the worker leaves as it is.
        system_files::claim(controller, &place, &digest).await?;
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
            let secret = controller.local.secret(reference, CERTIFICATE_PASSWORD)?;
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
