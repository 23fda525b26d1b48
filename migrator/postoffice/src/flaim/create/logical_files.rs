//! The blocks with the entries of containers and indexes (flaim-format.md 4).

use super::super::address::BlockAddress;
use super::super::block::{BLOCK_HEADER_BYTES, kind};
use super::super::block_writer::BlockHeader;
use super::super::error::Error;
use super::super::file_set::FileSetMut;
use super::super::logical_file::{ENTRY_BYTES, LogicalFile};
use super::super::tree_writer::BlockSink as _;
use super::files::DataFiles;

/// Writes the entries; what does not fit into the first block goes into further ones.
pub(super) fn write<F: FileSetMut>(
    files: &mut DataFiles<F>,
    logical_files: &[LogicalFile],
    transaction: u32,
) -> Result<(), Error> {
    let block_size = usize::from(files.block_size());
    let in_block = (block_size - BLOCK_HEADER_BYTES) / ENTRY_BYTES;
    let mut previous = BlockAddress::NONE;
    let mut address = BlockAddress::FIRST_LOGICAL_FILE_BLOCK;
    let mut blocks = logical_files.chunks(in_block).peekable();
    while let Some(entries) = blocks.next() {
        let next = match blocks.peek() {
            Some(_) => files.allocate()?,
            None => BlockAddress::NONE,
        };
        let header = BlockHeader {
            address,
            previous,
            next,
            kind: kind::LOGICAL_FILES,
            is_root: false,
            level: 0,
            transaction,
            logical_file: 0,
        };
        let elements: Vec<u8> = entries.iter().flat_map(LogicalFile::entry).collect();
        files.write(address, &header.finish(&elements, block_size))?;
        (previous, address) = (address, next);
    }
    Ok(())
}
