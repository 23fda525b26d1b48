//! `gwmigrate check`: everything that can be known before anything is changed.
//!
//! ```text
//! connect -> destination -> mount -> worker, in a folder of its own -> inventory and sample -> lines -> as it was
//! ```
//!
//! The worker is put into a folder beside the job folder for the time of the check and is gone afterwards; what the check
//! mounted is unmounted.

mod destination;
mod estimate;
mod logind;
mod poa;
mod report;
mod room;
mod source;
#[cfg(test)]
mod tests;

pub use report::{CHECKS, CheckLine, CheckReport, Estimate, estimated_downtime};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use protocol::{AreaOrder, InventoryReport, Request, Task, TaskReport, Verdict};

use crate::controller::{CommandOutcome, Controller, Finished, GoesOn, PRIVATE_FOLDER, StepError};
use crate::steps;
use estimate::Costs;
use report::{Judged, add, require};

/// Checks; leaves both sides as they were.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, CheckReport) {
    let mut report = CheckReport::default();
    let outcome = checks(controller, &mut report).await;
    controller.keep_findings("check").await;
    if let Err(error) = &outcome
        && !matches!(error, StepError::Task { .. })
    {
        controller.report(protocol::Explain::to_finding(error));
    }
    let summary = controller.finish(outcome.as_ref().err());
    if summary.verdict <= Verdict::NeedsAttention {
        let console = controller.console();
        console.note("Next: `gwmigrate stage-one --plan` shows what will be run, `gwmigrate stage-one` begins");
    }
    controller.disconnect().await;
    (summary, report)
}

async fn checks(controller: &mut Controller, report: &mut CheckReport) -> Result<(), StepError> {
    let outcome = steps::connect::run(controller).await;
    let outcome = outcome.map(|outcome| outcome.detail().to_owned());
    require(controller, report, "connect", outcome)?;
    let privilege = destination::privilege(controller).await?;
    let may_run = privilege.verdict <= Verdict::NeedsAttention;
    add(controller, report, "privilege", privilege);
    if !may_run {
        // Nothing else could be looked at.
        return Ok(());
    }
    let stays = logind::stays_running(controller).await?;
    add(controller, report, "stays-running", stays);
    let placed = know_job(controller).await?;
    let apart = steps::places::require_apart(controller).await;
    require(controller, report, "places", apart)?;
    let missing = steps::mount_source::missing(controller).await?;
    let possible = destination::mounts_possible(controller, &missing).await?;
    let may_mount = possible.verdict <= Verdict::NeedsAttention;
    add(controller, report, "mount-possible", possible);
    if !may_mount {
        return Ok(());
    }
    let outcome = source(controller, report, placed.as_ref()).await;
    if !missing.is_empty() {
        // Both sides are left as they were.
        let unmounted = steps::mount_source::unmount(controller, missing).await;
        // What went wrong first says why the rest did.
        outcome?;
        unmounted?;
        return remove_empty_job_folder(controller).await;
    }
    outcome
}

/// What a person has accepted, where the job has begun: that decides nothing here either.  Gives the files that the job has placed in
/// the system; none where that cannot be asked.
async fn know_job(controller: &mut Controller) -> Result<Option<BTreeSet<String>>, StepError> {
    if !steps::install_utility::has_store(controller.link()?).await? {
        return Ok(Some(BTreeSet::new()));
    }
    controller.know_accepted().await;
    let state = controller.state().await;
    Ok(state.ok().map(|state| state.facts.placed_files))
}

async fn source(
    controller: &mut Controller,
    report: &mut CheckReport,
    placed: Option<&BTreeSet<String>>,
) -> Result<(), StepError> {
    let outcome = steps::mount_source::mount(controller).await;
    let outcome = outcome.map(|outcome| outcome.detail().to_owned());
    require(controller, report, "source-mounted", outcome)?;
    // What is mounted can be seen now.
    steps::places::require_apart(controller).await?;
    let read_only = source::read_only(steps::mount_source::writable(controller).await?);
    add(controller, report, "source-read-only", read_only);
    let folder = scratch_folder(controller);
    let outcome = look(controller, report, &folder, placed).await;
    let removed = remove(controller, &folder).await;
    outcome.and(removed)
}

