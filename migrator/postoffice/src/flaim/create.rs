//! Creates databases: a dictionary, then records in order, and their indexes in the end (flaim-format.md 11.4).
//!
//! ```text
//!  Dictionary ── dictionary records ─┐                                     ┌─ data files
//!  Record ── ContainerWriter ────────┼── BlockSink (next address upwards) ─┤
//!     └── keys ── EntrySorter ── IndexWriter                               └─ control file, last
//! ```
//!
//! Memory is one open block on each level of each container's tree, and what the sorters hold
//! ([`CreateOptions::sort_bytes_max`] for all of them).  The headers are written last: a creation that was interrupted
//! leaves files that no reader takes for a database.

mod definitions;
mod files;
mod logical_files;
mod options;

use std::collections::BTreeMap;

use super::address::{BlockAddress, DatabaseFile};
use super::dictionary::{Dictionary, IndexDefinition, ItemKind};
use super::entry_sorter::{EntrySorter, Scratch};
use super::error::Error;
use super::field::{FieldKinds, is_registered};
use super::field_writer::ORDINARY_BYTES_MAX;
use super::file_set::{FileSetMut, size_of, write_all};
use super::header_writer::NewHeader;
use super::key::keys_of;
use super::logical_file::{
    DEFAULT_CONTAINER, DICTIONARY_CONTAINER, LogicalFile, LogicalFileKind, NAME_INDEX,
    TRACKER_CONTAINER,
};
use super::record::Record;
use super::tree_writer::{ContainerWriter, TreeShape, TreeWriter};

use files::DataFiles;
pub use options::CreateOptions;
use options::{DATA_TRANSACTION, DICTIONARY_TRANSACTION};

/// An index under construction: its keys are sorted before its tree is written.
struct NewIndex<S: Scratch> {
    number: u16,
    definition: IndexDefinition,
    entries: EntrySorter<S>,
}

/// A database under construction.
pub struct Creator<F, S: Scratch> {
    options: CreateOptions,
    dictionary: Dictionary,
    files: DataFiles<F>,
    scratch: S,
    containers: BTreeMap<u16, ContainerWriter>,
    next_records: BTreeMap<u16, u32>,
    indexes: Vec<NewIndex<S>>,
    /// The entries of the first containers and indexes, which exist already.
    finished: Vec<LogicalFile>,
}

impl<F: FileSetMut, S: Scratch> Creator<F, S> {
    /// Begins a database in files that do not exist yet.
    ///
    /// Items of the dictionary that this engine cannot write, or could not index afterwards, are refused.
    pub fn new(
        files: F,
        scratch: S,
        options: CreateOptions,
        dictionary: Dictionary,
    ) -> Result<Self, Error> {
        let geometry = options.geometry()?;
        for file in [DatabaseFile::CONTROL, DatabaseFile::Numbered(1)] {
            if size_of(&files, file)?.is_some() {
                let reason = "one of its files exists already";
                return Err(Error::CannotCreate { reason });
            }
        }
        let records = definitions::records(options.version, &dictionary)?;
        let mut creator = Self {
            options,
            files: DataFiles::new(files, geometry),
            scratch,
            containers: BTreeMap::new(),
            next_records: BTreeMap::new(),
            indexes: Vec::new(),
            finished: Vec::new(),
            dictionary,
        };
        creator.files.begin()?;
        creator.write_dictionary(&records)?;
        creator.define();
        Ok(creator)
    }

    /// The dictionary that records follow.
    pub fn dictionary(&self) -> &Dictionary {
        &self.dictionary
    }

    /// Adds a record to a container, in ascending order of its numbers; containers may take turns.
    ///
    /// A record that is refused leaves nothing behind, unless a file failed.
    pub fn add(&mut self, container: u16, record: &Record) -> Result<(), Error> {
        self.check_fields(record)?;
        let mut entries = Vec::new();
        for (position, index) in self.indexes.iter().enumerate() {
            if index.definition.container == Some(container) {
                let keys = keys_of(index.number, &index.definition, record)?;
                entries.extend(keys.into_iter().map(|key| (position, key)));
            }
        }
        let writer = self
            .containers
            .get_mut(&container)
            .ok_or(Error::NoSuchLogicalFile { number: container })?;
        writer.record(&mut self.files, record.number, &record.data)?;
        for (position, key) in entries {
            if let Some(index) = self.indexes.get_mut(position) {
                index.entries.push(&mut self.scratch, &key, record.number)?;
            }
        }
        Ok(())
    }

    /// Sets the number that the next record of a container will get; without this, the one behind its last record.
    pub fn set_next_record(&mut self, container: u16, next_record: u32) -> Result<(), Error> {
        if !self.containers.contains_key(&container) {
            return Err(Error::NoSuchLogicalFile { number: container });
        }
        self.next_records.insert(container, next_record);
        Ok(())
    }

