//! A user reads a message, or says that it is unread again.

use super::change::MailChange;
use super::{MailError, MailReader, Pointer};
use crate::database::{EditedBy, Mailbox, MailboxChange, edited, failed};
use crate::error::SimulatorError;

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
    let new = edited(&found.files, EditedBy::Mailbox(&change)).map_err(failed(&found.control))?;
    Ok(vec![MailChange::Database {
        control: found.control,
        old: found.files,
        new,
    }])
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
