//! Source, destination, document areas and job folder, told apart before anything is written (ARCHITECTURE.md rule 9d).
//!
//! The worker does so as well, with the folders that it has opened.  Before there is a worker, the destination is asked for
//! the mount table and for the paths without symbolic links.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use protocol::places::{Place, trouble};
use protocol::{Finding, Verdict};

use super::mount_source;
use super::system_files::is_of_the_system;
use crate::controller::{Controller, StepError, StepOutcome, could_not_ask};

/// A folder of the job, as the worksheet names it.
struct Named {
    what: String,
    is_written: bool,
    path: PathBuf,
}

/// Makes sure that no folder of the job is, holds or is held by another.  Says in a sentence that they are apart.
///
/// # Errors
/// A refusal that names the two; a question that could not be asked.
pub(crate) async fn require_apart(controller: &Controller) -> Result<String, StepError> {
    let mut named = folders(controller);
    let how_many = named.len();
    named.extend(mount_points(controller)?);
    let mut folders = locate(controller, named).await?;
    let mount_points = folders.split_off(how_many);
    let mut written = folders.iter().filter(|place| place.is_written);
    if let Some(place) = written.find(|place| is_of_the_system(&place.path)) {
        return Err(StepError::refused(
            "folder-of-the-system",
            format!(
                "{} is {}, which is a folder of the system",
                place.what,
                place.path.display()
            ),
            "Name a folder of its own in the worksheet, such as one below it; nothing was changed",
        ));
    }
    // What the job mounts is wholly the source's, not only the folder of the post office in it.
    let mut groups = vec![folders.clone()];
    for mount_point in mount_points {
        let written = folders.iter().filter(|place| place.is_written).cloned();
        groups.push(written.chain([mount_point]).collect());
    }
    match groups.iter().find_map(|places| trouble(places)) {
        None => Ok(format!(
            "{} folders, each apart from the others",
            folders.len()
        )),
        Some(trouble) => Err(Finding::new(
            "places-overlap",
            Verdict::Refused,
            format!("The folders of this job are not apart: {trouble}"),
            "Correct the worksheet, or what is mounted where; nothing was changed",
        )
        .into()),
    }
}

/// Mounts everything, with the folders of the job told apart before anything is written, and again when what is mounted can be
/// seen.
///
/// # Errors
/// As [`mount_source::mount`]; folders that are not apart.
pub(super) async fn mount_source(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    require_apart(controller).await?;
    let outcome = mount_source::mount(controller).await?;
    require_apart(controller).await?;
    // A folder on a disk of the destination is a copy: `check` tells of that one alone.
    let writable = mount_source::writable(controller).await?;
    for one in writable.into_iter().filter(|one| one.is_share) {
        controller.report(one.finding);
    }
    Ok(outcome)
}

fn folders(controller: &Controller) -> Vec<Named> {
    let mut named = vec![Named {
        what: "the job folder".into(),
        is_written: true,
        path: controller.worksheet.destination.job_folder.clone(),
    }];
    for area in controller.area_orders() {
        named.push(Named {
            what: format!("the destination of {}", area.label),
            is_written: true,
            path: area.destination.into(),
        });
        named.push(Named {
            what: format!("the source of {}", area.label),
            is_written: false,
            path: area.source.into(),
        });
    }
    named
}

fn mount_points(controller: &Controller) -> Result<Vec<Named>, StepError> {
    let mounts = mount_source::mounts(controller)?.into_iter();
    let ours = mounts.filter(|mount| !mount.plan.commands.is_empty());
    Ok(ours
        .map(|mount| Named {
            what: format!("what is mounted as the {}", mount.what),
            is_written: false,
            path: mount.plan.proof.path,
        })
        .collect())
}

async fn locate(controller: &Controller, named: Vec<Named>) -> Result<Vec<Place>, StepError> {
    let paths = without_links(controller, &named).await?;
    let table = protocol::mounts::parse(&controller.link()?.mount_table().await?);
    let places = named.iter().zip(&paths).map(|(named, path)| {
        Place::locate(&named.what, named.is_written, path, &table)
            .ok_or_else(|| could_not_ask(path, "the mount table does not say what it is on"))
    });
    places.collect()
}

/// The paths as they are without symbolic links, also of what is not there yet.
async fn without_links(
    controller: &Controller,
    named: &[Named],
) -> Result<Vec<PathBuf>, StepError> {
    let link = controller.link()?;
    let command = link
        .command("readlink")
        .arguments(["-m", "-z", "--"])
        .arguments(named.iter().map(|named| named.path.clone()));
    let output = link.succeed(&command).await?;
    let paths = output.stdout.split(|&byte| byte == 0);
    let paths: Vec<PathBuf> = paths
        .filter(|path| !path.is_empty())
        .map(|path| OsString::from_vec(path.to_vec()).into())
        .collect();
    let is_whole = paths.len() == named.len() && paths.iter().all(|path| path.is_absolute());
    if is_whole {
        return Ok(paths);
    }
    Err(could_not_ask(
        Path::new("readlink"),
        "it does not say one path for each",
    ))
}
