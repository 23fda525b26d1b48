//! Opening a file and reading it whole.

use std::ffi::CStr;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::io::read;

use super::super::Result;

/// How much is read at once: what ours reads.
const BLOCK_BYTES: usize = 256 << 10;

/// Room for what is read at once.
pub(super) fn block() -> Vec<u8> {
    vec![0; BLOCK_BYTES]
}

/// A file open for reading.
pub(super) struct Source {
    handle: OwnedFd,
    /// What it is.
    pub(super) stat: Stat,
    /// How much is still to be read.
    rest: u64,
}

impl Source {
    /// Opens a file and looks at it; anything but a plain file is an error.
    pub(super) fn open(folder: &OwnedFd, name: &CStr) -> Result<Self> {
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
    pub(super) fn next<'a>(&mut self, block: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
        if self.rest == 0 {
            return Ok(None);
        }
        let wanted = usize::try_from(self.rest)?.min(block.len());
        let length = read(&self.handle, &mut block[..wanted])?;
        if length == 0 {
            return Err("a file ended before its length".into());
        }
        self.rest -= length as u64;
        Ok(Some(&block[..length]))
    }
}
