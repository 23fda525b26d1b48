//! Which blocks a tree has: what may be written over when the tree is written anew.

use std::collections::HashSet;

use super::address::BlockAddress;
use super::block::{BLOCK_HEADER_BYTES, Block};
use super::cursor::LEVEL_MAX;
use super::damage::Damage;
use super::element::{BranchElement, is_branch};
use super::error::{Error, Place};
use super::file_set::FileSet;
use super::store::BlockStore;

/// The blocks of one tree, each of them once.
#[derive(Debug, Default)]
pub(super) struct TreeBlocks {
    /// The leaves from left to right.
    pub(super) leaves: Vec<BlockAddress>,
    /// Every block above them.
    pub(super) branches: Vec<BlockAddress>,
}

impl TreeBlocks {
    /// The blocks below `root`, which belong to this container or index.
    pub(super) fn read<F: FileSet>(
        store: &BlockStore<F>,
        logical_file: u16,
        root: BlockAddress,
    ) -> Result<Self, Error> {
        let mut blocks = Self::default();
        if root.is_none() {
            return Ok(blocks);
        }
        let place = Place::in_logical_file(logical_file);
        let mut met = HashSet::from([root]);
        let mut level_blocks = vec![root];
        let mut level = store.read(root)?.level.min(LEVEL_MAX);
        // Each turn goes down one level, and no block is met twice.
        while level > 0 {
            let mut children = Vec::new();
            for address in &level_blocks {
                let block = read(store, logical_file, *address, level)?;
                for child in children_of(&block, place)? {
                    if !met.insert(child) {
                        let fault = place.at_block(child).fault(Damage::BlockUsedTwice);
                        return Err(fault.into());
                    }
                    children.push(child);
                }
            }
            blocks.branches.append(&mut level_blocks);
            level_blocks = children;
            level -= 1;
        }
        // The leaves themselves are read, and verified, by whoever walks them.
        blocks.leaves = level_blocks;
        Ok(blocks)
    }
}

fn read<F: FileSet>(
    store: &BlockStore<F>,
    logical_file: u16,
    address: BlockAddress,
    level: u8,
) -> Result<Block, Error> {
    let place = Place::in_logical_file(logical_file).at_block(address);
    let block = store.read(address)?;
    if block.logical_file != logical_file {
        return Err(place.fault(Damage::BlockLogicalFile).into());
    }
    if block.level != level || !is_branch(&block) {
        return Err(place.fault(Damage::BlockLevel).into());
    }
    Ok(block)
}

fn children_of(block: &Block, place: Place) -> Result<Vec<BlockAddress>, Error> {
    let place = place.at_block(block.address);
    let mut children = Vec::new();
    let mut offset = BLOCK_HEADER_BYTES;
    while offset < block.used().len() {
        let element = BranchElement::parse(block.used(), offset, block.kind)
            .map_err(|damage| place.at_element(offset).fault(damage))?;
        children.push(element.child);
        offset = element.end();
    }
    Ok(children)
}
