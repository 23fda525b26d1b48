//! One level of a tree under construction: its open block, and how elements go into it (flaim-format.md 5.1, 5.2).

use super::super::address::BlockAddress;
use super::super::block::{BLOCK_HEADER_BYTES, BlockHeader, kind};
use super::super::element::PREFIX_BYTES_MAX;
use super::super::error::Error;
use super::{BlockSink, TreeShape};

/// How full blocks become, in percent; the rest is left for changes, and for the marks at the end of the tree.
const FILL_PERCENT: usize = 90;

/// Flags of a leaf element: the first and the last element of a record or key.
const FLAG_FIRST: u8 = 0x80;
const FLAG_LAST: u8 = 0x40;
/// Flag of a branch element: a domain stands behind the key.
const FLAG_DOMAIN: u8 = 0x80;

/// One element, before its key is compressed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) key: &'a [u8],
    /// The domain that the element names, or, above the leaves, that the last element of the child names.
    pub(super) domain: Option<u32>,
    /// How many references stand in the element or below it.
    pub(super) references: u64,
    pub(super) content: Content<'a>,
}

/// What an element holds besides its key.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// A piece of a record, or a reference set.
    Leaf {
        is_first: bool,
        is_last: bool,
        data: &'a [u8],
    },
    /// A block one level below.
    Child(BlockAddress),
}

/// What the level above must know about a block that was written.
#[derive(Debug)]
pub(super) struct ClosedBlock {
    pub(super) address: BlockAddress,
    last_key: Vec<u8>,
    domain: Option<u32>,
    references: u64,
}

impl ClosedBlock {
    /// The element that stands for this block one level above.
    pub(super) fn as_element(&self) -> Element<'_> {
        Element {
            key: &self.last_key,
            domain: self.domain,
            references: self.references,
            content: Content::Child(self.address),
        }
    }
}

/// The block of a level that still takes elements.
#[derive(Debug)]
struct OpenBlock {
    address: BlockAddress,
    previous: BlockAddress,
    elements: Vec<u8>,
    last_key: Vec<u8>,
    domain: Option<u32>,
    references: u64,
}

impl OpenBlock {
    fn new(address: BlockAddress, previous: BlockAddress) -> Self {
        Self {
            address,
            previous,
            elements: Vec::new(),
            last_key: Vec::new(),
            domain: None,
            references: 0,
        }
    }
}

/// One level of a tree.
#[derive(Debug)]
pub(super) struct Level {
    shape: TreeShape,
    logical_file: u16,
    kind: u8,
    number: u8,
    open: Option<OpenBlock>,
    has_closed_blocks: bool,
    /// The bytes of the element that is being made; kept so that not every element allocates.
    scratch: Vec<u8>,
}

impl Level {
    pub(super) fn new(shape: TreeShape, logical_file: u16, kind: u8, number: u8) -> Self {
        Self {
            shape,
            logical_file,
            kind,
            number,
            open: None,
            has_closed_blocks: false,
            scratch: Vec::new(),
        }
    }

    /// Whether the open block is not the only one of its level.
    pub(super) fn has_closed_blocks(&self) -> bool {
        self.has_closed_blocks
    }

    /// Adds an element; where it does not fit, the open block is written first and comes back.
    pub(super) fn add(
        &mut self,
        sink: &mut impl BlockSink,
        element: &Element<'_>,
    ) -> Result<Option<ClosedBlock>, Error> {
        let mut closed = None;
        if self.open.is_none() {
            self.open = Some(OpenBlock::new(sink.allocate()?, BlockAddress::NONE));
        }
        self.encode(element)?;
        let fill_max = self.shape.block_size * FILL_PERCENT / 100;
        let is_full = self.open.as_ref().is_some_and(|open| {
            let end = BLOCK_HEADER_BYTES + open.elements.len() + self.scratch.len();
            !open.elements.is_empty() && end > fill_max
        });
        if is_full {
            let next = sink.allocate()?;
            closed = self.close(sink, next, false)?;
            let previous = closed
                .as_ref()
                .map_or(BlockAddress::NONE, |block| block.address);
            self.open = Some(OpenBlock::new(next, previous));
            self.has_closed_blocks = true;
            // The first key of a block stands whole.
            self.encode(element)?;
        }
        if let Some(open) = &mut self.open {
            open.elements.extend_from_slice(&self.scratch);
            open.last_key.clear();
            open.last_key.extend_from_slice(element.key);
            open.domain = element.domain;
            open.references = open.references.saturating_add(element.references);
        }
        Ok(closed)
    }

