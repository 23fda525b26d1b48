//! Message databases: the one copy of each message, its long parts in blobs.

use postoffice::flaim::{Error, FieldValue, MemoryFileSet, Record, Version};
use postoffice::names::RelativePath;

use super::build::{Building, RecordEdits, record};
use super::fields::{Lacking, bytes, incomplete, number_of, text_of};
use super::schema::{self, COUNTER, MESSAGES, message as field, part};
use super::{failed, open};
use crate::error::SimulatorError;

/// From how many bytes on a part of a message becomes a blob file.
pub(crate) const BLOB_BYTES_MIN: usize = 2048;

/// The bytes of a BLAKE3 digest.
const DIGEST_BYTES: usize = 32;

/// Somebody who writes or gets mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The name that people see.
    pub name: String,
    /// The address itself.
    pub address: String,
}

/// Where a blob file is, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobReference {
    /// The number of its folder: F6h is `offiles/fdf6`.
    pub folder: u8,
    /// Its name in lower case, which is how an agent composes it; a source server finds it in any case.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of what it holds.
    pub digest: [u8; DIGEST_BYTES],
}

impl BlobReference {
    /// The path below the post office, as on Linux.
    pub fn path(&self) -> String {
        format!("offiles/fd{:x}/{}", self.folder, self.name)
    }
}

/// A part of a message that may be long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// In the record.
    Inline(Vec<u8>),
    /// In a file of its own.
    Blob(BlobReference),
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name that the sender gave it.
    pub name: String,
    /// What it holds.
    pub content: Part,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its record.
    pub number: u32,
    /// What names it everywhere, without the angle brackets around it.
    pub id: String,
    /// Who sent it.
    pub from: Address,
    /// When it was sent, in seconds since 1970.
    pub date_seconds: i64,
    /// Its subject.
    pub subject: String,
    /// Who it was sent to: one line each, address, tabulator, name.
    pub recipients: Part,
    /// Its text in UTF-8, lines divided by CR LF.
    pub body: Part,
    /// A file that goes with it.
    pub attachment: Option<Attachment>,
    /// How many pointers lead to it.
    pub uses: u32,
}

impl Message {
    /// Its blob files.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobReference> {
        let attachment = self.attachment.as_ref().map(|file| &file.content);
        let parts = [Some(&self.recipients), Some(&self.body), attachment];
        parts.into_iter().flatten().filter_map(|part| match part {
            Part::Inline(_) => None,
            Part::Blob(blob) => Some(blob),
        })
    }
}

/// How a message database changes.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessagesChange {
    /// Messages that are added or replaced.
    pub(crate) messages: Vec<Message>,
    /// The records of messages that go away.
    pub(crate) removed: Vec<u32>,
    /// The record that the next message gets.
    pub(crate) next: u32,
}

impl MessagesChange {
    pub(super) fn edits(&self, version: Version) -> Result<RecordEdits, Error> {
        let dictionary = schema::messages();
        let mut edits = RecordEdits::default();
        let next = [(field::NEXT, FieldValue::Number(self.next.into()))];
        let counter = record(version, &dictionary, 1, &next)?;
        edits.put.push((COUNTER, counter));
        for message in &self.messages {
            let record = record(version, &dictionary, message.number, &fields(message))?;
            edits.put.push((MESSAGES, record));
        }
        let removed = self.removed.iter().map(|number| (MESSAGES, *number));
        edits.removed.extend(removed);
        Ok(edits)
    }
}

/// What a message database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Messages {
    /// The messages, in order of their records.
    pub(crate) messages: Vec<Message>,
    /// The record that the next message gets: never one that a message had already, or a pointer that should lead
    /// nowhere would lead to another message.
    pub(crate) next: u32,
}

/// Makes a message database.
pub(crate) fn create_messages(
    version: Version,
    messages: &[Message],
) -> Result<MemoryFileSet, Error> {
    let mut building = Building::new(version, schema::messages())?;
    let last = messages.last().map_or(0, |message| message.number);
    let next = FieldValue::Number(last.saturating_add(1).into());
    building.record(COUNTER, 1, &[(field::NEXT, next)])?;
    for message in messages {
        building.record(MESSAGES, message.number, &fields(message))?;
    }
    building.finish()
}

