//! The worker in the job folder, with the digest that it has here; the lease and the journal of the job; and the
//! destination folders taken into the job.

use std::path::Path;

use protocol::{Finding, PROTOCOL, Reply, Request, Said, Task, Verdict};

use crate::controller::{Controller, PROGRAM_FILE, StepError, StepOutcome};
use crate::numbers;
use crate::remote::RemoteError;
use crate::steps::life::require_nobody_worked;

/// Readable and executable by its owner alone.
const PROGRAM_MODE: u32 = 0o700;

/// Installs the worker where it is not the same already, and opens the journal.
///
/// # Errors
/// A digest that differs after the upload; another controller or another job in the job folder; a destination folder
/// that holds something else.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let detail = install(controller).await?;
    greet(controller).await?;
    controller.take_lease().await?;
    controller.open_journal().await?;
    super::mount_source::prove_same(controller).await?;
    require_nobody_worked(controller).await?;
    if let Some(statement) = controller.statements.mounts_have_changed.clone() {
        statement.say(controller, Said::MountsHaveChanged).await?;
    }
    controller.order(Task::CreateFolders).await?;
    Ok(StepOutcome::Done(detail))
}

/// Uploads the worker unless the destination has it, and compares the digests.
///
/// # Errors
/// As [`run`].
pub async fn install(controller: &mut Controller) -> Result<String, StepError> {
    let program = controller.local.program.clone();
    let wanted = digest(&program)?;
    let link = controller.link()?;
    let target = link.job_folder().join(PROGRAM_FILE);
    // Asked first, because sudo reports an attempt to run what is not there.
    if link.exists(&target).await?
        && remote_digest(controller).await?.as_deref() == Some(wanted.as_str())
    {
        return Ok("the same version was there already".into());
    }
    let console = controller.console();
    let uploaded = link
        .upload(&program, &target, PROGRAM_MODE, |bytes| {
            console.upload("the worker", bytes);
        })
        .await?;
    let found = remote_digest(controller).await?;
    if found.as_deref() != Some(wanted.as_str()) {
        return Err(StepError::refused(
            "utility-differs",
            format!("The installed worker does not answer with its own digest but with {found:?}"),
            "See that the destination has this architecture and that its job folder allows programs to run",
        ));
    }
    Ok(format!(
        "{} uploaded, digest {}",
        numbers::bytes(uploaded.bytes),
        &wanted[..16]
    ))
}

/// The digest that the worker's program has, by its own reckoning; `None` where it cannot say, which is no program of ours.
async fn remote_digest(controller: &Controller) -> Result<Option<String>, StepError> {
    let link = controller.link()?;
    let output = link.run(&link.worker("digest"), Vec::new()).await?;
    Ok(output.status.is_success().then(|| output.text()))
}

/// BLAKE3 of a file of this machine, in hexadecimal.
pub(crate) fn digest(path: &Path) -> Result<String, StepError> {
    protocol::digest(path).map_err(|source| StepError::Local {
        operation: "read",
        path: path.display().to_string(),
        source,
    })
}

/// Makes sure that the worker speaks this protocol and that the job folder is of this job.
pub(crate) async fn greet(controller: &Controller) -> Result<(), StepError> {
    let job = controller.worksheet.post_office.job.clone();
    match controller.call(&Request::Hello { job }).await? {
        Reply::Hello {
            protocol: PROTOCOL, ..
        } => Ok(()),
        Reply::Hello { protocol, version } => Err(StepError::refused(
            "protocol",
            format!(
                "The worker has version {version} and speaks protocol {protocol}, this controller {PROTOCOL}"
            ),
            "Use the version of gwmigrate that began this job",
        )),
        other => Err(StepError::Protocol {
            text: format!("{other:?}"),
        }),
    }
}

/// Attaches to a job that is there, without a step: the connection, and a worker that answers.
///
/// # Errors
/// A finding with the code `no-job` where the destination has no such job.
pub async fn attach(controller: &mut Controller) -> Result<(), StepError> {
    crate::steps::connect::run(controller).await?;
    match greet(controller).await {
        Err(failed @ StepError::Remote(RemoteError::CommandFailed { .. })) => {
            let link = controller.link()?;
            if link.exists(&link.job_folder().join(PROGRAM_FILE)).await? {
                Err(failed)
            } else {
                Err(no_job(controller, Verdict::NothingToDo))
            }
        }
        outcome => outcome,
    }
}

/// The same for a command that makes no sense without a job.
///
/// # Errors
/// As [`attach`]; the finding is a mistake on the command line then.
pub async fn attach_to_job(controller: &mut Controller) -> Result<(), StepError> {
    match attach(controller).await {
        Err(StepError::Finding(finding)) if finding.code == "no-job" => {
            Err(no_job(controller, Verdict::Usage))
        }
        outcome => outcome,
    }
}

fn no_job(controller: &Controller, verdict: Verdict) -> StepError {
    let folder = controller.worksheet.destination.job_folder.display();
    StepError::from(Finding::new(
        "no-job",
        verdict,
        format!("The destination has no job in {folder} yet"),
        "Run `gwmigrate check`, then `gwmigrate stage-one`",
    ))
}
