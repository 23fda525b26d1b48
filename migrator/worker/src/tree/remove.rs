//! Removing files and empty folders.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use super::Folder;
use super::folder::require_entry_name;

impl Folder {
    /// Removes a name that is not a folder; says whether there was one.
    ///
    /// # Errors
    /// What the kernel says, but for `ENOENT`.
    pub fn remove_file(&self, name: &[u8]) -> Result<bool, Errno> {
        self.remove(name, AtFlags::empty())
    }

    /// Removes an empty folder; says whether there was one.
    ///
    /// # Errors
    /// `ENOTEMPTY`; what else the kernel says, but for `ENOENT`.
    pub fn remove_folder(&self, name: &[u8]) -> Result<bool, Errno> {
        self.remove(name, AtFlags::REMOVEDIR)
    }

    fn remove(&self, name: &[u8], flags: AtFlags) -> Result<bool, Errno> {
        require_entry_name(name)?;
        match rustix::fs::unlinkat(self, name, flags) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno),
        }
    }
}
