//! What the mounts of these tests have in common.

use std::ffi::OsString;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fuser::{FileType, INodeNo, ReplyDirectory};

/// What a folder holds, as its listing tells it.
pub(crate) type Entries = Vec<(u64, FileType, OsString)>;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What an entry of a folder behind a mount is.
pub(crate) fn kind(kind: fs::FileType) -> FileType {
    if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::Symlink
    } else {
        FileType::RegularFile
    }
}

/// Answers a listing from its entry number `offset` on, as far as there is room.
pub(crate) fn fill(mut reply: ReplyDirectory, entries: &Entries, offset: u64) {
    let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
    for (index, (number, kind, name)) in entries.iter().enumerate().skip(skipped) {
        if reply.add(INodeNo(*number), index as u64 + 1, *kind, name) {
            break;
        }
    }
    reply.ok();
}
