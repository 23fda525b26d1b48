//! Whether the POA can be installed and started: its startup file, its ports, its software, and the user that it is to run as.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use postoffice::startup_file::StartupFile;
use protocol::Finding;

use super::report::{CheckReport, Judged, add};
use crate::controller::{Controller, StepError};
use crate::numbers;
use crate::steps;
use crate::worksheet::PackageKind;

/// How much of a package is brought to the destination to ask what it is: its data come behind that.
const HEAD_BYTES: u64 = 4 << 20;

/// Its owner alone reads it there.
const HEAD_MODE: u32 = 0o600;

/// The startup file as it will be converted; one without any switch where there is none, or where it is of no use.
pub(super) async fn startup_file(
    controller: &mut Controller,
    report: &mut CheckReport,
    placed: Option<&BTreeSet<String>>,
) -> StartupFile {
    let (judged, file) = if steps::poa::is_wanted(controller) {
        match steps::poa::foresee(controller).await {
            Ok(foreseen) => {
                let judged = judge(controller, foreseen.findings, &foreseen.left_out);
                let in_the_way = in_the_way(controller, placed, &foreseen.file).await;
                (in_the_way.unwrap_or(judged), foreseen.file)
            }
            Err(error) => (Judged::stopped(&error), StartupFile::default()),
        }
    } else {
        let text = "the worksheet names no software that is to be started";
        (Judged::pass(text), StartupFile::default())
    };
    add(controller, report, "startup-file", judged);
    file
}

/// What keeps the startup file from its place.
async fn in_the_way(
    controller: &Controller,
    placed: Option<&BTreeSet<String>>,
    file: &StartupFile,
) -> Option<Judged> {
    let placing = steps::poa::require_place(controller, placed?, &file.isolated()).await;
    placing.err().map(|error| Judged::stopped(&error))
}

fn judge(controller: &mut Controller, findings: Vec<Finding>, left_out: &[String]) -> Judged {
    let texts = findings.iter().map(|one| one.text.as_str());
    let texts: Vec<&str> = texts.chain(left_out.iter().map(String::as_str)).collect();
    let Some(first) = findings.first() else {
        let converted = ["the startup file of the source can be converted"];
        return Judged::pass([&converted, &*texts].concat().join("; "));
    };
    let judged = Judged::warning(texts.join("; "), first.remedy.clone()).told();
    for finding in findings {
        controller.report(finding);
    }
    judged
}

/// Whether the ports of the POA are free, asked of the destination itself.
pub(super) async fn ports(
    controller: &Controller,
    startup: &StartupFile,
) -> Result<Judged, StepError> {
    let poa = &controller.worksheet.poa;
    let mut ports = steps::poa::opened(startup);
    ports.extend([poa.http_port, poa.client_port]);
    ports.sort_unstable();
    ports.dedup();
    let shown: Vec<String> = ports.iter().map(u16::to_string).collect();
    let shown = shown.join(", ");
    let is_wanted = steps::poa::is_wanted(controller);
    if is_wanted && steps::poa::process(controller).await?.is_some() {
        return Ok(Judged::pass(format!(
            "the POA of this job runs; its ports are {shown}"
        )));
    }
    let mut addresses = vec![steps::poa::ISOLATED_ADDRESS];
    addresses.extend(poa.ip.as_deref().filter(|ip| *ip != addresses[0]));
    let taken = steps::poa::taken(controller, &addresses, &ports).await?;
    let Some(&first) = taken.first() else {
        return Ok(Judged::pass(format!("ports {shown} are free")));
    };
    let taken: Vec<String> = taken.iter().map(u16::to_string).collect();
    let text = format!(
        "something answers at the destination on port {}",
        taken.join(", ")
    );
    let remedy = steps::poa::port_remedy(first, steps::poa::ANOTHER_PORT);
    Ok(if is_wanted {
        Judged::fail(text, remedy)
    } else {
        Judged::warning(text, remedy)
    })
}

/// Whether the POA will be able to run as the user of the worksheet.
pub(super) async fn user(controller: &Controller, startup: &StartupFile) -> Judged {
    match steps::run_as_user::foresee(controller, startup).await {
        Ok(text) => Judged::pass(text),
        Err(error) => Judged::stopped(&error),
    }
}

/// Whether the software is here, and whether any is at the destination already.
pub(super) async fn package(controller: &Controller) -> Result<Judged, StepError> {
    let control = if steps::poa::is_wanted(controller) {
        Some(controller.profile()?.control.command)
    } else {
        None
    };
    let is_there = match &control {
        None => false,
        Some(control) => controller.entry(control).await?.is_some(),
    };
    let there = if is_there {
        "an agent is installed at the destination"
    } else {
        "no agent is installed at the destination"
    };
    let Some(package) = &controller.worksheet.poa.package else {
        return Ok(match control {
            Some(control) if !is_there => Judged::fail(
                format!("{there}: there is no {}", control.display()),
                "Install it there, name its package in [poa] package, or correct [poa] control",
            ),
            _ => Judged::pass(format!("the worksheet names no software; {there}")),
        });
    };
    let path = package.path.display();
    Ok(match std::fs::metadata(&package.path) {
        Ok(metadata) if metadata.is_file() && metadata.len() > 0 => {
            let bytes = numbers::bytes(metadata.len());
            let here = format!("{path} is here ({bytes}); {there}");
            match package.kind {
                PackageKind::TarGz => Judged::pass(here),
                kind => ask_package_manager(controller, kind, &package.path, &here).await,
            }
        }
        Ok(_) => Judged::fail(
            format!("{path} is empty, or no file"),
            "Name the file with the software in [poa] package",
        ),
        Err(error) => Judged::fail(
            format!("{path} cannot be read: {error}"),
            "Name the file with the software in [poa] package",
        ),
    })
}

/// Asks the package manager of the destination what the package is, and whether it would replace another version.
async fn ask_package_manager(
    controller: &Controller,
    kind: PackageKind,
    path: &Path,
    here: &str,
) -> Judged {
    match look_at_head(controller, kind, path).await {
        Ok((what, None)) => Judged::pass(format!("{here}; it is {what}")),
        Ok((_, Some(stranger))) => {
            Judged::warning(format!("{here}. {}", stranger.text), stranger.remedy)
        }
        Err(error) => Judged::stopped(&error),
    }
}

/// What [`steps::poa::look_at_package`] says of its beginning, which is put into the folder of the check.
async fn look_at_head(
    controller: &Controller,
    kind: PackageKind,
    path: &Path,
) -> Result<(String, Option<Finding>), StepError> {
    let mut head = Vec::new();
    let file = std::fs::File::open(path);
    file.and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut head))
        .map_err(|source| StepError::Local {
            operation: "read",
            path: path.display().to_string(),
            source,
        })?;
    let name = path.file_name().unwrap_or_default();
    let target = controller.link()?.job_folder().join(name);
    controller
        .write_file(&target, HEAD_MODE, head, None)
        .await?;
    steps::poa::look_at_package(controller, kind, &target).await
}
