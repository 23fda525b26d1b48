//! Makes finished blocks: header, checksum, zeros behind the used bytes (flaim-format.md 2).

use super::address::BlockAddress;
use super::block::{BLOCK_HEADER_BYTES, checksum};

/// Marks the root of a tree in the byte that holds the kind.
const FLAG_ROOT: u8 = 0x80;
/// Where the checksum's sum stands; its exclusive or stands in byte 0.
const SUM_OFFSET: usize = 31;

/// What the header of a block says, besides its end and checksum (flaim-format.md 2).
#[derive(Debug, Clone, Copy)]
pub(super) struct BlockHeader {
    pub(super) address: BlockAddress,
    pub(super) previous: BlockAddress,
    pub(super) next: BlockAddress,
    /// One of [`super::block::kind`].
    pub(super) kind: u8,
    pub(super) is_root: bool,
    pub(super) level: u8,
    /// The transaction that changes the block.
    pub(super) transaction: u32,
    pub(super) logical_file: u16,
}

impl BlockHeader {
    /// The finished block of `block_size` bytes whose elements are `elements`, the first one to stand behind the header.
    ///
    /// Elements that do not fit are cut; whoever fills a block counts its bytes.
    pub(super) fn finish(&self, elements: &[u8], block_size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(block_size);
        bytes.extend_from_slice(&self.address.raw().to_le_bytes());
        bytes.extend_from_slice(&self.previous.raw().to_le_bytes());
        bytes.extend_from_slice(&self.next.raw().to_le_bytes());
        bytes.push(self.kind | if self.is_root { FLAG_ROOT } else { 0 });
        bytes.push(self.level);
        let end = (BLOCK_HEADER_BYTES + elements.len()).min(block_size);
        bytes.extend_from_slice(&u16::try_from(end).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend_from_slice(&self.transaction.to_le_bytes());
        // No image of an earlier state: transaction and address of none.
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.logical_file.to_le_bytes());
        bytes.resize(BLOCK_HEADER_BYTES, 0);
        bytes.extend_from_slice(elements);
        bytes.resize(block_size, 0);
        seal(&mut bytes, self.address);
        bytes
    }
}

/// Writes the address and the checksum into a block whose other bytes are final; also after a change of single bytes
/// (flaim-format.md 2).
pub(super) fn seal(block: &mut [u8], address: BlockAddress) {
    let address_bytes = address.raw().to_le_bytes();
    for (to, from) in block.iter_mut().zip(address_bytes) {
        *to = from;
    }
    let (sum, xor) = checksum(block, address.low_byte());
    if let Some(byte) = block.get_mut(SUM_OFFSET) {
        *byte = sum;
    }
    if let Some(byte) = block.first_mut() {
        *byte = xor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flaim::block::{Block, kind};

    #[test]
    fn a_finished_block_reads_back() {
        let header = BlockHeader {
            address: BlockAddress::new(1, 0x3000),
            previous: BlockAddress::new(1, 0x2000),
            next: BlockAddress::NONE,
            kind: kind::LEAF,
            is_root: true,
            level: 0,
            transaction: 77,
            logical_file: 12,
        };
        let mut bytes = header.finish(&[0xc0, 0, 0], 4096);
        let block = Block::read(bytes.clone(), header.address).unwrap();
        assert_eq!(block.used().len(), 35);
        assert_eq!((block.previous, block.next), (header.previous, header.next));
        assert_eq!(
            (block.kind, block.level, block.is_root),
            (kind::LEAF, 0, true)
        );
        assert_eq!((block.transaction, block.logical_file), (77, 12));
        bytes[33] = 1;
        assert!(Block::read(bytes.clone(), header.address).is_err());
        seal(&mut bytes, header.address);
        assert!(Block::read(bytes, header.address).is_ok());
    }
}
