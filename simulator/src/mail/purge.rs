//! A user purges a message: the pointer goes, and with the last one the message and its blobs.

use super::change::MailChange;
use super::mark_read::pointer_of;
use super::{MailError, MailReader, Message};
use crate::database::{EditedBy, MailboxChange, MessagesChange, edited, failed};
use crate::error::SimulatorError;

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
    let new = edited(&found.files, EditedBy::Mailbox(&change)).map_err(failed(&found.control))?;
    let mut changes = vec![MailChange::Database {
        control: found.control,
        old: found.files,
        new,
    }];
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
    let new = edited(&found.files, EditedBy::Messages(&change)).map_err(failed(&found.control))?;
    let mut blobs: Vec<String> = Vec::new();
    if is_last {
        blobs.extend(message.blobs().map(super::BlobReference::path));
    }
    changes.push(MailChange::Database {
        control: found.control,
        old: found.files,
        new,
    });
    for blob in blobs {
        // One that is gone already need not go.
        if let Some(path) = reader.find(&blob)? {
            changes.push(MailChange::RemovedBlob { path });
        }
    }
    Ok(changes)
}
