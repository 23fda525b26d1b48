//! Copying a file to a folder of another file system, where renaming cannot move it.

use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::Folder;
use super::times::set_modified;

/// How much is copied at once, in bytes.
const BLOCK_BYTES: usize = 1 << 20;

impl Folder {
    /// Copies the file `name` of this folder into the new file `new_name` of `target`, with its time, and makes it durable.
    ///
    /// # Errors
    /// What the kernel says of either; `EEXIST` where the new name is taken.
    pub(crate) fn copy_durably(
        &self,
        name: &[u8],
        target: &Self,
        new_name: &[u8],
    ) -> Result<(), Errno> {
        let (source, attributes) = self.open_file(name)?;
        let copy = target.create_file(new_name)?;
        copy_bytes(&source, &copy)?;
        set_modified(&copy, attributes.modified)?;
        rustix::fs::fsync(&copy)?;
        rustix::fs::fsync(target)
    }
}

fn copy_bytes(source: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    let mut block = vec![0; BLOCK_BYTES];
    let mut offset = 0;
    loop {
        let length = match rustix::io::pread(source, &mut block, offset) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        };
        let mut written = 0;
        while written < length {
            match rustix::io::pwrite(target, &block[written..length], offset + written as u64) {
                Ok(more) => written += more,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        offset += length as u64;
    }
}
