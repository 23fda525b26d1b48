//! The source server, mounted on the destination and proven to be that mount; and every share that a document storage area
//! is on.

use std::collections::BTreeSet;

use postoffice::names::printable;
use protocol::mounts::{self, Mount};
use protocol::{Explain as _, Fact, Finding, MountedArea, Verdict};

use crate::controller::{Controller, PRIVATE_FOLDER, StepError, StepOutcome};
use crate::mount::{MountError, MountPlan, MountRequest, Mounted};
use crate::steps::secrets::{SOURCE_PASSWORD, of_area};
use crate::worksheet::SourceAccess;

/// One mount of the job.
pub(crate) struct JobMount {
    /// The number of the area; the source itself is 0.
    area: u32,
    /// What is mounted, for people.
    pub(crate) what: String,
    /// How it is mounted, proven and taken away.
    pub(crate) plan: MountPlan,
}

/// Mounts the source and the areas where they are not mounted yet, and proves what is there, each on its own.
///
/// # Errors
/// Something else at a mount point, or another source than before; what mounting says.
pub async fn mount(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    controller.mounted.clear();
    let mut details = Vec::new();
    for mount in mounts(controller)? {
        let found = mount_one(controller, mount.area, &mount.plan).await?;
        details.push(found.to_string());
        controller.mounted.push((found, mount.what));
    }
    if controller.is_journal_open() {
        prove_same(controller).await?;
    }
    Ok(StepOutcome::Done(details.join("; ")))
}

async fn mount_one(
    controller: &Controller,
    area: u32,
    plan: &MountPlan,
) -> Result<MountedArea, StepError> {
    if !plan.commands.is_empty() {
        for line in plan.to_string().lines() {
            tracing::debug!("{line}");
        }
    }
    make_job_folder(controller, plan).await?;
    let mount = plan
        .mount(&controller.link()?.remote())
        .await
        .map_err(|error| stop(&error))?;
    Ok(MountedArea {
        area,
        source: printable(&mount.source),
        file_system: mount.file_system,
        mount_point: printable(mount.mount_point.as_os_str().as_encoded_bytes()),
    })
}

/// Files with secrets stand in the job folder while the mount is made; at the first time it is not there yet.
async fn make_job_folder(controller: &Controller, plan: &MountPlan) -> Result<(), StepError> {
    if plan.private_files.is_empty() {
        return Ok(());
    }
    let folder = &controller.worksheet.destination.job_folder;
    controller.link()?.make_private_folder(folder).await
}

/// The mounts of this job that are not there yet, by this job or by somebody else.
///
/// # Errors
/// What reading the mount table says.
pub(crate) async fn missing(controller: &Controller) -> Result<Vec<JobMount>, StepError> {
    let table = controller.link()?.mount_table().await?;
    let mut mounts = mounts(controller)?;
    mounts.retain(|mount| mount.plan.proof.check(&table).is_err());
    Ok(mounts)
}

/// Every mount of the job: that of the source, then one for each document storage area.
pub(crate) fn mounts(controller: &Controller) -> Result<Vec<JobMount>, StepError> {
    let sheet = &controller.worksheet;
    let source = JobMount {
        area: 0,
        what: "source".to_owned(),
        plan: plan(
            controller,
            &sheet.source.access,
            sheet.source.address.as_deref(),
            SOURCE_PASSWORD,
        )?,
    };
    let mut mounts = vec![source];
    for (number, area) in (1..).zip(&sheet.documents) {
        let what = format!("document storage area of {}", area.library);
        mounts.push(JobMount {
            area: number,
            plan: plan(
                controller,
                &area.access,
                area.address.as_deref(),
                &of_area(area),
            )?,
            what,
        });
    }
    Ok(mounts)
}

/// What is done to mount one of them.
fn plan(
    controller: &Controller,
    access: &SourceAccess,
    address: Option<&str>,
    secret: &str,
) -> Result<MountPlan, StepError> {
    let network = match access {
        SourceAccess::Mounted { path } => return Ok(Mounted::plan(path)),
        SourceAccess::Network(network) => network,
    };
    let password = match &network.password {
        None => None,
        Some(reference) => Some(controller.local.secret(reference, secret)?),
    };
    let destination = &controller.worksheet.destination;
    MountRequest {
        source: network,
        address,
        password: password.as_ref(),
        private_folder: &destination.job_folder.join(PRIVATE_FOLDER),
        privilege: destination.privilege,
    }
    .to_plan()
    .map_err(|error| stop(&error))
}

pub(super) fn stop(error: &MountError) -> StepError {
    StepError::from(error.to_finding())
}

