//! How the blocks of a database lie in its files (flaim-format.md 1.1).

use std::cmp::Ordering;

use super::address::BlockAddress;
use super::damage::Damage;
use super::error::{Fault, Place};
use super::header::Header;
use super::version::Version;

/// The shape of a database: what decides whether an address can be one of its blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Geometry {
    pub(super) version: Version,
    pub(super) block_size: u32,
    pub(super) logical_end: BlockAddress,
    file_bytes_max: u64,
}

impl Geometry {
    /// The shape that a header describes, or the fault that its end is impossible.
    pub(super) fn new(header: &Header) -> Result<Self, Fault> {
        let block_size = u32::try_from(header.block_size).unwrap_or(u32::MAX);
        let end = header.log.logical_end;
        let file_is_data = (1..=header.version.data_file_last()).contains(&end.file_number());
        let offset_fits = end.offset().is_multiple_of(block_size)
            && u64::from(end.offset()) <= header.log.file_bytes_max;
        if end.is_none() || !file_is_data || !offset_fits {
            return Err(Place::default().at_block(end).fault(Damage::LogicalEnd));
        }
        Ok(Self {
            version: header.version,
            block_size,
            logical_end: end,
            file_bytes_max: header.log.file_bytes_max,
        })
    }

    /// Whether a block of the database can stand at this address.
    pub(super) fn contains(&self, address: BlockAddress) -> bool {
        address.file_number() >= 1
            && address < self.logical_end
            && address.offset().is_multiple_of(self.block_size)
            && u64::from(address.offset()) < self.file_bytes_max
    }

    /// How many blocks the database has, free ones included.
    pub(super) fn block_count(&self) -> u64 {
        let full_files = u64::from(self.logical_end.file_number().saturating_sub(1));
        let in_last = u64::from(self.logical_end.offset() / self.block_size);
        full_files * self.blocks_per_file() + in_last
    }

    /// More references than any index of a database of this size needs.
    ///
    /// A few bytes may claim a run of millions, and a hostile index could make of each element such a run.  A key of a
    /// record costs at least two bytes there; the factor leaves room for compound keys, which multiply.
    pub(super) fn references_max(&self) -> u64 {
        let bytes = self
            .block_count()
            .saturating_mul(u64::from(self.block_size));
        bytes.saturating_mul(16)
    }

    /// How many blocks a full file holds.
    fn blocks_per_file(&self) -> u64 {
        self.file_bytes_max.div_ceil(u64::from(self.block_size))
    }

    /// The end of the database in one data file, in bytes; 0 in files behind its end.
    pub(super) fn used_bytes(&self, file_number: u16) -> u64 {
        match file_number.cmp(&self.logical_end.file_number()) {
            Ordering::Less => self.blocks_per_file() * u64::from(self.block_size),
            Ordering::Equal => u64::from(self.logical_end.offset()),
            Ordering::Greater => 0,
        }
    }
}
