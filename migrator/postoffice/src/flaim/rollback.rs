//! The rollback log: which older images recovery would put back (flaim-format.md 10).
//!
//! The log is followed, never applied: the result is a map from the address of a block to the place of its image.

use std::collections::HashMap;

use super::address::{BlockAddress, DatabaseFile};
use super::block::Block;
use super::error::Error;
use super::file_set::{FileSet, read_up_to, size_of};
use super::geometry::Geometry;
use super::header::Header;

/// Where the log holds the images that count, by the address of their block; empty where recovery needs none.
pub(super) fn images(
    files: &impl FileSet,
    header: &Header,
    geometry: &Geometry,
) -> Result<HashMap<BlockAddress, (DatabaseFile, u64)>, Error> {
    let mut images = HashMap::new();
    if header.log.rollback_first == 0 {
        return Ok(images);
    }
    let mut position = BlockAddress::from_raw(header.log.rollback_first);
    let end = header.log.rollback_end;
    let mut bytes = vec![0; header.block_size];
    // Every turn reads a whole block of the log and moves on, so the size of the files bounds the turns.
    while position != end {
        let refuse = |reason| Error::Rollback {
            address: position,
            reason,
        };
        if position > end {
            return Err(refuse("it runs past its end"));
        }
        let file = log_file(position, geometry).ok_or_else(|| refuse("no such rollback file"))?;
        let offset = u64::from(position.offset());
        let count = read_up_to(files, file, offset, &mut bytes)?;
        if count < bytes.len() {
            position = next_file(files, position, end, geometry)?
                .ok_or_else(|| refuse("the file ends before the log does"))?;
            continue;
        }
        let block = Block::read_before_image(bytes.clone())
            .ok_or_else(|| refuse("the checksum of an image is wrong"))?;
        // Images of later transactions hold what was not in place at the checkpoint.
        let is_of_checkpoint = block.transaction <= header.log.checkpoint_transaction;
        if is_of_checkpoint && geometry.contains(block.address) {
            images.insert(block.address, (file, offset));
        }
        position = next_position(position, geometry);
    }
    Ok(images)
}

/// The file that an address in the log means: the control file, or a rollback file.
fn log_file(address: BlockAddress, geometry: &Geometry) -> Option<DatabaseFile> {
    let number = address.file_number();
    let version = geometry.version;
    let is_rollback =
        (version.data_file_last() + 1..=version.rollback_file_last()).contains(&number);
    let behind_header = number == 0 && address.offset() >= geometry.block_size;
    (is_rollback || behind_header).then_some(DatabaseFile::Numbered(number))
}

fn next_position(position: BlockAddress, geometry: &Geometry) -> BlockAddress {
    let offset = position.offset().saturating_add(geometry.block_size);
    BlockAddress::new(position.file_number(), offset)
}

/// The start of the next rollback file, where the log goes on behind the end of this one.
fn next_file(
    files: &impl FileSet,
    position: BlockAddress,
    end: BlockAddress,
    geometry: &Geometry,
) -> Result<Option<BlockAddress>, Error> {
    let first = geometry.version.data_file_last() + 1;
    let number = (position.file_number() + 1).max(first);
    let next = BlockAddress::new(number, 0);
    let exists = size_of(files, DatabaseFile::Numbered(number))?.is_some();
    Ok((exists && next <= end && end.file_number() != position.file_number()).then_some(next))
}
