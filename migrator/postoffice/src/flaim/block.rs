//! One block: its header and its checksum (flaim-format.md 2).

use super::address::BlockAddress;
use super::bytes::{u8_at, u16_at, u32_at};
use super::damage::Damage;
use super::error::{Fault, Place};

/// How many bytes the header of a block takes.
pub const BLOCK_HEADER_BYTES: usize = 32;

/// The kinds of blocks, as the low nibble of their type byte.
pub mod kind {
    /// Free.
    pub const FREE: u8 = 0;
    /// A leaf of a tree.
    pub const LEAF: u8 = 1;
    /// The entries of containers and indexes.
    pub const LOGICAL_FILES: u8 = 4;
    /// The second block before 4.30, which must exist and is never used.
    pub const PCODE: u8 = 5;
    /// Above leaves, keys of any length.
    pub const BRANCH_VARIABLE: u8 = 6;
    /// Above the leaves of a container since 4.00: record numbers.
    pub const BRANCH_FIXED: u8 = 7;
    /// Above the leaves of a `positioning` index: keys of any length, with counts.
    pub const BRANCH_COUNTED: u8 = 8;
}

/// Marks the root of a tree in the byte that holds the kind.
const FLAG_ROOT: u8 = 0x80;
/// Marks of before-images; they have no meaning outside the rollback log.
const FLAGS_BEFORE_IMAGE: u8 = 0x30;

/// A block whose checksum, address and end are right.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) address: BlockAddress,
    pub(super) previous: BlockAddress,
    pub(super) next: BlockAddress,
    /// One of [`kind`].
    pub(super) kind: u8,
    pub(super) is_root: bool,
    pub(super) level: u8,
    pub(super) transaction: u32,
    pub(super) logical_file: u16,
    bytes: Vec<u8>,
    end: usize,
}

impl Block {
    /// The used bytes of the block, header included; offsets of elements count from its start.
    pub(super) fn used(&self) -> &[u8] {
        self.bytes.get(..self.end).unwrap_or(&self.bytes)
    }

    /// A block read from where `address` says, or everything that is wrong with it.
    pub(super) fn read(bytes: Vec<u8>, address: BlockAddress) -> Result<Self, Vec<Fault>> {
        let faults = faults(&bytes, address);
        if faults.is_empty() {
            Ok(Self::from_verified(bytes, address))
        } else {
            Err(faults)
        }
    }

    /// A before-image from the rollback log, whose address only its checksum tells; `None` where that is wrong.
    pub(super) fn read_before_image(mut bytes: Vec<u8>) -> Option<Self> {
        let end = usize::from(u16_at(&bytes, 14)?);
        if end < BLOCK_HEADER_BYTES || end > bytes.len() {
            return None;
        }
        let (sum, _) = checksum(&bytes, 0);
        let low = u8_at(&bytes, 31)?.wrapping_sub(sum);
        let (sum, xor) = checksum(&bytes, low);
        if !checksum_matches(&bytes, sum, xor) {
            return None;
        }
        *bytes.get_mut(0)? = low;
        let address = BlockAddress::from_raw(u32_at(&bytes, 0)?);
        *bytes.get_mut(12)? &= !FLAGS_BEFORE_IMAGE;
        Some(Self::from_verified(bytes, address))
    }

    fn from_verified(bytes: Vec<u8>, address: BlockAddress) -> Self {
        let u32_of = |at| u32_at(&bytes, at).unwrap_or(0);
        let u16_of = |at| u16_at(&bytes, at).unwrap_or(0);
        let kind_and_flags = u8_at(&bytes, 12).unwrap_or(0);
        Self {
            address,
            previous: BlockAddress::from_raw(u32_of(4)),
            next: BlockAddress::from_raw(u32_of(8)),
            kind: kind_and_flags & 0x0f,
            is_root: kind_and_flags & FLAG_ROOT != 0,
            level: u8_at(&bytes, 13).unwrap_or(0),
            transaction: u32_of(16),
            logical_file: u16_of(28),
            end: usize::from(u16_of(14)),
            bytes,
        }
    }

