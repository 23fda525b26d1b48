//! A bare look at trees with the same folders: at every file of each once, at none for what it is.

use rustix::fs::{AtFlags, statat};

use super::super::Result;
use super::folder::{Folder, Listing};

/// Looks at the files of a folder in every tree.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
    let mut files = 0;
    for (number, root) in folder.roots.iter().enumerate() {
        let open = folder.open(root)?;
        let listing = Listing::of(&open)?;
        if number == 0 {
            listing.folders.iter().for_each(|name| folder.add(name));
        }
        for name in &listing.files {
            statat(&open, name, AtFlags::SYMLINK_NOFOLLOW)?;
        }
        files += listing.files.len() as u64;
    }
    Ok(files)
}
