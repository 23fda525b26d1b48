//! The files of a database in a tree.

use cap_std::fs::Dir;
use postoffice::flaim::{DatabaseFile, MemoryFileSet, Version, base_of, probe_files};
use postoffice::names::RelativePath;

use super::failed;
use crate::error::SimulatorError;
use crate::tree::{self, WriteMode};

/// Reads all data files of the database with this control file; their names may have another case than its own.
pub(crate) fn load(root: &Dir, control: &RelativePath) -> Result<MemoryFileSet, SimulatorError> {
    let mut files = MemoryFileSet::new();
    files.insert(DatabaseFile::CONTROL, tree::read(root, control)?);
    let header = probe_files(&files).map_err(failed(control))?;
    for number in 1..=header.log.logical_end.file_number() {
        let file = DatabaseFile::Numbered(number);
        let path = find(root, control, file, header.version)?;
        files.insert(file, tree::read(root, &path)?);
    }
    Ok(files)
}

/// The path of a file of a database: beside the control file, under its base, in any case.
fn find(
    root: &Dir,
    control: &RelativePath,
    file: DatabaseFile,
    version: Version,
) -> Result<RelativePath, SimulatorError> {
    let usual = path_of(control, file, version);
    if root.symlink_metadata(tree::as_path(&usual)).is_ok() {
        return Ok(usual);
    }
    let (folder, name) = control.split().unwrap_or_default();
    let base = base_of(name);
    let found = tree::names(root, &folder)?
        .into_iter()
        .find(|name| DatabaseFile::of_name(base, name, version) == Some(file));
    Ok(found.map_or(usual, |name| folder.join(&name)))
}

/// The path that a file of a database has when its name has the case of the control file's.
fn path_of(control: &RelativePath, file: DatabaseFile, version: Version) -> RelativePath {
    if file == DatabaseFile::CONTROL {
        return control.clone();
    }
    let (folder, name) = control.split().unwrap_or_default();
    folder.join(&name_of(name, file, version))
}

fn name_of(control: &[u8], file: DatabaseFile, version: Version) -> Vec<u8> {
    if file == DatabaseFile::CONTROL {
        return control.to_vec();
    }
    // The extension alone; bases need not be UTF-8.
    let extension = file.name("", version);
    [base_of(control), extension.as_bytes()].concat()
}

/// The files of a database with the names that they get beside a control file of this name.
pub(crate) fn names_of<'a>(
    control: &'a [u8],
    files: &'a MemoryFileSet,
) -> impl Iterator<Item = (Vec<u8>, &'a [u8])> {
    let version = probe_files(files).map(|header| header.version).ok();
    files
        .iter()
        .filter_map(move |(file, bytes)| Some((name_of(control, file, version?), bytes.as_slice())))
}

/// Writes a database that is not there yet; says which files it has.
pub(crate) fn write_new(
    root: &Dir,
    control: &RelativePath,
    files: &MemoryFileSet,
    mode: WriteMode,
) -> Result<Vec<RelativePath>, SimulatorError> {
    let (folder, name) = control.split().unwrap_or_default();
    let open = tree::open_below(root, &folder)?;
    let mut paths = Vec::new();
    for (name, bytes) in names_of(name, files) {
        tree::write_new(&open, &name, bytes, mode)?;
        paths.push(folder.join(&name));
    }
    Ok(paths)
}

/// Writes what changed of a database into its files, in place, the control file last; says which files changed.
pub(crate) fn save(
    root: &Dir,
    control: &RelativePath,
    old: &MemoryFileSet,
    new: &MemoryFileSet,
    mode: WriteMode,
) -> Result<Vec<RelativePath>, SimulatorError> {
    let version = probe_files(new).map_err(failed(control))?.version;
    let mut changed = Vec::new();
    let mut files: Vec<_> = new.iter().collect();
    // The control file has the lowest number.
    files.reverse();
    for (file, bytes) in files {
        let before = old.get(file).map(Vec::as_slice).unwrap_or_default();
        if before != bytes {
            let path = find(root, control, file, version)?;
            tree::write_changes(root, &path, before, bytes, mode)?;
            changed.push(path);
        }
    }
    Ok(changed)
}
