//! Making databases, in memory: simulated ones are small.

use std::collections::{BTreeMap, BTreeSet};

use postoffice::flaim::{
    CreateOptions, Creator, Database, Dictionary, Error, Field, FieldValue, MemoryFileSet,
    MemoryScratch, Record, RecordBuilder, Value, Version,
};

use super::guardian::{Store, store_record};
use super::mailbox::MailboxChange;
use super::messages::MessagesChange;
use super::post_office::{User, user_record};
use super::schema::{ACTIVITY, ACTIVITY_NOTE};
use super::{open, schema};

/// How long the notes are that make a database larger, in characters.
const NOTE_CHARACTERS: usize = 400;

/// A database under construction.
pub(super) struct Building {
    version: Version,
    creator: Creator<MemoryFileSet, MemoryScratch>,
}

impl Building {
    pub(super) fn new(version: Version, dictionary: Dictionary) -> Result<Self, Error> {
        Self::with_options(CreateOptions::new(version), dictionary)
    }

    fn with_options(options: CreateOptions, dictionary: Dictionary) -> Result<Self, Error> {
        let files = MemoryFileSet::new();
        Ok(Self {
            version: options.version,
            creator: Creator::new(files, MemoryScratch, options, dictionary)?,
        })
    }

    /// Adds a record: its root first, then fields that are all its children.
    pub(super) fn record(
        &mut self,
        container: u16,
        number: u32,
        fields: &[(u16, FieldValue<'_>)],
    ) -> Result<(), Error> {
        let record = record(self.version, self.creator.dictionary(), number, fields)?;
        self.creator.add(container, &record)
    }

    /// The new database, with the first note of its agent.
    ///
    /// That comes last, as in every change: so blocks stand in the same places whenever a database is made anew.
    pub(super) fn finish(mut self) -> Result<MemoryFileSet, Error> {
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
) -> Result<Record, Error> {
    let mut builder = RecordBuilder::new(version, dictionary);
    for (position, (tag, value)) in fields.iter().enumerate() {
        builder.field(u16::from(position > 0), *tag, *value)?;
    }
    Ok(builder.finish(number))
}

/// The text of a field; empty where the record has no such field.
pub(super) fn text(record: &Record, tag: u16) -> String {
    let value = record.fields().find(|field| field.tag == tag);
    match value.as_ref().map(Field::value) {
        Some(Ok(Value::Text(text))) => text,
        _ => String::new(),
    }
}

/// The number of the record behind the last one of a container.
pub(super) fn next_number(
    database: &Database<&MemoryFileSet>,
    container: u16,
) -> Result<u32, Error> {
    let mut last = 0;
    for record in database.records(container)? {
        last = record?.number;
    }
    Ok(last.saturating_add(1))
}

/// How a database changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EditedBy<'a> {
    /// The agent takes a note; no file becomes larger.
    Noting,
    /// The agent takes so many bytes of further notes.
    Growing(usize),
    /// A user is added to a post office database.
    User(&'a User),
    /// A store is added to a guardian.
    Adding(&'a Store),
    /// The stores whose files have these names are removed from a guardian.
    Removing(&'a BTreeSet<String>),
    /// Folders and pointers of a user database change.
    Mailbox(&'a MailboxChange),
    /// Messages of a message database change.
    Messages(&'a MessagesChange),
}

/// Records of a database that are written and removed, each with its container.
#[derive(Debug, Default)]
pub(super) struct RecordEdits {
    /// Added or replaced; new ones have numbers behind the last record of their container.
    pub(super) put: Vec<(u16, Record)>,
    /// Removed.
    pub(super) removed: BTreeSet<(u16, u32)>,
}

/// A database with some records added or replaced, one transaction later.
///
/// Blocks that hold other records stay as they are, because the same records make the same trees.
pub(crate) fn edited(files: &MemoryFileSet, by: EditedBy<'_>) -> Result<MemoryFileSet, Error> {
    let database = open(files)?;
    let header = database.header();
    let options = CreateOptions {
        block_size: u16::try_from(header.block_size).unwrap_or_default(),
        application_version: header.application_version,
        transaction: header.log.transaction.saturating_add(1),
        ..CreateOptions::new(header.version)
    };
    let RecordEdits { put, removed } = changed_records(&database, by)?;
    let mut edits: BTreeMap<(u16, u32), Record> = put
        .into_iter()
        .map(|(container, record)| ((container, record.number), record))
        .collect();
    let mut building = Building::with_options(options, database.dictionary().clone())?;
    for container in database.containers() {
        if [
            postoffice::flaim::DICTIONARY_CONTAINER,
            postoffice::flaim::TRACKER_CONTAINER,
        ]
        .contains(&container)
        {
            continue;
        }
        for record in database.records(container)? {
            let record = record?;
            let is_named = removed.contains(&(container, record.number));
            if is_named || is_removed(&record, container, by) {
                continue;
            }
            let edit = edits.remove(&(container, record.number));
            building
                .creator
                .add(container, edit.as_ref().unwrap_or(&record))?;
        }
        // What is left for this container has numbers behind its last record.
        let added = edits.range((container, 0)..=(container, u32::MAX));
        for (_, record) in added {
            building.creator.add(container, record)?;
        }
    }
    building.creator.finish()
}

/// Whether a record goes away in this change.
fn is_removed(record: &Record, container: u16, by: EditedBy<'_>) -> bool {
    match by {
        EditedBy::Removing(names) => {
            container == schema::CATALOG && names.contains(&text(record, schema::store::NAME))
        }
        _ => false,
    }
}

fn changed_records(
    database: &Database<&MemoryFileSet>,
    by: EditedBy<'_>,
) -> Result<RecordEdits, Error> {
    let mut edits = match by {
        EditedBy::Mailbox(change) => change.edits(database.header().version)?,
        EditedBy::Messages(change) => change.edits(database.header().version)?,
        _ => RecordEdits::default(),
    };
    let records = &mut edits.put;
    records.push((ACTIVITY, counted_change(database)?));
    match by {
        EditedBy::Noting | EditedBy::Removing(_) | EditedBy::Mailbox(_) | EditedBy::Messages(_) => {
        }
        EditedBy::Growing(bytes) => {
            let (version, dictionary) = (database.header().version, database.dictionary());
            let first = next_number(database, ACTIVITY)?;
            let text = "note ".repeat(NOTE_CHARACTERS / 5);
            let count = u32::try_from(bytes.div_ceil(NOTE_CHARACTERS)).unwrap_or(u32::MAX);
            for number in first..first.saturating_add(count) {
                records.push((ACTIVITY, note(version, dictionary, number, &text)?));
            }
        }
        EditedBy::User(user) => {
            let number = next_number(database, schema::USERS)?;
            records.push((schema::USERS, user_record(database, number, user)?));
        }
        EditedBy::Adding(store) => {
            let number = next_number(database, schema::CATALOG)?;
            let (version, dictionary) = (database.header().version, database.dictionary());
            let record = store_record(version, dictionary, number, store)?;
            records.push((schema::CATALOG, record));
        }
    }
    Ok(edits)
}

/// The first note, which counts the changes.
fn counted_change(database: &Database<&MemoryFileSet>) -> Result<Record, Error> {
    let first = database.record(ACTIVITY, 1)?;
    let old = first.map(|first| text(&first, ACTIVITY_NOTE));
    let count = old
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    let text = count_text(count.saturating_add(1));
    note(database.header().version, database.dictionary(), 1, &text)
}

/// Always as long, so that counting moves nothing.
fn count_text(count: u64) -> String {
    format!("changes: {count:020}")
}

fn note(
    version: Version,
    dictionary: &Dictionary,
    number: u32,
    text: &str,
) -> Result<Record, Error> {
    let fields = [(ACTIVITY_NOTE, FieldValue::Text(text))];
    record(version, dictionary, number, &fields)
}
