//! Reads blocks by address: out of the data files, or out of the rollback log where that holds the older image which
//! recovery would put back.

use std::collections::HashMap;

use super::address::{BlockAddress, DatabaseFile};
use super::block::Block;
use super::damage::Damage;
use super::error::{Error, Fault, Place};
use super::file_set::{FileSet, read_up_to};
use super::header::Header;
use super::rollback;
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
            std::cmp::Ordering::Less => self.blocks_per_file() * u64::from(self.block_size),
            std::cmp::Ordering::Equal => u64::from(self.logical_end.offset()),
            std::cmp::Ordering::Greater => 0,
        }
    }
}

/// The blocks of a database as they were at its last checkpoint.
#[derive(Debug)]
pub(super) struct BlockStore<F> {
    pub(super) files: F,
    pub(super) geometry: Geometry,
    /// Where the rollback log holds the image that counts, by the address of the block.
    images: HashMap<BlockAddress, (DatabaseFile, u64)>,
}

impl<F: FileSet> BlockStore<F> {
    /// The blocks of the database that `header` describes; follows the rollback log where recovery would.
    pub(super) fn open(files: F, header: &Header) -> Result<Self, Error> {
        let geometry = Geometry::new(header)?;
        let images = rollback::images(&files, header, &geometry)?;
        Ok(Self {
            files,
            geometry,
            images,
        })
    }

    /// How many blocks come out of the rollback log.
    pub(super) fn image_count(&self) -> usize {
        self.images.len()
    }

    /// The addresses of those blocks, in order.
    pub(super) fn image_addresses(&self) -> Vec<BlockAddress> {
        let mut addresses: Vec<BlockAddress> = self.images.keys().copied().collect();
        addresses.sort_unstable();
        addresses
    }

    /// The block at `address`, verified as far as one block can be.
    pub(super) fn read(&self, address: BlockAddress) -> Result<Block, Error> {
        self.inspect(address)?.map_err(|faults| {
            let fault = faults.first().copied();
            let unreadable = Place::default().at_block(address);
            Error::Damaged(fault.unwrap_or_else(|| unreadable.fault(Damage::BlockUnreadable)))
        })
    }

    /// The block at `address`, or everything that is wrong with it; an error only where the read itself failed.
    pub(super) fn inspect(
        &self,
        address: BlockAddress,
    ) -> Result<Result<Block, Vec<Fault>>, Error> {
        let place = Place::default().at_block(address);
        if !self.geometry.contains(address) {
            return Ok(Err(vec![place.fault(Damage::BlockAddress)]));
        }
        let image = self.images.get(&address).copied();
        let (file, offset) = image.unwrap_or((
            DatabaseFile::Numbered(address.file_number()),
            u64::from(address.offset()),
        ));
        let Some(bytes) = self.read_bytes(file, offset)? else {
            return Ok(Err(vec![place.fault(Damage::BlockUnreadable)]));
        };
        if image.is_none() {
            return Ok(Block::read(bytes, address));
        }
        // The image was verified when the log was followed; a file that changes meanwhile is caught here.
        Ok(Block::read_before_image(bytes)
            .filter(|block| block.address == address)
            .ok_or_else(|| vec![place.fault(Damage::RollbackLog)]))
    }

    fn read_bytes(&self, file: DatabaseFile, offset: u64) -> Result<Option<Vec<u8>>, Error> {
        let size = usize::try_from(self.geometry.block_size).unwrap_or(0);
        let mut bytes = vec![0; size];
        let count = read_up_to(&self.files, file, offset, &mut bytes)?;
        Ok((count == size).then_some(bytes))
    }
}
