//! Writes one b-tree from left to right (flaim-format.md 5): every block once, and never more than one open block on each
//! level.
//!
//! ```text
//!  records ── ContainerWriter ─┐
//!                              ├── TreeWriter ── Level 0 … 7 ── BlockSink
//!  entries ── IndexWriter ─────┘
//! ```
//!
//! A block knows its right neighbour before it is written, because the address of that one is taken first.  A level that
//! never closed a block when the tree ends is the root.

mod container;
mod index;
mod level;
mod reference_set;

use super::address::BlockAddress;
use super::block::kind;
use super::cursor::LEVEL_MAX;
use super::error::Error;
use super::version::Version;

pub use container::ContainerWriter;
pub use index::IndexWriter;
use level::{ClosedBlock, Content, Element, Level};

/// Where finished blocks go.
pub trait BlockSink {
    /// The address of a block that nothing uses yet.
    fn allocate(&mut self) -> Result<BlockAddress, Error>;

    /// Takes a finished block, checksum included, for an address that came from [`Self::allocate`].
    fn write(&mut self, address: BlockAddress, block: &[u8]) -> Result<(), Error>;
}

/// What the blocks of a tree have in common.
#[derive(Debug, Clone, Copy)]
pub struct TreeShape {
    /// The version of the database.
    pub version: Version,
    /// In bytes.
    pub block_size: usize,
    /// The transaction that writes the tree.
    pub transaction: u32,
}

/// One tree under construction: leaves and everything above them.
#[derive(Debug)]
pub struct TreeWriter {
    shape: TreeShape,
    logical_file: u16,
    /// The kind of the blocks above the leaves.
    branch_kind: u8,
    levels: Vec<Level>,
}

impl TreeWriter {
    /// A writer of the tree of one container.
    pub fn container(shape: TreeShape, logical_file: u16) -> ContainerWriter {
        let branch_kind = if shape.version.has_fixed_container_keys() {
            kind::BRANCH_FIXED
        } else {
            kind::BRANCH_VARIABLE
        };
        ContainerWriter::new(Self::new(shape, logical_file, branch_kind))
    }

    /// A writer of the tree of one index; its branches count references where the index is declared `positioning` and
    /// the version knows that (flaim-format.md 5.2).
    pub fn index(shape: TreeShape, logical_file: u16, is_counted: bool) -> IndexWriter {
        let branch_kind = if is_counted && shape.version.has_long_log_header() {
            kind::BRANCH_COUNTED
        } else {
            kind::BRANCH_VARIABLE
        };
        IndexWriter::new(Self::new(shape, logical_file, branch_kind))
    }

    fn new(shape: TreeShape, logical_file: u16, branch_kind: u8) -> Self {
        Self {
            shape,
            logical_file,
            branch_kind,
            levels: Vec::new(),
        }
    }

    /// Adds an element to the leaves, and what follows from it to the levels above.
    fn add(&mut self, sink: &mut impl BlockSink, element: &Element<'_>) -> Result<(), Error> {
        let mut closed = self.level(0)?.add(sink, element)?;
        let mut number = 1;
        // Each turn goes up one level, and no level is above LEVEL_MAX.
        while let Some(block) = closed {
            closed = self.level(number)?.add(sink, &block.as_element())?;
            number += 1;
        }
        Ok(())
    }

    fn level(&mut self, number: u8) -> Result<&mut Level, Error> {
        let position = usize::from(number);
        if position == self.levels.len() && number <= LEVEL_MAX {
            let kind = if number == 0 {
                kind::LEAF
            } else {
                self.branch_kind
            };
            self.levels
                .push(Level::new(self.shape, self.logical_file, kind, number));
        }
        let logical_file = self.logical_file;
        self.levels
            .get_mut(position)
            .ok_or(Error::TreeTooHigh { logical_file })
    }

    /// Closes the tree, and says where its root stands; none where nothing was added.
    fn finish(mut self, sink: &mut impl BlockSink) -> Result<BlockAddress, Error> {
        let mut child: Option<ClosedBlock> = None;
        for level in &mut self.levels {
            level.add_end_mark(child.as_ref())?;
            let is_root = !level.has_closed_blocks();
            let Some(closed) = level.close(sink, BlockAddress::NONE, is_root)? else {
                continue;
            };
            if is_root {
                return Ok(closed.address);
            }
            child = Some(closed);
        }
        Ok(BlockAddress::NONE)
    }
}

#[cfg(test)]
mod tests;
