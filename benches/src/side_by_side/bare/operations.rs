//! What the loops do with one folder; nothing is planned, hashed or recorded, and nothing is looked at twice.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RenameFlags, Stat, Timespec, Timestamps, UTIME_OMIT, fstat,
    futimens, mkdirat, openat, renameat_with, statat,
};
use rustix::io;

use super::super::Result;
use super::folders::{Folder, Listing, list};

/// Lists a folder.
pub(super) fn walk(folder: &Folder<'_>) -> Result<u64> {
    let [open] = folder.open_all()?;
    let mut files = 0;
    list(&open, |name, is_folder, _| {
        if is_folder {
            folder.add(name);
        } else {
            files += 1;
        }
    })?;
    Ok(files)
}

/// Looks at the files of a folder in every tree.
pub(super) fn stat(folder: &Folder<'_>) -> Result<u64> {
    folder.each_file(|open, name| {
        statat(open, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(())
    })
}

/// Renames what is in a folder; its folders first, so that those who enter them find them under their new names.
pub(super) fn rename_all(folder: &Folder<'_>) -> Result<u64> {
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

/// Makes the folders of a folder and copies its files.
pub(super) fn copy(folder: &Folder<'_>) -> Result<u64> {
    let [source, copy] = folder.open_all()?;
    let listing = Listing::of(&source)?;
    for name in &listing.folders {
        mkdirat(&copy, name, Mode::from_raw_mode(0o755))?;
        folder.add(name);
    }
    let mut block = block();
    for name in &listing.files {
        copy_file(&source, &copy, name, &mut block)?;
    }
    Ok(listing.files.len() as u64)
}

fn copy_file(source: &OwnedFd, copy: &OwnedFd, name: &CStr, block: &mut [u8]) -> Result<()> {
    let mut from = Source::open(source, name)?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let to = openat(copy, name, flags, Mode::from_raw_mode(0o644))?;
    while let Some(mut rest) = from.next(block)? {
        while !rest.is_empty() {
            let written = io::write(&to, rest)?;
            rest = &rest[written..];
        }
    }
    Ok(futimens(&to, &time_of(&from.stat)?)?)
}

fn time_of(stat: &Stat) -> Result<Timestamps> {
    Ok(Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: stat.st_mtime_nsec.try_into()?,
        },
    })
}

/// Reads the files of a folder in every tree.
pub(super) fn read(folder: &Folder<'_>) -> Result<u64> {
    let mut block = block();
    folder.each_file(|open, name| {
        let mut file = Source::open(open, name)?;
        while file.next(&mut block)?.is_some() {}
        Ok(())
    })
}

/// Reads the files of a folder in both trees and refuses those that differ.
pub(super) fn compare(folder: &Folder<'_>) -> Result<u64> {
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

/// How much is read at once: what ours reads.
const BLOCK_BYTES: usize = 256 << 10;

/// Room for what is read at once.
fn block() -> Vec<u8> {
    vec![0; BLOCK_BYTES]
}

/// A file open for reading.
struct Source {
    handle: OwnedFd,
    /// What it is.
    stat: Stat,
    /// How much is still to be read.
    rest: u64,
}

impl Source {
    /// Opens a file and looks at it; anything but a plain file is an error.
    fn open(folder: &OwnedFd, name: &CStr) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = openat(folder, name, flags, Mode::empty())?;
        let stat = fstat(&handle)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(format!("{} is no plain file", name.to_string_lossy()).into());
        }
        Ok(Self {
            rest: u64::try_from(stat.st_size)?,
            handle,
            stat,
        })
    }

    /// Reads on; nothing at the end, of which the look has told already.
    fn next<'a>(&mut self, block: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
        if self.rest == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(self.rest)?.min(block.len());
        let length = io::read(&self.handle, &mut block[..wanted])?;
        if length == 0 {
            return Err("a file ended before its length".into());
        }
        self.rest -= length as u64;
        Ok(Some(&block[..length]))
    }
}
