//! The guardian: a catalogue of the databases of a post office, each with its folder and name as they are on the disk.
//!
//! The real one holds directory and file names too, and their case decides whether a Linux agent finds a database.
//! Its fall-back copies, `ngwguard.fbk` beside it and in `ofmsg/guardbak`, are whole databases of the same content: a
//! control file and its `ngwguard.fbk.01`, because a name that does not end in `.db` stands whole before the number of a
//! file.  That the originals are one file each is what this generation of the format cannot play.

use crate::flaim::{CreateError, DatabaseOptions, FieldValue};
use crate::model::Store;
use postoffice::flaim::{Dictionary, MemoryFileSet, Record, Version};
use postoffice::names::RelativePath;

use super::open_ours;
use super::records::{DatabaseBuilder, bytes, number_of, record, records_of, text};
use super::schema::{CATALOG, guardian, store};
use crate::error::SimulatorError;

/// Makes a guardian with this catalogue.
pub(crate) fn catalogue(
    options: DatabaseOptions,
    stores: &[Store],
) -> Result<MemoryFileSet, CreateError> {
    let mut builder = DatabaseBuilder::new(options, guardian(options.version))?;
    for (number, store) in (1..).zip(stores) {
        builder.record(CATALOG, number, &fields(store))?;
    }
    builder.finish()
}

/// The record of one entry.
pub(super) fn store_record(
    version: Version,
    dictionary: &Dictionary,
    number: u32,
    store: &Store,
) -> Result<Record, CreateError> {
    record(version, dictionary, number, &fields(store))
}

fn fields(entry: &Store) -> Vec<(u16, FieldValue<'_>)> {
    let mut fields = vec![(store::TITLE, FieldValue::Text(&entry.title))];
    for (tag, text) in [
        (store::NAME, &entry.name),
        (store::PATH, &entry.folder),
        (store::FILE, &entry.file),
    ] {
        if !text.is_empty() {
            fields.push((tag, FieldValue::Text(text)));
        }
    }
    fields.push((store::NUMBER, FieldValue::Number(entry.number.into())));
    fields.push((store::PASSWORD, FieldValue::Binary(&entry.password)));
    fields.push((store::PARENT, FieldValue::Context(entry.parent)));
    fields
}

/// Reads the catalogue; a database that has none is an error.
pub(super) fn read(
    files: &MemoryFileSet,
    path: &RelativePath,
) -> Result<Vec<Store>, SimulatorError> {
    let database = open_ours(files, path, guardian)?;
    let records = records_of(&database, CATALOG, path)?.into_iter();
    let stores = records.map(|record| Store {
        title: text(&record, store::TITLE),
        folder: text(&record, store::PATH),
        name: text(&record, store::NAME),
        file: text(&record, store::FILE),
        number: number_of(&record, store::NUMBER, "number").unwrap_or_default(),
        password: bytes(&record, store::PASSWORD).unwrap_or_default(),
        parent: number_of(&record, store::PARENT, "parent").unwrap_or_default(),
    });
    Ok(stores.collect())
}
