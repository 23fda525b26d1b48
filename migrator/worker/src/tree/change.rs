//! Changing what a folder holds: creating, removing and renaming, and setting times.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::folder::{require_entry_name, require_regular};
use super::{Attributes, Folder, Time};

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

    /// Opens a regular file to which lines are appended, readable and writable by its owner; makes it where it is missing.
    ///
    /// # Errors
    /// `ELOOP` (symbolic link), `EINVAL` (not a regular file); what else the kernel says.
    pub(crate) fn open_appending(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        require_entry_name(name)?;
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(self, name, flags, FILE_MODE)?;
        let stat = rustix::fs::fstat(&handle)?;
        require_regular(Attributes::from(&stat).kind)?;
        Ok(handle)
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

    /// Gives an entry of this folder a name in `target` that is not taken.
    ///
    /// # Errors
    /// `EEXIST` where the new name is taken, also by another link to the same file; `EXDEV` between file systems.
    pub fn rename_to_new(&self, name: &[u8], target: &Self, new_name: &[u8]) -> Result<(), Errno> {
        require_entry_name(name)?;
        require_entry_name(new_name)?;
        match rustix::fs::renameat_with(self, name, target, new_name, RenameFlags::NOREPLACE) {
            Err(errno) if has_no_such_renaming(errno) => {
                self.rename_in_two_steps(name, target, new_name)
            }
            outcome => outcome,
        }
    }

    /// The same where the file system has no renaming that never replaces (ZFS before 2.2, NFS, FUSE, what is stacked on those):
    /// a second link, which is never made in the place of anything, and then the first one goes.  A run that is cut off between
    /// the two leaves one file with both names, which is taken for what it is the next time.
    ///
    /// A folder can have no second link, and needs none: the kernel renames it over nothing but an empty folder.
    fn rename_in_two_steps(
        &self,
        name: &[u8],
        target: &Self,
        new_name: &[u8],
    ) -> Result<(), Errno> {
        let before = rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(before.st_mode) == FileType::Directory {
            return match target.metadata(new_name)? {
                Some(_) => Err(Errno::EXIST),
                None => rustix::fs::renameat(self, name, target, new_name),
            };
        }
        match rustix::fs::linkat(self, name, target, new_name, AtFlags::empty()) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let taken = rustix::fs::statat(target, new_name, AtFlags::SYMLINK_NOFOLLOW)?;
                let is_same = (taken.st_dev, taken.st_ino) == (before.st_dev, before.st_ino);
                // One link alone is one name, in another case, on a file system that folds it.
                if !is_same || taken.st_nlink < 2 {
                    return Err(Errno::EXIST);
                }
            }
            Err(errno) => return Err(errno),
        }
        rustix::fs::unlinkat(self, name, AtFlags::empty())
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

    /// Sets when this folder was last modified.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_modified(&self, time: Time) -> Result<(), Errno> {
        set_modified(self, time)
    }
}

/// Whether the kernel or the file system says that it does not know `RENAME_NOREPLACE`.
pub(crate) fn has_no_such_renaming(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

/// Sets when a file or folder was last modified; the time of access stays.
///
/// A time that the file system cannot keep it brings into its range itself, or refuses: then the time stays as it is.  What
/// tells a copy from others is what its file system says of it afterwards.
///
/// # Errors
/// What the kernel says.
pub(crate) fn set_modified(handle: impl AsFd, time: Time) -> Result<(), Errno> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds,
            // More would have another meaning.
            tv_nsec: time.nanoseconds.min(999_999_999).into(),
        },
    };
    match rustix::fs::futimens(handle, &times) {
        Err(Errno::INVAL | Errno::RANGE | Errno::OVERFLOW) => Ok(()),
        outcome => outcome,
    }
}
