//! Proving the catalogue of a guardian: every file that it names is there, under exactly that name (ARCHITECTURE.md
//! rule 9).

use postoffice::flaim::{Database, Limits, each_catalogued};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::{GUARDIAN, open_at_destination};
use crate::capabilities::Area;
use crate::database::in_database;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::tree::Folder;
use protocol::{Finding, Verdict};

/// Proves that every file that the guardian of the destination catalogues is there under exactly that name; says how many
/// are not.
///
/// An entry whose file the source does not have either is old trouble, and said as such.
///
/// # Errors
/// What reading says; nothing is proven of a guardian that cannot be read.
pub(crate) fn prove_catalogue(area: &Area, monitor: &dyn Monitor) -> Result<u64> {
    let Some(opened) = open_at_destination(area)?.filter(|opened| opened.header.is_ok()) else {
        return Ok(0);
    };
    let failed = in_database(GUARDIAN);
    let database = Database::open(&opened.files, Limits::default()).map_err(&failed)?;
    let mut missing = 0;
    each_catalogued(&database, |entry| -> std::result::Result<(), Failure> {
        if stands(&area.destination, &entry.path)? {
            return Ok(());
        }
        if stands_in_any_case(area.source()?, &entry.path)? {
            missing += 1;
            monitor.finding(
                Finding::new(
                    "seal-guardian-entry",
                    Verdict::Unproven,
                    "the guardian names this file, and the destination has none of exactly that name",
                    "Do not start the POA; run stage two again, and look at this entry if it stays",
                )
                .about(entry.path.as_bytes()),
            );
        } else {
            monitor.finding(
                Finding::new(
                    "guardian-entry-stale",
                    Verdict::NeedsAttention,
                    "the guardian names this file, and the source does not have it either",
                    "Nothing for the migration; GWCheck removes such entries (STOREDROP)",
                )
                .about(entry.path.as_bytes()),
            );
        }
        Ok(())
    })
    .map_err(|failure| match failure {
        Failure::Engine(error) => failed(error),
        Failure::Worker(error) => error,
    })?;
    Ok(missing)
}

/// What can go wrong while the catalogue is walked.
enum Failure {
    Engine(postoffice::flaim::Error),
    Worker(WorkerError),
}

impl From<postoffice::flaim::Error> for Failure {
    fn from(error: postoffice::flaim::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<WorkerError> for Failure {
    fn from(error: WorkerError) -> Self {
        Self::Worker(error)
    }
}

fn stands(root: &Folder, path: &RelativePath) -> Result<bool> {
    let Some((folder, name)) = path.split_last() else {
        return Ok(false);
    };
    let looked = root
        .descend(&folder)
        .and_then(|folder| folder.metadata(name));
    match looked {
        Ok(attributes) => Ok(attributes.is_some()),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL) => Ok(false),
        Err(errno) => Err(WorkerError::reading("look at", path, errno)),
    }
}

fn stands_in_any_case(root: &Folder, path: &RelativePath) -> Result<bool> {
    let failed = |errno| WorkerError::reading("look at", path, errno);
    let mut folder = root.clone();
    let mut names = path.components().peekable();
    while let Some(wanted) = names.next() {
        let entries = folder.list().map_err(failed)?;
        let found = entries
            .iter()
            .find(|entry| entry.name.eq_ignore_ascii_case(wanted));
        let Some(found) = found else {
            return Ok(false);
        };
        if names.peek().is_some() {
            folder = match folder.open_folder(&found.name) {
                Ok(folder) => folder,
                Err(Errno::NOTDIR) => return Ok(false),
                Err(errno) => return Err(failed(errno)),
            };
        }
    }
    Ok(true)
}
