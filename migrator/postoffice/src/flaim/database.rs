//! A database, opened for reading: what stood at its last commit, whatever state its files are in.

use std::collections::BTreeMap;

use serde::Serialize;

use super::changes::Changes;
use super::dictionary::Dictionary;
use super::error::Error;
use super::field::DictionaryFields;
use super::file_set::{FileSet, Limits};
use super::header::{Header, probe_files};
use super::index_entries::{EntryChanges, IndexEntries, StoredEntries};
use super::key::keys_of;
use super::logical_file::{DICTIONARY_CONTAINER, LogicalFile, LogicalFileKind, read_all};
use super::record::{RawRecords, Record};
use super::roll_forward;
use super::store::BlockStore;

/// What recovery does to make the files readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// How many blocks are read out of the rollback log.
    pub blocks_rolled_back: usize,
    /// How many transactions of the roll-forward log were replayed.
    pub transactions_replayed: u32,
    /// How many records those transactions changed.
    pub records_changed: usize,
    /// The number of the last of those transactions; 0 where there is none.
    pub last_transaction: u32,
}

/// A database, opened for reading.
///
/// One that was not closed cleanly is recovered on the way, as an overlay: blocks that the rollback log would put back
/// come from there, and records that committed transactions changed come from the roll-forward log.
#[derive(Debug)]
pub struct Database<F> {
    header: Header,
    pub(super) store: BlockStore<F>,
    logical_files: BTreeMap<u16, LogicalFile>,
    dictionary: Dictionary,
    pub(super) changes: Changes,
    recovery: Option<Recovery>,
    limits: Limits,
}

impl<F: FileSet> Database<F> {
    /// Opens a database, recovered where that is needed.
    pub fn open(files: F, limits: Limits) -> Result<Self, Error> {
        let mut database = Self::open_at_checkpoint(files, limits)?;
        if !database.header.log.is_clean() {
            let replay = roll_forward::replay(
                database.files(),
                &database.header,
                limits,
                |container, number| database.stored_record(container, number),
            )?;
            database.recovery = Some(Recovery {
                blocks_rolled_back: database.store.image_count(),
                transactions_replayed: replay.transactions,
                records_changed: replay.changes.len(),
                last_transaction: replay.last_transaction,
            });
            database.changes = replay.changes;
            if database.changes.touch(DICTIONARY_CONTAINER) {
                database.dictionary = database.read_dictionary()?;
            }
        }
        Ok(database)
    }

    /// Opens a database as it was at its last checkpoint, without what the roll-forward log holds.
    pub fn open_at_checkpoint(files: F, limits: Limits) -> Result<Self, Error> {
        let header = probe_files(&files)?;
        let store = BlockStore::open(files, &header)?;
        let logical_files = read_all(&store)?;
        let mut database = Self {
            header,
            store,
            logical_files,
            dictionary: Dictionary::default(),
            changes: Changes::default(),
            recovery: None,
            limits,
        };
        database.dictionary = database.read_dictionary()?;
        Ok(database)
    }

    fn read_dictionary(&self) -> Result<Dictionary, Error> {
        let mut dictionary = Dictionary::default();
        let mut bytes_left = self.limits.dictionary_bytes_max;
        let bytes_max = bytes_left;
        let mut records = self.raw_records(DICTIONARY_CONTAINER, 0)?;
        let mut add = |record: &Record| -> Result<(), Error> {
            bytes_left = bytes_left
                .checked_sub(record.data.len())
                .ok_or(Error::TooLarge {
                    what: "The dictionary",
                    bytes_max,
                })?;
            let place = super::error::Place::in_logical_file(DICTIONARY_CONTAINER);
            dictionary
                .add(record)
                .map_err(|damage| place.in_record(record.number).fault(damage).into())
        };
        while let Some(raw) = records.next()? {
            if self.changes.get(DICTIONARY_CONTAINER, raw.number).is_none() {
                add(&raw.parse(&DictionaryFields)?)?;
            }
        }
        for (_, change) in self.changes.of_container(DICTIONARY_CONTAINER) {
            change.into_iter().try_for_each(&mut add)?;
        }
        Ok(dictionary)
    }

    /// What the headers say.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What recovery did; `None` for a database that was closed cleanly.
    pub fn recovery(&self) -> Option<Recovery> {
        self.recovery
    }

    /// The dictionary.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// The limits that reading keeps.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The files that the database is read from.
    pub fn files(&self) -> &F {
        &self.store.files
    }

    /// Every container and index that has blocks or an entry, by number.
    pub fn logical_files(&self) -> impl Iterator<Item = LogicalFile> {
        self.logical_files.values().copied()
    }

    /// The numbers of the containers, in order; also of those that only the roll-forward log knows.
    pub fn containers(&self) -> Vec<u16> {
        let mut numbers: Vec<u16> = self.numbers_of(LogicalFileKind::Container).collect();
        numbers.extend(self.changes.containers());
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }

    /// The numbers of the indexes, in order.
    pub fn indexes(&self) -> Vec<u16> {
        self.numbers_of(LogicalFileKind::Index).collect()
    }

    fn numbers_of(&self, kind: LogicalFileKind) -> impl Iterator<Item = u16> {
        let files = self.logical_files.values();
        files
            .filter(move |file| file.kind == kind)
            .map(|file| file.number)
    }

