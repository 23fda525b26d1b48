//! The leaves of an index: keys and their reference sets (flaim-format.md 8.2).

use super::super::address::BlockAddress;
use super::super::element::KEY_BYTES_MAX;
use super::super::error::Error;
use super::reference_set::{ReferenceElement, ReferenceSet};
use super::{BlockSink, Content, Element, TreeWriter};

/// Writes the tree of one index, keys in ascending order, the records of one key in descending order.
#[derive(Debug)]
pub struct IndexWriter {
    tree: TreeWriter,
    key: Vec<u8>,
    /// The last record of the key; none before the first key.
    last_record: Option<u32>,
    references: ReferenceSet,
    /// Whether the key has an element already.
    is_continued: bool,
}

impl IndexWriter {
    pub(super) fn new(tree: TreeWriter) -> Self {
        Self {
            tree,
            key: Vec::new(),
            last_record: None,
            references: ReferenceSet::default(),
            is_continued: false,
        }
    }

    /// Adds one record under one key.
    pub fn entry(
        &mut self,
        sink: &mut impl BlockSink,
        key: &[u8],
        record: u32,
    ) -> Result<(), Error> {
        let is_new_key = self.last_record.is_none() || self.key != key;
        let is_in_order = match self.last_record {
            None => true,
            Some(_) if is_new_key => self.key.as_slice() < key,
            Some(last) => record < last,
        };
        let is_possible = record > 0 && !key.is_empty() && key.len() <= KEY_BYTES_MAX;
        if !is_in_order || !is_possible {
            return Err(Error::OutOfOrder {
                logical_file: self.tree.logical_file,
                record,
            });
        }
        if is_new_key {
            self.finish_key(sink)?;
            self.key.clear();
            self.key.extend_from_slice(key);
        }
        self.last_record = Some(record);
        if let Some(element) = self.references.push(record) {
            self.add(sink, &element)?;
        }
        Ok(())
    }

    /// Closes the tree, and says where its root stands; none where the index is empty.
    pub fn finish(mut self, sink: &mut impl BlockSink) -> Result<BlockAddress, Error> {
        self.finish_key(sink)?;
        self.tree.finish(sink)
    }

    fn finish_key(&mut self, sink: &mut impl BlockSink) -> Result<(), Error> {
        if self.last_record.is_none() {
            return Ok(());
        }
        let (last_but_one, last) = self.references.finish();
        if let Some(element) = last_but_one {
            self.add(sink, &element)?;
        }
        self.add(sink, &last)?;
        self.is_continued = false;
        Ok(())
    }

    /// Adds one element of the key; the one that names no domain is its last.
    fn add(&mut self, sink: &mut impl BlockSink, element: &ReferenceElement) -> Result<(), Error> {
        let is_first = !self.is_continued;
        self.is_continued = true;
        let element = Element {
            key: &self.key,
            domain: element.domain,
            references: element.references,
            content: Content::Leaf {
                is_first,
                is_last: element.domain.is_none(),
                data: &element.data,
            },
        };
        self.tree.add(sink, &element)
    }
}
