//! The bytes of open files.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::Advice;
use rustix::io::Errno;

use super::{Attributes, Folder};

/// Fills a block with the bytes of a file from `offset` on; returns how many there were, fewer only at its end.
///
/// # Errors
/// What the kernel says.
pub(crate) fn read_at(file: impl AsFd, block: &mut [u8], offset: u64) -> Result<usize, Errno> {
    let mut length = 0;
    while length < block.len() {
        match rustix::io::pread(&file, &mut block[length..], offset + length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(length)
}

/// Fills a block with the first bytes of a file of which nothing more is read by this handle: the kernel does not read ahead.
///
/// # Errors
/// What the kernel says.
pub(crate) fn read_beginning(file: impl AsFd, block: &mut [u8]) -> Result<usize, Errno> {
    rustix::fs::fadvise(&file, 0, None, Advice::Random)?;
    read_at(file, block, 0)
}

/// Writes all bytes to where a file has come to.
///
/// # Errors
/// What the kernel says; `ENOSPC` where it takes nothing more.
pub(crate) fn write_all(file: impl AsFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(&file, bytes) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// How much is read at once.
const BLOCK_BYTES: usize = 256 << 10;

/// Room for as many bytes as are wanted, or for a block of them; `block` becomes as large as the largest file so far needs.
pub(crate) fn room(block: &mut Vec<u8>, wanted: u64) -> &mut [u8] {
    let wanted = usize::try_from(wanted).map_or(BLOCK_BYTES, |wanted| wanted.min(BLOCK_BYTES));
    if block.len() < wanted {
        block.resize(wanted, 0);
    }
    &mut block[..wanted]
}

impl Folder {
    /// Opens a regular file whose bytes are read from the disk or the server: what the kernel has cached of them is dropped
    /// first, so that nothing is compared with memory that a copy has filled.  What is not durable yet stays in memory.
    ///
    /// # Errors
    /// As [`Folder::open_file`].
    pub(crate) fn open_content(&self, name: &[u8]) -> Result<(OwnedFd, Attributes), Errno> {
        let opened = self.open_file(name)?;
        rustix::fs::fadvise(&opened.0, 0, None, Advice::DontNeed)?;
        Ok(opened)
    }
}
