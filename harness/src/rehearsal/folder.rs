//! The folder of a rehearsal: made, and cleared again but for its reports.

use std::fs;
use std::path::{Path, PathBuf};

use super::{RehearsalError, RehearsalOptions, RehearsalOutcome, io_error};

/// The folder that the options name, or a new one.
pub(super) fn folder_of(options: &RehearsalOptions) -> Result<PathBuf, RehearsalError> {
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
fn new_folder() -> Result<PathBuf, RehearsalError> {
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
    outcome: &RehearsalOutcome,
) -> Result<(), RehearsalError> {
    let reports = folder.join("reports");
    let path = reports.join("summary.json");
    let text = serde_json::to_string_pretty(outcome).unwrap_or_default();
    fs::write(&path, text).map_err(io_error("write", &path))?;
    let seal = folder.join("destination/job/seal.json");
    if seal.exists() {
        fs::copy(&seal, reports.join("seal.json")).map_err(io_error("copy", &seal))?;
    }
    Ok(())
}

/// Removes everything of a rehearsal but its reports.
pub(super) fn remove_trees(folder: &Path) -> Result<(), RehearsalError> {
    for name in ["source", "destination", "bin", "keys"] {
        let path = folder.join(name);
        fs::remove_dir_all(&path).map_err(io_error("remove", &path))?;
    }
    let _ = fs::remove_file(folder.join("gwpoa.tar.gz"));
    Ok(())
}