fn fields(message: &Message) -> Vec<(u16, FieldValue<'_>)> {
    let mut fields = vec![
        (field::ID, FieldValue::Text(&message.id)),
        (field::FROM_NAME, FieldValue::Text(&message.from.name)),
        (field::FROM_ADDRESS, FieldValue::Text(&message.from.address)),
        (field::DATE, FieldValue::Number(message.date_seconds.into())),
        (field::SUBJECT, FieldValue::Text(&message.subject)),
        (field::USES, FieldValue::Number(message.uses.into())),
    ];
    push_part(&mut fields, field::RECIPIENTS, &message.recipients);
    push_part(&mut fields, field::BODY, &message.body);
    if let Some(attachment) = &message.attachment {
        fields.push((field::ATTACHMENT_NAME, FieldValue::Text(&attachment.name)));
        push_part(&mut fields, field::ATTACHMENT, &attachment.content);
    }
    fields
}

fn push_part<'a>(fields: &mut Vec<(u16, FieldValue<'a>)>, first: u16, content: &'a Part) {
    match content {
        Part::Inline(bytes) => fields.push((first + part::INLINE, FieldValue::Binary(bytes))),
        Part::Blob(blob) => fields.extend([
            (
                first + part::BLOB_FOLDER,
                FieldValue::Number(blob.folder.into()),
            ),
            (first + part::BLOB_NAME, FieldValue::Text(&blob.name)),
            (
                first + part::BLOB_BYTES,
                FieldValue::Number(blob.bytes.into()),
            ),
            (first + part::BLOB_DIGEST, FieldValue::Binary(&blob.digest)),
        ]),
    }
}

/// Reads a message database; one that is not of the simulator's making, or lacks something, is an error.
pub(crate) fn read_messages(
    files: &MemoryFileSet,
    path: &RelativePath,
) -> Result<Messages, SimulatorError> {
    let database = open(files).map_err(failed(path))?;
    if *database.dictionary() != schema::messages() {
        return Err(SimulatorError::NotOfTheSimulator {
            path: path.to_string(),
        });
    }
    let lacks = |(number, what)| incomplete(path, number, what);
    let counter = database.record(COUNTER, 1).map_err(failed(path))?;
    let counter = counter.ok_or_else(|| incomplete(path, 1, "counter"))?;
    let mut content = Messages {
        messages: Vec::new(),
        next: number_of(&counter, field::NEXT, "next message").map_err(lacks)?,
    };
    for record in database.records(MESSAGES).map_err(failed(path))? {
        let record = record.map_err(failed(path))?;
        content.messages.push(read_message(&record).map_err(lacks)?);
    }
    Ok(content)
}

fn read_message(record: &Record) -> Result<Message, Lacking> {
    let has_attachment = record
        .fields()
        .any(|found| found.tag == field::ATTACHMENT_NAME);
    let attachment = if has_attachment {
        Some(Attachment {
            name: text_of(record, field::ATTACHMENT_NAME, "name of its attachment")?,
            content: read_part(record, field::ATTACHMENT, "attachment")?,
        })
    } else {
        None
    };
    Ok(Message {
        number: record.number,
        id: text_of(record, field::ID, "identifier")?,
        from: Address {
            name: text_of(record, field::FROM_NAME, "sender")?,
            address: text_of(record, field::FROM_ADDRESS, "sender")?,
        },
        date_seconds: number_of(record, field::DATE, "date")?,
        subject: text_of(record, field::SUBJECT, "subject")?,
        recipients: read_part(record, field::RECIPIENTS, "recipients")?,
        body: read_part(record, field::BODY, "text")?,
        attachment,
        uses: number_of(record, field::USES, "number of uses")?,
    })
}

fn read_part(record: &Record, first: u16, what: &'static str) -> Result<Part, Lacking> {
    if let Some(bytes) = bytes(record, first + part::INLINE) {
        return Ok(Part::Inline(bytes));
    }
    let digest = bytes(record, first + part::BLOB_DIGEST).and_then(|bytes| bytes.try_into().ok());
    Ok(Part::Blob(BlobReference {
        folder: number_of(record, first + part::BLOB_FOLDER, what)?,
        name: text_of(record, first + part::BLOB_NAME, what)?,
        bytes: number_of(record, first + part::BLOB_BYTES, what)?,
        digest: digest.ok_or((record.number, what))?,
    }))
}
