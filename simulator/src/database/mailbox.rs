//! User databases: what a mailbox is, its folders, and a pointer for each of its messages.

use postoffice::flaim::{MemoryFileSet, Record, Version};
use postoffice::names::RelativePath;

use super::open_ours;
use super::records::{
    DatabaseBuilder, RecordEdits, flag, incomplete, number_of, record, records_of, text_of,
};
use super::schema::{self, FOLDERS, MAILBOX, POINTERS, mailbox as field};
use crate::error::SimulatorError;
use crate::flaim::{CreateError, DatabaseOptions, FieldValue};
use crate::model::{Folder, Mailbox, Pointer};

/// How a user database changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct MailboxChange {
    /// Folders that are added or replaced.
    pub(crate) folders: Vec<Folder>,
    /// Pointers that are added or replaced.
    pub(crate) pointers: Vec<Pointer>,
    /// The records of pointers that go away.
    pub(crate) removed: Vec<u32>,
}

impl MailboxChange {
    pub(super) fn edits(&self, version: Version) -> Result<RecordEdits, CreateError> {
        let mut edits = RecordEdits::default();
        for folder in &self.folders {
            let record = record_of(version, folder.number, &folder_fields(folder))?;
            edits.put.push((FOLDERS, record));
        }
        for pointer in &self.pointers {
            let record = record_of(version, pointer.number, &pointer_fields(pointer))?;
            edits.put.push((POINTERS, record));
        }
        let removed = self.removed.iter().map(|number| (POINTERS, *number));
        edits.removed.extend(removed);
        Ok(edits)
    }
}

/// Makes a user database.
pub(crate) fn create_mailbox(
    options: DatabaseOptions,
    content: &Mailbox,
) -> Result<MemoryFileSet, CreateError> {
    let mut builder = DatabaseBuilder::new(options, schema::mailbox())?;
    let settings = [
        (field::PASSWORD, FieldValue::Text(&content.password)),
        (
            field::SEND_DATABASE,
            FieldValue::Number(content.send_database.into()),
        ),
    ];
    builder.record(MAILBOX, 1, &settings)?;
    for folder in &content.folders {
        builder.record(FOLDERS, folder.number, &folder_fields(folder))?;
    }
    for pointer in &content.pointers {
        builder.record(POINTERS, pointer.number, &pointer_fields(pointer))?;
    }
    builder.finish()
}

fn record_of(
    version: Version,
    number: u32,
    fields: &[(u16, FieldValue<'_>)],
) -> Result<Record, CreateError> {
    record(version, &schema::mailbox(), number, fields)
}

fn folder_fields(folder: &Folder) -> [(u16, FieldValue<'_>); 3] {
    [
        (field::FOLDER_NAME, FieldValue::Text(&folder.name)),
        (
            field::FOLDER_NEXT_UID,
            FieldValue::Number(folder.next_uid.into()),
        ),
        (
            field::FOLDER_VALIDITY,
            FieldValue::Number(folder.uid_validity.into()),
        ),
    ]
}

fn pointer_fields(pointer: &Pointer) -> [(u16, FieldValue<'static>); 6] {
    [
        (field::FOLDER, FieldValue::Context(pointer.folder)),
        (field::UID, FieldValue::Number(pointer.uid.into())),
        (field::DATABASE, FieldValue::Number(pointer.database.into())),
        (field::MESSAGE, FieldValue::Context(pointer.message)),
        (field::READ, FieldValue::Number(pointer.is_read.into())),
        (
            field::RECEIVED,
            FieldValue::Number(pointer.received_seconds.into()),
        ),
    ]
}

/// The record that the next pointer gets.
pub(crate) fn next_pointer(pointers: &[Pointer]) -> u32 {
    let numbers = pointers.iter().map(|pointer| pointer.number);
    numbers.max().unwrap_or(0).saturating_add(1)
}

/// Reads a user database; one that is not of the simulator's making, or lacks something, is an error.
pub(crate) fn read_mailbox(
    files: &MemoryFileSet,
    path: &RelativePath,
) -> Result<Mailbox, SimulatorError> {
    let database = open_ours(files, path, |_| schema::mailbox())?;
    let records = |container| records_of(&database, container, path);
    let settings = records(MAILBOX)?;
    let settings = settings
        .first()
        .ok_or_else(|| incomplete(path, 1, "mailbox"))?;
    let folders = records(FOLDERS)?.iter().map(read_folder).collect();
    let pointers = records(POINTERS)?.iter().map(read_pointer).collect();
    let lacks = |(number, what)| incomplete(path, number, what);
    Ok(Mailbox {
        password: text_of(settings, field::PASSWORD, "password").map_err(lacks)?,
        send_database: number_of(settings, field::SEND_DATABASE, "message database")
            .map_err(lacks)?,
        folders: Result::map_err(folders, lacks)?,
        pointers: Result::map_err(pointers, lacks)?,
    })
}

fn read_folder(record: &Record) -> Result<Folder, (u32, &'static str)> {
    Ok(Folder {
        number: record.number,
        name: text_of(record, field::FOLDER_NAME, "name")?,
        next_uid: number_of(record, field::FOLDER_NEXT_UID, "next number")?,
        uid_validity: number_of(record, field::FOLDER_VALIDITY, "validity")?,
    })
}

fn read_pointer(record: &Record) -> Result<Pointer, (u32, &'static str)> {
    Ok(Pointer {
        number: record.number,
        folder: number_of(record, field::FOLDER, "folder")?,
        uid: number_of(record, field::UID, "number in the folder")?,
        database: number_of(record, field::DATABASE, "message database")?,
        message: number_of(record, field::MESSAGE, "message")?,
        is_read: flag(record, field::READ, "read state")?,
        received_seconds: number_of(record, field::RECEIVED, "time")?,
    })
}
