//! The folder of a rehearsal: made, and cleared again but for its reports.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RehearsalOptions, RehearsalOutcome, report};
use crate::error::{HarnessError, io_error};

/// The folder that the options name, or a new one.
pub(super) fn folder_of(options: &RehearsalOptions) -> Result<PathBuf, HarnessError> {
    let folder = match &options.folder {
        Some(folder) => {
            fs::create_dir_all(folder).map_err(io_error("create", folder))?;
            folder.canonicalize().map_err(io_error("find", folder))?
        }
        None => new_folder()?,
    };
    Ok(folder)
}

/// A new folder among the temporary ones, with a lower-case name as everything on Linux should have.
fn new_folder() -> Result<PathBuf, HarnessError> {
    let parent = std::env::temp_dir();
    (1_u32..)
        .map(|number| parent.join(format!("gwrehearse-{}-{number}", std::process::id())))
        .find_map(|folder| match fs::create_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => None,
            outcome => Some(
                outcome
                    .map(|()| folder.clone())
                    .map_err(io_error("create", &folder)),
            ),
        })
        .unwrap_or_else(|| {
            Err(io_error("create a folder in", &parent)(
                std::io::ErrorKind::AlreadyExists.into(),
            ))
        })
}

/// Writes the summary beside what the commands printed.
pub(super) fn keep_reports(
    folder: &Path,
    job_folder: &Path,
    outcome: &RehearsalOutcome,
) -> Result<(), HarnessError> {
    let reports = folder.join("reports");
    let path = reports.join("summary.json");
    let text = serde_json::to_string_pretty(outcome).unwrap_or_default();
    fs::write(&path, text).map_err(io_error("write", &path))?;
    write_page(&reports, outcome)?;
    let seal = job_folder.join("seal.json");
    if seal.exists() {
        fs::copy(&seal, reports.join("seal.json")).map_err(io_error("copy", &seal))?;
    }
    Ok(())
}

fn write_page(reports: &Path, outcome: &RehearsalOutcome) -> Result<PathBuf, HarnessError> {
    let path = reports.join("report.html");
    fs::write(&path, report::page(outcome)).map_err(io_error("write", &path))?;
    Ok(path)
}

/// Makes the page of a rehearsal anew from its summary; `folder` is that of the rehearsal, or that of its reports.
///
/// # Errors
/// What reading the summary and writing the page says.
pub fn make_page_again(folder: &Path) -> Result<PathBuf, HarnessError> {
    let inside = folder.join("reports");
    let reports = if inside.is_dir() { &inside } else { folder };
    let path = reports.join("summary.json");
    let text = fs::read(&path).map_err(io_error("read", &path))?;
    let outcome = serde_json::from_slice(&text)
        .map_err(|error| io_error("understand", &path)(error.into()))?;
    write_page(reports, &outcome)
}

/// Removes everything of a rehearsal but its reports.
pub(super) fn remove_trees(folder: &Path) -> Result<(), HarnessError> {
    for name in ["source", "destination", "bin", "keys"] {
        let path = folder.join(name);
        fs::remove_dir_all(&path).map_err(io_error("remove", &path))?;
    }
    // What only some rehearsals have.
    let _ = fs::remove_dir_all(folder.join("agent"));
    for package in [
        "gwpoa.tar.gz",
        "novell-groupwise-server.rpm",
        "novell-groupwise-server.deb",
    ] {
        let _ = fs::remove_file(folder.join(package));
    }
    Ok(())
}
