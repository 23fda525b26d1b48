//! Reads blocks by address: out of the data files, or out of the rollback log where that holds the older image which
//! recovery would put back.

use std::collections::HashMap;

use super::address::{BlockAddress, DatabaseFile};
use super::block::Block;
use super::damage::Damage;
use super::error::{Error, Fault, Place};
use super::file_set::{FileSet, read_up_to};
use super::geometry::Geometry;
use super::header::Header;
use super::rollback;

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
