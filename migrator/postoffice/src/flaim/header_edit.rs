//! Changes fields of the log header (flaim-format.md 1.3).

use super::address::BlockAddress;
use super::header::{HEADER_BYTES, LOG_HEADER_OFFSET, log_checksum};
use super::version::Version;

/// Where the fields that a change of blocks moves stand in the log header.
mod offset {
    pub(super) const CHECKPOINT_FILE: usize = 8;
    pub(super) const CHECKPOINT_OFFSET: usize = 12;
    pub(super) const ROLLBACK_END: usize = 16;
    pub(super) const TRANSACTION: usize = 24;
    pub(super) const COMMIT_COUNT: usize = 28;
    pub(super) const ROLLBACK_FIRST: usize = 32;
    pub(super) const CHECKSUM: usize = 44;
    pub(super) const CHECKPOINT_TRANSACTION: usize = 56;
    pub(super) const AVAILABLE_BACKCHAIN: usize = 60;
    pub(super) const AVAILABLE_FIRST: usize = 64;
    pub(super) const LOGICAL_END: usize = 68;
    pub(super) const LAST_COMMITTED: usize = 72;
    pub(super) const SINCE_BACKCHAIN: usize = 77;
    pub(super) const AVAILABLE_COUNT: usize = 80;
}

/// Where the free blocks of a database are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FreeSpace {
    pub(super) first: BlockAddress,
    pub(super) backchain: BlockAddress,
    pub(super) since_backchain: u8,
    pub(super) count: u32,
    pub(super) logical_end: BlockAddress,
}

/// A log header under change.
pub(super) struct HeaderEdit<'a> {
    bytes: &'a mut [u8; HEADER_BYTES],
    version: Version,
}

impl<'a> HeaderEdit<'a> {
    pub(super) fn new(bytes: &'a mut [u8; HEADER_BYTES], version: Version) -> Self {
        Self { bytes, version }
    }

    fn put(&mut self, offset: usize, value: &[u8]) {
        let start = LOG_HEADER_OFFSET + offset;
        if let Some(place) = self.bytes.get_mut(start..start + value.len()) {
            place.copy_from_slice(value);
        }
    }

    fn put_u32(&mut self, offset: usize, value: u32) {
        self.put(offset, &value.to_le_bytes());
    }

    /// The free blocks, and the end of the database.
    pub(super) fn free_space(&mut self, space: &FreeSpace) {
        self.put_u32(offset::AVAILABLE_BACKCHAIN, space.backchain.raw());
        self.put_u32(offset::AVAILABLE_FIRST, space.first.raw());
        self.put_u32(offset::LOGICAL_END, space.logical_end.raw());
        self.put(offset::SINCE_BACKCHAIN, &[space.since_backchain]);
        self.put_u32(offset::AVAILABLE_COUNT, space.count);
    }

    /// No before-image is needed any more (flaim-format.md 10).
    pub(super) fn rollback_done(&mut self, block_size: u32) {
        self.put_u32(offset::ROLLBACK_FIRST, 0);
        self.put_u32(offset::ROLLBACK_END, block_size);
    }

    /// Everything up to this place of the roll-forward log is in the blocks.
    pub(super) fn checkpoint(&mut self, (file, at): (u32, u32)) {
        self.put_u32(offset::CHECKPOINT_FILE, file);
        self.put_u32(offset::CHECKPOINT_OFFSET, at);
    }

    /// The last committed transaction, and how many were committed ever.
    pub(super) fn transactions(&mut self, last: u32, commit_count: u32) {
        self.put_u32(offset::TRANSACTION, last);
        self.put_u32(offset::COMMIT_COUNT, commit_count);
        self.put_u32(offset::CHECKPOINT_TRANSACTION, last);
        if self.version.has_last_committed() {
            self.put_u32(offset::LAST_COMMITTED, last);
        }
    }

    /// Makes the checksum right.
    pub(super) fn finish(mut self) {
        let sum = log_checksum(self.bytes, self.version);
        self.put(offset::CHECKSUM, &sum.to_le_bytes());
    }
}
