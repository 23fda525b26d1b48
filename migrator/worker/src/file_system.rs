//! Which file system something is on, by its number.

use std::os::fd::AsFd;

use rustix::io::Errno;

use crate::error::{Result, WorkerError};
use protocol::{FileSystem, LockReach};

/// On which machine the files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// On this one.
    Here,
    /// On another, or behind a program.
    Elsewhere,
}

/// What is known of the locks of a kind of file system without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LocksOfKind {
    /// Everybody who uses the files is on this machine.
    OfThisMachine,
    /// They stay in this kernel, where no program of the source meets them.
    KeptHere,
    /// The client for SMB: how it is mounted decides.
    Smb,
    /// The client for NFS, likewise.
    Nfs,
    /// Nothing.
    NotKnown,
}

use LocksOfKind::{KeptHere, NotKnown, OfThisMachine};

/// The numbers of `statfs(2)`, the names, what is known of locks (`lock_reach` measures the rest), and whether the files are on
/// another machine.
///
/// The module ncpfs, outside the kernel's tree, passes none on: what a process held on such a mount was given to another client all
/// the same.  Those of a FUSE client stay in this kernel unless its program passes them on, which none that is used here does.
const KNOWN: &[(u64, &str, LocksOfKind, Place)] = &[
    (0xff53_4d42, "cifs", LocksOfKind::Smb, Place::Elsewhere),
    (0xfe53_4d42, "smb3", LocksOfKind::Smb, Place::Elsewhere),
    (0x517b, "smbfs", NotKnown, Place::Elsewhere),
    (0x6969, "nfs", LocksOfKind::Nfs, Place::Elsewhere),
    (0x564c, "ncpfs", KeptHere, Place::Elsewhere),
    (0x6573_5546, "fuse", KeptHere, Place::Elsewhere),
    (0x0102_1997, "9p", NotKnown, Place::Elsewhere),
    (0xef53, "ext4", OfThisMachine, Place::Here),
    (0x5846_5342, "xfs", OfThisMachine, Place::Here),
    (0x9123_683e, "btrfs", OfThisMachine, Place::Here),
    (0x0102_1994, "tmpfs", OfThisMachine, Place::Here),
    (0x794c_7630, "overlay", OfThisMachine, Place::Here),
    (0x2fc1_2fc1, "zfs", OfThisMachine, Place::Here),
    (0x4d44, "vfat", OfThisMachine, Place::Here),
    (0x2011_bab0, "exfat", OfThisMachine, Place::Here),
    (0x7366_746e, "ntfs3", OfThisMachine, Place::Here),
];

/// File systems whose inodes have a time of their last change that nobody can set: those of Linux, and clients of servers
/// that have one too (NTFS has, and Samba hands on that of its disk).
///
/// Left out: FUSE, where rclone shows the time of the last modification in its place; FAT, which has none; what is not known.
const KEEP_CHANGE_TIMES: &[&str] = &[
    "cifs", "smb3", "nfs", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "zfs", "ntfs3",
];

/// File systems that know `RENAME_NOREPLACE` in every kernel that the worker runs on.
const RENAME_WITHOUT_REPLACING: &[&str] = &["ext4", "xfs", "btrfs", "tmpfs", "overlay"];

/// Whether the file system of an open folder certainly has a renaming that never replaces.
pub(crate) fn renames_without_replacing(folder: impl AsFd) -> bool {
    let known = number_of(folder).ok().and_then(known);
    known.is_some_and(|(_, name, ..)| RENAME_WITHOUT_REPLACING.contains(name))
}

/// Whether the inodes of the file system of an open folder have a time of their last change that can be relied on.
pub(crate) fn keeps_change_times(folder: impl AsFd) -> bool {
    let known = number_of(folder).ok().and_then(known);
    known.is_some_and(|(_, name, ..)| KEEP_CHANGE_TIMES.contains(name))
}

/// What is known of the locks of the file system of an open folder.
pub(crate) fn locks_of_kind(folder: impl AsFd) -> LocksOfKind {
    let known = number_of(folder).ok().and_then(known);
    known.map_or(NotKnown, |(_, _, locks, _)| *locks)
}

/// The file system of an open folder, whose locks reach those who are said.
pub(crate) fn file_system_of(folder: impl AsFd, locks: LockReach) -> Result<FileSystem> {
    let number = number_of(folder).map_err(|errno| {
        let root = postoffice::names::RelativePath::root();
        WorkerError::reading("ask for the file system of", &root, errno)
    })?;
    Ok(match known(number) {
        Some((_, name, ..)) => FileSystem {
            name: (*name).to_owned(),
            locks,
            keeps_change_times: KEEP_CHANGE_TIMES.contains(name),
        },
        None => FileSystem {
            name: format!("{number:#x}"),
            locks,
            keeps_change_times: false,
        },
    })
}

/// Whether locks on an open file stay in this kernel, where no program of the source meets them.
pub(crate) fn keeps_locks_here(file: impl AsFd) -> bool {
    locks_of_kind(file) == KeptHere
}

/// Whether an open folder may show names and times that are no longer so, because a client remembers them for a while.
pub(crate) fn may_show_old_names(folder: impl AsFd) -> bool {
    let known = number_of(folder).ok().and_then(known);
    // Of what is not known, the worse is believed.
    known.is_none_or(|(_, _, _, place)| *place == Place::Elsewhere)
}

/// Whether the files of a file system have the attributes that Windows gives to files, as far as its kind tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WindowsAttributes {
    /// Each file has them, in the extended attribute of this name.
    Named(&'static str),
    /// A disk of this machine: its files are at hand, and only what copied them from such a server may have kept them.
    Unlikely,
    /// The files are elsewhere, and this client does not tell.
    Unknown,
}

/// The extended attribute in which the kernel's client for SMB has them (`fs/smb/client/xattr.c`).
const OF_CIFS: &str = "user.cifs.dosattrib";

/// That of the kernel's NTFS (`fs/ntfs3/xattr.c`).
const OF_NTFS3: &str = "system.ntfs_attrib";

impl WindowsAttributes {
    /// The name of the extended attribute to ask for.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Named(name) => name,
            Self::Unlikely | Self::Unknown => OF_CIFS,
        }
    }
}

/// How the file system of an open folder tells the attributes of Windows.
pub(crate) fn windows_attributes_of(folder: impl AsFd) -> WindowsAttributes {
    match number_of(folder).ok().and_then(known) {
        Some((_, "cifs" | "smb3", ..)) => WindowsAttributes::Named(OF_CIFS),
        Some((_, "ntfs3", ..)) => WindowsAttributes::Named(OF_NTFS3),
        Some((_, _, _, Place::Here)) => WindowsAttributes::Unlikely,
        Some((_, _, _, Place::Elsewhere)) | None => WindowsAttributes::Unknown,
    }
}

fn number_of(file: impl AsFd) -> std::result::Result<u64, Errno> {
    let statfs = rustix::fs::fstatfs(file)?;
    // Machines differ in the width and the sign of the field; the numbers have 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let number = statfs.f_type as u64 & 0xffff_ffff;
    Ok(number)
}

fn known(number: u64) -> Option<&'static (u64, &'static str, LocksOfKind, Place)> {
    KNOWN.iter().find(|known| known.0 == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Locks of ncpfs were taken for everybody's, so `check` promised what no server of NetWare keeps.
    #[test]
    fn locks_of_ncpfs_stay_here() {
        let locks = |number| known(number).map(|(_, _, locks, _)| *locks);
        assert_eq!(locks(0x564c), Some(KeptHere));
        assert_eq!(locks(0xff53_4d42), Some(LocksOfKind::Smb));
    }
}
