//! Records: making databases of them in memory, because simulated ones are small, and reading their fields.

use std::collections::BTreeSet;

use postoffice::flaim::{Database, Dictionary, MemoryFileSet, Record, Value, Version};
use postoffice::names::RelativePath;

use super::failed;
use super::schema::{ACTIVITY, ACTIVITY_NOTE};
use crate::error::{MailError, SimulatorError};
use crate::flaim::{CreateError, Creator, DatabaseOptions, FieldValue, RecordBuilder};

/// A database under construction.
pub(super) struct DatabaseBuilder {
    version: Version,
    pub(super) creator: Creator<MemoryFileSet>,
}

impl DatabaseBuilder {
    pub(super) fn new(
        options: DatabaseOptions,
        dictionary: Dictionary,
    ) -> Result<Self, CreateError> {
        let files = MemoryFileSet::new();
        Ok(Self {
            version: options.version,
            creator: Creator::new(files, options, dictionary)?,
        })
    }

    /// Adds a record: its root first, then fields that are all its children.
    pub(super) fn record(
        &mut self,
        container: u16,
        number: u32,
        fields: &[(u16, FieldValue<'_>)],
    ) -> Result<(), CreateError> {
        let record = record(self.version, self.creator.dictionary(), number, fields)?;
        self.creator.add(container, &record)
    }

    /// The new database, with the first note of its agent.
    ///
    /// That comes last, as in every change: so blocks stand in the same places whenever a database is made anew.
    pub(super) fn finish(mut self) -> Result<MemoryFileSet, CreateError> {
        let first = note(self.version, self.creator.dictionary(), 1, &count_text(0))?;
        self.creator.add(ACTIVITY, &first)?;
        self.creator.finish()
    }
}

/// A record: its root first, then fields that are all its children.
pub(super) fn record(
    version: Version,
    dictionary: &Dictionary,
    number: u32,
    fields: &[(u16, FieldValue<'_>)],
) -> Result<Record, CreateError> {
    let mut builder = RecordBuilder::new(version, dictionary);
    for (position, (tag, value)) in fields.iter().enumerate() {
        builder.field(u16::from(position > 0), *tag, *value)?;
    }
    Ok(builder.finish(number))
}

/// The text of a field; empty where the record has no such field.
pub(super) fn text(record: &Record, tag: u16) -> String {
    text_of(record, tag, "text").unwrap_or_default()
}

/// The number of the record behind the last one of a container.
pub(super) fn next_number(
    database: &Database<&MemoryFileSet>,
    container: u16,
) -> Result<u32, CreateError> {
    let mut last = 0;
    for record in database.records(container)? {
        last = record?.number;
    }
    Ok(last.saturating_add(1))
}

/// Records of a database that are written and removed, each with its container.
#[derive(Debug, Default)]
pub(super) struct RecordEdits {
    /// Added or replaced; new ones have numbers behind the last record of their container.
    pub(super) put: Vec<(u16, Record)>,
    /// Removed.
    pub(super) removed: BTreeSet<(u16, u32)>,
}

/// Always as long, so that counting moves nothing.
pub(super) fn count_text(count: u64) -> String {
    format!("changes: {count:020}")
}

pub(super) fn note(
    version: Version,
    dictionary: &Dictionary,
    number: u32,
    text: &str,
) -> Result<Record, CreateError> {
    let fields = [(ACTIVITY_NOTE, FieldValue::Text(text))];
    record(version, dictionary, number, &fields)
}

/// What a record lacks: its number, and the name of the value.
pub(super) type MissingValue = (u32, &'static str);

/// A number, or the number of another record, in the size that is asked for.
pub(super) fn number_of<T: TryFrom<i128>>(
    record: &Record,
    tag: u16,
    what: &'static str,
) -> Result<T, MissingValue> {
    let field = record.fields().find(|field| field.tag == tag);
    let value = match field.and_then(|field| field.value().ok()) {
        Some(Value::Number(number)) => number,
        Some(Value::Context(number)) => number.map(i128::from),
        _ => None,
    };
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or((record.number, what))
}

/// A number that is 0 or 1.
pub(super) fn flag(record: &Record, tag: u16, what: &'static str) -> Result<bool, MissingValue> {
    match number_of::<u8>(record, tag, what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err((record.number, what)),
    }
}

/// Text, which may be empty.
pub(super) fn text_of(
    record: &Record,
    tag: u16,
    what: &'static str,
) -> Result<String, MissingValue> {
    let field = record.fields().find(|field| field.tag == tag);
    match field.and_then(|field| field.value().ok()) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err((record.number, what)),
    }
}

/// Bytes; `None` where the record has none.
pub(super) fn bytes(record: &Record, tag: u16) -> Option<Vec<u8>> {
    let field = record.fields().find(|field| field.tag == tag)?;
    match field.value() {
        Ok(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// The error that says which record of which database lacks what.
pub(super) fn incomplete(path: &RelativePath, record: u32, what: &'static str) -> SimulatorError {
    let path = path.to_string();
    MailError::Incomplete { path, record, what }.into()
}

/// The records of a container.
pub(super) fn records_of(
    database: &Database<&MemoryFileSet>,
    container: u16,
    path: &RelativePath,
) -> Result<Vec<Record>, SimulatorError> {
    let records = database.records(container).and_then(Iterator::collect);
    records.map_err(failed(path))
}
