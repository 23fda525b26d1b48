//! Copying the bytes of one file.
//!
//! The content is read once, in large blocks, and hashed in the same read.  Plain reads and writes on purpose:
//! `copy_file_range` has returned empty files from network mounts, and the bytes must be seen to be hashed.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

use crate::names::TEMPORARY_PREFIX;
use crate::tree::{Attributes, Folder, Pace, Time, room, set_modified, write_all};

thread_local! {
    static BLOCK: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Which side failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyFailure {
    /// The source could not be read.
    Read(Errno),
    /// The destination could not be written.
    Write(Errno),
    /// The source changed while it was read.
    Changed,
}

impl CopyFailure {
    /// What either side said; `EAGAIN` where the source changed.
    pub(crate) fn errno(self) -> Errno {
        match self {
            Self::Read(errno) | Self::Write(errno) => errno,
            Self::Changed => Errno::AGAIN,
        }
    }
}

/// An open file of the source, and what it said before anything of it was read.
#[derive(Debug)]
pub(crate) struct Source {
    handle: OwnedFd,
    pace: Option<Arc<Pace>>,
    /// Whether it is read at once, and waited for by what is read next.
    is_urgent: bool,
    attributes: Attributes,
    /// When it was opened.
    began: Time,
}

impl Source {
    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// As [`Folder::open_file`].
    pub(crate) fn open(folder: &Folder, name: &[u8]) -> Result<Self, Errno> {
        let began = Time::now();
        let (handle, attributes) = folder.open_content(name)?;
        Ok(Self {
            handle,
            pace: folder.pace().cloned(),
            is_urgent: false,
            attributes,
            began,
        })
    }

    /// The same, to be read at once: while it is locked, users wait for it.
    pub(crate) fn urgent(self) -> Self {
        Self {
            is_urgent: true,
            ..self
        }
    }

    /// Keeps to the pace of the source, after so many bytes were read.
    fn pay(&self, bytes: usize) {
        match &self.pace {
            Some(pace) if self.is_urgent => pace.charge(bytes),
            Some(pace) => pace.take(bytes),
            None => {}
        }
    }

    /// What it said when it was opened.
    pub(crate) fn attributes(&self) -> &Attributes {
        &self.attributes
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// A file whose bytes stand at the destination under some name.
#[derive(Debug)]
pub(crate) struct Written {
    /// What the source said before and after it was read.
    pub(crate) source: Attributes,
    /// BLAKE3 of the bytes.
    pub(crate) digest: [u8; 32],
    /// When reading began.
    pub(crate) began: Time,
    /// The open copy.
    handle: OwnedFd,
}

impl Written {
    /// Waits until the copy is on its disk.
    ///
    /// # Errors
    /// What the destination says.
    fn make_durable(&self) -> Result<(), CopyFailure> {
        rustix::fs::fsync(&self.handle).map_err(CopyFailure::Write)
    }

    /// What the destination says now.
    pub(crate) fn destination(&self) -> Result<Attributes, CopyFailure> {
        rustix::fs::fstat(&self.handle)
            .map(|stat| Attributes::from(&stat))
            .map_err(CopyFailure::Write)
    }
}

/// Copies the open file `source` into the new file `name` of `destination`, with its time.
///
/// Where it fails, the new name is gone again.
///
/// # Errors
/// [`CopyFailure`]; `Changed` where length or time of the source differ before and after.
pub(crate) fn write_copy(
    source: &Source,
    destination: &Folder,
    name: &[u8],
) -> Result<Written, CopyFailure> {
    write_copy_seen(source, destination, name, &mut |_| {})
}

/// The same, showing the bytes to `see` as they pass.
///
/// # Errors
/// As [`write_copy`].
pub(crate) fn write_copy_seen(
    source: &Source,
    destination: &Folder,
    name: &[u8],
    see: &mut dyn FnMut(&[u8]),
) -> Result<Written, CopyFailure> {
    let handle = destination.create_file(name).map_err(CopyFailure::Write)?;
    let outcome = fill(source, &handle, see);
    match outcome {
        Ok((attributes, digest)) => Ok(Written {
            source: attributes,
            digest,
            began: source.began,
            handle,
        }),
        Err(failure) => {
            // The half-written name must not stay; if even that fails, the next pass removes it as a leftover.
            let _ = destination.remove_file(name);
            Err(failure)
        }
    }
}

/// Copies the file `name` of `folder` into a folder of another file system, under the name `unfinished`, which goes first where
/// something has it, until the copy is whole and durable; `publish` gives it its name.
///
/// # Errors
/// As [`write_copy`].
pub(crate) fn copy_across(
    (folder, name): (&Folder, &[u8]),
    destination: &Folder,
    unfinished: &[u8],
    publish: impl FnOnce() -> Result<(), Errno>,
) -> Result<(), CopyFailure> {
    let source = Source::open(folder, name).map_err(CopyFailure::Read)?;
    destination
        .remove_file(unfinished)
        .map_err(CopyFailure::Write)?;
    write_copy(&source, destination, unfinished)?.make_durable()?;
    publish().map_err(CopyFailure::Write)?;
    rustix::fs::fsync(destination).map_err(CopyFailure::Write)
}

fn fill(
    source: &Source,
    target: &OwnedFd,
    see: &mut dyn FnMut(&[u8]),
) -> Result<(Attributes, [u8; 32]), CopyFailure> {
    let before = &source.attributes;
    let (length, digest) = read_all(source, before.size, |block| {
        source.pay(block.len());
        see(block);
        write_all(target, block).map_err(CopyFailure::Write)
    })?;
    let after = attributes_of(source)?;
    if length != before.size || !after.is_unchanged_since(before) {
        return Err(CopyFailure::Changed);
    }
    set_modified(target, before.modified).map_err(CopyFailure::Write)?;
    Ok((after, digest))
}

fn attributes_of(file: impl AsFd) -> Result<Attributes, CopyFailure> {
    rustix::fs::fstat(file)
        .map(|stat| Attributes::from(&stat))
        .map_err(CopyFailure::Read)
}

/// Reads an open file from its start, at most one block more than `expected` bytes, so that a file that grows as fast
/// as it is read ends too.
fn read_all(
    file: impl AsFd,
    expected: u64,
    mut each_block: impl FnMut(&[u8]) -> Result<(), CopyFailure>,
) -> Result<(u64, [u8; 32]), CopyFailure> {
    BLOCK.with_borrow_mut(|block| {
        // One byte more than there should be, which tells whether there is more.
        let block = room(block, expected.saturating_add(1));
        let mut hasher = blake3::Hasher::new();
        let mut offset = 0_u64;
        while offset <= expected {
            let length = match rustix::io::pread(&file, &mut block[..], offset) {
                Ok(0) => break,
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(CopyFailure::Read(errno)),
            };
            hasher.update(&block[..length]);
            each_block(&block[..length])?;
            offset += length as u64;
            // The file had room for more in the block and gave no more: this was its end.
            if offset == expected && length < block.len() {
                break;
            }
        }
        Ok((offset, *hasher.finalize().as_bytes()))
    })
}

/// Length and BLAKE3 of a file of a tree.
///
/// # Errors
/// What opening or reading says; `EAGAIN` where the file changed while it was read.
pub(crate) fn hash_file(folder: &Folder, name: &[u8]) -> Result<(Attributes, [u8; 32]), Errno> {
    let (handle, before) = folder.open_content(name)?;
    let (length, digest) = read_all(&handle, before.size, |block| {
        if let Some(pace) = folder.pace() {
            pace.take(block.len());
        }
        Ok(())
    })
    .map_err(CopyFailure::errno)?;
    let after = attributes_of(&handle).map_err(CopyFailure::errno)?;
    if length != before.size || !after.is_unchanged_since(&before) {
        return Err(Errno::AGAIN);
    }
    Ok((after, digest))
}

/// A name for an unfinished file that nothing else has.
pub(crate) fn temporary_name(pass: i64) -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    [TEMPORARY_PREFIX, format!("{pass}-{number}").as_bytes()].concat()
}
