//! A bare renaming of every name that is not lower case; nothing is planned or recorded.

use std::ffi::CString;
use std::os::fd::OwnedFd;

use rustix::fs::{RenameFlags, renameat_with};

use super::super::Result;
use super::folder::{Folder, Listing};

/// Renames what is in a folder; its folders first, so that those who enter them find them under their new names.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
    let [open] = folder.open_all()?;
    let listing = Listing::of(&open)?;
    let files = listing.files.len() as u64;
    for name in listing.folders {
        folder.add(&rename(&open, name)?);
    }
    for name in listing.files {
        rename(&open, name)?;
    }
    Ok(files)
}

/// Makes a name lower case, where it is not; returns what it is now.
fn rename(folder: &OwnedFd, name: CString) -> Result<CString> {
    if !name.as_bytes().iter().any(u8::is_ascii_uppercase) {
        return Ok(name);
    }
    let lower = CString::new(name.as_bytes().to_ascii_lowercase())?;
    renameat_with(folder, &name, folder, &lower, RenameFlags::NOREPLACE)?;
    Ok(lower)
}
