//! A message that is delivered: written once, with a pointer in each mailbox.

use std::collections::BTreeMap;

use super::change::MailChange;
use super::render::token;
use super::{MailReader, PartContents, Rendered, render};
use crate::database::{Edit, MailboxChange, MessagesChange, next_pointer};
use crate::error::{MailError, SimulatorError};
use crate::model::{
    Address, Attachment, BLOB_BYTES_MIN, BlobReference, Draft, Message, Part, Placement, Pointer,
};

/// How many names are tried for one blob; two would be taken once in a million messages.
const NAME_TRIES_MAX: u32 = 1000;

/// The longest name of a message, which must fit into a key of an index.
const ID_BYTES_MAX: usize = 200;

/// What a delivery made.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The message as it is stored.
    pub message: Message,
    /// The message as clients get it.
    pub rendered: Rendered,
    /// The pointers, one for each placement, in their order.
    pub pointers: Vec<Pointer>,
    /// What must be written: blobs, then the message, then the pointers.
    pub changes: Vec<MailChange>,
}

/// A message with the blobs that it needs.
pub(crate) struct Composed {
    pub(crate) message: Message,
    pub(crate) contents: PartContents,
    pub(crate) blobs: Vec<(BlobReference, Vec<u8>)>,
}

/// Delivers a message through a message database: that of its sender, or any for mail from elsewhere.
///
/// # Errors
/// What reading says; [`MailError::NotFound`] where a user has no such folder.
pub fn deliver(
    reader: &mut MailReader<'_>,
    draft: &Draft,
    database: u8,
    placements: &[Placement],
) -> Result<Delivered, SimulatorError> {
    if placements.is_empty() {
        let reason = "a message that nobody has would never go away";
        return Err(MailError::CannotStore { reason }.into());
    }
    let found = reader.messages_files(database)?;
    let number = found.content.next;
    let mut failure = None;
    let composed = compose(draft, number, |blob| match reader.find(&blob.path()) {
        Ok(there) => there.is_some(),
        Err(error) => {
            failure.get_or_insert(error);
            false
        }
    });
    if let Some(error) = failure {
        return Err(error);
    }
    let mut composed = composed?;
    composed.message.uses = u32::try_from(placements.len()).unwrap_or(u32::MAX);
    let rendered = render(&composed.message, &composed.contents)?;
    let mut changes = Vec::new();
    for (blob, bytes) in composed.blobs {
        let folder = reader.control(&format!("offiles/fd{:x}", blob.folder))?;
        let path = folder.join(blob.name.as_bytes());
        changes.push(MailChange::NewBlob { path, bytes });
    }
    let change = MessagesChange {
        messages: vec![composed.message.clone()],
        removed: Vec::new(),
        next: number.checked_add(1).ok_or(MailError::CannotStore {
            reason: "the message database has no number left",
        })?,
    };
    let edit = Edit::Messages(&change);
    changes.push(MailChange::of(found.control, found.files, edit)?);
    let pointers = place(reader, (database, number), draft, placements, &mut changes)?;
    Ok(Delivered {
        message: composed.message,
        rendered,
        pointers,
        changes,
    })
}

/// Adds the pointers to a message, one change for each mailbox.
fn place(
    reader: &mut MailReader<'_>,
    (database, message): (u8, u32),
    draft: &Draft,
    placements: &[Placement],
    changes: &mut Vec<MailChange>,
) -> Result<Vec<Pointer>, SimulatorError> {
    let mut of_users: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (position, placement) in placements.iter().enumerate() {
        of_users.entry(&placement.user).or_default().push(position);
    }
    let mut pointers = BTreeMap::new();
    for (user, positions) in of_users {
        let mut found = reader.mailbox_files(user)?;
        let mut change = MailboxChange::default();
        for position in positions {
            let placement = &placements[position];
            let mut folders = found.content.folders.iter_mut();
            let folder = folders.find(|folder| folder.name == placement.folder);
            let folder = folder.ok_or_else(|| MailError::NotFound {
                user: user.to_owned(),
                what: format!("folder {}", placement.folder),
            })?;
            let pointer = Pointer {
                number: next_pointer(&found.content.pointers),
                folder: folder.number,
                uid: folder.next_uid,
                database,
                message,
                is_read: placement.is_read,
                received_seconds: draft.date_seconds,
            };
            folder.next_uid = folder.next_uid.saturating_add(1);
            change.folders.retain(|other| other.number != folder.number);
            change.folders.push(folder.clone());
            change.pointers.push(pointer.clone());
            found.content.pointers.push(pointer.clone());
            pointers.insert(position, pointer);
        }
        let edit = Edit::Mailbox(&change);
        changes.push(MailChange::of(found.control, found.files, edit)?);
    }
    Ok(pointers.into_values().collect())
}

