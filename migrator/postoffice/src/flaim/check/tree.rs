//! Walks one tree from its root, every block once.
//!
//! The walk goes down through the parents and compares the chain of neighbours with it, so that a wrong pointer of
//! either kind is told apart.  A block that cannot be read leaves a gap; what lies behind it is still checked.

use super::super::address::BlockAddress;
use super::super::block::{Block, kind};
use super::super::cursor::LEVEL_MAX;
use super::super::damage::Damage;
use super::super::dictionary::{Dictionary, IndexDefinition};
use super::super::element::is_branch;
use super::super::error::{Error, Fault, Place};
use super::super::file_set::{FileSet, Limits};
use super::super::logical_file::{LogicalFile, LogicalFileKind};
use super::super::store::BlockStore;
use super::leaf::{Leaves, Summary};
use super::space::Space;
use super::{Findings, TreeReport};

/// The last block that was met on one level.
#[derive(Debug, Clone, Copy)]
enum Neighbour {
    /// There was none yet.
    Start,
    /// It could not be read.
    Unknown,
    /// Its address, and the next block that it names.
    Known(BlockAddress, BlockAddress),
}

/// A walk through one tree.
pub(super) struct TreeWalk<'a, F> {
    store: &'a BlockStore<F>,
    pub(super) file: LogicalFile,
    pub(super) findings: &'a mut Findings,
    space: &'a mut Space,
    neighbours: [Neighbour; LEVEL_MAX as usize + 1],
    pub(super) leaves: Leaves<'a>,
    blocks: u64,
}

impl<'a, F: FileSet> TreeWalk<'a, F> {
    pub(super) fn new(
        store: &'a BlockStore<F>,
        file: LogicalFile,
        findings: &'a mut Findings,
        space: &'a mut Space,
    ) -> Self {
        Self {
            store,
            file,
            findings,
            space,
            neighbours: [Neighbour::Start; LEVEL_MAX as usize + 1],
            leaves: Leaves::new(file, store.geometry.references_max()),
            blocks: 0,
        }
    }

    /// Tells the walk what the dictionary says, so that fields and unique keys can be checked too.
    pub(super) fn know(
        &mut self,
        dictionary: &'a Dictionary,
        definition: Option<&IndexDefinition>,
        limits: Limits,
    ) {
        self.leaves.know(dictionary, definition, limits);
    }

    pub(super) fn place(&self, address: BlockAddress) -> Place {
        Place::in_logical_file(self.file.number).at_block(address)
    }

    /// Walks the tree and says what it holds.
    pub(super) fn run(mut self) -> Result<TreeReport, Error> {
        let root = self.file.root;
        if !root.is_none() {
            let top = self.visit(root, None)?;
            for neighbour in self.neighbours {
                if let Neighbour::Known(address, next) = neighbour
                    && !next.is_none()
                {
                    let fault = self.place(address).fault(Damage::BlockNext);
                    let expected = BlockAddress::NONE.raw();
                    self.findings.add(fault.with_numbers(next.raw(), expected));
                }
            }
            if top.is_whole {
                self.leaves.finish(self.place(root), self.findings);
            }
        }
        Ok(TreeReport {
            kind: self.file.kind,
            blocks: self.blocks,
            entries: self.leaves.entries(),
            comparison: None,
        })
    }

    /// One block and everything below it; `level` is none for the root.
    pub(super) fn visit(
        &mut self,
        address: BlockAddress,
        level: Option<u8>,
    ) -> Result<Summary, Error> {
        let place = self.place(address);
        if self.store.geometry.contains(address) && !self.space.take(address) {
            self.findings.add(place.fault(Damage::BlockUsedTwice));
            return Ok(self.gap(level));
        }
        self.blocks += 1;
        let block = match self.store.inspect(address)? {
            Ok(block) => block,
            Err(faults) => {
                for fault in faults {
                    let logical_file = Some(self.file.number);
                    let place = Place {
                        logical_file,
                        ..fault.place
                    };
                    self.findings.add(Fault { place, ..fault });
                }
                return Ok(self.gap(level));
            }
        };
        if let Some(fault) = self.misplaced(&block, level) {
            self.findings.add(fault);
            return Ok(self.gap(level));
        }
        self.check_neighbours(&block);
        if block.level == 0 {
            let summary = self.leaves.block(&block, place, self.findings);
            return Ok(summary);
        }
        self.branch(&block)
    }

    /// What keeps a block from being read as a part of this tree.
    fn misplaced(&self, block: &Block, level: Option<u8>) -> Option<Fault> {
        let place = self.place(block.address);
        if block.logical_file != self.file.number {
            let fault = place.fault(Damage::BlockLogicalFile);
            return Some(fault.with_numbers(block.logical_file, self.file.number));
        }
        let expected = level.unwrap_or(block.level);
        if block.level != expected || block.level > LEVEL_MAX {
            let fault = place.fault(Damage::BlockLevel);
            return Some(fault.with_numbers(block.level, expected.min(LEVEL_MAX)));
        }
        if block.is_root != level.is_none() {
            return Some(place.fault(Damage::BlockRootFlag));
        }
        let has_fixed_keys = self.store.geometry.version.has_fixed_container_keys();
        let kind_fits = match (block.level, self.file.kind) {
            (0, _) => block.kind == kind::LEAF,
            (_, LogicalFileKind::Container) if has_fixed_keys => block.kind == kind::BRANCH_FIXED,
            (_, LogicalFileKind::Container) => block.kind == kind::BRANCH_VARIABLE,
            (_, LogicalFileKind::Index) => is_branch(block) && block.kind != kind::BRANCH_FIXED,
        };
        (!kind_fits).then(|| place.fault(Damage::BlockKind))
    }

    /// A block that is not read any further: what follows on its level cannot be compared with it.
    fn gap(&mut self, level: Option<u8>) -> Summary {
        let levels = usize::from(level.unwrap_or(LEVEL_MAX)) + 1;
        for neighbour in self.neighbours.iter_mut().take(levels) {
            *neighbour = Neighbour::Unknown;
        }
        self.leaves.gap();
        Summary::default()
    }

    fn check_neighbours(&mut self, block: &Block) {
        let place = self.place(block.address);
        let Some(neighbour) = self.neighbours.get_mut(usize::from(block.level)) else {
            return;
        };
        let before = std::mem::replace(neighbour, Neighbour::Known(block.address, block.next));
        let previous = match before {
            Neighbour::Unknown => return,
            Neighbour::Start => BlockAddress::NONE,
            Neighbour::Known(address, next) => {
                if next != block.address {
                    let fault = self.place(address).fault(Damage::BlockNext);
                    let fault = fault.with_numbers(next.raw(), block.address.raw());
                    self.findings.add(fault);
                }
                address
            }
        };
        if block.previous != previous {
            let fault = place.fault(Damage::BlockPrevious);
            self.findings
                .add(fault.with_numbers(block.previous.raw(), previous.raw()));
        }
    }
}
