//! Comparing two files byte by byte, in one read of each, and hashing what both have.

use std::cell::RefCell;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use crate::copy::room;
use crate::places::Side;
use crate::tree::{Attributes, Folder, read_at};

thread_local! {
    static BLOCKS: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// What two equal files hold.
#[derive(Debug)]
pub(super) struct Equal {
    pub(super) size: u64,
    /// BLAKE3 of the bytes.
    pub(super) digest: [u8; 32],
    /// What the source said of itself before it was read; what it says after, the seal asks at its end.
    pub(super) source: Attributes,
    /// The same of the destination.
    pub(super) destination: Attributes,
}

/// A file of a folder, by name.
pub(super) type Named<'a> = (&'a Folder, &'a [u8]);

/// Compares two files, showing the bytes of the destination to `see` as they pass; none where they differ.
///
/// # Errors
/// Which of them could not be opened or read, and why; `EAGAIN` where it became shorter while it was read.
pub(super) fn compare_files(
    source: Named<'_>,
    destination: Named<'_>,
    mut see: impl FnMut(&[u8]),
) -> Result<Option<Equal>, (Side, Errno)> {
    let at = |side| move |errno| (side, errno);
    let left = Open::new(source).map_err(at(Side::Source))?;
    let right = Open::new(destination).map_err(at(Side::Destination))?;
    let size = left.before.size;
    if size != right.before.size {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    let are_equal = BLOCKS.with_borrow_mut(|[first, second]| {
        let mut offset = 0;
        while offset < size {
            let ours = left.read(first, offset).map_err(at(Side::Source))?;
            let theirs = right.read(second, offset).map_err(at(Side::Destination))?;
            if ours != theirs {
                return Ok(false);
            }
            hasher.update(theirs);
            see(theirs);
            offset += theirs.len() as u64;
        }
        Ok(true)
    })?;
    Ok(are_equal.then(|| Equal {
        size,
        digest: *hasher.finalize().as_bytes(),
        source: left.before,
        destination: right.before,
    }))
}

/// An open file, and what it said before anything of it was read.
struct Open {
    handle: OwnedFd,
    before: Attributes,
}

impl Open {
    fn new((folder, name): Named<'_>) -> Result<Self, Errno> {
        let (handle, before) = folder.open_file(name)?;
        Ok(Self { handle, before })
    }

    /// A block of its bytes, whole unless it is the last one.
    fn read<'a>(&self, block: &'a mut Vec<u8>, offset: u64) -> Result<&'a [u8], Errno> {
        let block = room(block, self.before.size.saturating_sub(offset));
        if read_at(&self.handle, block, offset)? < block.len() {
            // It has become shorter.
            return Err(Errno::AGAIN);
        }
        Ok(block)
    }
}
