//! Writes an index anew out of what it holds and what changes in it.
//!
//! The old tree is read from left to right while the new one is written.  Blocks of the old tree are used again as soon as
//! the reading is past them, so the work takes no memory that grows with the index, and hardly a block more.

use std::collections::VecDeque;

use super::super::address::BlockAddress;
use super::super::damage::Damage;
use super::super::database::Database;
use super::super::error::{Error, Place};
use super::super::file_set::{FileSet, FileSetMut};
use super::super::free_blocks::FreeBlocks;
use super::super::header::Header;
use super::super::index_entries::{EntryChanges, IndexEntry};
use super::super::logical_file::LogicalFileKind;
use super::super::logical_file_edit::set_root;
use super::super::tree_blocks::TreeBlocks;
use super::super::tree_writer::{TreeShape, TreeWriter};
use super::super::working_copy::WorkingCopy;
use super::RebuiltIndex;

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
pub(in super::super) struct Unread {
    place: Place,
    leaves: VecDeque<BlockAddress>,
    /// Where the reading was last: none before its beginning, "no block" behind its end.
    latest: Option<BlockAddress>,
}

impl Unread {
    pub(in super::super) fn new(logical_file: u16, leaves: Vec<BlockAddress>) -> Self {
        Self {
            place: Place::in_logical_file(logical_file),
            leaves: leaves.into(),
            latest: None,
        }
    }

    /// The blocks that are read no more now that the reading came to `block`, that one included: it is in memory.
    pub(in super::super) fn read_up_to(
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
pub(in super::super) fn shape(header: &Header) -> TreeShape {
    TreeShape {
        version: header.version,
        block_size: header.block_size,
        transaction: header.log.checkpoint_transaction,
    }
}

/// Writes an index anew.
pub(in super::super) fn rebuild_index<F: FileSetMut>(
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
    let mut unread = Unread::new(index, leaves);
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
