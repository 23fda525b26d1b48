//! Takes free blocks, and gives blocks back (flaim-format.md 3, 1.1).

use std::collections::VecDeque;

use super::address::{BlockAddress, DatabaseFile};
use super::block::{BLOCK_HEADER_BYTES, Block, kind, seal};
use super::damage::Damage;
use super::error::{Error, Place};
use super::file_set::{FileSetMut, size_of};
use super::geometry::Geometry;
use super::header::Header;
use super::header_edit::FreeSpace;
use super::store::BlockStore;
use super::tree_writer::BlockSink;
use super::working_copy::WorkingCopy;

/// How many blocks of the list there are from one block of the back chain to the next.
const BACKCHAIN_STEP: u8 = 36;

/// The free blocks of a copy under change.
#[derive(Debug)]
pub(super) struct FreeBlocks<'a, 'f, F> {
    copy: &'a WorkingCopy<'f, F>,
    store: BlockStore<&'a WorkingCopy<'f, F>>,
    file_bytes_max: u64,
    space: FreeSpace,
    /// Blocks of the tree that is being written anew: taken before any other.
    own: VecDeque<BlockAddress>,
    written: usize,
}

impl<'a, 'f, F: FileSetMut> FreeBlocks<'a, 'f, F> {
    /// The free blocks that the headers of the copy name.
    pub(super) fn open(copy: &'a WorkingCopy<'f, F>) -> Result<Self, Error> {
        let header = copy.header()?;
        let store = BlockStore::open(copy, &header)?;
        refuse_short_file(&store)?;
        Ok(Self {
            copy,
            store,
            file_bytes_max: header.log.file_bytes_max,
            space: free_space(&header),
            own: VecDeque::new(),
            written: 0,
        })
    }

    /// Lets the tree that is being written have these blocks.
    pub(super) fn reuse(&mut self, blocks: impl IntoIterator<Item = BlockAddress>) {
        self.own.extend(blocks);
    }

    /// How many blocks the tree has so far.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// Puts what the tree did not need into the list of free blocks, and the list into the headers.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        while let Some(address) = self.own.pop_back() {
            self.give(address)?;
        }
        self.copy.edit_header(|edit| edit.free_space(&self.space))
    }

    /// Takes the first block of the list, or one behind the end of the database.
    fn take(&mut self) -> Result<BlockAddress, Error> {
        if self.space.count == 0 || self.space.first.is_none() {
            return self.extend();
        }
        let address = self.space.first;
        let block = self.read_free(address)?;
        self.space.first = block.next;
        self.space.count -= 1;
        self.space.since_backchain = self.space.since_backchain.saturating_sub(1);
        if address == self.space.backchain {
            self.drop_backchain(block.older_backchain())?;
        }
        Ok(address)
    }

    /// The newest block of the back chain was taken: the next older one is the newest now, and nothing is newer.
    fn drop_backchain(&mut self, older: BlockAddress) -> Result<(), Error> {
        self.space.backchain = older;
        self.space.since_backchain = 0;
        if !older.is_none() {
            self.space.since_backchain = BACKCHAIN_STEP;
            self.set_newer(older, BlockAddress::NONE)?;
        }
        Ok(())
    }

    /// The block behind the end of the database, which moves (flaim-format.md 1.1).
    fn extend(&mut self) -> Result<BlockAddress, Error> {
        let Geometry {
            version,
            block_size,
            ..
        } = self.store.geometry;
        let mut address = self.space.logical_end;
        if u64::from(address.offset()) >= self.file_bytes_max {
            address = BlockAddress::new(address.file_number().saturating_add(1), 0);
        }
        if address.file_number() > version.data_file_last() {
            return Err(Error::Full);
        }
        let next = address
            .offset()
            .checked_add(block_size)
            .ok_or(Error::Full)?;
        self.space.logical_end = BlockAddress::new(address.file_number(), next);
        Ok(address)
    }

    /// Puts a block at the front of the list.
    fn give(&mut self, address: BlockAddress) -> Result<(), Error> {
        let mut bytes = self.store.read(address)?.into_bytes();
        let space = &mut self.space;
        let begins_backchain = space.since_backchain >= BACKCHAIN_STEP || space.count == 0;
        let older = match space.count {
            0 => BlockAddress::NONE,
            _ => space.backchain,
        };
        let (previous, older_bytes) = if begins_backchain {
            (BlockAddress::NONE.raw(), older.raw().to_be_bytes())
        } else {
            (0, [0; 4])
        };
        let end = u16::try_from(BLOCK_HEADER_BYTES).unwrap_or(0);
        put(&mut bytes, 4, &previous.to_le_bytes());
        put(&mut bytes, 8, &space.first.raw().to_le_bytes());
        put(&mut bytes, 12, &[kind::FREE, older_bytes[0]]);
        put(&mut bytes, 14, &end.to_le_bytes());
        put(&mut bytes, 28, &older_bytes[1..]);
        seal(&mut bytes, address);
        self.copy.write_block(address, &bytes)?;
        if begins_backchain {
            if !older.is_none() {
                self.set_newer(older, address)?;
            }
            self.space.backchain = address;
            self.space.since_backchain = 0;
        }
        self.space.first = address;
        self.space.count = self.space.count.saturating_add(1);
        self.space.since_backchain += 1;
        Ok(())
    }

    /// Tells a block of the back chain which one is newer.
    fn set_newer(&self, address: BlockAddress, newer: BlockAddress) -> Result<(), Error> {
        let mut bytes = self.read_free(address)?.into_bytes();
        put(&mut bytes, 4, &newer.raw().to_le_bytes());
        seal(&mut bytes, address);
        self.copy.write_block(address, &bytes)
    }

    /// A block that must be a free one: what is in use is never overwritten.
    fn read_free(&self, address: BlockAddress) -> Result<Block, Error> {
        let block = self.store.read(address)?;
        if block.kind != kind::FREE {
            let place = Place::default().at_block(address);
            return Err(place.fault(Damage::AvailableKind).into());
        }
        Ok(block)
    }
}

