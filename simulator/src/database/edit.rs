//! Changing a database: made anew in memory with some records added, replaced or removed.

use std::collections::{BTreeMap, BTreeSet};

use postoffice::flaim::{DICTIONARY_CONTAINER, Database, MemoryFileSet, Record, TRACKER_CONTAINER};

use super::guardian::store_record;
use super::mailbox::MailboxChange;
use super::messages::MessagesChange;
use super::open;
use super::post_office::user_record;
use super::records::{DatabaseBuilder, RecordEdits, count_text, next_number, note, text};
use super::schema::{self, ACTIVITY, ACTIVITY_NOTE};
use crate::flaim::{CreateError, DatabaseOptions};
use crate::model::{Store, User};

/// How long the notes are that make a database larger, in characters.
const NOTE_CHARACTERS: usize = 400;

/// How a database changes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit<'a> {
    /// The agent takes a note; no file becomes larger.
    Note,
    /// The agent takes so many bytes of further notes.
    Grow(usize),
    /// A user is added to a post office database.
    AddUser(&'a User),
    /// A store is added to a guardian.
    AddStore(&'a Store),
    /// The stores whose files have these names are removed from a guardian.
    RemoveStores(&'a BTreeSet<String>),
    /// Folders and pointers of a user database change.
    Mailbox(&'a MailboxChange),
    /// Messages of a message database change.
    Messages(&'a MessagesChange),
}

/// A database with some records added or replaced, one transaction later.
///
/// Blocks that hold other records stay as they are, because the same records make the same trees.
pub(crate) fn edited(files: &MemoryFileSet, by: Edit<'_>) -> Result<MemoryFileSet, CreateError> {
    let database = open(files)?;
    let header = database.header();
    let options = DatabaseOptions {
        block_size: u16::try_from(header.block_size).unwrap_or_default(),
        application_version: header.application_version,
        serial_numbers: header.serial_numbers(),
        transaction: header.log.transaction.saturating_add(1),
        ..DatabaseOptions::new(header.version)
    };
    let RecordEdits { put, removed } = changed_records(&database, by)?;
    let mut edits: BTreeMap<(u16, u32), Record> = put
        .into_iter()
        .map(|(container, record)| ((container, record.number), record))
        .collect();
    let mut builder = DatabaseBuilder::new(options, database.dictionary().clone())?;
    for container in database.containers() {
        if [DICTIONARY_CONTAINER, TRACKER_CONTAINER].contains(&container) {
            continue;
        }
        for record in database.records(container)? {
            let record = record?;
            let is_named = removed.contains(&(container, record.number));
            if is_named || is_removed(&record, container, by) {
                continue;
            }
            let edit = edits.remove(&(container, record.number));
            builder
                .creator
                .add(container, edit.as_ref().unwrap_or(&record))?;
        }
        // What is left for this container has numbers behind its last record.
        let added = edits.range((container, 0)..=(container, u32::MAX));
        for (_, record) in added {
            builder.creator.add(container, record)?;
        }
    }
    builder.creator.finish()
}

/// Whether a record goes away in this change.
fn is_removed(record: &Record, container: u16, by: Edit<'_>) -> bool {
    match by {
        Edit::RemoveStores(names) => {
            container == schema::CATALOG && names.contains(&text(record, schema::store::NAME))
        }
        _ => false,
    }
}

fn changed_records(
    database: &Database<&MemoryFileSet>,
    by: Edit<'_>,
) -> Result<RecordEdits, CreateError> {
    let mut edits = match by {
        Edit::Mailbox(change) => change.edits(database.header().version)?,
        Edit::Messages(change) => change.edits(database.header().version)?,
        _ => RecordEdits::default(),
    };
    let records = &mut edits.put;
    records.push((ACTIVITY, counted_change(database)?));
    match by {
        Edit::Note | Edit::RemoveStores(_) | Edit::Mailbox(_) | Edit::Messages(_) => {}
        Edit::Grow(bytes) => {
            let (version, dictionary) = (database.header().version, database.dictionary());
            let first = next_number(database, ACTIVITY)?;
            let text = "note ".repeat(NOTE_CHARACTERS / 5);
            let count = u32::try_from(bytes.div_ceil(NOTE_CHARACTERS)).unwrap_or(u32::MAX);
            for number in first..first.saturating_add(count) {
                records.push((ACTIVITY, note(version, dictionary, number, &text)?));
            }
        }
        Edit::AddUser(user) => {
            let number = next_number(database, schema::USERS)?;
            records.push((schema::USERS, user_record(database, number, user)?));
        }
        Edit::AddStore(store) => {
            let number = next_number(database, schema::CATALOG)?;
            let (version, dictionary) = (database.header().version, database.dictionary());
            let record = store_record(version, dictionary, number, store)?;
            records.push((schema::CATALOG, record));
        }
    }
    Ok(edits)
}

/// The first note, which counts the changes.
fn counted_change(database: &Database<&MemoryFileSet>) -> Result<Record, CreateError> {
    let first = database.record(ACTIVITY, 1)?;
    let old = first.map(|first| text(&first, ACTIVITY_NOTE));
    let count = old
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .unwrap_or(0);
    let text = count_text(count.saturating_add(1));
    note(database.header().version, database.dictionary(), 1, &text)
}
