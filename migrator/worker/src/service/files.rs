//! Files that requests write and remove: the reports of the job folder, and what the job has put into the system.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use protocol::KnownFacts;
use rustix::io::Errno;

use crate::capabilities::{open_folder, open_without_links, without_links};
use crate::error::{Result, WorkerError};
use crate::store::JobStore;
use crate::tree::Folder;

/// The folder of the job folder that keeps the reports.
const REPORT_FOLDER: &str = "reports";

/// Writes a report under the next free number.
pub(super) fn keep_report(
    job_folder: &Path,
    command: &str,
    report: &serde_json::Value,
) -> Result<String> {
    let command: String = command
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(40)
        .collect();
    let job = open_folder("the job folder", job_folder)?;
    let write = || {
        let text = serde_json::to_vec_pretty(report)?;
        let (folder, _) = job.create_folder(REPORT_FOLDER.as_bytes())?;
        let mut number = 1 + folder.list_unsorted()?.len();
        loop {
            let name = format!("{number:04}-{command}.json");
            match folder.create_file(name.as_bytes()) {
                Ok(file) => {
                    let mut file = File::from(file);
                    file.write_all(&text)?;
                    file.sync_all()?;
                    return Ok(format!("{REPORT_FOLDER}/{name}"));
                }
                Err(Errno::EXIST) => number += 1,
                Err(errno) => return Err(io::Error::from(errno)),
            }
        }
    };
    write().map_err(|source| WorkerError::JobFolder {
        operation: "write",
        name: REPORT_FOLDER.into(),
        source,
    })
}

/// Remembers where something that is about to be put into the system really is.
///
/// Links that lead there now are the system's.  Those that lead there when it is removed are followed no more: by then others
/// may have had a folder above it.
pub(super) fn remember_place(store: &JobStore, path: &str) -> Result<()> {
    let real = without_links(Path::new(path)).map_err(|source| WorkerError::Host {
        operation: "look at",
        path: path.to_owned(),
        source,
    })?;
    store.remember_real_place(path, &real.to_string_lossy())
}

/// Removes what the job has put into the system of the destination, and follows no link on the way there.
pub(super) fn remove_placed(store: &JobStore, facts: &KnownFacts) -> Result<()> {
    let places = store.real_places()?;
    let remove = |path: &str, how: fn(&Folder, &[u8]) -> std::result::Result<bool, Errno>| {
        let real = Path::new(places.get(path).map_or(path, String::as_str));
        let outcome = match (real.parent(), real.file_name()) {
            (Some(parent), Some(name)) => open_without_links(parent)
                .and_then(|folder| Ok(how(&folder, name.as_encoded_bytes())?)),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        match outcome {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(WorkerError::Host {
                operation: "remove",
                path: real.display().to_string(),
                source,
            }),
            Ok(_) => Ok(()),
        }
    };
    for file in &facts.placed_files {
        remove(file, Folder::remove_file)?;
    }
    // Deeper ones first.
    for folder in facts.made_folders.iter().rev() {
        remove(folder, |above, name| match above.remove_folder(name) {
            Err(Errno::NOTEMPTY) => Ok(false),
            outcome => outcome,
        })?;
    }
    Ok(())
}
