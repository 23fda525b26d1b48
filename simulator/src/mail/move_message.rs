//! A user moves a message into another folder of the same mailbox.

use super::change::MailChange;
use super::mark_read::pointer_of;
use super::{MailError, MailReader};
use crate::database::{EditedBy, MailboxChange, edited, failed};
use crate::error::SimulatorError;

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
    let new = edited(&found.files, EditedBy::Mailbox(&change)).map_err(failed(&found.control))?;
    Ok(vec![MailChange::Database {
        control: found.control,
        old: found.files,
        new,
    }])
}
