//! The names of files and folders that a database keeps.

use std::path::Path;

use postoffice::flaim::{Database, Limits, NameProfile, NameSeen, NameState, each_name};
use postoffice::names::RelativePath;
use serde::Serialize;
use worker::error::WorkerError;

/// How many names there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DatabaseNames {
    /// All.
    pub names: u64,
    /// Those that lower-casing would change.
    pub to_change: u64,
    /// Those that have capital letters and would stay.
    pub left_alone: u64,
}

/// Hands out every value that the profile takes for a name, and counts them.
///
/// # Errors
/// [`WorkerError::Database`] where the database cannot be read.
pub fn names(
    file: &Path,
    profile: &NameProfile,
    see: &mut dyn FnMut(&NameSeen),
) -> Result<DatabaseNames, WorkerError> {
    let (opened, control) = super::open(file)?;
    opened.header()?;
    let failed = |source| WorkerError::Database {
        path: RelativePath::root().join(&control),
        source: Box::new(source),
    };
    let database = Database::open(&opened.files, Limits::default()).map_err(failed)?;
    let mut counts = DatabaseNames::default();
    each_name::<_, postoffice::flaim::Error>(&database, profile, |name| {
        counts.names += 1;
        match name.state {
            NameState::Lower => {}
            NameState::Changes => counts.to_change += 1,
            NameState::Stays(_) => counts.left_alone += 1,
        }
        see(&name);
        Ok(())
    })
    .map_err(failed)?;
    Ok(counts)
}