/// Has the worker of the check carry out a task.  Where that is given up, the worker is ended: no other command looks for it in
/// its folder, which goes.
async fn run_task(
    controller: &mut Controller,
    areas: Vec<AreaOrder>,
    task: Task,
) -> Result<Finished, StepError> {
    match controller.run_task(areas, task).await {
        Err(why @ StepError::Interrupted { .. }) => {
            Err(match controller.call(&Request::StopWorker).await {
                Ok(_) => StepError::Interrupted {
                    goes_on: GoesOn::NoWorker,
                },
                Err(_) => why,
            })
        }
        told => told,
    }
}

/// The job folder is only made for secrets of the mount, and goes where nothing else is in it.
async fn remove_empty_job_folder(controller: &Controller) -> Result<(), StepError> {
    let link = controller.link()?;
    let job_folder = controller.worksheet.destination.job_folder.clone();
    let command = link
        .command("rmdir")
        .arguments(["--ignore-fail-on-non-empty", "--"])
        .arguments([job_folder.join(PRIVATE_FOLDER), job_folder]);
    // Where one of them was never made there is nothing to remove.
    link.run(&command, Vec::new()).await?;
    Ok(())
}

fn scratch_folder(controller: &Controller) -> PathBuf {
    let job_folder = &controller.worksheet.destination.job_folder;
    let name = job_folder.file_name().unwrap_or_default();
    let parent = job_folder.parent().map(Path::to_owned).unwrap_or_default();
    let name = name.to_string_lossy();
    parent.join(format!(".{name}.check-{}", std::process::id()))
}

async fn look(
    controller: &mut Controller,
    report: &mut CheckReport,
    folder: &Path,
    placed: Option<&BTreeSet<String>>,
) -> Result<(), StepError> {
    controller.link()?.make_private_folder(folder).await?;
    controller.link_mut()?.use_job_folder(folder.to_owned());
    let outcome = steps::install_utility::install(controller).await;
    require(controller, report, "worker-runs", outcome)?;
    let folders = controller.area_orders().into_iter();
    let folders = folders.map(|area| area.destination.into()).collect();
    let able = match controller.abilities(folders).await {
        Ok(tried) => destination::judge_abilities(&tried),
        Err(error) => Judged::stopped(&error),
    };
    add(controller, report, "destination-abilities", able);
    let areas = areas(controller).await?;
    look_at_source(controller, report, areas.clone()).await?;
    let certificate = certificate(controller, areas, placed).await?;
    add(controller, report, "certificate", certificate);
    let startup = poa::startup_file(controller, report, placed).await;
    let ports = poa::ports(controller, &startup).await?;
    add(controller, report, "destination-ports", ports);
    let package = poa::package(controller).await?;
    add(controller, report, "poa-package", package);
    let user = poa::user(controller, &startup).await;
    add(controller, report, "run-as-user", user);
    let ports = source_ports(controller).await?;
    add(controller, report, "source-poa", ports);
    Ok(())
}

/// The folders of the job, with the deepest folder that exists in place of a destination that does not yet.
async fn areas(controller: &Controller) -> Result<Vec<AreaOrder>, StepError> {
    let room =
        existing_ancestor(controller, &controller.worksheet.post_office.folder.clone()).await?;
    let mut areas = controller.area_orders();
    for area in &mut areas {
        area.destination = room.to_string_lossy().into_owned();
    }
    Ok(areas)
}

/// Everything that the worker sees while it walks the source.
async fn look_at_source(
    controller: &mut Controller,
    report: &mut CheckReport,
    areas: Vec<AreaOrder>,
) -> Result<(), StepError> {
    let task = Task::Inventory { only_count: false };
    let began = Instant::now();
    let finished = match run_task(controller, areas, task).await {
        Ok(finished) => finished,
        Err(error) => return require(controller, report, "source-readable", Err(error)),
    };
    let order_took = began.elapsed();
    let protections = destination::protections(&finished.protections);
    add(controller, report, "protections", protections);
    let Some(TaskReport::Inventory(inventory)) = finished.report.clone() else {
        let stopped = finished.into_result("inventory").and_then(|finished| {
            Err(StepError::Protocol {
                text: format!("no inventory but {:?}", finished.report),
            })
        });
        return require(controller, report, "source-readable", stopped);
    };
    add(
        controller,
        report,
        "source-readable",
        source::readable(&finished),
    );
    let order_overhead = order_took.saturating_sub(Duration::from_millis(inventory.milliseconds));
    judge_inventory(controller, report, inventory, order_overhead).await
}

