//! What can go wrong in the simulator.

use std::io;
use std::path::{Path, PathBuf};

use postoffice::names::{RelativePath, printable};
use postoffice::startup_file::StartupFileError;
use thiserror::Error;

/// Why the simulator could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SimulatorError {
    /// A folder that was to be filled holds something already.
    #[error("{} is not empty; nothing was written", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder for documents and that of the post office are one, or one is in the other.
    #[error("{} and {} are one inside the other", first.display(), second.display())]
    Nested {
        /// One folder.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Too few files for a post office with all its kinds.
    #[error("A post office with all kinds of files needs at least {least} files, not {files}")]
    TooSmall {
        /// What was asked for.
        files: usize,
        /// The least that can be made.
        least: usize,
    },
    /// A folder is not a post office.
    #[error("{} is not a post office: it has no {}", folder.display(), missing.join(" and no "))]
    NotAPostOffice {
        /// The folder.
        folder: PathBuf,
        /// The files that every post office has and this folder lacks.
        missing: Vec<&'static str>,
    },
    /// A database has another dictionary than the simulator gives it.
    #[error("{path} is not a database that this simulator made")]
    NotOfTheSimulator {
        /// The file, printable.
        path: String,
    },
    /// A database cannot be read or made.
    #[error("Cannot use the database {path}")]
    Database {
        /// Its control file, printable.
        path: String,
        /// Why.
        source: crate::flaim::CreateError,
    },
    /// The message store is damaged, or lacks what was asked for.
    #[error(transparent)]
    Mail(#[from] MailError),
    /// The startup file cannot be read.
    #[error("The startup file {} cannot be used", file.display())]
    StartupFile {
        /// The file.
        file: PathBuf,
        /// Why.
        source: StartupFileError,
    },
    /// The agent stopped with one of GroupWise's error numbers.
    #[error("Error {number}: {text}")]
    Agent {
        /// GroupWise's number.
        number: &'static str,
        /// What is wrong, names printable.
        text: String,
    },
    /// The agent was started in a way that it does not understand.
    #[error("{text}")]
    Start {
        /// What is wrong.
        text: String,
    },
    /// There is nothing with which an operation could be done.
    #[error("The post office has no {what}")]
    Lacks {
        /// What would be needed.
        what: &'static str,
    },
    /// The operating system refused something.
    #[error("Cannot {operation} {what}")]
    Io {
        /// What was tried, in words that go after "cannot".
        operation: &'static str,
        /// To what, printable.
        what: String,
        /// Why not.
        source: io::Error,
    },
}

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

/// An error with its causes, on one line.
pub fn describe_error(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Says what was tried when the operating system refuses.
pub(crate) trait Tried<T> {
    /// About a file or folder below a root.
    fn tried(self, operation: &'static str, path: &RelativePath) -> Result<T, SimulatorError>;
    /// About a path that somebody named.
    fn tried_at(self, operation: &'static str, path: &Path) -> Result<T, SimulatorError>;
}

impl<T, E: Into<io::Error>> Tried<T> for Result<T, E> {
    fn tried(self, operation: &'static str, path: &RelativePath) -> Result<T, SimulatorError> {
        let what = if path.is_root() {
            "the folder itself".to_owned()
        } else {
            path.to_string()
        };
        self.map_err(|error| SimulatorError::Io {
            operation,
            what,
            source: error.into(),
        })
    }

    fn tried_at(self, operation: &'static str, path: &Path) -> Result<T, SimulatorError> {
        let what = printable(path.as_os_str().as_encoded_bytes());
        self.map_err(|error| SimulatorError::Io {
            operation,
            what,
            source: error.into(),
        })
    }
}
