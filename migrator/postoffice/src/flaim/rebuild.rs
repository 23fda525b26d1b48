//! Writes an index anew out of what it holds and what changes in it.
//!
//! The old tree is read from left to right while the new one is written.  Blocks of the old tree are used again as soon as
//! the reading is past them, so the work takes no memory that grows with the index, and hardly a block more.

use std::collections::{HashSet, VecDeque};

use serde::Serialize;

use super::address::BlockAddress;
use super::block::{BLOCK_HEADER_BYTES, Block};
use super::cursor::LEVEL_MAX;
use super::damage::Damage;
use super::database::Database;
use super::dictionary::tag;
use super::element::{BranchElement, is_branch};
use super::error::{Error, Place};
use super::file_set::{FileSet, FileSetMut};
use super::free_blocks::FreeBlocks;
use super::header::Header;
use super::index_entries::{EntryChanges, IndexEntry};
use super::logical_file::{LogicalFileKind, TRACKER_CONTAINER, set_root};
use super::record::Record;
use super::store::BlockStore;
use super::tree_writer::{TreeShape, TreeWriter};
use super::working_copy::WorkingCopy;

/// An index that was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RebuiltIndex {
    /// Its number.
    pub index: u16,
    /// How many references it has.
    pub entries: u64,
    /// How many blocks it had.
    pub blocks_before: usize,
    /// How many it has now.
    pub blocks_after: usize,
}

/// Refuses an index of which the tracker holds something that writing it anew would make wrong: a state, how far it was
/// built, counts of its keys (flaim-format.md 9).
pub(super) fn refuse_tracked<F: FileSet>(database: &Database<F>, index: u16) -> Result<(), Error> {
    let record = match database.record(TRACKER_CONTAINER, index.into()) {
        Ok(record) => record,
        Err(Error::NoSuchLogicalFile { .. }) => None,
        Err(error) => return Err(error),
    };
    // Behind the root stands what the tracker knows.
    let Some(field) = record.iter().flat_map(Record::fields).nth(1) else {
        return Ok(());
    };
    let reason = match field.tag {
        tag::KEY | tag::REFERENCES => "the tracker counts its keys",
        tag::STATE => "it is suspended or otherwise not in use",
        tag::LAST_CONTAINER | tag::LAST_RECORD | tag::ONLINE_TRANSACTION => {
            "the tracker says how far it was built"
        }
        _ => "the tracker holds something about it that is not known",
    };
    Err(Error::IndexState { index, reason })
}

/// Hands out every entry that an index will have, with the block up to which the old tree was read.
///
/// An entry that should go and is not there, or a second record under a key that belongs to one, ends it.
pub(super) fn each_entry<F: FileSet>(
    database: &Database<F>,
    index: u16,
    changes: EntryChanges,
    mut visit: impl FnMut(&IndexEntry, Option<BlockAddress>) -> Result<(), Error>,
) -> Result<u64, Error> {
    let place = Place::in_logical_file(index);
    let definition = database.dictionary().index(index);
    let is_unique = definition.is_some_and(|definition| definition.is_unique);
    let mut entries = database.changed_index_entries(index, changes)?;
    let mut count = 0u64;
    let mut previous: Option<IndexEntry> = None;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if is_unique && previous.is_some_and(|previous| previous.key == entry.key) {
            let record = entry.record;
            return Err(Error::NotUnique { index, record });
        }
        visit(&entry, entries.block())?;
        count = count.saturating_add(1);
        previous = Some(entry);
    }
    if entries.all_removed() {
        Ok(count)
    } else {
        Err(place.fault(Damage::KeyNotInIndex).into())
    }
}

/// The blocks of an old tree that were not read yet.
pub(super) struct UnreadBlocks {
    place: Place,
    leaves: VecDeque<BlockAddress>,
    /// Where the reading was last: none before its beginning, "no block" behind its end.
    latest: Option<BlockAddress>,
}

impl UnreadBlocks {
    pub(super) fn new(logical_file: u16, leaves: Vec<BlockAddress>) -> Self {
        Self {
            place: Place::in_logical_file(logical_file),
            leaves: leaves.into(),
            latest: None,
        }
    }

    /// The blocks that are read no more now that the reading came to `block`, that one included: it is in memory.
    pub(super) fn read_up_to(
        &mut self,
        block: Option<BlockAddress>,
    ) -> Result<Vec<BlockAddress>, Error> {
        let position = block.unwrap_or(BlockAddress::NONE);
        if self.latest.replace(position) == Some(position) {
            return Ok(Vec::new());
        }
        let Some(block) = block else {
            return Ok(self.leaves.drain(..).collect());
        };
        // The chain of leaves and their parents must agree, or a block that is still to be read would be overwritten.
        let position = self.leaves.iter().position(|leaf| *leaf == block);
        let position =
            position.ok_or_else(|| self.place.at_block(block).fault(Damage::BlockNext))?;
        Ok(self.leaves.drain(..=position).collect())
    }
}

/// The shape of trees that are written anew.
///
/// Their blocks carry the transaction of the last checkpoint: a later one would make recovery pass over their images.
pub(super) fn shape(header: &Header) -> TreeShape {
    TreeShape {
        version: header.version,
        block_size: header.block_size,
        transaction: header.log.checkpoint_transaction,
    }
}

/// Writes an index anew.
pub(super) fn rebuild_index<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    database: &Database<&WorkingCopy<'_, F>>,
    index: u16,
    changes: EntryChanges,
) -> Result<RebuiltIndex, Error> {
    let root = database.logical_file(index, LogicalFileKind::Index)?.root;
    let TreeBlocks { leaves, branches } = TreeBlocks::read(&database.store, index, root)?;
    let blocks_before = leaves.len() + branches.len();
    let definition = database.dictionary().index(index);
    let is_positioning = definition.is_some_and(|definition| definition.is_positioning);
    let mut unread = UnreadBlocks::new(index, leaves);
    let mut blocks = FreeBlocks::open(copy)?;
    let mut writer = TreeWriter::index(shape(&copy.header()?), index, is_positioning);
    let mut branches = Some(branches);
    let entries = each_entry(database, index, changes, |entry, block| {
        // Nothing above the leaves is read once the walk has begun.
        blocks.reuse(branches.take().into_iter().flatten());
        blocks.reuse(unread.read_up_to(block)?);
        writer.entry(&mut blocks, &entry.key, entry.record)
    })?;
    blocks.reuse(branches.take().into_iter().flatten());
    blocks.reuse(unread.read_up_to(None)?);
    let root = writer.finish(&mut blocks)?;
    let blocks_after = blocks.written();
    blocks.finish()?;
    set_root(copy, index, root, None)?;
    Ok(RebuiltIndex {
        index,
        entries,
        blocks_before,
        blocks_after,
    })
}

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
