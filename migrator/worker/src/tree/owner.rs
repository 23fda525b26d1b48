//! Whose an open file or folder is.

use std::os::fd::AsFd;

use protocol::Account;
use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;

use super::folder::require_entry_name;
use super::{Attributes, Folder};

/// Whose something is, and who may do what with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ownership {
    /// Number of the user.
    pub(crate) user: u32,
    /// Number of the group.
    pub(crate) group: u32,
    /// The permissions.
    pub(crate) mode: u32,
}

/// An open file or folder, as it is owned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owned {
    /// Whose it is.
    pub(crate) ownership: Ownership,
    /// How many names it has.
    pub(crate) links: u64,
    /// What else the kernel says.
    pub(crate) attributes: Attributes,
}

/// Looks at an open file or folder.
///
/// # Errors
/// What the kernel says.
// The widths of these fields differ between architectures, so some conversions do nothing on this one.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
pub(crate) fn owned(handle: impl AsFd) -> Result<Owned, Errno> {
    let stat = rustix::fs::fstat(handle)?;
    Ok(Owned {
        ownership: Ownership {
            user: stat.st_uid,
            group: stat.st_gid,
            mode: Mode::from_raw_mode(stat.st_mode).as_raw_mode(),
        },
        links: stat.st_nlink as u64,
        attributes: Attributes::from(&stat),
    })
}

/// Gives an open file or folder away.
///
/// # Errors
/// `EPERM` without the right to; what else the kernel says.
pub(crate) fn give(handle: impl AsFd, to: Ownership) -> Result<(), Errno> {
    let handle = handle.as_fd();
    // The owner first: a change of it takes some permissions away.
    rustix::fs::fchown(
        handle,
        Some(Uid::from_raw(to.user)),
        Some(Gid::from_raw(to.group)),
    )?;
    rustix::fs::fchmod(handle, Mode::from_raw_mode(to.mode))
}

impl Folder {
    /// Gives the entry `name` to a user; the link itself where it is one.  The permissions stay, but for what the kernel takes
    /// away.
    ///
    /// # Errors
    /// `EPERM` without the right to; what else the kernel says.
    pub(crate) fn give_entry(&self, name: &[u8], to: Account) -> Result<(), Errno> {
        require_entry_name(name)?;
        rustix::fs::chownat(
            self,
            name,
            Some(Uid::from_raw(to.uid)),
            Some(Gid::from_raw(to.gid)),
            AtFlags::SYMLINK_NOFOLLOW,
        )
    }

    /// Whose this folder is.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn owned(&self) -> Result<Owned, Errno> {
        owned(self)
    }
}
