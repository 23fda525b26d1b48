//! Elements of b-tree blocks (flaim-format.md 5.1, 5.2).
//!
//! An element is read out of hostile bytes: every length is checked against the used bytes of its block before anything
//! is taken from it.

use std::ops::Range;

use super::address::BlockAddress;
use super::block::{Block, kind};
use super::bytes::{Walk, array_at, u32_at};
use super::damage::Damage;

/// The longest key of an index.
pub(super) const KEY_BYTES_MAX: usize = 640;
/// The most data that one leaf element holds.
pub(super) const DATA_BYTES_MAX: usize = 250;
/// The most bytes that an element takes from the key before it.
pub(super) const PREFIX_BYTES_MAX: usize = 15;

/// One element of a leaf, as offsets in its block.
#[derive(Debug, Clone)]
pub(super) struct LeafElement {
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) prefix: usize,
    pub(super) key: Range<usize>,
    pub(super) data: Range<usize>,
}

impl LeafElement {
    /// The element at `offset`.
    pub(super) fn parse(used: &[u8], offset: usize) -> Result<Self, Damage> {
        let rest = used.get(offset..).ok_or(Damage::ElementOutside)?;
        let [flags, key_low, data_length] = array_at(rest, 0).ok_or(Damage::ElementOutside)?;
        let key_length = usize::from(flags & 0x30) << 4 | usize::from(key_low);
        let key_start = offset + 3;
        let data_start = key_start + key_length;
        let end = data_start + usize::from(data_length);
        if end > used.len() {
            return Err(Damage::ElementOutside);
        }
        if usize::from(data_length) > DATA_BYTES_MAX {
            return Err(Damage::ElementDataSize);
        }
        Ok(Self {
            is_first: flags & 0x80 != 0,
            is_last: flags & 0x40 != 0,
            prefix: usize::from(flags & 0x0f),
            key: key_start..data_start,
            data: data_start..end,
        })
    }

    /// Where the next element stands.
    pub(super) fn end(&self) -> usize {
        self.data.end
    }

    /// Whether this is the mark at the end of a tree: `C0 00 00`.
    pub(super) fn is_end_mark(&self) -> bool {
        self.is_first
            && self.is_last
            && self.prefix == 0
            && self.key.is_empty()
            && self.data.is_empty()
    }
}

/// One element of a non-leaf block.
#[derive(Debug, Clone)]
pub(super) struct BranchElement {
    pub(super) child: BlockAddress,
    /// The domain of the child's last element, where it has one.
    pub(super) domain: Option<u32>,
    /// The number of references below the child, in blocks that count them.
    pub(super) count: Option<u32>,
    pub(super) prefix: usize,
    key: Range<usize>,
    end: usize,
    /// The element without a key, at the right end of its level.
    pub(super) is_end_mark: bool,
}

impl BranchElement {
    /// The element at `offset` of a block of this kind.
    pub(super) fn parse(used: &[u8], offset: usize, block_kind: u8) -> Result<Self, Damage> {
        let rest = used.get(offset..).ok_or(Damage::ElementOutside)?;
        if block_kind == kind::BRANCH_FIXED {
            return Self::parse_fixed(rest, offset);
        }
        let mut walk = Walk::new(rest);
        let flags = walk.u8().ok_or(Damage::ElementOutside)?;
        let key_low = walk.u8().ok_or(Damage::ElementOutside)?;
        let child = walk.u32().ok_or(Damage::ElementOutside)?;
        let count = match block_kind {
            kind::BRANCH_COUNTED => Some(walk.u32().ok_or(Damage::ElementOutside)?),
            _ => None,
        };
        let key_length = usize::from(flags & 0x30) << 4 | usize::from(key_low);
        let key_start = offset + walk.position();
        walk.take(key_length).ok_or(Damage::ElementOutside)?;
        let has_domain = flags & 0x80 != 0;
        let domain = if has_domain {
            let bytes = walk.take(3).ok_or(Damage::ElementOutside)?;
            Some(
                bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u32::from(*byte)),
            )
        } else {
            None
        };
        let prefix = usize::from(flags & 0x0f);
        Ok(Self {
            child: BlockAddress::from_raw(child),
            domain,
            count,
            prefix,
            key: key_start..key_start + key_length,
            end: offset + walk.position(),
            is_end_mark: prefix == 0 && key_length == 0,
        })
    }

    fn parse_fixed(rest: &[u8], offset: usize) -> Result<Self, Damage> {
        let child = u32_at(rest, 4).ok_or(Damage::ElementOutside)?;
        Ok(Self {
            child: BlockAddress::from_raw(child),
            domain: None,
            count: None,
            prefix: 0,
            key: offset..offset + 4,
            end: offset + 8,
            is_end_mark: false,
        })
    }

    /// Where the next element stands.
    pub(super) fn end(&self) -> usize {
        self.end
    }
}

/// The full key of the latest element, put together from its own bytes and those of the key before it.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyBuffer {
    key: Vec<u8>,
}

impl KeyBuffer {
    /// Forgets the key: the first element of a block stands alone.
    pub(super) fn clear(&mut self) {
        self.key.clear();
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// Replaces the key by the next one: `prefix` bytes of what stands here, then `suffix`.
    pub(super) fn advance(&mut self, prefix: usize, suffix: &[u8]) -> Result<(), Damage> {
        if prefix > self.key.len() {
            return Err(Damage::ElementPrefix);
        }
        if prefix + suffix.len() > KEY_BYTES_MAX {
            return Err(Damage::ElementKeySize);
        }
        self.key.truncate(prefix);
        self.key.extend_from_slice(suffix);
        Ok(())
    }

    /// Whether an element whose own key bytes are `suffix` took all that it could from this key.
    pub(super) fn prefix_is_maximal(&self, prefix: usize, suffix: &[u8]) -> bool {
        let next_here = self.key.get(prefix);
        prefix >= PREFIX_BYTES_MAX || next_here.is_none() || next_here != suffix.first()
    }

    pub(super) fn advance_leaf(
        &mut self,
        used: &[u8],
        element: &LeafElement,
    ) -> Result<(), Damage> {
        let suffix = used.get(element.key.clone()).unwrap_or_default();
        self.advance(element.prefix, suffix)
    }

    pub(super) fn advance_branch(
        &mut self,
        used: &[u8],
        element: &BranchElement,
    ) -> Result<(), Damage> {
        let suffix = used.get(element.key.clone()).unwrap_or_default();
        self.advance(element.prefix, suffix)
    }

    pub(super) fn branch_prefix_is_maximal(&self, used: &[u8], element: &BranchElement) -> bool {
        let suffix = used.get(element.key.clone()).unwrap_or_default();
        self.prefix_is_maximal(element.prefix, suffix)
    }
}

/// Whether blocks of this kind are the inner blocks of a tree.
pub(super) fn is_branch(block: &Block) -> bool {
    matches!(
        block.kind,
        kind::BRANCH_VARIABLE | kind::BRANCH_FIXED | kind::BRANCH_COUNTED
    )
}