    pub(super) fn logical_file(
        &self,
        number: u16,
        kind: LogicalFileKind,
    ) -> Result<LogicalFile, Error> {
        self.logical_files
            .get(&number)
            .copied()
            .filter(|file| file.kind == kind)
            .ok_or(Error::NoSuchLogicalFile { number })
    }

    /// The records of a container as the blocks hold them, from number `first` on.
    pub(super) fn raw_records(
        &self,
        container: u16,
        first: u32,
    ) -> Result<RawRecords<'_, F>, Error> {
        let root = match self.logical_file(container, LogicalFileKind::Container) {
            Ok(file) => file.root,
            // A container that only the roll-forward log knows has no blocks yet.
            Err(Error::NoSuchLogicalFile { .. }) if self.changes.touch(container) => {
                super::address::BlockAddress::NONE
            }
            Err(error) => return Err(error),
        };
        let bytes_max = self.limits.record_bytes_max;
        RawRecords::open(&self.store, container, root, first, bytes_max)
    }

    /// The records of a container, in order of their numbers.
    pub fn records(&self, container: u16) -> Result<Records<'_, F>, Error> {
        Ok(Records {
            database: self,
            container,
            stored: self.raw_records(container, 0)?,
            held: None,
            last_change: None,
            is_done: false,
        })
    }

    /// One record; `None` where the container has no record of that number.
    pub fn record(&self, container: u16, number: u32) -> Result<Option<Record>, Error> {
        match self.changes.get(container, number) {
            Some(change) => Ok(change.record().cloned()),
            None => self.stored_record(container, number),
        }
    }

    /// One record as the blocks hold it.
    pub(super) fn stored_record(
        &self,
        container: u16,
        number: u32,
    ) -> Result<Option<Record>, Error> {
        let mut records = self.raw_records(container, number)?;
        records
            .next()?
            .filter(|record| record.number == number)
            .map(|record| record.parse(&self.dictionary))
            .transpose()
    }

    /// The entries of an index, in order of their keys, records of one key in descending order.
    ///
    /// After a replay of the roll-forward log, the entries of changed records are made from the records, which needs an
    /// index whose keys this engine can make.
    pub fn index_entries(&self, index: u16) -> Result<IndexEntries<'_, F>, Error> {
        self.changed_index_entries(index, EntryChanges::default())
    }

    /// The entries of an index after further changes of records, which `later` names.
    pub(super) fn changed_index_entries(
        &self,
        index: u16,
        later: EntryChanges,
    ) -> Result<IndexEntries<'_, F>, Error> {
        let file = self.logical_file(index, LogicalFileKind::Index)?;
        let stored = StoredEntries::open(&self.store, index, file.root)?;
        let mut changes = self.replayed_entries(index)?;
        changes.append(later);
        Ok(IndexEntries::new(stored, changes))
    }

    /// What the replay of the roll-forward log changes in an index.
    pub(super) fn replayed_entries(&self, index: u16) -> Result<EntryChanges, Error> {
        let mut changes = EntryChanges::default();
        let definition = self.dictionary.index(index);
        let container = definition.as_ref().map(|definition| definition.container);
        let affected: Vec<u16> = match container {
            Some(Some(container)) => vec![container],
            _ => self.changes.containers().collect(),
        };
        if affected
            .iter()
            .all(|container| !self.changes.touch(*container))
        {
            return Ok(changes);
        }
        let refuse = |reason| Error::IndexNotComputable { index, reason };
        let definition = definition.ok_or_else(|| refuse("the dictionary does not define it"))?;
        let redefined = self.changes.get(DICTIONARY_CONTAINER, u32::from(index));
        if redefined.is_some() {
            return Err(refuse("it was defined after the last checkpoint"));
        }
        for container in affected {
            for (number, change) in self.changes.of_container(container) {
                if let Some(old) = self.stored_record(container, number)? {
                    changes.remove_all(keys_of(index, &definition, &old)?, number);
                }
                if let Some(new) = change {
                    changes.add_all(keys_of(index, &definition, new)?, number);
                }
            }
        }
        Ok(changes)
    }
}

/// The records of one container, in order of their numbers.
pub struct Records<'a, F> {
    database: &'a Database<F>,
    container: u16,
    stored: RawRecords<'a, F>,
    /// The next record of the blocks, already read.
    held: Option<Record>,
    last_change: Option<u32>,
    is_done: bool,
}

impl<F: FileSet> Records<'_, F> {
    fn advance(&mut self) -> Result<Option<Record>, Error> {
        loop {
            if self.held.is_none() {
                self.held = match self.stored.next()? {
                    Some(raw) => Some(raw.parse(&self.database.dictionary)?),
                    None => None,
                };
            }
            let changes = &self.database.changes;
            let change = changes.after(self.container, self.last_change);
            let stored_number = self.held.as_ref().map(|record| record.number);
            match (stored_number, change) {
                (None, None) => return Ok(None),
                (Some(stored), Some((changed, _))) if stored < changed => {
                    return Ok(self.held.take());
                }
                (Some(_), None) => return Ok(self.held.take()),
                (stored, Some((changed, record))) => {
                    self.last_change = Some(changed);
                    if stored == Some(changed) {
                        self.held = None;
                    }
                    if let Some(record) = record {
                        return Ok(Some(record.clone()));
                    }
                }
            }
        }
    }
}

impl<F: FileSet> Iterator for Records<'_, F> {
    type Item = Result<Record, Error>;

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
