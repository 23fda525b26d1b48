//! A bare reading of every byte of both trees, and the same with the bytes compared.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use super::super::Result;
use super::file::{Source, block};
use super::folder::{Folder, Listing};

/// Reads the files of a folder in every tree.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
    let mut block = block();
    folder.each_file(|open, name| {
        let mut file = Source::open(open, name)?;
        while file.next(&mut block)?.is_some() {}
        Ok(())
    })
}

/// Reads the files of a folder in both trees and refuses those that differ.
pub(super) fn visit_and_compare(folder: &Folder<'_>) -> Result<u64> {
    let [source, copy] = folder.open_all()?;
    let listing = Listing::of(&source)?;
    let copies = Listing::of(&copy)?;
    listing.folders.iter().for_each(|name| folder.add(name));
    let mut blocks = [block(), block()];
    for name in &listing.files {
        if !are_equal(&source, &copy, name, &mut blocks)? {
            return Err(format!("{} differs", name.to_string_lossy()).into());
        }
    }
    Ok((listing.files.len() + copies.files.len()) as u64)
}

fn are_equal(
    source: &OwnedFd,
    copy: &OwnedFd,
    name: &CStr,
    blocks: &mut [Vec<u8>; 2],
) -> Result<bool> {
    let [left, right] = blocks;
    let (mut first, mut second) = (Source::open(source, name)?, Source::open(copy, name)?);
    if first.stat.st_size != second.stat.st_size {
        return Ok(false);
    }
    // A plain file on a disk gives all that it is asked for, so that the blocks of both stay beside each other.
    while let Some(piece) = first.next(left)? {
        if second.next(right)? != Some(piece) {
            return Ok(false);
        }
    }
    Ok(true)
}