/// What the inventory tells of the source and of what the migration will take.
async fn judge_inventory(
    controller: &mut Controller,
    report: &mut CheckReport,
    inventory: InventoryReport,
    order_overhead: Duration,
) -> Result<(), StepError> {
    let survey = inventory.survey.clone().unwrap_or_default();
    let sheet = &controller.worksheet;
    let is_live = sheet.source.live;
    let mut lines: Vec<(&'static str, Judged)> = Vec::new();
    lines.extend(source::locks(&survey, is_live));
    lines.extend(source::times(
        &inventory,
        &survey,
        sheet.source.clock_allowance_seconds,
    ));
    lines.push(("change-times", source::change_times(&survey)));
    let began = Instant::now();
    lines.push(("destination-clock", destination::clock(controller).await?));
    let costs = Costs {
        quiet_seconds: if is_live { sheet.copy.quiet_seconds } else { 0 },
        still_seconds: controller.still_seconds(),
        read_again: sheet.seal.read_again,
        bandwidth: sheet.copy.bandwidth.clone(),
        request_seconds: began.elapsed().as_secs_f64(),
        order_seconds: order_overhead.as_secs_f64(),
    };
    lines.push(("names", source::names(&inventory, &survey)));
    lines.push(("stale-queues", source::stale_queues(&survey)));
    lines.push((
        "agent-logs",
        source::agent_logs(&inventory, sheet.copy.agent_logs),
    ));
    lines.push(("offline-files", source::offline_files(&survey)));
    lines.extend(room::judge(&inventory));
    report.estimate = estimate::estimate(&inventory, &costs);
    lines.extend(
        report
            .estimate
            .iter()
            .map(|one| ("estimate", estimate::judge(one))),
    );
    for (check, judged) in lines {
        add(controller, report, check, judged);
    }
    report.inventory = Some(inventory);
    Ok(())
}

/// Whether the certificate can be used and put into its place, where the worksheet names one.
async fn certificate(
    controller: &mut Controller,
    areas: Vec<AreaOrder>,
    placed: Option<&BTreeSet<String>>,
) -> Result<Judged, StepError> {
    let Some(task) = steps::copy_certificates::task(controller, None)? else {
        return Ok(Judged::pass("the worksheet names none"));
    };
    let finished = run_task(controller, areas, task).await?;
    let judged = source::of_task(&finished, "certificate and key fit");
    if let Some(placed) = placed.filter(|_| judged.verdict <= Verdict::NeedsAttention)
        && let Err(error) = steps::copy_certificates::require_place(controller, placed).await
    {
        return Ok(Judged::stopped(&error));
    }
    Ok(judged)
}

/// The deepest folder above `path` that exists, for asking its file system for room.
async fn existing_ancestor(controller: &Controller, path: &Path) -> Result<PathBuf, StepError> {
    for ancestor in path.ancestors() {
        if controller
            .entry(ancestor)
            .await?
            .is_some_and(|entry| entry.is_folder)
        {
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
    link.succeed(&command).await.map(drop)
}

/// Which ports of the source's POA answer: only what was seen open is known to be closed later.
async fn source_ports(controller: &Controller) -> Result<Judged, StepError> {
    if !controller.worksheet.source.live {
        return Ok(Judged::pass(steps::source_poa::NOT_LIVE));
    }
    let ports = steps::source_poa::ask(controller).await?;
    let Some(first) = ports.first() else {
        return Ok(Judged::warning(
            "the worksheet names no address and ports, so nothing can be seen of whether the POA at the source is stopped",
            "Say address and poa_ports in [source]; otherwise a person has to say that it is, before stage two and finish",
        ));
    };
    let (open, closed): (Vec<_>, Vec<_>) = ports.iter().partition(|port| port.is_open());
    let counted = format!(
        "{} of {} ports of the source POA answer at {}",
        open.len(),
        ports.len(),
        first.address
    );
    let Some(port) = closed.first() else {
        return Ok(Judged::pass(counted));
    };
    let why = port
        .trouble()
        .unwrap_or_else(|| format!("port {} is closed", port.port));
    Ok(Judged::warning(
        format!("{counted}: {why}"),
        "Correct address and poa_ports in [source] while the POA runs: a port that was never seen open proves nothing when it \
         is closed, and a person has to say that the POA is stopped",
    ))
}