    /// All bytes of the block, those behind its end included; the checksum is to be made anew after a change.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The address that a block in the list of free blocks spreads over its header: the next older back-chain block
    /// (flaim-format.md 3).
    pub(super) fn older_backchain(&self) -> BlockAddress {
        let byte = |at| u8_at(&self.bytes, at).unwrap_or(0);
        BlockAddress::from_raw(u32::from_be_bytes([byte(13), byte(28), byte(29), byte(30)]))
    }
}

/// Everything that is wrong with a block as such, the checksum first.
fn faults(bytes: &[u8], address: BlockAddress) -> Vec<Fault> {
    let place = Place::default().at_block(address);
    let mut faults = Vec::new();
    let (sum, xor) = checksum(bytes, address.low_byte());
    if !checksum_matches(bytes, sum, xor) {
        let stored = [u8_at(bytes, 31).unwrap_or(0), u8_at(bytes, 0).unwrap_or(0)];
        let fault = place.fault(Damage::BlockChecksum);
        faults.push(fault.with_numbers(u16::from_be_bytes(stored), u16::from_be_bytes([sum, xor])));
    }
    let end = u16_at(bytes, 14).unwrap_or(0);
    if usize::from(end) < BLOCK_HEADER_BYTES || usize::from(end) > bytes.len() {
        let size = u64::try_from(bytes.len()).unwrap_or(0);
        faults.push(place.fault(Damage::BlockEnd).with_numbers(end, size));
    }
    let own = u32_at(bytes, 0).unwrap_or(0) & !0xff;
    let expected = address.raw() & !0xff;
    if own != expected {
        faults.push(
            place
                .fault(Damage::BlockOwnAddress)
                .with_numbers(own, expected),
        );
    }
    // Byte 30 means "encrypted" except in free blocks, where the back chain uses it (flaim-format.md 2 and 3).
    let is_free = u8_at(bytes, 12).unwrap_or(0) & 0x0f == kind::FREE;
    if !is_free && u8_at(bytes, 30) != Some(0) {
        faults.push(place.fault(Damage::BlockEncrypted));
    }
    faults
}

/// The two checksums of a block: the sum, and the exclusive or (flaim-format.md 2).
pub(super) fn checksum(bytes: &[u8], address_low: u8) -> (u8, u8) {
    let end = usize::from(u16_at(bytes, 14).unwrap_or(0)).min(bytes.len());
    let step = match u8_at(bytes, 30) {
        Some(encrypted) if encrypted != 0 && end >= BLOCK_HEADER_BYTES => 16,
        _ => 4,
    };
    let covered = end.next_multiple_of(step).min(bytes.len());
    let mut sum = address_low;
    let mut xor = address_low;
    for (offset, byte) in bytes.iter().enumerate().take(covered).skip(1) {
        if offset != 31 {
            sum = sum.wrapping_add(*byte);
            xor ^= *byte;
        }
    }
    (sum, xor)
}

fn checksum_matches(bytes: &[u8], sum: u8, xor: u8) -> bool {
    let stored_xor = u8_at(bytes, 0);
    let xor_matches = stored_xor == Some(xor) || (xor == 0 && stored_xor == Some(1));
    u8_at(bytes, 31) == Some(sum) && xor_matches
}

/// Where the checksum's sum stands; its exclusive or stands in byte 0.
const SUM_OFFSET: usize = 31;

/// What the header of a block says, besides its end and checksum (flaim-format.md 2).
#[derive(Debug, Clone, Copy)]
pub struct BlockHeader {
    /// Where the block stands.
    pub address: BlockAddress,
    /// The block before it in its list, or on its level of a tree.
    pub previous: BlockAddress,
    /// The block behind it.
    pub next: BlockAddress,
    /// One of [`super::block_kind`].
    pub kind: u8,
    /// Whether it is the root of a tree.
    pub is_root: bool,
    /// The level in a tree; leaves have 0.
    pub level: u8,
    /// The transaction that changes the block.
    pub transaction: u32,
    /// The container or index that it belongs to; 0 for none.
    pub logical_file: u16,
}

impl BlockHeader {
    /// The finished block of `block_size` bytes whose elements are `elements`, the first one to stand behind the header.
    ///
    /// Elements that do not fit are cut; whoever fills a block counts its bytes.
    pub fn finish(&self, elements: &[u8], block_size: usize) -> Vec<u8> {
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
