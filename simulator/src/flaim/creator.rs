//! A database under construction: its dictionary first, then records in order, their indexes and the headers in the end.
//!
//! The headers are written last: a creation that was interrupted leaves files that no reader takes for a database.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use postoffice::flaim::{
    BlockAddress, ContainerWriter, DEFAULT_CONTAINER, DICTIONARY_CONTAINER, DatabaseFile,
    Dictionary, Error, FieldKinds as _, FileSetMut, IndexDefinition, ItemKind, LogicalFile,
    LogicalFileKind, NAME_INDEX, ORDINARY_BYTES_MAX, Record, TRACKER_CONTAINER, TreeShape,
    TreeWriter, is_registered, keys_of,
};

use super::definitions;
use super::error::CreateError;
use super::files::DataFiles;
use super::header::NewHeader;
use super::options::{DATA_TRANSACTION, DICTIONARY_TRANSACTION, DatabaseOptions};

/// An index under construction: its keys are sorted before its tree is written.
struct NewIndex {
    number: u16,
    definition: IndexDefinition,
    entries: Entries,
}

/// Keys in ascending order, once they are sorted, and the records of one key in descending order.
type Entries = Vec<(Vec<u8>, Reverse<u32>)>;

/// A database under construction.
pub struct Creator<F> {
    options: DatabaseOptions,
    dictionary: Dictionary,
    files: DataFiles<F>,
    containers: BTreeMap<u16, ContainerWriter>,
    next_records: BTreeMap<u16, u32>,
    indexes: Vec<NewIndex>,
    /// The entries of the first containers and indexes, which exist already.
    finished: Vec<LogicalFile>,
}

impl<F: FileSetMut> Creator<F> {
    /// Begins a database in files that do not exist yet.
    ///
    /// Items of the dictionary that this engine cannot write, or could not index afterwards, are refused.
    pub fn new(
        files: F,
        options: DatabaseOptions,
        dictionary: Dictionary,
    ) -> Result<Self, CreateError> {
        let geometry = options.geometry()?;
        for file in [DatabaseFile::CONTROL, DatabaseFile::Numbered(1)] {
            let size = files.size(file);
            if size
                .map_err(|source| Error::Read { file, source })?
                .is_some()
            {
                let reason = "one of its files exists already";
                return Err(CreateError::CannotCreate { reason });
            }
        }
        let records = definitions::records(options.version, &dictionary)?;
        let mut creator = Self {
            options,
            files: DataFiles::new(files, geometry),
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
    pub fn add(&mut self, container: u16, record: &Record) -> Result<(), CreateError> {
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
        writer.record(&mut self.files, record.number, record.data())?;
        for (position, key) in entries {
            if let Some(index) = self.indexes.get_mut(position) {
                index.entries.push((key, Reverse(record.number)));
            }
        }
        Ok(())
    }

    /// Sets the number that the next record of a container will get; without this, the one behind its last record.
    pub fn set_next_record(&mut self, container: u16, next_record: u32) -> Result<(), CreateError> {
        if !self.containers.contains_key(&container) {
            return Err(Error::NoSuchLogicalFile { number: container }.into());
        }
        self.next_records.insert(container, next_record);
        Ok(())
    }

    /// Writes what is left, the headers last, and gives the files back.
    pub fn finish(mut self) -> Result<F, CreateError> {
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
        self.files
            .write_logical_files(&logical_files, DATA_TRANSACTION)?;
        let header = NewHeader {
            version: self.options.version,
            block_size: self.options.block_size,
            application_version: self.options.application_version,
            serial_numbers: self.options.serial_numbers,
            file_size_max: self.options.file_size_units()?,
            transaction: self.options.transaction,
            logical_end: self.files.logical_end(),
        };
        Ok(self.files.finish(&header.bytes())?)
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
        let mut names = Entries::new();
        let definition = IndexDefinition::on(DICTIONARY_CONTAINER);
        for record in records {
            for key in keys_of(NAME_INDEX, &definition, record)? {
                names.push((key, Reverse(record.number)));
            }
        }
        names.sort_unstable();
        let mut writer = TreeWriter::index(shape, NAME_INDEX, false);
        for (key, Reverse(record)) in &names {
            writer.entry(&mut self.files, key, *record)?;
        }
        let name_root = writer.finish(&mut self.files)?;
        let mut writer = TreeWriter::container(shape, DICTIONARY_CONTAINER);
        for record in records {
            writer.record(&mut self.files, record.number, record.data())?;
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

    /// Makes a writer for each container, and a place for the keys of each index.
    fn define(&mut self) {
        let shape = self.shape(DATA_TRANSACTION);
        let default = (
            DEFAULT_CONTAINER,
            TreeWriter::container(shape, DEFAULT_CONTAINER),
        );
        self.containers.extend([default]);
        for (number, item) in self.dictionary.items() {
            match &item.kind {
                ItemKind::Container => {
                    let writer = TreeWriter::container(shape, number);
                    self.containers.insert(number, writer);
                }
                ItemKind::Index(definition) => self.indexes.push(NewIndex {
                    number,
                    definition: definition.clone(),
                    entries: Entries::new(),
                }),
                ItemKind::Field(_) | ItemKind::Other(_) => {}
            }
        }
    }

    fn write_index(&mut self, mut new: NewIndex) -> Result<BlockAddress, Error> {
        let shape = self.shape(DATA_TRANSACTION);
        let is_counted = new.definition.is_positioning;
        let mut writer = TreeWriter::index(shape, new.number, is_counted);
        new.entries.sort_unstable();
        let mut previous: Option<&[u8]> = None;
        for (key, Reverse(record)) in &new.entries {
            if new.definition.is_unique && previous == Some(key) {
                return Err(Error::NotUnique {
                    index: new.number,
                    record: *record,
                });
            }
            previous = Some(key);
            writer.entry(&mut self.files, key, *record)?;
        }
        writer.finish(&mut self.files)
    }

    /// Records may come from another database: what the dictionary or the version of this one does not allow is refused.
    fn check_fields(&self, record: &Record) -> Result<(), CreateError> {
        for field in record.fields() {
            let tag = field.tag;
            let refuse = |reason| Err(CreateError::CannotStore { tag, reason });
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
