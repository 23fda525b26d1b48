//! Files and folders of the destination's system that a job has put into place, and how they go when it is undone.
//!
//! Each is remembered before it is made, and only where nothing was there: what was there before is somebody's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use protocol::{Change, Fact, Finding, JobState, Step, StepState, Verdict};
use serde::{Deserialize, Serialize};

use crate::controller::{Controller, StepError};

/// What the agent must never own: everybody's folders.
const OF_THE_SYSTEM: [&str; 16] = [
    "/", "/bin", "/boot", "/etc", "/home", "/lib", "/media", "/mnt", "/opt", "/root", "/run",
    "/srv", "/tmp", "/usr", "/var", "/var/log",
];

/// What lies in these is the system's as well.
const WITH_ALL_IN_THEM: [&str; 10] = [
    "/bin",
    "/boot",
    "/dev",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr/bin",
    "/usr/sbin",
];

/// Whether a folder is one of the system, which no job may have for its own.
pub(crate) fn is_of_the_system(path: &Path) -> bool {
    OF_THE_SYSTEM.iter().any(|system| path == Path::new(system))
        || WITH_ALL_IN_THEM
            .iter()
            .any(|system| path.starts_with(system))
}

/// Nobody but its owner enters a folder of logs or certificates.
const PRIVATE: u32 = 0o700;

/// Something at the destination that stays when a job is undone, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staying {
    /// What.
    pub what: String,
    /// Why, and what a person can do.
    pub why: String,
}

/// What becomes of the system of the destination when a job is undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SystemPlan {
    /// Files that this job put into place, and that go.
    pub files: Vec<PathBuf>,
    /// Folders that it made, which go where nothing else is in them.
    pub folders: Vec<PathBuf>,
    /// What stays.
    pub staying: Vec<Staying>,
}

/// Whether this job may write a file of the system: nothing is there, or what it has placed itself, by `placed`.  It may not, and need
/// not, where somebody else has put the very same bytes there.
///
/// # Errors
/// A refusal where something else is there; a question that could not be asked.
pub(crate) async fn may_place(
    controller: &Controller,
    placed: &BTreeSet<String>,
    file: &Path,
    digest: &str,
) -> Result<bool, StepError> {
    if placed.contains(file.to_string_lossy().as_ref()) {
        return Ok(true);
    }
    match controller.digest(file).await? {
        None => Ok(true),
        Some(found) if found == digest => Ok(false),
        Some(_) => Err(of_somebody(file)),
    }
}

fn of_somebody(file: &Path) -> StepError {
    let text = format!(
        "{} is there already, says something else and was not put there by this job: another agent of this server may use it",
        file.display()
    );
    let remedy = "See whose it is. Where nobody uses it, move it away. Where an agent does: give certificate and key other names at the \
                  source and in [poa], or this POA a place of its own ([poa] install_folder). Then run the same command again";
    Finding::new("file-of-somebody", Verdict::Refused, text, remedy)
        .about(file.as_os_str().as_encoded_bytes())
        .into()
}

/// The same, where the job remembers it before the file is written.
///
/// # Errors
/// As [`may_place`]; what the job store says.
pub(crate) async fn claim(
    controller: &Controller,
    file: &Path,
    digest: &str,
) -> Result<bool, StepError> {
    let placed = controller.state().await?.facts.placed_files;
    let may = may_place(controller, &placed, file, digest).await?;
    if may {
        let file = file.to_string_lossy().into_owned();
        controller.remember(Fact::PlacedFile(file)).await?;
    }
    Ok(may)
}

/// Makes a folder of the system where it is not there, and remembers that this job made it.
///
/// # Errors
/// What making it says.
pub(crate) async fn make_folder(controller: &Controller, folder: &Path) -> Result<(), StepError> {
    if controller.entry(folder).await?.is_some() {
        return Ok(());
    }
    let made = Fact::MadeFolder(folder.to_string_lossy().into_owned());
    // Remembered before: cut off in between, it is this job's all the same, because it was not there.
    controller.remember(made).await?;
    let path = folder.to_owned();
    controller
        .change(Change::MakeFolder {
            path,
            mode: PRIVATE,
        })
        .await?;
    Ok(())
}

