//! Walks the leaves of one b-tree from a key to its end (flaim-format.md 5, 11.1).
//!
//! Memory is one block and one key.  Every block on the way is verified: checksum, address, number of the container or
//! index, level, and that neighbours point at each other.  The number of blocks of the database bounds the walk, so a
//! chain that leads in a circle ends as damage.

use std::cmp::Ordering;

use super::address::BlockAddress;
use super::block::{BLOCK_HEADER_BYTES, Block, kind};
use super::damage::Damage;
use super::element::{BranchElement, KeyBuffer, LeafElement, is_branch};
use super::error::{Error, Place};
use super::file_set::FileSet;
use super::store::BlockStore;

/// The highest level of a tree (flaim-format.md 2).
pub(super) const LEVEL_MAX: u8 = 7;

/// Where a walk through a tree begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start<'a> {
    /// At the first element of the tree.
    Beginning,
    /// In the leaf that holds the first element whose key is not below this one; for keys with several elements, the
    /// one whose domain is not above this one.
    Key(&'a [u8], u32),
}

/// One element of a leaf; its key stands in the cursor.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) place: Place,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) data: std::ops::Range<usize>,
}

/// A walk through the leaves of one tree.
#[derive(Debug)]
pub(super) struct Cursor<'a, F> {
    store: &'a BlockStore<F>,
    place: Place,
    block: Option<Block>,
    offset: usize,
    key: KeyBuffer,
    blocks_left: u64,
}

impl<'a, F: FileSet> Cursor<'a, F> {
    /// A walk through the tree of a container or index, from `start`.
    pub(super) fn open(
        store: &'a BlockStore<F>,
        logical_file: u16,
        root: BlockAddress,
        start: Start<'_>,
    ) -> Result<Self, Error> {
        let mut cursor = Self {
            store,
            place: Place::in_logical_file(logical_file),
            block: None,
            offset: BLOCK_HEADER_BYTES,
            key: KeyBuffer::default(),
            blocks_left: store.geometry.block_count(),
        };
        if !root.is_none() {
            cursor.block = Some(cursor.descend(root, start)?);
        }
        Ok(cursor)
    }

    /// The key of the element that [`Self::next`] returned last.
    pub(super) fn key(&self) -> &[u8] {
        self.key.key()
    }

    /// The leaf that the walk is in; none behind the end of the tree.
    pub(super) fn block(&self) -> Option<BlockAddress> {
        self.block.as_ref().map(|block| block.address)
    }

    /// The data of an element that [`Self::next`] returned last.
    pub(super) fn data(&self, step: &Step) -> &[u8] {
        self.block
            .as_ref()
            .and_then(|block| block.used().get(step.data.clone()))
            .unwrap_or_default()
    }

    /// The next element; `None` behind the end mark of the tree.
    pub(super) fn next(&mut self) -> Result<Option<Step>, Error> {
        loop {
            let Some(block) = &self.block else {
                return Ok(None);
            };
            let place = self.place.at_block(block.address);
            if self.offset < block.used().len() {
                let at = place.at_element(self.offset);
                let element = LeafElement::parse(block.used(), self.offset)
                    .map_err(|damage| at.fault(damage))?;
                if element.is_end_mark() {
                    return self.finish(&element, at);
                }
                self.key
                    .advance_leaf(block.used(), &element)
                    .map_err(|damage| at.fault(damage))?;
                self.offset = element.end();
                return Ok(Some(Step {
                    place: at,
                    is_first: element.is_first,
                    is_last: element.is_last,
                    data: element.data,
                }));
            }
            if block.next.is_none() {
                return Err(place.fault(Damage::EndMarkMissing).into());
            }
            self.follow_next()?;
        }
    }

    fn finish(&mut self, element: &LeafElement, at: Place) -> Result<Option<Step>, Error> {
        let is_at_end = self
            .block
            .as_ref()
            .is_some_and(|block| block.next.is_none() && element.end() == block.used().len());
        if !is_at_end {
            return Err(at.fault(Damage::EndMarkEarly).into());
        }
        self.block = None;
        Ok(None)
    }

    fn follow_next(&mut self) -> Result<(), Error> {
        let Some(block) = self.block.take() else {
            return Ok(());
        };
        let next = self.read(block.next, 0)?;
        if next.previous != block.address {
            let fault = self
                .place
                .at_block(next.address)
                .fault(Damage::BlockPrevious);
            return Err(fault
                .with_numbers(next.previous.raw(), block.address.raw())
                .into());
        }
        self.block = Some(next);
        self.offset = BLOCK_HEADER_BYTES;
        self.key.clear();
        Ok(())
    }

    /// Goes down from the root to the leaf where the walk begins.
    fn descend(&mut self, root: BlockAddress, start: Start<'_>) -> Result<Block, Error> {
        let top = self.read_any_level(root)?;
        if !top.is_root {
            return Err(self
                .place
                .at_block(root)
                .fault(Damage::BlockRootFlag)
                .into());
        }
        let mut block = top;
        // Each turn goes down one level, and no level is above LEVEL_MAX.
        while block.level > 0 {
            let child = self.choose_child(&block, start)?;
            block = self.read(child, block.level - 1)?;
        }
        Ok(block)
    }

    fn choose_child(&self, block: &Block, start: Start<'_>) -> Result<BlockAddress, Error> {
        let place = self.place.at_block(block.address);
        let mut key = KeyBuffer::default();
        let mut offset = BLOCK_HEADER_BYTES;
        while offset < block.used().len() {
            let at = place.at_element(offset);
            let element = BranchElement::parse(block.used(), offset, block.kind)
                .map_err(|damage| at.fault(damage))?;
            key.advance_branch(block.used(), &element)
                .map_err(|damage| at.fault(damage))?;
            let is_chosen = element.is_end_mark
                || match start {
                    Start::Beginning => true,
                    Start::Key(wanted, domain) => match key.key().cmp(wanted) {
                        Ordering::Less => false,
                        Ordering::Equal => element.domain.unwrap_or(0) <= domain,
                        Ordering::Greater => true,
                    },
                };
            if is_chosen {
                return Ok(element.child);
            }
            offset = element.end();
        }
        let damage = if offset == BLOCK_HEADER_BYTES {
            Damage::BlockEmpty
        } else {
            Damage::EndMarkMissing
        };
        Err(place.fault(damage).into())
    }

    fn read(&mut self, address: BlockAddress, level: u8) -> Result<Block, Error> {
        let block = self.read_any_level(address)?;
        if block.level != level {
            let fault = self.place.at_block(address).fault(Damage::BlockLevel);
            return Err(fault.with_numbers(block.level, level).into());
        }
        Ok(block)
    }

    fn read_any_level(&mut self, address: BlockAddress) -> Result<Block, Error> {
        let place = self.place.at_block(address);
        // One block more than the database has means that a chain leads in a circle.
        self.blocks_left = self
            .blocks_left
            .checked_sub(1)
            .ok_or_else(|| place.fault(Damage::TreeLoop))?;
        let block = self.store.read(address)?;
        if Some(block.logical_file) != self.place.logical_file {
            let expected = self.place.logical_file.unwrap_or(0);
            let fault = place.fault(Damage::BlockLogicalFile);
            return Err(fault.with_numbers(block.logical_file, expected).into());
        }
        let kind_fits = if block.level == 0 {
            block.kind == kind::LEAF
        } else {
            is_branch(&block)
        };
        if !kind_fits {
            return Err(place.fault(Damage::BlockKind).into());
        }
        if block.level > LEVEL_MAX {
            return Err(place.fault(Damage::BlockLevel).into());
        }
        Ok(block)
    }
}
