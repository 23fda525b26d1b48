//! What can be wrong with a message store, or with what is asked of it.

use thiserror::Error;

/// Why a message store cannot be read or changed.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MailError {
    /// A file that must be there is not.
    #[error("{path} is missing")]
    Missing {
        /// Its path in lower case.
        path: String,
    },
    /// A database is damaged, although it can be opened.
    #[error("{path} is damaged: {finding}")]
    Damaged {
        /// The control file, printable.
        path: String,
        /// The first thing that its check found.
        finding: String,
    },
    /// A record lacks a value that it must have.
    #[error("{path}: record {record} has no usable {what}")]
    Incomplete {
        /// The database, printable.
        path: String,
        /// The record.
        record: u32,
        /// The value.
        what: &'static str,
    },
    /// A pointer leads to a message that is not there.
    #[error(
        "{path}: pointer {pointer} leads to record {message} of {database}, which has no such message"
    )]
    PointerLeadsNowhere {
        /// The user database.
        path: String,
        /// The pointer's record.
        pointer: u32,
        /// The message database.
        database: String,
        /// The record of the message.
        message: u32,
    },
    /// A pointer is in a folder that is not there.
    #[error("{path}: pointer {pointer} is in folder {folder}, which does not exist")]
    PointerInNoFolder {
        /// The user database.
        path: String,
        /// The pointer's record.
        pointer: u32,
        /// The folder's record.
        folder: u32,
    },
    /// A blob file is missing.
    #[error("message {message} has no {path}")]
    BlobMissing {
        /// The message's own name.
        message: String,
        /// The blob.
        path: String,
    },
    /// A blob file does not hold what its message says.
    #[error("{path} of message {message} has another {what} than its message says")]
    BlobDiffers {
        /// The message's own name.
        message: String,
        /// The blob.
        path: String,
        /// Size or digest.
        what: &'static str,
    },
    /// A time that no date of a message can show.
    #[error("message {message} has a date that cannot be shown: {seconds} seconds since 1970")]
    Date {
        /// The message's own name.
        message: String,
        /// The time.
        seconds: i64,
    },
    /// Something that was asked for does not exist.
    #[error("{user} has no {what}")]
    NotFound {
        /// The user's file identifier.
        user: String,
        /// What is not there.
        what: String,
    },
    /// A message, or a number, cannot be stored.
    #[error("This cannot be stored: {reason}")]
    CannotStore {
        /// Why.
        reason: &'static str,
    },
}
