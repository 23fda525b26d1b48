//! Message databases: the one copy of each message, its long parts in blobs.

use postoffice::flaim::{MemoryFileSet, Record, Version};
use postoffice::names::RelativePath;

use super::records::{
    DatabaseBuilder, MissingValue, RecordEdits, bytes, incomplete, number_of, record, records_of,
    text_of,
};
use super::schema::{self, COUNTER, MESSAGES, message as field, part};
use super::{failed, open_ours};
use crate::error::SimulatorError;
use crate::flaim::{CreateError, DatabaseOptions, FieldValue};
use crate::model::{Address, Attachment, BlobReference, Message, Messages, Part};

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
    pub(super) fn edits(&self, version: Version) -> Result<RecordEdits, CreateError> {
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

/// Makes a message database.
pub(crate) fn create_messages(
    options: DatabaseOptions,
    messages: &[Message],
) -> Result<MemoryFileSet, CreateError> {
    let mut builder = DatabaseBuilder::new(options, schema::messages())?;
    let last = messages.last().map_or(0, |message| message.number);
    let next = FieldValue::Number(last.saturating_add(1).into());
    builder.record(COUNTER, 1, &[(field::NEXT, next)])?;
    for message in messages {
        builder.record(MESSAGES, message.number, &fields(message))?;
    }
    builder.finish()
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
    let database = open_ours(files, path, |_| schema::messages())?;
    let lacks = |(number, what)| incomplete(path, number, what);
    let counter = database.record(COUNTER, 1).map_err(failed(path))?;
    let counter = counter.ok_or_else(|| incomplete(path, 1, "counter"))?;
    let mut content = Messages {
        messages: Vec::new(),
        next: number_of(&counter, field::NEXT, "next message").map_err(lacks)?,
    };
    for record in records_of(&database, MESSAGES, path)? {
        content.messages.push(read_message(&record).map_err(lacks)?);
    }
    Ok(content)
}

fn read_message(record: &Record) -> Result<Message, MissingValue> {
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

fn read_part(record: &Record, first: u16, what: &'static str) -> Result<Part, MissingValue> {
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