/// The folder for the log that the profile has for this post office; none where its agents log inside the post office.
///
/// # Errors
/// What is wrong with the profile.
pub(crate) fn own_log_folder(controller: &Controller) -> Result<Option<PathBuf>, StepError> {
    let name = controller.worksheet.post_office.name.to_ascii_lowercase();
    let folder = controller.profile()?.agent.log_folder;
    Ok(folder.map(|folder| folder.join(format!("{name}.poa"))))
}

/// What the startup files of agents end with: of a POA, an MTA and a GWIA.
const STARTUP_ENDINGS: [&str; 3] = [".poa", ".mta", ".cfg"];

/// Those of the files that this job has placed which another agent of the server uses, each with the startup file that names it: two
/// post offices may have one certificate.
///
/// # Errors
/// A question that could not be asked; what is wrong with the profile.
async fn used_by_others(
    controller: &Controller,
    placed: &BTreeSet<String>,
) -> Result<BTreeMap<String, PathBuf>, StepError> {
    let folder = controller.profile()?.agent.startup_folder;
    let mut used = BTreeMap::new();
    for ending in STARTUP_ENDINGS {
        let found = controller.files_ending(&folder, ending).await?;
        for startup in found.unwrap_or_default() {
            if placed.contains(startup.to_string_lossy().as_ref()) {
                continue;
            }
            let says = controller.content(&startup).await?.unwrap_or_default();
            let says = String::from_utf8_lossy(&says);
            let named = placed.iter().filter(|file| says.contains(*file));
            used.extend(named.map(|file| (file.clone(), startup.clone())));
        }
    }
    Ok(used)
}

/// What is to be undone; changes nothing.
///
/// # Errors
/// A question that could not be asked; what is wrong with the profile.
pub(crate) async fn plan(
    controller: &Controller,
    state: &JobState,
) -> Result<SystemPlan, StepError> {
    let mut plan = SystemPlan::default();
    let placed = &state.facts.placed_files;
    let used = used_by_others(controller, placed).await?;
    for file in placed.iter().filter(|file| !used.contains_key(*file)) {
        let file = PathBuf::from(file);
        if controller.entry(&file).await?.is_some() {
            plan.files.push(file);
        }
    }
    for folder in &state.facts.made_folders {
        let folder = PathBuf::from(folder);
        if controller.entry(&folder).await?.is_some() {
            plan.folders.push(folder);
        }
    }
    // Deeper ones first.
    plan.folders.reverse();
    let mut stays = |what: String, why: &str| {
        plan.staying.push(Staying {
            what,
            why: why.to_owned(),
        });
    };
    for (file, startup) in used {
        stays(
            file,
            &format!(
                "another agent of this server uses it, by {}",
                startup.display()
            ),
        );
    }
    let is_installed = state
        .step(Step::StartTestPoa)
        .is_some_and(|line| line.state != StepState::Skipped);
    if controller.worksheet.poa.package.is_some() && is_installed {
        stays(
            "the software of the Linux POA".to_owned(),
            "other agents of this server may use it; where none does, remove it with the package manager, or the folder that it \
             was unpacked into",
        );
    }
    if let Some(user) = &state.facts.runs_as {
        stays(
            format!("{user} in uid.conf"),
            "it is for all agents of the server; correct it by hand where no agent needs it",
        );
    }
    if let Some(folder) = own_log_folder(controller)? {
        stays(
            format!("what the POA has logged to {}", folder.display()),
            "it may explain something later; remove it by hand when nobody needs it",
        );
    }
    stays(
        format!(
            "the job folder {}",
            controller.worksheet.destination.job_folder.display()
        ),
        "it holds the reports, the seal and what was set aside; remove it by hand when nobody needs it",
    );
    Ok(plan)
}
