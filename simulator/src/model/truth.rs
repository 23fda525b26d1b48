//! Who has which messages, and what becomes of them.

use std::fmt;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::mail::Mailbox;

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

impl FolderTruth {
    /// The folders of one mailbox.
    pub(crate) fn of_mailbox<'a>(
        user: &'a str,
        mailbox: &'a Mailbox,
    ) -> impl Iterator<Item = Self> + 'a {
        mailbox.folders.iter().map(move |folder| {
            let pointers = mailbox.pointers.iter();
            Self {
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

/// What became of one message in one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailEvent {
    /// It came into a folder.
    Arrived(MessageTruth),
    /// It counts as read from now on, or as unread.
    Marked {
        /// The file identifier of the user.
        user: String,
        /// The folder.
        folder: String,
        /// Its number in the folder.
        uid: u32,
        /// As what it counts.
        is_read: bool,
    },
    /// It went into another folder of the same user.
    Moved {
        /// The file identifier of the user.
        user: String,
        /// The folder that it was in.
        from: String,
        /// The number that it had there.
        uid: u32,
        /// The folder that it is in.
        to: String,
        /// The number that it has there.
        new_uid: u32,
    },
    /// It was purged.
    Purged {
        /// The file identifier of the user.
        user: String,
        /// The folder.
        folder: String,
        /// Its number in the folder.
        uid: u32,
    },
}

impl Truth {
    /// The same truth in its order.
    #[must_use]
    pub(crate) fn sorted(mut self) -> Self {
        self.folders.sort_unstable();
        self.messages.sort_unstable();
        self
    }

    /// The messages as they are after an event; folders are left as they are.
    ///
    /// An event about a message that is not there changes nothing: whoever compares the result sees it.
    #[must_use]
    pub fn after(mut self, event: &MailEvent) -> Self {
        match event {
            MailEvent::Arrived(message) => self.messages.push(message.clone()),
            MailEvent::Marked {
                user,
                folder,
                uid,
                is_read,
            } => {
                if let Some(message) = self.message_mut(user, folder, *uid) {
                    message.is_read = *is_read;
                }
            }
            MailEvent::Moved {
                user,
                from,
                uid,
                to,
                new_uid,
            } => {
                if let Some(message) = self.message_mut(user, from, *uid) {
                    message.folder.clone_from(to);
                    message.uid = *new_uid;
                }
            }
            MailEvent::Purged { user, folder, uid } => {
                self.messages.retain(|message| {
                    (&message.user, &message.folder, message.uid) != (user, folder, *uid)
                });
            }
        }
        self.messages.sort_unstable();
        self
    }

    fn message_mut(&mut self, user: &str, folder: &str, uid: u32) -> Option<&mut MessageTruth> {
        self.messages
            .iter_mut()
            .find(|message| message.user == user && message.folder == folder && message.uid == uid)
    }
}