    /// Writes what is left, the headers last, and gives the files back.
    pub fn finish(mut self) -> Result<F, Error> {
        let mut logical_files = std::mem::take(&mut self.finished);
        let mut defined = BTreeMap::new();
        for (number, writer) in std::mem::take(&mut self.containers) {
            let default = writer.last_record().saturating_add(1);
            let next_record = self.next_records.get(&number).copied().unwrap_or(default);
            let root = writer.finish(&mut self.files, next_record)?;
            let file = container(number, root);
            match number {
                DEFAULT_CONTAINER => replace(&mut logical_files, file),
                _ => drop(defined.insert(number, file)),
            }
        }
        for new in std::mem::take(&mut self.indexes) {
            let number = new.number;
            let root = self.write_index(new)?;
            defined.insert(number, index(number, root));
        }
        logical_files.extend(defined.into_values());
        logical_files::write(&mut self.files, &logical_files, DATA_TRANSACTION)?;
        let header = NewHeader {
            version: self.options.version,
            block_size: self.options.block_size,
            application_version: self.options.application_version,
            serial_numbers: self.options.serial_numbers,
            file_size_max: self.options.file_size_units()?,
            transaction: self.options.transaction,
            logical_end: self.files.logical_end(),
        };
        let mut files = self.files.into_files();
        // The control file is one block; a gap is filled with zeros.
        let last = u64::from(self.options.block_size) - 1;
        write_all(&mut files, DatabaseFile::CONTROL, last, &[0])?;
        write_all(&mut files, DatabaseFile::CONTROL, 0, &header.bytes())?;
        Ok(files)
    }

    fn shape(&self, transaction: u32) -> TreeShape {
        TreeShape {
            version: self.options.version,
            block_size: usize::from(self.options.block_size),
            transaction,
        }
    }

    /// Writes the dictionary and the index on its names (flaim-format.md 4, 8.5).
    fn write_dictionary(&mut self, records: &[Record]) -> Result<(), Error> {
        let shape = self.shape(DICTIONARY_TRANSACTION);
        let mut names = Vec::new();
        let definition = IndexDefinition::on(DICTIONARY_CONTAINER);
        for record in records {
            for key in keys_of(NAME_INDEX, &definition, record)? {
                names.push((key, record.number));
            }
        }
        names.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
        let mut writer = TreeWriter::index(shape, NAME_INDEX, false);
        for (key, record) in &names {
            writer.entry(&mut self.files, key, *record)?;
        }
        let name_root = writer.finish(&mut self.files)?;
        let mut writer = TreeWriter::container(shape, DICTIONARY_CONTAINER);
        for record in records {
            writer.record(&mut self.files, record.number, &record.data)?;
        }
        let next_record = writer.last_record() + 1;
        let root = writer.finish(&mut self.files, next_record)?;
        // In the order in which the library makes them.
        self.finished = vec![
            container(DICTIONARY_CONTAINER, root),
            container(DEFAULT_CONTAINER, BlockAddress::NONE),
            index(NAME_INDEX, name_root),
            container(TRACKER_CONTAINER, BlockAddress::NONE),
        ];
        Ok(())
    }

    /// Makes a writer for each container and a sorter for each index.
    fn define(&mut self) {
        let shape = self.shape(DATA_TRANSACTION);
        let default = (
            DEFAULT_CONTAINER,
            TreeWriter::container(shape, DEFAULT_CONTAINER),
        );
        self.containers.extend([default]);
        let is_index = |kind: &ItemKind| matches!(kind, ItemKind::Index(_));
        let items = self.dictionary.items();
        let index_count = items.filter(|(_, item)| is_index(&item.kind)).count();
        let bytes_max = self.options.sort_bytes_max / index_count.max(1);
        for (number, item) in self.dictionary.items() {
            match &item.kind {
                ItemKind::Container => {
                    let writer = TreeWriter::container(shape, number);
                    self.containers.insert(number, writer);
                }
                ItemKind::Index(definition) => self.indexes.push(NewIndex {
                    number,
                    definition: definition.clone(),
                    entries: EntrySorter::new(bytes_max),
                }),
                ItemKind::Field(_) | ItemKind::Other(_) => {}
            }
        }
    }

    fn write_index(&mut self, new: NewIndex<S>) -> Result<BlockAddress, Error> {
        let shape = self.shape(DATA_TRANSACTION);
        let is_counted = new.definition.is_positioning;
        let mut writer = TreeWriter::index(shape, new.number, is_counted);
        let mut entries = new.entries.finish()?;
        let mut previous: Vec<u8> = Vec::new();
        while let Some((key, record)) = entries.next()? {
            if new.definition.is_unique {
                if previous == key {
                    let index = new.number;
                    return Err(Error::NotUnique { index, record });
                }
                previous.clear();
                previous.extend_from_slice(key);
            }
            writer.entry(&mut self.files, key, record)?;
        }
        writer.finish(&mut self.files)
    }

    /// Records may come from another database: what the dictionary or the version of this one does not allow is refused.
    fn check_fields(&self, record: &Record) -> Result<(), Error> {
        for field in record.fields() {
            let tag = field.tag;
            let refuse = |reason| Err(Error::CannotStore { tag, reason });
            if field.is_encrypted {
                return refuse("its value is encrypted");
            }
            if is_registered(tag) && self.dictionary.kind_of(tag) != Some(field.kind) {
                return refuse("the dictionary does not define the field, or with another type");
            }
            let is_large = field.stored.len() > ORDINARY_BYTES_MAX;
            if is_large && !self.options.version.has_large_values() {
                return refuse("values longer than 64 KiB exist since version 4.61");
            }
        }
        Ok(())
    }
}

fn container(number: u16, root: BlockAddress) -> LogicalFile {
    LogicalFile {
        number,
        kind: LogicalFileKind::Container,
        root,
        next_record: 1,
    }
}

fn index(number: u16, root: BlockAddress) -> LogicalFile {
    LogicalFile {
        kind: LogicalFileKind::Index,
        ..container(number, root)
    }
}

/// Puts an entry in the place of the one with its number.
fn replace(files: &mut [LogicalFile], file: LogicalFile) {
    for place in files {
        if place.number == file.number {
            *place = file;
        }
    }
}