/// A mount of the job through which the source could be written.
///
/// The worker never writes there, whatever the mount lets it do; another program of the destination may.
pub(crate) struct Writable {
    /// Whether that would be written at the source server itself, and not in a copy on a disk of the destination.
    pub(crate) is_share: bool,
    /// What a person is told.
    pub(crate) finding: Finding,
}

/// The mounts of the job, and those below them, that are not read-only by the mount table.  A source that is only a folder of a
/// disk of the destination has no mount of its own that could be; it is a copy.
///
/// # Errors
/// What reading the mount table says.
pub(crate) async fn writable(controller: &Controller) -> Result<Vec<Writable>, StepError> {
    let table = mounts::parse(&controller.link()?.mount_table().await?);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for job in mounts(controller)? {
        let path = &job.plan.proof.path;
        let below = table.iter();
        let below = below.filter(|mount| mount.mount_point.starts_with(path));
        for mount in mounts::covering(&table, path).into_iter().chain(below) {
            let is_folder_of_disk = mount.mount_point != *path
                && path.starts_with(&mount.mount_point)
                && !mount.is_share();
            if !mount.is_read_only && !is_folder_of_disk && seen.insert(mount.id) {
                found.push(judge_writable(&job, mount));
            }
        }
    }
    Ok(found)
}

fn judge_writable(job: &JobMount, mount: &Mount) -> Writable {
    let point = mount.mount_point.as_os_str().as_encoded_bytes();
    let shown = printable(point);
    let text = format!(
        "The {} can be written through {shown} ({}, {}): nothing of this job does, but what else runs at the destination could",
        job.what,
        printable(&mount.source),
        mount.file_system
    );
    let remedy = if job.plan.commands.is_empty() {
        let folder = printable(job.plan.proof.path.as_os_str().as_encoded_bytes());
        format!(
            "Have it mounted read-only at the destination: mount -o remount,ro {shown}; or, where the rest of that file system must stay \
             writable: mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}; where it has to stay as it is, accept it"
        )
    } else {
        format!(
            "Take `rw` out of the `options` of that share in the worksheet where it stands there, and unmount it at the destination \
             (umount {shown}); the next command mounts it read-only; where it has to stay as it is, accept it"
        )
    };
    let finding = Finding::new("source-writable", Verdict::NeedsAttention, text, remedy);
    Writable {
        is_share: mount.is_share(),
        finding: finding.about(point),
    }
}

/// Once a job knows its source and its areas, only those will do.
///
/// # Errors
/// A source or an area that was mounted from something else.
pub(crate) async fn prove_same(controller: &Controller) -> Result<(), StepError> {
    if controller.mounted.is_empty() {
        return Ok(());
    }
    let known = controller.state().await?.facts.mounted;
    for (found, what) in &controller.mounted {
        match known.iter().find(|known| known.area == found.area) {
            None => controller.remember(Fact::Mounted(found.clone())).await?,
            Some(known) if known == found => {}
            Some(known) => {
                return Err(StepError::refused(
                    "source-changed",
                    format!("The {what} of this job was {known} until now, and is {found}"),
                    "Mount the one that the job began with; nothing was changed. Where that was the wrong one: `gwmigrate abandon \
                     --yes`, then begin again with `gwmigrate stage-one`",
                ));
            }
        }
    }
    Ok(())
}

/// Takes the mounts away that the job made.
///
/// # Errors
/// A mount that is in use, or that is not ours.
pub(crate) async fn unmount_all(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let mounts = mounts(controller)?;
    Ok(match unmount(controller, mounts).await? {
        0 => {
            StepOutcome::Skipped("the source was mounted by somebody else and stays mounted".into())
        }
        1 => StepOutcome::Done("the source is no longer mounted".into()),
        many => StepOutcome::Done(format!("{many} shares are no longer mounted")),
    })
}

/// Takes these mounts away where they are ours, the last one first; says how many were ours to take.
///
/// # Errors
/// What the first of them said that could not be taken away; the others are taken away all the same.
pub(crate) async fn unmount(
    controller: &Controller,
    mounts: Vec<JobMount>,
) -> Result<usize, StepError> {
    let remote = controller.link()?.remote();
    let mut ours = 0;
    let mut outcome = Ok(());
    for mount in mounts.iter().rev() {
        if mount.plan.undo.is_empty() {
            continue;
        }
        ours += 1;
        let unmounted = mount.plan.unmount(&remote).await;
        outcome = outcome.and(unmounted.map_err(|error| stop(&error)));
    }
    outcome.map(|()| ours)
}
