//! Creating files and folders.

use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::Folder;
use super::folder::require_entry_name;

/// Mail is nobody else's business: only the owner reads what is copied.
const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);
const FOLDER_MODE: Mode = Mode::RWXU;

impl Folder {
    /// Creates a file that must not exist yet, readable and writable by its owner.
    ///
    /// # Errors
    /// `EEXIST` where the name is taken, by anything; `ENOSPC`; what else the kernel says.
    pub fn create_file(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        require_entry_name(name)?;
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(self, name, flags, FILE_MODE)
    }

    /// Creates a folder, or opens it where it is there already; says whether it was made.
    ///
    /// # Errors
    /// `ENOTDIR` where the name is taken by something else; `ENOSPC`; what else the kernel says.
    pub fn create_folder(&self, name: &[u8]) -> Result<(Folder, bool), Errno> {
        require_entry_name(name)?;
        let made = match rustix::fs::mkdirat(self, name, FOLDER_MODE) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(errno),
        };
        Ok((self.open_folder(name)?, made))
    }
}
