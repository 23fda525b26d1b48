//! Who has which messages, found by reading everything.

use std::fmt;
use std::path::Path;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::{MailError, MailStore, Mailbox, NameLookup};
use crate::error::SimulatorError;
use crate::tree;

/// A folder of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FolderTruth {
    /// The file identifier of the user.
    pub user: String,
    /// The name of the folder.
    pub folder: String,
    /// What a client is told about its numbers.
    pub uid_validity: u32,
    /// The number that its next message gets.
    pub next_uid: u32,
    /// How many messages it holds.
    pub messages: usize,
}

/// A message in a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MessageTruth {
    /// The file identifier of the user.
    pub user: String,
    /// The name of the folder.
    pub folder: String,
    /// What names the message everywhere.
    pub message_id: String,
    /// BLAKE3 of the bytes that a client gets.
    pub digest: String,
    /// Its number in the folder.
    pub uid: u32,
    /// Whether the user has read it.
    pub is_read: bool,
    /// When it came, in seconds since 1970.
    pub received_seconds: i64,
}

/// Who has which messages, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Every folder of every user.
    pub folders: Vec<FolderTruth>,
    /// Every message in every folder.
    pub messages: Vec<MessageTruth>,
}

impl fmt::Display for Truth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for message in &self.messages {
            writeln!(
                formatter,
                "{} {} {} {}",
                printable(message.user.as_bytes()),
                message.digest,
                printable(message.message_id.as_bytes()),
                printable(message.folder.as_bytes()),
            )?;
        }
        let (messages, folders) = (self.messages.len(), self.folders.len());
        writeln!(formatter, "{messages} messages in {folders} folders")
    }
}

/// Reads the whole message store of the post office at `path`, names in any case.  It takes no locks: nobody may be
/// changing it meanwhile.
///
/// # Errors
/// Whatever is missing, damaged or not what a record says it is: a [`MailError`] or an error of a database.
pub fn truth(path: &Path) -> Result<Truth, SimulatorError> {
    let store = MailStore::new(tree::open_post_office(path)?, NameLookup::AnyCase);
    let mut reader = store.reader().with_checks();
    // Databases without a single message count too.
    for number in reader.message_databases()? {
        reader.messages_files(number)?;
    }
    let mut truth = Truth::default();
    for user in reader.users()? {
        let mailbox = reader.mailbox(&user.fid)?;
        truth.folders.extend(folders(&user.fid, &mailbox));
        for pointer in &mailbox.pointers {
            let mut folders = mailbox.folders.iter();
            let folder = folders.find(|folder| folder.number == pointer.folder);
            let folder = folder.ok_or_else(|| MailError::PointerInNoFolder {
                path: super::store::user_database(&user.fid),
                pointer: pointer.number,
                folder: pointer.folder,
            })?;
            let message = reader.message(&user.fid, pointer)?;
            let digest = digest_text(&reader.rendered(&message)?);
            truth.messages.push(MessageTruth {
                user: user.fid.clone(),
                folder: folder.name.clone(),
                message_id: message.id,
                digest,
                uid: pointer.uid,
                is_read: pointer.is_read,
                received_seconds: pointer.received_seconds,
            });
        }
    }
    Ok(sorted(truth))
}

/// The folders of one mailbox.
pub(crate) fn folders<'a>(
    user: &'a str,
    mailbox: &'a Mailbox,
) -> impl Iterator<Item = FolderTruth> + 'a {
    mailbox.folders.iter().map(move |folder| {
        let pointers = mailbox.pointers.iter();
        FolderTruth {
            user: user.to_owned(),
            folder: folder.name.clone(),
            uid_validity: folder.uid_validity,
            next_uid: folder.next_uid,
            messages: pointers
                .filter(|pointer| pointer.folder == folder.number)
                .count(),
        }
    })
}

/// The same truth in its order.
pub(crate) fn sorted(mut truth: Truth) -> Truth {
    truth.folders.sort_unstable();
    truth.messages.sort_unstable();
    truth
}

/// The digest of a rendered message as text.
pub(crate) fn digest_text(rendered: &super::Rendered) -> String {
    rendered.digest().to_hex().as_str().to_owned()
}
