//! `gwmigrate check`: everything that can be known before anything is changed.
//!
//! The worker is put into a folder of its own beside the job folder for the time of the check and is gone afterwards.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use worker::finding::{Explain as _, Finding, Verdict};
use worker::monitor::Count;
use worker::protocol::{InventoryReport, Task, TaskReport};

use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::{self, words};

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// Stable name of the check.
    pub check: String,
    /// Whether it is fine: the worst of what it found.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
}

/// What the check saw.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// Its lines.
    pub lines: Vec<CheckLine>,
    /// What the source holds.
    pub inventory: Option<InventoryReport>,
}

/// Checks; leaves both sides as they were.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, CheckReport) {
    let mut report = CheckReport::default();
    let outcome = checks(controller, &mut report).await;
    if let Err(error) = &outcome
        && !matches!(error, StepError::Task { .. })
    {
        controller.report(error.to_finding());
    }
    let summary = controller.finish(outcome.as_ref().err());
    controller.disconnect().await;
    (summary, report)
}

async fn checks(controller: &mut Controller, report: &mut CheckReport) -> Result<(), StepError> {
    let outcome = steps::connect::run(controller).await;
    line(
        controller,
        report,
        "connect",
        outcome.map(|outcome| outcome.detail().to_owned()),
    )?;
    let missing = steps::mount_source::missing(controller).await?;
    let outcome = source(controller, report).await;
    if !missing.is_empty() {
        // Both sides are left as they were.
        steps::unmount::unmount(controller, missing).await?;
        remove_empty_job_folder(controller).await?;
    }
    outcome?;
    ports(controller, report).await;
    Ok(())
}

async fn source(controller: &mut Controller, report: &mut CheckReport) -> Result<(), StepError> {
    let outcome = steps::mount_source::run(controller).await;
    line(
        controller,
        report,
        "source-mounted",
        outcome.map(|outcome| outcome.detail().to_owned()),
    )?;
    let folder = scratch_folder(controller)?;
    let outcome = look(controller, report, &folder).await;
    remove(controller, &folder).await?;
    outcome
}

/// The job folder is only made for secrets of the mount, and goes where nothing else is in it.
async fn remove_empty_job_folder(controller: &Controller) -> Result<(), StepError> {
    let link = controller.link()?;
    let job_folder = controller.worksheet.destination.job_folder.clone();
    let command = link
        .command("rmdir")
        .arguments(["--ignore-fail-on-non-empty", "--"])
        .arguments([job_folder.join("private"), job_folder]);
    // Where one of them was never made there is nothing to remove.
    link.run(&command, Vec::new()).await?;
    Ok(())
}

/// Notes a line; where it is an error, the check ends with it.
fn line(
    controller: &Controller,
    report: &mut CheckReport,
    check: &str,
    outcome: Result<String, StepError>,
) -> Result<(), StepError> {
    let (verdict, text) = match &outcome {
        Ok(text) => (Verdict::Done, text.clone()),
        Err(error) => (error.verdict(), error.to_string()),
    };
    push(controller, report, check, verdict, text);
    outcome.map(|_| ())
}

fn push(
    controller: &Controller,
    report: &mut CheckReport,
    check: &str,
    verdict: Verdict,
    text: String,
) {
    let mark = match verdict {
        Verdict::Done | Verdict::NothingToDo => "pass",
        Verdict::Person => "warning",
        _ => "fail",
    };
    controller
        .console()
        .note(&format!("{mark:<8}{check}: {text}"));
    report.lines.push(CheckLine {
        check: check.to_owned(),
        verdict,
        text,
    });
}

fn scratch_folder(controller: &Controller) -> Result<PathBuf, StepError> {
    let job_folder = controller.worksheet.destination.job_folder.clone();
    let name = job_folder
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let parent = job_folder.parent().map(Path::to_owned).unwrap_or_default();
    let _ = controller.link()?;
    Ok(parent.join(format!(".{name}.check-{}", std::process::id())))
}

async fn look(
    controller: &mut Controller,
    report: &mut CheckReport,
    folder: &Path,
) -> Result<(), StepError> {
    let link = controller.link()?;
    let make = link
        .command("mkdir")
        .arguments(["-p", "-m", "0700", "--"])
        .argument(folder.to_owned());
    link.run(&make, Vec::new()).await?.require_success(&make)?;
    controller.link_mut()?.use_job_folder(folder.to_owned());
    let outcome = steps::install_utility::install(controller).await;
    line(controller, report, "worker-runs", outcome)?;
    let room =
        existing_ancestor(controller, &controller.worksheet.post_office.folder.clone()).await?;
    let mut areas = controller.areas();
    for area in &mut areas {
        area.destination = room.to_string_lossy().into_owned();
    }
    let finished = match controller
        .order_on(areas, Task::Inventory { only_count: false })
        .await
    {
        Ok(finished) => finished,
        Err(error) => return line(controller, report, "source-readable", Err(error)),
    };
    let Some(TaskReport::Inventory(inventory)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no inventory".into(),
        });
    };
    let seen = format!(
        "{} files, {}, {} folders",
        words::count(words::of(&finished.counts, Count::FilesSeen)),
        words::bytes(words::of(&finished.counts, Count::BytesSeen)),
        words::count(words::of(&finished.counts, Count::FoldersSeen))
    );
    push(
        controller,
        report,
        "source-readable",
        finished.verdict,
        seen,
    );
    let room = format!(
        "{} free on the file system of {}",
        words::bytes(inventory.destination_free_bytes),
        room.display()
    );
    push(controller, report, "destination-room", Verdict::Done, room);
    let granularity = words::count(inventory.granularity_nanoseconds);
    push(
        controller,
        report,
        "time-granularity",
        Verdict::Done,
        format!("{granularity} ns at the source"),
    );
    report.inventory = Some(inventory);
    Ok(())
}

/// The deepest folder above `path` that exists, for asking its file system for room.
async fn existing_ancestor(controller: &Controller, path: &Path) -> Result<PathBuf, StepError> {
    let link = controller.link()?;
    for ancestor in path.ancestors() {
        let test = link
            .command("test")
            .argument("-d")
            .argument(ancestor.to_owned());
        if link.run(&test, Vec::new()).await?.status.is_success() {
            return Ok(ancestor.to_owned());
        }
    }
    Ok(PathBuf::from("/"))
}

async fn remove(controller: &mut Controller, folder: &Path) -> Result<(), StepError> {
    let job_folder = controller.worksheet.destination.job_folder.clone();
    let link = controller.link_mut()?;
    link.use_job_folder(job_folder);
    let command = link
        .command("rm")
        .arguments(["-r", "-f", "--"])
        .argument(folder.to_owned());
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(())
}

async fn ports(controller: &mut Controller, report: &mut CheckReport) {
    let Some(address) = controller.worksheet.source.address.clone() else {
        controller.report(Finding::new(
            "no-source-address",
            Verdict::Done,
            "The worksheet names no address of the source POA, so stage two cannot see by its ports that it is stopped",
            "Set [source] address and poa_ports",
        ));
        return;
    };
    let ports = controller.worksheet.source.poa_ports.clone();
    let mut open = 0;
    for port in &ports {
        let connecting = tokio::net::TcpStream::connect((address.as_str(), *port));
        if let Ok(Ok(_)) = tokio::time::timeout(std::time::Duration::from_secs(3), connecting).await
        {
            open += 1;
        }
    }
    push(
        controller,
        report,
        "source-poa",
        Verdict::Done,
        format!(
            "{open} of {} ports of the source POA answer at {address}",
            ports.len()
        ),
    );
}
