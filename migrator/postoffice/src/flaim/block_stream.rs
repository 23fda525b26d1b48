//! Verifies the blocks of a data file while its bytes stream by, as a copy reads them (flaim-format.md 2).

use super::address::{BlockAddress, DatabaseFile};
use super::block::Block;
use super::damage::Damage;
use super::error::{Fault, Place};
use super::geometry::Geometry;
use super::header::Header;

/// What was seen of the blocks of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlocksSeen {
    /// How many blocks passed by.
    pub blocks: u64,
    /// How many of them are not as they must be.
    pub damaged: u64,
    /// What is wrong with the first of those.
    pub first: Option<Fault>,
}

/// The blocks of one data file, taken in as bytes.  Memory is one block.
///
/// Each block below the end of the database must have its checksum, its own address and a possible length.  Bytes behind
/// that end are no part of the database and are passed over.
#[derive(Debug)]
pub struct BlockStream {
    geometry: Geometry,
    file_number: u16,
    block: Vec<u8>,
    offset: u64,
    seen: BlocksSeen,
}

impl BlockStream {
    /// For a file of the database that `header` describes.
    ///
    /// `None` for the control file, rollback files and logs, whose blocks cannot be told from what was there before,
    /// and where the header contradicts itself.
    pub fn new(header: &Header, file: DatabaseFile) -> Option<Self> {
        let geometry = Geometry::new(header).ok()?;
        let DatabaseFile::Numbered(file_number) = file else {
            return None;
        };
        let is_data = (1..=header.version.data_file_last()).contains(&file_number);
        is_data.then(|| Self {
            geometry,
            file_number,
            block: Vec::with_capacity(header.block_size),
            offset: 0,
            seen: BlocksSeen {
                blocks: 0,
                damaged: 0,
                first: None,
            },
        })
    }

    /// Takes the next bytes of the file.
    pub fn push(&mut self, mut bytes: &[u8]) {
        let size = usize::try_from(self.geometry.block_size).unwrap_or(usize::MAX);
        while !bytes.is_empty() && self.is_used() {
            let missing = size.saturating_sub(self.block.len());
            let (now, rest) = bytes.split_at(missing.min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = rest;
            if self.block.len() == size {
                self.verify();
            }
        }
    }

    /// What was seen, once the whole file has passed by.
    pub fn finish(mut self) -> BlocksSeen {
        if self.is_used() {
            let place = Place::default().at_block(self.address());
            self.note(place.fault(Damage::BlockUnreadable));
        }
        self.seen
    }

    /// Whether the database reaches beyond what was taken so far.
    fn is_used(&self) -> bool {
        self.offset < self.geometry.used_bytes(self.file_number)
    }

    fn address(&self) -> BlockAddress {
        BlockAddress::new(
            self.file_number,
            u32::try_from(self.offset).unwrap_or(u32::MAX),
        )
    }

    fn verify(&mut self) {
        let address = self.address();
        let block = std::mem::take(&mut self.block);
        self.offset += u64::from(self.geometry.block_size);
        self.seen.blocks += 1;
        if let Err(faults) = Block::read(block, address)
            && let Some(first) = faults.first()
        {
            self.note(*first);
        }
    }

    fn note(&mut self, fault: Fault) {
        self.seen.damaged += 1;
        self.seen.first.get_or_insert(fault);
    }
}
