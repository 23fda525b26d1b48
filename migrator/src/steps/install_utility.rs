//! The worker in the job folder, with the digest that it has here; the lease and the journal of the job; and the
//! destination folders taken into the job.

use std::io::Read as _;
use std::path::Path;

use worker::protocol::{PROTOCOL, Reply, Request, Task};

use crate::controller::{Controller, PROGRAM_FILE, StepError, StepOutcome};
use crate::remote::RemoteError;
use crate::steps::words;

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
    let who = controller.surroundings.who.clone();
    controller.link_mut()?.take_lease(&who).await?;
    controller.open_journal().await?;
    super::mount_source::prove_same(controller).await?;
    refuse_when_live(controller).await?;
    controller.order(Task::CreateFolders).await?;
    Ok(StepOutcome::Done(detail))
}

/// Uploads the program unless the destination has it, and compares the digests.
///
/// # Errors
/// As [`run`].
pub async fn install(controller: &mut Controller) -> Result<String, StepError> {
    let program = controller.surroundings.program.clone();
    let wanted = digest(&program)?;
    let link = controller.link()?;
    let target = link.job_folder().join(PROGRAM_FILE);
    // Asked first, because sudo reports an attempt to run what is not there.
    if link.exists(&target).await?
        && remote_digest(controller, None).await?.as_deref() == Some(wanted.as_str())
    {
        return Ok("the same version was there already".into());
    }
    let console = controller.console();
    let uploaded = link
        .upload(&program, &target, PROGRAM_MODE, |bytes| {
            console.upload("the worker", bytes);
        })
        .await?;
    let found = remote_digest(controller, None).await?;
    if found.as_deref() != Some(wanted.as_str()) {
        return Err(StepError::refused(
            "utility-differs",
            format!("The installed worker does not answer with its own digest but with {found:?}"),
            "See that the destination has this architecture and that its job folder allows programs to run",
        ));
    }
    Ok(format!(
        "{} uploaded, digest {}",
        words::bytes(uploaded.bytes),
        &wanted[..16]
    ))
}

/// The digest that a file has at the destination, by the worker's own reckoning; of the worker itself where no file is
/// named.  `None` where it cannot say.
pub(crate) async fn remote_digest(
    controller: &Controller,
    file: Option<&Path>,
) -> Result<Option<String>, StepError> {
    let link = controller.link()?;
    let mut command = link.worker("digest");
    if let Some(file) = file {
        command = command.argument("--file").argument(file.to_owned());
    }
    let output = link.run(&command, Vec::new()).await?;
    Ok(output.status.is_success().then(|| output.text()))
}

/// BLAKE3 of a local file, in hexadecimal.
pub(crate) fn digest(path: &Path) -> Result<String, StepError> {
    let failed = |source| StepError::Local {
        operation: "read",
        path: path.display().to_string(),
        source,
    };
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block).map_err(failed)? {
            0 => return Ok(hasher.finalize().to_hex().to_string()),
            length => hasher.update(&block[..length]),
        };
    }
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

/// Once the Linux POA serves users, nothing may be copied over its mail any more.
pub(crate) async fn refuse_when_live(controller: &Controller) -> Result<(), StepError> {
    let status = controller.status().await?;
    if status.facts.get("poa").map(String::as_str) != Some("live") {
        return Ok(());
    }
    Err(StepError::refused(
        "already-live",
        "The Linux POA of this job serves users already; copying over it would lose their new mail",
        "Use `gwmigrate queues` for stragglers; to begin again, use a new job with another destination folder",
    ))
}

/// Attaches to a job that is there, without a step: the connection, and a worker that answers.
///
/// # Errors
/// A finding with the code `no-job` where the destination has no such job.
pub async fn attach(controller: &mut Controller) -> Result<(), StepError> {
    crate::steps::connect::run(controller).await?;
    match greet(controller).await {
        Err(StepError::Remote(RemoteError::CommandFailed { .. })) => Err(no_job(controller)),
        outcome => outcome,
    }
}

fn no_job(controller: &Controller) -> StepError {
    let folder = controller.worksheet.destination.job_folder.display();
    StepError::from(worker::finding::Finding::new(
        "no-job",
        worker::finding::Verdict::NothingToDo,
        format!("The destination has no job in {folder} yet"),
        "Run `gwmigrate check`, then `gwmigrate stage-one`",
    ))
}
