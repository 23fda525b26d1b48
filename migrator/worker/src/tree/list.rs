//! Listing a folder.

use rustix::fs::{FileType, Mode, RawDir};
use rustix::io::Errno;
use smallvec::SmallVec;

use super::folder::FOLDER_FLAGS;
use super::{Folder, Kind};
use crate::pool::LARGE_NAMES;

/// A name of a listing, as bytes; a short one, as GroupWise's own are, stands in the entry itself.
pub type Name = SmallVec<[u8; 16]>;

/// One name in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, as bytes.
    pub name: Name,
    /// What it is, where the file system says so in the listing.
    pub kind: Option<Kind>,
    /// Its inode number, for reading in the order of the disk.
    pub inode: u64,
}

/// How much of a listing the kernel gives at once.
const LISTING_BYTES: usize = 32 << 10;

impl Folder {
    /// All names of this folder but `.` and `..`, sorted by name.
    ///
    /// # Errors
    /// As [`Folder::list_unsorted`].
    pub fn list(&self) -> Result<Vec<Entry>, Errno> {
        let mut entries = self.list_unsorted()?;
        entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        Ok(entries)
    }

    /// The same, in the order in which the file system has them: sorting takes as long as listing.
    ///
    /// # Errors
    /// What the kernel says, `ENOENT` where the folder has been removed; a listing is whole or an error, never cut short
    /// in silence.
    pub fn list_unsorted(&self) -> Result<Vec<Entry>, Errno> {
        self.list_if(|| true).map(Option::unwrap_or_default)
    }

    /// The same; none where the folder has more than [`LARGE_NAMES`] and that is no moment for a large one.
    ///
    /// # Errors
    /// As [`Folder::list_unsorted`].
    pub(crate) fn list_if(
        &self,
        may_be_large: impl Fn() -> bool,
    ) -> Result<Option<Vec<Entry>>, Errno> {
        let mut entries = Vec::new();
        self.refresh()?;
        // Opened once more: where a listing has come to belongs to the handle, and clones of this one list too.
        let handle = rustix::fs::openat(self, ".", FOLDER_FLAGS, Mode::empty())?;
        let mut buffer = Vec::with_capacity(LISTING_BYTES);
        let mut listing = RawDir::new(handle, buffer.spare_capacity_mut());
        while let Some(entry) = listing.next() {
            let entry = match entry {
                Err(Errno::INTR) => continue,
                entry => entry?,
            };
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => None,
                known => Some(Kind::from(known)),
            };
            entries.push(Entry {
                name: Name::from_slice(name),
                kind,
                inode: entry.ino(),
            });
            if entries.len() == LARGE_NAMES + 1 && !may_be_large() {
                return Ok(None);
            }
        }
        // Many threads hold one each, and a vector that has grown has room for twice as many.
        entries.shrink_to_fit();
        Ok(Some(entries))
    }

    /// What the entry is, asking the file system only where the listing did not say.
    ///
    /// # Errors
    /// `ENOENT` where it is gone, else what the kernel says.
    pub fn kind_of(&self, entry: &Entry) -> Result<Kind, Errno> {
        match entry.kind {
            Some(kind) => Ok(kind),
            None => self
                .metadata(&entry.name)?
                .map(|attributes| attributes.kind)
                .ok_or(Errno::NOENT),
        }
    }
}

/// The entries of a listing, sorted by name.
pub fn by_name(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_unstable_by_key(|entry| &entry.name);
    sorted
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::*;

    #[test]
    fn a_folder_that_was_removed_is_no_empty_folder() {
        let kept = tempfile::tempdir().unwrap();
        let root = Dir::open_ambient_dir(kept.path(), ambient_authority()).unwrap();
        root.create_dir("folder").unwrap();
        let folder = Folder::from_root(&root).unwrap();
        let folder = folder.open_folder(b"folder").unwrap();
        assert_eq!(folder.list(), Ok(Vec::new()));
        root.remove_dir("folder").unwrap();
        assert_eq!(folder.list(), Err(Errno::NOENT));
    }
}