impl<F: FileSetMut> BlockSink for FreeBlocks<'_, '_, F> {
    fn allocate(&mut self) -> Result<BlockAddress, Error> {
        match self.own.pop_front() {
            Some(address) => Ok(address),
            None => self.take(),
        }
    }

    fn write(&mut self, address: BlockAddress, block: &[u8]) -> Result<(), Error> {
        self.written += 1;
        self.copy.write_block(address, block)
    }
}

/// Refuses a database whose last data file ends before the database does: a block behind that end would leave a hole.
fn refuse_short_file<F: FileSetMut>(store: &BlockStore<&WorkingCopy<'_, F>>) -> Result<(), Error> {
    let number = store.geometry.logical_end.file_number();
    let used = store.geometry.used_bytes(number);
    let size = size_of(&store.files, DatabaseFile::Numbered(number))?.unwrap_or(0);
    if size < used {
        let place = Place::default().at_block(BlockAddress::new(number, 0));
        let fault = place.fault(Damage::FileShort).with_numbers(size, used);
        return Err(fault.into());
    }
    Ok(())
}

fn free_space(header: &Header) -> FreeSpace {
    FreeSpace {
        first: header.log.available_first,
        backchain: header.log.available_backchain,
        since_backchain: header.log.available_since_backchain,
        count: header.log.available_count,
        logical_end: header.log.logical_end,
    }
}

fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(offset..offset + value.len()) {
        place.copy_from_slice(value);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::flaim::file_set::FileSet;
    use crate::flaim::{CheckOptions, MemoryFileSet, check};

    /// The sample with free blocks, which the format's own engine freed.
    fn sample() -> MemoryFileSet {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/flaim/04-v400-4k-deleted.tar.gz"
        );
        let packed = std::fs::File::open(path).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let mut files = MemoryFileSet::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let number = match entry.path().unwrap().to_str() {
                Some("guard.db") => 0,
                Some("guard.01") => 1,
                _ => continue,
            };
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            files.insert(DatabaseFile::Numbered(number), content);
        }
        files
    }

    fn assert_sound(files: &MemoryFileSet) {
        let report = check(files, CheckOptions::default()).unwrap();
        assert_eq!(report.findings, []);
    }

    /// Blocks that are given back in the order in which the engine freed them stand as the engine left them.
    #[test]
    fn a_list_that_is_emptied_and_filled_again_is_the_same() {
        let before = sample();
        for count in [1, 17, 36, 37, 72, 89] {
            let mut files = before.clone();
            let copy = WorkingCopy::open(&mut files).unwrap();
            let mut blocks = FreeBlocks::open(&copy).unwrap();
            assert_eq!(blocks.space.count, 89);
            let taken: Vec<_> = (0..count).map(|_| blocks.take().unwrap()).collect();
            assert_eq!(blocks.space.count, 89 - count);
            assert_eq!(blocks.space.first.is_none(), count == 89);
            for address in taken.into_iter().rev() {
                blocks.give(address).unwrap();
            }
            blocks.finish().unwrap();
            copy.finish().unwrap();
            assert!(files.iter().eq(before.iter()), "{count} blocks");
        }
    }

    #[test]
    fn more_blocks_than_are_free_come_from_behind_the_end() {
        let mut files = sample();
        let end = {
            let copy = WorkingCopy::open(&mut files).unwrap();
            let mut blocks = FreeBlocks::open(&copy).unwrap();
            let end = blocks.space.logical_end;
            let taken: Vec<_> = (0..89 + 75).map(|_| blocks.take().unwrap()).collect();
            assert_eq!(blocks.space.first, BlockAddress::NONE);
            assert_eq!(blocks.space.backchain, BlockAddress::NONE);
            assert_eq!(blocks.space.logical_end.offset(), end.offset() + 75 * 4096);
            // A free block, for want of anything else to write.
            for address in &taken {
                let mut bytes = vec![0; 4096];
                bytes[14] = 32;
                seal(&mut bytes, *address);
                copy.write_block(*address, &bytes).unwrap();
            }
            copy.edit_header(|edit| edit.free_space(&blocks.space))
                .unwrap();
            let mut blocks = FreeBlocks::open(&copy).unwrap();
            blocks.reuse(taken);
            blocks.finish().unwrap();
            copy.finish().unwrap();
            end
        };
        assert_sound(&files);
        let size = files.size(DatabaseFile::Numbered(1)).unwrap().unwrap();
        assert!(size >= u64::from(end.offset()) + 75 * 4096);
    }

    #[test]
    fn a_full_file_is_followed_by_the_next() {
        let mut files = sample();
        let copy = WorkingCopy::open(&mut files).unwrap();
        let mut blocks = FreeBlocks::open(&copy).unwrap();
        blocks.space.count = 0;
        blocks.file_bytes_max = u64::from(blocks.space.logical_end.offset()) + 4096;
        let end = blocks.space.logical_end;
        assert_eq!(blocks.take().unwrap(), end);
        assert_eq!(blocks.take().unwrap(), BlockAddress::new(2, 0));
        assert_eq!(blocks.take().unwrap(), BlockAddress::new(2, 4096));
        blocks.space.logical_end = BlockAddress::new(511, end.offset() + 4096);
        assert!(matches!(blocks.take(), Err(Error::Full)));
    }

    /// A list that leads to a block in use ends the work before that block is overwritten.
    #[test]
    fn blocks_in_use_are_never_taken() {
        let mut files = sample();
        let copy = WorkingCopy::open(&mut files).unwrap();
        let mut blocks = FreeBlocks::open(&copy).unwrap();
        blocks.space.first = BlockAddress::FIRST_LOGICAL_FILE_BLOCK;
        let error = blocks.take().unwrap_err();
        assert_eq!(error.code(), Damage::AvailableKind.code());
    }

    /// Found by fuzzing: an end of the database far behind its file made the next block a hole of gigabytes.
    #[test]
    fn a_database_that_ends_behind_its_file_is_not_extended() {
        let mut files = sample();
        let copy = WorkingCopy::open(&mut files).unwrap();
        let mut space = FreeBlocks::open(&copy).unwrap().space;
        space.logical_end = BlockAddress::new(1, 0x4000_0000);
        copy.edit_header(|edit| edit.free_space(&space)).unwrap();
        let error = FreeBlocks::open(&copy).unwrap_err();
        assert_eq!(error.code(), Damage::FileShort.code());
    }
}
