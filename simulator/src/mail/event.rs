//! What became of messages, one by one: how a truth changes.

use serde::{Deserialize, Serialize};

use super::{MessageTruth, Truth};

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
