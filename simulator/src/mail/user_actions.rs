//! What users do with their messages: read, move and purge them.

use super::MailReader;
use super::change::MailChange;
use crate::database::{Edit, MailboxChange, MessagesChange};
use crate::error::{MailError, SimulatorError};
use crate::model::{BlobReference, Mailbox, Message, Pointer};

/// Sets whether a message counts as read; nothing changes where it does already.
///
/// # Errors
/// What reading says; [`MailError::NotFound`] where the user has no such pointer.
pub fn mark_read(
    reader: &mut MailReader<'_>,
    user: &str,
    pointer: u32,
    is_read: bool,
) -> Result<Vec<MailChange>, SimulatorError> {
    let found = reader.mailbox_files(user)?;
    let mut pointer = pointer_of(&found.content, user, pointer)?.clone();
    if pointer.is_read == is_read {
        return Ok(Vec::new());
    }
    pointer.is_read = is_read;
    let change = MailboxChange {
        pointers: vec![pointer],
        ..MailboxChange::default()
    };
    let edit = Edit::Mailbox(&change);
    Ok(vec![MailChange::of(found.control, found.files, edit)?])
}

/// The pointer with this record number.
pub(super) fn pointer_of<'a>(
    mailbox: &'a Mailbox,
    user: &str,
    number: u32,
) -> Result<&'a Pointer, MailError> {
    let mut pointers = mailbox.pointers.iter();
    let found = pointers.find(|pointer| pointer.number == number);
    found.ok_or_else(|| MailError::NotFound {
        user: user.to_owned(),
        what: format!("pointer {number}"),
    })
}

/// Moves a message, which gets a new number in its new folder, as if it had just come there.
///
/// # Errors
/// What reading says; [`MailError::NotFound`] where the user has no such pointer or folder.
pub fn move_message(
    reader: &mut MailReader<'_>,
    user: &str,
    pointer: u32,
    folder: &str,
) -> Result<Vec<MailChange>, SimulatorError> {
    let found = reader.mailbox_files(user)?;
    let mut pointer = pointer_of(&found.content, user, pointer)?.clone();
    let mut folders = found.content.folders.iter();
    let target = folders.find(|candidate| candidate.name == folder);
    let mut target = target.cloned().ok_or_else(|| MailError::NotFound {
        user: user.to_owned(),
        what: format!("folder {folder}"),
    })?;
    pointer.folder = target.number;
    pointer.uid = target.next_uid;
    target.next_uid = target.next_uid.saturating_add(1);
    let change = MailboxChange {
        folders: vec![target],
        pointers: vec![pointer],
        removed: Vec::new(),
    };
    let edit = Edit::Mailbox(&change);
    Ok(vec![MailChange::of(found.control, found.files, edit)?])
}

/// Purges a message from a mailbox.
///
/// # Errors
/// What reading says; [`MailError::NotFound`] where the user has no such pointer.
pub fn purge(
    reader: &mut MailReader<'_>,
    user: &str,
    pointer: u32,
) -> Result<Vec<MailChange>, SimulatorError> {
    let found = reader.mailbox_files(user)?;
    let pointer = pointer_of(&found.content, user, pointer)?.clone();
    let change = MailboxChange {
        removed: vec![pointer.number],
        ..MailboxChange::default()
    };
    let edit = Edit::Mailbox(&change);
    let mut changes = vec![MailChange::of(found.control, found.files, edit)?];
    let found = reader.messages_files(pointer.database)?;
    let mut messages = found.content.messages.iter();
    let message = messages.find(|message| message.number == pointer.message);
    let message = message.ok_or_else(|| MailError::NotFound {
        user: user.to_owned(),
        what: format!("message to which pointer {} leads", pointer.number),
    })?;
    let is_last = message.uses <= 1;
    let change = if is_last {
        MessagesChange {
            removed: vec![message.number],
            messages: Vec::new(),
            next: found.content.next,
        }
    } else {
        MessagesChange {
            messages: vec![Message {
                uses: message.uses - 1,
                ..message.clone()
            }],
            removed: Vec::new(),
            next: found.content.next,
        }
    };
    let mut blobs: Vec<String> = Vec::new();
    if is_last {
        blobs.extend(message.blobs().map(BlobReference::path));
    }
    let edit = Edit::Messages(&change);
    changes.push(MailChange::of(found.control, found.files, edit)?);
    for blob in blobs {
        // One that is gone already need not go.
        if let Some(path) = reader.find(&blob)? {
            changes.push(MailChange::RemovedBlob { path });
        }
    }
    Ok(changes)
}
