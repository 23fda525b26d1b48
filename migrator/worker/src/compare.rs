//! Comparing two files byte by byte, in one read of each, and hashing what both have.
//!
//! What identifies them is what they said before anything of them was read: whatever is changed while they are read makes
//! them others than what is written down.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use crate::places::Side;
use crate::tree::Time;
use crate::tree::{Attributes, Folder, Pace, read_at, room};

thread_local! {
    static BLOCKS: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// What came of reading two files.
#[derive(Debug)]
pub(crate) enum Compared {
    /// Both hold the same.
    Equal(Equal),
    /// They hold different bytes.
    Different(Before),
}

/// What two files said of themselves before anything of them was read.
#[derive(Debug)]
pub(crate) struct Before {
    /// The source.
    pub(crate) source: Attributes,
    /// The destination.
    pub(crate) destination: Attributes,
    /// When that was.
    pub(crate) began: Time,
}

/// What two equal files hold.
#[derive(Debug)]
pub(crate) struct Equal {
    /// BLAKE3 of the bytes.
    pub(crate) digest: [u8; 32],
    /// What they were.
    pub(crate) before: Before,
}

/// A file of a folder, by name.
pub(crate) type Named<'a> = (&'a Folder, &'a [u8]);

/// Two files that are open, and of which nothing is read yet.
pub(crate) struct Opened {
    left: Open,
    right: Open,
    pub(crate) before: Before,
}

impl Opened {
    /// Opens both.
    ///
    /// # Errors
    /// Which of them could not be opened, and why.
    pub(crate) fn new(source: Named<'_>, destination: Named<'_>) -> Result<Self, (Side, Errno)> {
        let at = |side| move |errno| (side, errno);
        let began = Time::now();
        let left = Open::new(source).map_err(at(Side::Source))?;
        let right = Open::new(destination).map_err(at(Side::Destination))?;
        let before = Before {
            source: left.before,
            destination: right.before,
            began,
        };
        Ok(Self {
            left,
            right,
            before,
        })
    }

    /// Compares them, showing the bytes of the destination to `see` as they pass.
    ///
    /// # Errors
    /// Which of them could not be read, and why; `EAGAIN` where it became shorter while it was read.
    pub(crate) fn compare(self, see: impl FnMut(&[u8])) -> Result<Compared, (Side, Errno)> {
        let digest = read_both(&self.left, &self.right, see)?;
        let before = self.before;
        Ok(match digest {
            None => Compared::Different(before),
            Some(digest) => Compared::Equal(Equal { digest, before }),
        })
    }
}

/// The digest of what both hold; none where that differs.
fn read_both(
    left: &Open,
    right: &Open,
    mut see: impl FnMut(&[u8]),
) -> Result<Option<[u8; 32]>, (Side, Errno)> {
    let size = left.before.size;
    if size != right.before.size {
        return Ok(None);
    }
    let mut hasher = blake3::Hasher::new();
    let are_equal = begin_alike(left, right, size, |theirs| {
        hasher.update(theirs);
        see(theirs);
    })?;
    Ok(are_equal.then(|| *hasher.finalize().as_bytes()))
}

/// Whether one file begins with all that another has.
///
/// # Errors
/// As [`Opened::compare`].
pub(crate) fn begins_with(source: &Open, copy: &Open) -> Result<bool, (Side, Errno)> {
    let size = copy.before.size;
    Ok(size <= source.before.size && begin_alike(source, copy, size, |_| {})?)
}

/// Whether the first `size` bytes of both are the same, showing those of the destination to `see` as they pass.
fn begin_alike(
    left: &Open,
    right: &Open,
    size: u64,
    mut see: impl FnMut(&[u8]),
) -> Result<bool, (Side, Errno)> {
    let at = |side| move |errno| (side, errno);
    BLOCKS.with_borrow_mut(|[first, second]| {
        let mut offset = 0;
        while offset < size {
            let ours = left.read(first, offset, size).map_err(at(Side::Source))?;
            let theirs = right
                .read(second, offset, size)
                .map_err(at(Side::Destination))?;
            if ours != theirs {
                return Ok(false);
            }
            see(theirs);
            offset += theirs.len() as u64;
        }
        Ok(true)
    })
}

/// An open file, and what it said before anything of it was read.
pub(crate) struct Open {
    handle: OwnedFd,
    pace: Option<Arc<Pace>>,
    before: Attributes,
}

impl Open {
    /// Opens it.
    ///
    /// # Errors
    /// As [`Folder::open_content`].
    pub(crate) fn new((folder, name): Named<'_>) -> Result<Self, Errno> {
        let (handle, before) = folder.open_content(name)?;
        let pace = folder.pace().cloned();
        Ok(Self {
            handle,
            pace,
            before,
        })
    }

    /// A block of its bytes up to `end`, whole unless it is the last one.
    fn read<'a>(&self, block: &'a mut Vec<u8>, offset: u64, end: u64) -> Result<&'a [u8], Errno> {
        let block = room(block, end.saturating_sub(offset));
        if read_at(&self.handle, block, offset)? < block.len() {
            // It has become shorter.
            return Err(Errno::AGAIN);
        }
        if let Some(pace) = &self.pace {
            pace.take(block.len());
        }
        Ok(block)
    }
}
