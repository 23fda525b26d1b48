//! Whether a tree holds what the agent of the source says it did.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use postoffice::names::RelativePath;
use simulator::{Acknowledged, database_digest, files_left};

use super::snapshot::digest_of;
use super::trees::files_of;

/// Compares the source with the journals of those who worked on it: every file that was made and not taken away stands
/// there, and every database is as its last change left it.  Gives one line for each that is not so.
///
/// # Errors
/// What reading says.
pub fn compare_with_journal(source: &Path, journal: &[Acknowledged]) -> io::Result<Vec<String>> {
    let mut failures = Vec::new();
    for (path, digest) in files_left(journal) {
        let found = digest_of(&source.join(path)).ok();
        if found.is_none_or(|found| found.to_hex().as_str() != digest) {
            failures.push(format!("{path} is not there as it was acknowledged"));
        }
    }
    let mut last = BTreeMap::new();
    for change in journal.iter().flat_map(|entry| &entry.databases) {
        last.insert(change.database.as_str(), change.after.as_str());
    }
    for (database, digest) in last {
        if state_of(source, Path::new(database))?.as_deref() != Some(digest) {
            failures.push(format!("{database} is not as it was acknowledged"));
        }
    }
    Ok(failures)
}

/// The databases below a folder that are torn: in a state that the source never had between two changes.  `source` is as
/// it was when the journal ended.
///
/// # Errors
/// What reading says.
pub fn torn_databases(
    folder: &Path,
    source: &Path,
    journal: &[Acknowledged],
) -> io::Result<Vec<String>> {
    let mut states: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    for change in journal.iter().flat_map(|entry| &entry.databases) {
        let path = change.database.to_ascii_lowercase().into_bytes();
        let known = states.entry(path).or_default();
        known.extend(change.before.clone());
        known.insert(change.after.clone());
    }
    let is_database = |path: &[u8]| path.ends_with(b".db") || path.ends_with(b".fbk");
    let at_source = files_of(source, true)?;
    let mut torn = Vec::new();
    for (path, file) in files_of(folder, true)? {
        let Some(name) = path.strip_prefix(b"/").filter(|name| is_database(name)) else {
            continue;
        };
        let mut known = states.get(name).cloned().unwrap_or_default();
        if let Some(original) = at_source.get(&path) {
            known.extend(state_of(source, below(source, original))?);
        }
        let state = state_of(folder, below(folder, &file))?;
        if state.is_none_or(|state| !known.contains(&state)) {
            torn.push(postoffice::names::printable(name));
        }
    }
    Ok(torn)
}

fn below<'a>(folder: &Path, path: &'a Path) -> &'a Path {
    path.strip_prefix(folder).unwrap_or(path)
}

/// The digest of a database, or nothing where it cannot be read as one.
fn state_of(folder: &Path, control: &Path) -> io::Result<Option<String>> {
    let path = RelativePath::from_bytes(control.as_os_str().as_bytes());
    let path = path.ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(database_digest(folder, &path).ok())
}
