//! `gwmigrate database …`: one database where it lies, without worksheet, server or job.
//!
//! Nothing here writes but [`lowercase`], and that works on a copy which it puts in place as a whole.

mod check;
mod dump;
mod lowercase;
mod names;
mod probe;

pub use check::{CheckFinding, DatabaseCheck, check};
pub use dump::dump;
pub use lowercase::{DatabaseLowercase, lowercase};
pub use names::{DatabaseNames, names};
pub use probe::{DatabaseProbe, probe};

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use worker::capabilities;
use worker::database::{OpenDatabase, open_database};
use worker::error::WorkerError;
use worker::tree::Folder;

/// Opens the database with this control file.
fn open(file: &Path) -> Result<(OpenDatabase, Vec<u8>), WorkerError> {
    let (folder, control) = locate(file)?;
    let opened = open_database(&folder, &control).map_err(|error| not_there(file, error))?;
    Ok((opened, control))
}

/// A file that is not there is a mistake of the command line, and none of the system.
fn not_there(file: &Path, error: WorkerError) -> WorkerError {
    match error {
        WorkerError::FileSystem { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            WorkerError::Open {
                role: "the database",
                path: file.display().to_string(),
                source: source.into(),
            }
        }
        other => other,
    }
}

/// The folder of a control file, open, and the name of the file in it.
///
/// # Errors
/// [`WorkerError::Open`] where the folder cannot be opened.
fn locate(file: &Path) -> Result<(Folder, Vec<u8>), WorkerError> {
    let absolute = std::path::absolute(file).map_err(|source| WorkerError::Open {
        role: "the database",
        path: file.display().to_string(),
        source,
    })?;
    let name = absolute.file_name().unwrap_or_default().as_bytes().to_vec();
    let folder = absolute.parent().unwrap_or(&absolute);
    Ok((
        capabilities::open_folder("the folder of the database", folder)?,
        name,
    ))
}
