//! A bare copy: each file read whole and written, with its time; nothing is hashed, recorded or looked at again.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, Stat, Timespec, Timestamps, UTIME_OMIT, futimens, mkdirat, openat};
use rustix::io::write;

use super::super::Result;
use super::file::{Source, block};
use super::folder::{Folder, Listing};

/// Makes the folders of a folder and copies its files.
pub(super) fn visit(folder: &Folder<'_>) -> Result<u64> {
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
            let written = write(&to, rest)?;
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
