//! Whether the destination is the source, in lower case.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::snapshot::digest_of;

/// The marker of the destination's owner.
const OWNER: &[u8] = b"/.gwmigrate-owner.json";

/// Compares two trees; gives one line for everything that is missing, too many, or different.
///
/// Lock files are nobody's data and are passed over, and so are folders that only the destination has, because every post office has
/// them.
///
/// # Errors
/// What reading says.
pub fn compare_trees(
    source: &Path,
    destination: &Path,
    step_nanoseconds: i128,
) -> io::Result<Vec<String>> {
    compare_all_but(source, destination, step_nanoseconds, |_| false)
}

/// The same for all files but those whose path, in lower case and with a slash in front, is left out.
pub(super) fn compare_all_but(
    source: &Path,
    destination: &Path,
    step_nanoseconds: i128,
    is_left_out: impl Fn(&[u8]) -> bool,
) -> io::Result<Vec<String>> {
    let source = tree_of(source, true)?;
    let destination = tree_of(destination, false)?;
    let (mut wanted, mut found) = (source.files, destination.files);
    wanted.retain(|path, _| !is_left_out(path));
    // The owner of the destination folder is told in a file of its own.
    found.retain(|path, _| !is_left_out(path) && path != OWNER);
    let name = |bytes: &[u8]| postoffice::names::printable(bytes);
    let mut failures = Vec::new();
    for (path, file) in &wanted {
        match found.get(path) {
            None => failures.push(format!("{} is missing", name(path))),
            Some(copy) => failures.extend(
                compare_files(file, copy, step_nanoseconds)?
                    .map(|what| format!("{} {what}", name(path))),
            ),
        }
    }
    failures.extend(
        found
            .keys()
            .filter(|path| !wanted.contains_key(*path))
            .map(|path| format!("{} is too many", name(path))),
    );
    let folders = source.folders.difference(&destination.folders);
    failures.extend(folders.map(|path| format!("the folder {} is missing", name(path))));
    let others = destination.others.iter();
    failures.extend(others.map(|path| format!("{} is neither file nor folder", name(path))));
    Ok(failures)
}

fn compare_files(
    source: &Path,
    copy: &Path,
    step_nanoseconds: i128,
) -> io::Result<Option<&'static str>> {
    let (before, after) = (
        std::fs::symlink_metadata(source)?,
        std::fs::symlink_metadata(copy)?,
    );
    if before.len() != after.len() || digest_of(source)? != digest_of(copy)? {
        return Ok(Some("has other bytes"));
    }
    let time = |found: &std::fs::Metadata| {
        let nanoseconds =
            i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        nanoseconds.div_euclid(step_nanoseconds)
    };
    if time(&before) != time(&after) {
        return Ok(Some("has another time"));
    }
    Ok((after.mode() & 0o077 != 0).then_some("can be read by others"))
}

/// What a tree holds, by path.
#[derive(Default)]
struct Tree {
    files: BTreeMap<Vec<u8>, PathBuf>,
    folders: BTreeSet<Vec<u8>>,
    /// What is neither.
    others: Vec<Vec<u8>>,
}

/// The folders of a post office that hold its queues, in lower case.
pub const QUEUES: [&str; 2] = ["wpcsin", "wpcsout"];

/// An item stands in a queue, and that below one of these; what is beside the queues are logs and states of the agents.
const ITEM_DEPTH: usize = 2;

/// What stands in the queues of a destination, by path in its post office.
///
/// # Errors
/// What listing says.
pub fn queued_items(post_office: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut items = BTreeSet::new();
    for queues in QUEUES {
        let files = files_of(&post_office.join(queues), false)?.into_values();
        let paths = files.filter_map(|file| Some(file.strip_prefix(post_office).ok()?.to_owned()));
        items.extend(paths.filter(|path| path.components().count() > ITEM_DEPTH));
    }
    Ok(items)
}

/// The files of a tree by their path, in lower case where `lower` asks for it.
pub(super) fn files_of(root: &Path, lower: bool) -> io::Result<BTreeMap<Vec<u8>, PathBuf>> {
    tree_of(root, lower).map(|tree| tree.files)
}

fn tree_of(root: &Path, lower: bool) -> io::Result<Tree> {
    let mut tree = Tree::default();
    let mut waiting = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, path)) = waiting.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let bytes = entry.file_name().as_bytes().to_vec();
            let bytes = if lower { lowered(bytes) } else { bytes };
            let inner = [path.as_slice(), b"/", &bytes].concat();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push((entry.path(), inner.clone()));
                tree.folders.insert(inner);
            } else if !kind.is_file() {
                tree.others.push(inner);
            } else if !inner.to_ascii_lowercase().ends_with(b".lck") {
                tree.files.insert(inner, entry.path());
            }
        }
    }
    Ok(tree)
}

/// ARCHITECTURE.md rule 8, written once more: ASCII letters only, and names that hold other capitals or
/// are not UTF-8 stay.
fn lowered(name: Vec<u8>) -> Vec<u8> {
    let keeps = match std::str::from_utf8(&name) {
        Err(_) => true,
        Ok(text) => text
            .chars()
            .any(|letter| !letter.is_ascii() && letter.is_uppercase()),
    };
    if keeps {
        name
    } else {
        name.to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_kind_of_difference_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let (source, copy) = (folder.path().join("s"), folder.path().join("d"));
        fs::create_dir_all(source.join("OFUSER")).expect("made");
        fs::create_dir_all(copy.join("ofuser")).expect("made");
        for name in ["A.DB", "B.DB", "C.DB", "X.LCK"] {
            fs::write(source.join("OFUSER").join(name), name).expect("written");
        }
        fs::write(copy.join("ofuser/b.db"), "X.DB").expect("written");
        fs::copy(source.join("OFUSER/C.DB"), copy.join("ofuser/c.db")).expect("copied");
        fs::write(copy.join("ofuser/D.db"), "D").expect("written");
        fs::create_dir_all(source.join("OFFILES/FD0")).expect("made");
        fs::create_dir(copy.join("offiles")).expect("made");
        std::os::unix::fs::symlink("/etc", copy.join("offiles/fd1")).expect("made");
        let mut failures = compare_trees(&source, &copy, 1).expect("compared");
        failures.sort();
        assert_eq!(failures.len(), 6, "{failures:?}");
        assert_eq!(failures[0], "/offiles/fd1 is neither file nor folder");
        assert_eq!(failures[1], "/ofuser/D.db is too many");
        assert_eq!(failures[2], "/ofuser/a.db is missing");
        assert_eq!(failures[3], "/ofuser/b.db has other bytes");
        assert!(failures[4].starts_with("/ofuser/c.db "), "{failures:?}");
        assert_eq!(failures[5], "the folder /offiles/fd0 is missing");
    }
}
