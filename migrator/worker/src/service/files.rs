//! Files that requests write and remove: the reports of the job folder, and what the job has put into the system.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::error::{Result, WorkerError};
use protocol::KnownFacts;

/// The folder of the job folder that keeps the reports.
const REPORT_FOLDER: &str = "reports";

/// Writes a report under the next free number.
pub(super) fn keep_report(
    job_folder: &Path,
    command: &str,
    report: &serde_json::Value,
) -> Result<String> {
    let failed = |source| WorkerError::JobFolder {
        operation: "write",
        name: REPORT_FOLDER.into(),
        source,
    };
    let command: String = command
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let folder = job_folder.join(REPORT_FOLDER);
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let text = serde_json::to_vec_pretty(report).map_err(|error| failed(error.into()))?;
    let mut number = 1 + std::fs::read_dir(&folder).map_err(failed)?.count();
    loop {
        let name = format!("{number:04}-{command}.json");
        match create_new(&folder, &name) {
            Ok(mut file) => {
                file.write_all(&text)
                    .and_then(|()| file.sync_all())
                    .map_err(failed)?;
                return Ok(format!("{REPORT_FOLDER}/{name}"));
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(failed(error)),
        }
    }
}

fn create_new(folder: &Path, name: &str) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(name))
}

/// Removes what the job has put into the system of the destination.
pub(super) fn remove_placed(facts: &KnownFacts) -> Result<()> {
    let failed = |name: &str| {
        let name = name.to_owned();
        move |source| WorkerError::JobFolder {
            operation: "remove",
            name,
            source,
        }
    };
    for file in &facts.placed_files {
        match std::fs::remove_file(file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(file)(error));
            }
            _ => {}
        }
    }
    // Deeper ones first.
    for folder in facts.made_folders.iter().rev() {
        match std::fs::remove_dir(folder) {
            Err(error)
                if !matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::DirectoryNotEmpty
                ) =>
            {
                return Err(failed(folder)(error));
            }
            _ => {}
        }
    }
    Ok(())
}
