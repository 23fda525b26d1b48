//! Which file system something is on, by its number.

use std::os::fd::AsFd;

use crate::error::{Result, WorkerError};
use crate::protocol::FileSystem;

/// The numbers of `statfs(2)`, the names, and whether locks are shared with everybody who uses the files.
///
/// The locks of a network client go to the server; those of a FUSE client stay in this kernel unless its program passes
/// them on, which none that is used here does; those of a local file system are for everybody because everybody is here.
const KNOWN: &[(u64, &str, Option<bool>)] = &[
    (0xff53_4d42, "cifs", Some(true)),
    (0xfe53_4d42, "smb3", Some(true)),
    (0x517b, "smbfs", Some(true)),
    (0x6969, "nfs", Some(true)),
    (0x564c, "ncpfs", Some(true)),
    (0x6573_5546, "fuse", Some(false)),
    (0x0102_1997, "9p", None),
    (0xef53, "ext4", Some(true)),
    (0x5846_5342, "xfs", Some(true)),
    (0x9123_683e, "btrfs", Some(true)),
    (0x0102_1994, "tmpfs", Some(true)),
    (0x794c_7630, "overlay", Some(true)),
    (0x2fc1_2fc1, "zfs", Some(true)),
    (0x4d44, "vfat", Some(true)),
    (0x2011_bab0, "exfat", Some(true)),
    (0x7366_746e, "ntfs3", Some(true)),
];

/// The file system of an open folder.
pub(super) fn file_system_of(folder: impl AsFd) -> Result<FileSystem> {
    let statfs = rustix::fs::fstatfs(folder).map_err(|errno| {
        let root = postoffice::names::RelativePath::root();
        WorkerError::reading("ask for the file system of", &root, errno)
    })?;
    // Machines differ in the width and the sign of the field; the numbers have 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    let number = statfs.f_type as u64 & 0xffff_ffff;
    let known = KNOWN.iter().find(|known| known.0 == number);
    Ok(match known {
        Some((_, name, shares_locks)) => FileSystem {
            name: (*name).to_owned(),
            shares_locks: *shares_locks,
        },
        None => FileSystem {
            name: format!("{number:#x}"),
            shares_locks: None,
        },
    })
}
