//! The source server, mounted on the destination and proven to be that mount.

use worker::finding::Explain as _;

use crate::controller::{Controller, StepError, StepOutcome};
use crate::mount::{MountError, MountPlan, MountRequest, Mounted};
use crate::worksheet::SourceAccess;

/// The facts that say what the source was mounted from, so that another one is recognised later.
const MOUNT_FACT: &str = "source-mount";

/// Mounts the source where it is not mounted yet, and proves what is there.
///
/// # Errors
/// Something else at the mount point, or another source than before; what mounting says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let plan = plan(controller)?;
    if !plan.commands.is_empty() {
        for line in plan.to_string().lines() {
            tracing::debug!("{line}");
        }
    }
    make_job_folder(controller, &plan).await?;
    let mount = plan
        .mount(&controller.link()?.remote())
        .await
        .map_err(|error| stop(&error))?;
    let found = format!(
        "{} ({}) at {}",
        postoffice::names::printable(&mount.source),
        mount.file_system,
        mount.mount_point.display()
    );
    controller.mounted = Some(found.clone());
    if controller.is_journal_open() {
        prove_same(controller).await?;
    }
    Ok(StepOutcome::Done(found))
}

/// Files with secrets stand in the job folder while the mount is made; at the first time it is not there yet.
async fn make_job_folder(controller: &Controller, plan: &MountPlan) -> Result<(), StepError> {
    if plan.private_files.is_empty() {
        return Ok(());
    }
    let link = controller.link()?;
    let folder = controller.worksheet.destination.job_folder.clone();
    let make = link
        .command("mkdir")
        .arguments(["-p", "-m", "0700", "--"])
        .argument(folder);
    link.run(&make, Vec::new()).await?.require_success(&make)?;
    Ok(())
}

/// Whether the source is mounted already, by this job or by somebody else.
///
/// # Errors
/// What reading the mount table says.
pub(crate) async fn is_mounted(controller: &Controller) -> Result<bool, StepError> {
    let link = controller.link()?;
    let table = link.command("cat").argument("/proc/self/mountinfo");
    let output = link
        .run(&table, Vec::new())
        .await?
        .require_success(&table)?;
    Ok(plan(controller)?.proof.check(&output.stdout).is_ok())
}

/// What is done to mount the source of the worksheet.
pub(crate) fn plan(controller: &Controller) -> Result<MountPlan, StepError> {
    let sheet = &controller.worksheet;
    let network = match &sheet.source.access {
        SourceAccess::Mounted { path } => return Ok(Mounted::plan(path)),
        SourceAccess::Network(network) => network,
    };
    let password = match &network.password {
        None => None,
        Some(reference) => {
            let secret = controller
                .surroundings
                .secret(reference, "password of the source server");
            Some(secret.map_err(|error| StepError::from(error.to_finding()))?)
        }
    };
    MountRequest {
        source: network,
        address: sheet.source.address.as_deref(),
        password: password.as_ref(),
        private_folder: &sheet.destination.job_folder.join("private"),
        privilege: sheet.destination.privilege,
    }
    .to_plan()
    .map_err(|error| stop(&error))
}

pub(super) fn stop(error: &MountError) -> StepError {
    StepError::from(error.to_finding())
}

/// Once a job knows its source, only that one will do.
///
/// # Errors
/// A source that was mounted from something else.
pub(crate) async fn prove_same(controller: &Controller) -> Result<(), StepError> {
    let Some(found) = &controller.mounted else {
        return Ok(());
    };
    match controller.status().await?.facts.get(MOUNT_FACT) {
        None => controller.remember(MOUNT_FACT, found).await,
        Some(known) if known == found => Ok(()),
        Some(known) => Err(StepError::refused(
            "source-changed",
            format!("The source of this job was {known} until now, and is {found}"),
            "Mount the source that the job began with; nothing was changed",
        )),
    }
}