    /// Adds the mark at the right end of the level; there is always room, because blocks are not filled up.
    pub(super) fn add_end_mark(&mut self, child: Option<&ClosedBlock>) -> Result<(), Error> {
        self.scratch.clear();
        let mut references = 0;
        if let Some(child) = child {
            references = child.references;
            if self.kind == kind::BRANCH_FIXED {
                self.scratch.extend_from_slice(&[0xff; 4]);
            } else {
                self.scratch.extend_from_slice(&[0, 0]);
            }
            self.push_child(child.address, child.references)?;
        } else {
            self.scratch
                .extend_from_slice(&[FLAG_FIRST | FLAG_LAST, 0, 0]);
        }
        if let Some(open) = &mut self.open {
            open.elements.extend_from_slice(&self.scratch);
            open.references = open.references.saturating_add(references);
        }
        Ok(())
    }

    /// Writes the open block, if there is one.
    pub(super) fn close(
        &mut self,
        sink: &mut impl BlockSink,
        next: BlockAddress,
        is_root: bool,
    ) -> Result<Option<ClosedBlock>, Error> {
        let Some(open) = self.open.take() else {
            return Ok(None);
        };
        let header = BlockHeader {
            address: open.address,
            previous: open.previous,
            next,
            kind: self.kind,
            is_root,
            level: self.number,
            transaction: self.shape.transaction,
            logical_file: self.logical_file,
        };
        sink.write(
            open.address,
            &header.finish(&open.elements, self.shape.block_size),
        )?;
        Ok(Some(ClosedBlock {
            address: open.address,
            last_key: open.last_key,
            domain: open.domain,
            references: open.references,
        }))
    }

    /// Makes the bytes of an element that follows the last one of the open block.
    fn encode(&mut self, element: &Element<'_>) -> Result<(), Error> {
        self.scratch.clear();
        if self.kind == kind::BRANCH_FIXED {
            self.scratch.extend_from_slice(element.key);
            return match element.content {
                Content::Child(child) => self.push_child(child, element.references),
                Content::Leaf { .. } => Ok(()),
            };
        }
        let previous = self.open.as_ref().map_or(&[][..], |open| &open.last_key);
        let prefix = previous
            .iter()
            .zip(element.key)
            .take(PREFIX_BYTES_MAX)
            .take_while(|(before, now)| before == now)
            .count();
        let suffix = element.key.get(prefix..).unwrap_or_default();
        // Ten bits hold the length of a key: no key is longer than 640 bytes.
        let [key_low, key_high] = u16::try_from(suffix.len()).unwrap_or(0).to_le_bytes();
        let prefix = u8::try_from(prefix).unwrap_or(0);
        let packed = (key_high & 0x03) << 4 | prefix;
        match element.content {
            Content::Leaf {
                is_first,
                is_last,
                data,
            } => {
                let first = if is_first { FLAG_FIRST } else { 0 };
                let last = if is_last { FLAG_LAST } else { 0 };
                let length = u8::try_from(data.len()).unwrap_or(u8::MAX);
                self.scratch
                    .extend_from_slice(&[first | last | packed, key_low, length]);
                self.scratch.extend_from_slice(suffix);
                self.scratch.extend_from_slice(data);
            }
            Content::Child(child) => {
                let flag = element.domain.map_or(0, |_| FLAG_DOMAIN);
                self.scratch.extend_from_slice(&[flag | packed, key_low]);
                self.push_child(child, element.references)?;
                self.scratch.extend_from_slice(suffix);
                if let Some(domain) = element.domain {
                    let [_, high, middle, low] = domain.to_be_bytes();
                    self.scratch.extend_from_slice(&[high, middle, low]);
                }
            }
        }
        Ok(())
    }

    /// Adds the address of a child, and in blocks that count, how many references are below it.
    fn push_child(&mut self, child: BlockAddress, references: u64) -> Result<(), Error> {
        self.scratch.extend_from_slice(&child.raw().to_le_bytes());
        if self.kind == kind::BRANCH_COUNTED {
            let logical_file = self.logical_file;
            let count =
                u32::try_from(references).map_err(|_| Error::TreeTooHigh { logical_file })?;
            self.scratch.extend_from_slice(&count.to_le_bytes());
        }
        Ok(())
    }
}
