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
        source: postoffice::flaim::Error,
    },
    /// The message store is damaged, or lacks what was asked for.
    #[error(transparent)]
    Mail(#[from] crate::mail::MailError),
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
