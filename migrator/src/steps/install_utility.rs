//! The worker in the job folder, with the digest that it has here; the lease and the journal of the job; and the
//! destination folders taken into the job.

mod program;

use std::path::{Path, PathBuf};

use postoffice::names::printable;
use protocol::{Finding, PROTOCOL, Reply, Request, STORE_FILE, Said, Task, Verdict};

use crate::controller::{Controller, Link, PROGRAM_FILE, StepError, StepOutcome};
use crate::numbers;
use crate::remote::{RemoteCommand, RemoteError};
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
    let program = program_of(controller);
    let wanted = digest(&program)?;
    let link = controller.link()?;
    let target = link.job_folder().join(PROGRAM_FILE);
    // Asked first, because sudo reports an attempt to run what is not there.
    if link.exists(&target).await?
        && let Introduced::As { digest, .. } = introduce(controller).await?
        && digest == wanted
    {
        return Ok("the same version was there already".into());
    }
    let is_named = controller.worksheet.destination.program.is_some();
    program::require_fits(&program, is_named, &machine(controller).await?)?;
    let console = controller.console();
    let uploaded = link
        .upload(&program, &target, PROGRAM_MODE, |bytes| {
            console.upload("the worker", bytes);
        })
        .await?;
    match introduce(controller).await? {
        Introduced::Silent { said } => return Err(program::does_not_run(&said)),
        Introduced::As { digest, .. } if digest != wanted => {
            return Err(StepError::refused(
                "utility-differs",
                format!(
                    "The installed worker does not answer with its own digest but with {digest:?}"
                ),
                "See what changes files in the job folder at the destination, such as a virus scanner, and run again",
            ));
        }
        Introduced::As { version, .. } if version != protocol::build() => {
            return Err(StepError::refused(
                "utility-other-version",
                format!(
                    "{} is {version:?}, and this controller is {:?}",
                    program.display(),
                    protocol::build()
                ),
                "Name a program of the same version in [destination] program, built from the same source",
            ));
        }
        Introduced::As { .. } => {}
    }
    Ok(format!(
        "{} uploaded, digest {}",
        numbers::bytes(uploaded.bytes),
        &wanted[..16]
    ))
}

/// The program that becomes the worker: that of the worksheet, else this one.
fn program_of(controller: &Controller) -> PathBuf {
    let named = controller.worksheet.destination.program.clone();
    named.unwrap_or_else(|| controller.local.program.clone())
}

/// What kind of machine the destination is, as its kernel calls it; nothing where it cannot say.
async fn machine(controller: &Controller) -> Result<String, StepError> {
    let uname = RemoteCommand::new("uname").argument("-m");
    let output = controller.link()?.run(&uname, Vec::new()).await?;
    Ok(if output.status.is_success() {
        output.text()
    } else {
        String::new()
    })
}

/// What the installed program says of itself.
enum Introduced {
    /// Its digest, by its own reckoning, and its version.
    As { digest: String, version: String },
    /// It did not run to its end, which is no program of ours, or none that can run there.
    Silent { said: String },
}

async fn introduce(controller: &Controller) -> Result<Introduced, StepError> {
    let link = controller.link()?;
    let output = link.run(&link.worker("digest"), Vec::new()).await?;
    if !output.status.is_success() {
        let said = printable(output.stderr.trim_ascii());
        let said = if said.is_empty() {
            output.status.to_string()
        } else {
            format!("{said} ({})", output.status)
        };
        return Ok(Introduced::Silent { said });
    }
    let text = output.text();
    let (digest, version) = text.split_once('\n').unwrap_or((&text, ""));
    Ok(Introduced::As {
        digest: digest.to_owned(),
        version: version.to_owned(),
    })
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
        other => Err(StepError::unexpected(&other)),
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
                return Err(failed);
            }
            if !has_store(link).await? {
                return Err(no_job(controller, Verdict::NothingToDo));
            }
            // Something removed the program alone, as a virus scanner does.
            let installed = install(controller).await?;
            let text = format!("The worker was not in the job folder any more: {installed}");
            controller.console().note(&text);
            greet(controller).await
        }
        outcome => outcome,
    }
}

/// Whether the job folder holds a job, with a program or without.
///
/// # Errors
/// What asking says.
pub async fn has_store(link: &Link) -> Result<bool, StepError> {
    link.exists(&link.job_folder().join(STORE_FILE)).await
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
