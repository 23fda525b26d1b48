//! Everything that a tree says about itself, so that a single changed byte or time is seen.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A tree at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot(BTreeMap<Vec<u8>, Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    size: u64,
    mode: u32,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    digest: Option<blake3::Hash>,
}

impl Snapshot {
    /// Reads a tree, every byte of it.
    ///
    /// # Errors
    /// What reading says.
    pub fn take(root: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        let mut waiting = vec![(root.to_owned(), Vec::new())];
        while let Some((path, name)) = waiting.pop() {
            let metadata = std::fs::symlink_metadata(&path)?;
            let digest = if metadata.is_file() {
                Some(digest_of(&path)?)
            } else {
                None
            };
            if metadata.is_dir() {
                for inner in std::fs::read_dir(&path)? {
                    let inner = inner?;
                    let mut inner_name = name.clone();
                    inner_name.push(b'/');
                    inner_name.extend_from_slice(inner.file_name().as_bytes());
                    waiting.push((inner.path(), inner_name));
                }
            }
            entries.insert(
                name,
                Entry {
                    size: metadata.len(),
                    mode: metadata.mode(),
                    inode: metadata.ino(),
                    modified: (metadata.mtime(), metadata.mtime_nsec()),
                    changed: (metadata.ctime(), metadata.ctime_nsec()),
                    digest,
                },
            );
        }
        Ok(Self(entries))
    }

    /// What differs in a later snapshot of the same tree; nothing where nobody has written to it.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let name = |bytes: &[u8]| postoffice::names::printable(bytes);
        let changed = self
            .0
            .iter()
            .filter_map(|(path, entry)| match later.0.get(path) {
                None => Some(format!("{} is gone", name(path))),
                Some(now) if now == entry => None,
                Some(now) if now.digest != entry.digest => {
                    Some(format!("{} has other bytes", name(path)))
                }
                Some(_) => Some(format!("{} has other attributes", name(path))),
            });
        let new = later.0.keys().filter(|path| !self.0.contains_key(*path));
        changed
            .chain(new.map(|path| format!("{} is new", name(path))))
            .collect()
    }
}

pub(super) fn digest_of(path: &Path) -> io::Result<blake3::Hash> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_byte_and_a_touched_time_are_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a");
        std::fs::write(&file, b"one").expect("written");
        let before = Snapshot::take(folder.path()).expect("taken");
        assert!(
            before
                .differences(&Snapshot::take(folder.path()).expect("taken"))
                .is_empty()
        );
        std::fs::write(&file, b"two").expect("written");
        let after = Snapshot::take(folder.path()).expect("taken");
        assert_eq!(before.differences(&after), ["/a has other bytes"]);
        std::fs::write(folder.path().join("b"), b"").expect("written");
        let later = Snapshot::take(folder.path()).expect("taken");
        assert!(after.differences(&later).contains(&"/b is new".to_owned()));
    }
}