/// A message from a draft, its long parts in blobs with names that are not taken.
pub(crate) fn compose(
    draft: &Draft,
    number: u32,
    mut is_taken: impl FnMut(&BlobReference) -> bool,
) -> Result<Composed, MailError> {
    let mut blobs: Vec<(BlobReference, Vec<u8>)> = Vec::new();
    let mut part = |label: &str, bytes: &[u8]| {
        if bytes.len() < BLOB_BYTES_MIN {
            return Ok(Part::Inline(bytes.to_vec()));
        }
        let mut names = (0..NAME_TRIES_MAX).map(|attempt| blob(draft, label, attempt, bytes));
        let is_own = |name: &BlobReference| blobs.iter().any(|(own, _)| own.path() == name.path());
        let free = names.find(|name| !is_own(name) && !is_taken(name));
        let free = free.ok_or(MailError::CannotStore {
            reason: "every name for its blob is taken",
        })?;
        blobs.push((free.clone(), bytes.to_vec()));
        Ok(Part::Blob(free))
    };
    let recipients = recipient_lines(&draft.recipients).into_bytes();
    let message = Message {
        number,
        id: message_id(&draft.id)?,
        from: Address {
            name: one_line(&draft.from.name),
            address: one_line(&draft.from.address),
        },
        date_seconds: draft.date_seconds,
        subject: one_line(&draft.subject),
        recipients: part("recipients", &recipients)?,
        body: part("text", draft.body.as_bytes())?,
        attachment: match &draft.attachment {
            None => None,
            Some(file) => Some(Attachment {
                name: one_line(&file.name),
                content: part("attachment", &file.bytes)?,
            }),
        },
        uses: 0,
    };
    let contents = PartContents {
        recipients,
        body: draft.body.clone().into_bytes(),
        attachment: draft.attachment.as_ref().map(|file| file.bytes.clone()),
    };
    Ok(Composed {
        message,
        contents,
        blobs,
    })
}

/// The list of recipients as it is stored.
pub(crate) fn recipient_lines(recipients: &[Address]) -> String {
    let lines = recipients.iter().map(|recipient| {
        let (address, name) = (one_line(&recipient.address), one_line(&recipient.name));
        format!("{address}\t{name}\n")
    });
    lines.collect()
}

/// What names a message, as it can be in an index and in a header.
fn message_id(text: &str) -> Result<String, MailError> {
    if text.is_empty() || text.len() > ID_BYTES_MAX {
        let reason = "the name of a message is empty or too long";
        return Err(MailError::CannotStore { reason });
    }
    Ok(token(text))
}

/// Text without anything that could end its line or its field.
fn one_line(text: &str) -> String {
    let characters = text.chars();
    characters
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// A name for a blob: it follows from the message, so that nothing need be drawn.
fn blob(draft: &Draft, label: &str, attempt: u32, bytes: &[u8]) -> BlobReference {
    let mut hasher = blake3::Hasher::new_derive_key("gwsim 1: name of a blob");
    hasher.update(draft.id.as_bytes());
    hasher.update(label.as_bytes());
    hasher.update(&attempt.to_le_bytes());
    let digest = hasher.finalize();
    let digits = digest.to_hex();
    let name = digits.as_str().get(..11).unwrap_or_default();
    let (stem, extension) = name.split_at_checked(8).unwrap_or_default();
    let folder = digest.as_bytes()[31];
    BlobReference {
        folder: folder % (postoffice::layout::BLOB_FOLDER_LAST + 1),
        name: format!("{stem}.{extension}"),
        bytes: bytes.len() as u64,
        digest: *blake3::hash(bytes).as_bytes(),
    }
}
