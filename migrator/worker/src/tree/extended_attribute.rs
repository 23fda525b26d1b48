//! Extended attributes of what a folder holds, without opening it.
//!
//! Opening a file may make its server fetch it from an archive, and a handle that only names a file (`O_PATH`) is not
//! taken.  The call that takes a folder and a name (`getxattrat`) came with Linux 6.13, and a sealed worker has no call
//! that is so young.  The older one takes a path, which begins at the current folder; so this thread gets a current
//! folder of its own, which is set by a handle.

use nix::sched::{CloneFlags, unshare};
use rustix::io::Errno;

use super::Folder;
use super::folder::require_entry_name;

impl Folder {
    /// Reads an extended attribute of the entry `name`, of the link itself where it is one, into `value`; says how long it
    /// is.
    ///
    /// It changes the current folder of this thread, and from then on of this thread alone.
    ///
    /// # Errors
    /// `ENODATA` where it has no such attribute, `ENOTSUP` where its file system has none, `ERANGE` where it is longer than
    /// `value`; `EPERM` where a thread gets no current folder of its own; what else the kernel says.
    pub(crate) fn extended_attribute(
        &self,
        name: &[u8],
        attribute: &str,
        value: &mut [u8],
    ) -> Result<usize, Errno> {
        require_entry_name(name)?;
        // Does nothing from the second time on.
        unshare(CloneFlags::CLONE_FS).map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        rustix::process::fchdir(self)?;
        rustix::fs::lgetxattr(name, attribute, value)
    }
}
