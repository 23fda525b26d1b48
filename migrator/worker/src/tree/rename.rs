//! Renaming.

use rustix::fs::RenameFlags;
use rustix::io::Errno;

use super::Folder;
use super::folder::require_entry_name;

impl Folder {
    /// Gives an entry of this folder a name in `target` that is not taken.
    ///
    /// # Errors
    /// `EEXIST` where the new name is taken, also by another link to the same file; `EXDEV` between file systems.
    pub fn rename_to_new(&self, name: &[u8], target: &Self, new_name: &[u8]) -> Result<(), Errno> {
        require_entry_name(name)?;
        require_entry_name(new_name)?;
        rustix::fs::renameat_with(self, name, target, new_name, RenameFlags::NOREPLACE)
    }

    /// Gives an entry of this folder the name of another one, which goes.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn rename_over(&self, name: &[u8], new_name: &[u8]) -> Result<(), Errno> {
        self.rename_over_in(name, self, new_name)
    }

    /// Moves an entry of this folder to `target`, in the place of one that goes, where there is one.
    ///
    /// # Errors
    /// `EXDEV` between file systems; what else the kernel says.
    pub fn rename_over_in(&self, name: &[u8], target: &Self, new_name: &[u8]) -> Result<(), Errno> {
        require_entry_name(name)?;
        require_entry_name(new_name)?;
        rustix::fs::renameat(self, name, target, new_name)
    }
}
