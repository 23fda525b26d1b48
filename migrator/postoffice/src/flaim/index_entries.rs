//! The entries of one index: each key with each record that has it (flaim-format.md 8).

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::address::BlockAddress;
use super::cursor::{Cursor, Start};
use super::damage::Damage;
use super::error::{Error, Place};
use super::file_set::FileSet;
use super::references::References;
use super::store::BlockStore;

/// One key of an index, and one record that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// The key as it is stored.
    pub key: Arc<[u8]>,
    /// The number of the record.
    pub record: u32,
}

impl IndexEntry {
    /// What the entries of an index are ordered by.
    pub(super) fn order(&self) -> (&[u8], Reverse<u32>) {
        (&self.key, Reverse(self.record))
    }
}

/// The entries of an index as the blocks hold them.
pub(super) struct StoredEntries<'a, F> {
    cursor: Cursor<'a, F>,
    /// The element whose references are being handed out.
    element: Option<(References, Place)>,
    key: Arc<[u8]>,
    previous: Option<IndexEntry>,
    inside_key: bool,
    references_left: u64,
}

impl<'a, F: FileSet> StoredEntries<'a, F> {
    pub(super) fn open(
        store: &'a BlockStore<F>,
        index: u16,
        root: BlockAddress,
    ) -> Result<Self, Error> {
        let cursor = Cursor::open(store, index, root, Start::Beginning)?;
        Ok(Self::new(cursor, store.geometry.references_max()))
    }

    /// The entries from the element on that would hold this key and record.
    pub(super) fn open_at(
        store: &'a BlockStore<F>,
        index: u16,
        root: BlockAddress,
        key: &[u8],
        record: u32,
    ) -> Result<Self, Error> {
        let cursor = Cursor::open(store, index, root, Start::Key(key, record >> 8))?;
        let mut entries = Self::new(cursor, store.geometry.references_max());
        // The leaf may begin in the middle of a key's elements.
        entries.inside_key = true;
        Ok(entries)
    }

    fn new(cursor: Cursor<'a, F>, references_max: u64) -> Self {
        Self {
            cursor,
            element: None,
            key: Arc::from([].as_slice()),
            previous: None,
            inside_key: false,
            references_left: references_max,
        }
    }

    /// The block that was read last; none behind the last entry.
    fn block(&self) -> Option<BlockAddress> {
        self.cursor.block()
    }

    /// The next entry, and where it stands.
    pub(super) fn next(&mut self) -> Result<Option<(IndexEntry, Place)>, Error> {
        // Every turn hands out a reference or moves on by one element.
        loop {
            if let Some((references, place)) = &mut self.element {
                let place = *place;
                let next = references.next().map_err(|damage| place.fault(damage))?;
                if let Some(record) = next {
                    return self.entry(record, place).map(|entry| Some((entry, place)));
                }
                self.element = None;
            }
            let Some(step) = self.cursor.next()? else {
                return Ok(None);
            };
            let is_new_key = *self.cursor.key() != *self.key;
            if is_new_key {
                if self.cursor.key() < &*self.key {
                    return Err(step.place.fault(Damage::ElementOrder).into());
                }
                self.key = Arc::from(self.cursor.key());
            }
            let may_continue = self.inside_key && !(is_new_key && self.previous.is_some());
            if !step.is_first && !may_continue {
                return Err(step.place.fault(Damage::ElementFlags).into());
            }
            if step.is_first && !is_new_key {
                return Err(step.place.fault(Damage::ElementContinuation).into());
            }
            self.inside_key = !step.is_last;
            let references = References::new(self.cursor.data(&step))
                .map_err(|damage| step.place.fault(damage))?;
            self.element = Some((references, step.place));
        }
    }

    fn entry(&mut self, record: u32, place: Place) -> Result<IndexEntry, Error> {
        let entry = IndexEntry {
            key: Arc::clone(&self.key),
            record,
        };
        if let Some(previous) = &self.previous
            && previous.order() >= entry.order()
        {
            let fault = place.in_record(record).fault(Damage::ReferenceOrder);
            return Err(fault.into());
        }
        self.references_left = self
            .references_left
            .checked_sub(1)
            .ok_or_else(|| place.fault(Damage::ReferenceCount))?;
        self.previous = Some(entry.clone());
        Ok(entry)
    }
}

/// Entries that changed records no longer have, and those that they have instead.
#[derive(Debug, Clone, Default)]
pub(super) struct EntryChanges {
    removed: BTreeSet<(Arc<[u8]>, u32)>,
    added: BTreeSet<(Arc<[u8]>, Reverse<u32>)>,
}

impl EntryChanges {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty()
    }

    /// How many entries go, and how many come.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.removed.len(), self.added.len())
    }

    /// Leaves out what a record had before it changed.
    pub(super) fn remove_all(&mut self, keys: impl IntoIterator<Item = Vec<u8>>, record: u32) {
        for key in keys {
            self.remove(key.into(), record);
        }
    }

    fn remove(&mut self, key: Arc<[u8]>, record: u32) {
        // What an earlier change added does not stand in the blocks.
        let addition = (key, Reverse(record));
        if !self.added.remove(&addition) {
            self.removed.insert((addition.0, record));
        }
    }

    /// Adds what a changed record has now.
    pub(super) fn add_all(&mut self, keys: impl IntoIterator<Item = Vec<u8>>, record: u32) {
        let keys = keys.into_iter().map(Arc::from);
        self.added.extend(keys.map(|key| (key, Reverse(record))));
    }

    /// Takes over the changes of a later step.
    pub(super) fn append(&mut self, later: Self) {
        for (key, record) in later.removed {
            self.remove(key, record);
        }
        self.added.extend(later.added);
    }
}

/// The entries of an index at the last commit.
pub struct IndexEntries<'a, F> {
    stored: StoredEntries<'a, F>,
    held: Option<IndexEntry>,
    changes: EntryChanges,
    /// How many entries that are to be left out were met.
    removed: usize,
    is_done: bool,
}

impl<'a, F: FileSet> IndexEntries<'a, F> {
    pub(super) fn new(stored: StoredEntries<'a, F>, changes: EntryChanges) -> Self {
        Self {
            stored,
            held: None,
            changes,
            removed: 0,
            is_done: false,
        }
    }

    /// The block that the entries were read up to: it and those before it are read no more.
    pub(super) fn block(&self) -> Option<BlockAddress> {
        self.stored.block()
    }

    /// Behind the last entry: whether every entry that was to be left out was there.
    pub(super) fn all_removed(&self) -> bool {
        self.removed == self.changes.removed.len()
    }

    fn advance(&mut self) -> Result<Option<IndexEntry>, Error> {
        while self.held.is_none() {
            let Some((entry, _)) = self.stored.next()? else {
                break;
            };
            let removed = &self.changes.removed;
            let is_removed =
                !removed.is_empty() && removed.contains(&(Arc::clone(&entry.key), entry.record));
            if is_removed {
                self.removed += 1;
            } else {
                self.held = Some(entry);
            }
        }
        let addition_is_next = match (&self.held, self.changes.added.first()) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(held), Some((key, record))) => (&**key, *record) < held.order(),
        };
        if !addition_is_next {
            return Ok(self.held.take());
        }
        let addition = self.changes.added.pop_first();
        Ok(addition.map(|(key, Reverse(record))| IndexEntry { key, record }))
    }
}

impl<F: FileSet> Iterator for IndexEntries<'_, F> {
    type Item = Result<IndexEntry, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let next = self.advance().transpose();
        // Behind an error the place in the tree is unknown.
        self.is_done = !matches!(next, Some(Ok(_)));
        next
    }
}
