//! Positioned reads and writes of one open file.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use postoffice::flaim::ReadAt;
use rustix::io::Errno;

/// An open file of a database.
#[derive(Debug)]
pub struct Handle(OwnedFd);

impl From<OwnedFd> for Handle {
    fn from(file: OwnedFd) -> Self {
        Self(file)
    }
}

impl AsFd for Handle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ReadAt for Handle {
    fn size(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstat(&self.0)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::pread(&self.0, buffer, offset)?)
    }
}

impl Handle {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn write_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::pwrite(&self.0, bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = &bytes[written..];
                    offset += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}
