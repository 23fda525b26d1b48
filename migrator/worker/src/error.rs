//! The errors that end a step.
//!
//! What concerns one file is a finding and goes to the monitor; what is here means that the step cannot go on.

use postoffice::flaim::Error as FlaimError;
use postoffice::names::{PATH_DEPTH_MAX, RelativePath};
use rustix::io::Errno;
use thiserror::Error;

use protocol::{Explain, Verdict};

/// Why a step of the worker stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// A file system operation on one of the trees failed in a way that concerns the whole step.
    #[error("Could not {operation} {path}")]
    FileSystem {
        /// What was being done, as a verb.
        operation: &'static str,
        /// Where, below the root of the tree.
        path: RelativePath,
        /// What the kernel said.
        source: Errno,
    },
    /// The destination has no room left for data or for names.
    #[error("The destination is full: could not write {path}")]
    DestinationFull {
        /// The file that did not fit.
        path: RelativePath,
        /// `ENOSPC` or `EDQUOT`.
        source: Errno,
    },
    /// No more files can be open, in this process or on the whole machine.
    #[error("Too many files are open: could not {operation} {path}")]
    TooManyOpen {
        /// What was being done, as a verb.
        operation: &'static str,
        /// With what.
        path: RelativePath,
        /// `EMFILE` or `ENFILE`.
        source: Errno,
    },
    /// The mount of the source stopped answering.
    #[error("The source stopped answering at {path}")]
    SourceGone {
        /// What was being read.
        path: RelativePath,
        /// What the kernel said.
        source: Errno,
    },
    /// A database is not what it must be for the work, or the engine could not do it.
    #[error("{path}: {source}")]
    Database {
        /// The control file.
        path: RelativePath,
        /// What the engine said.
        source: Box<postoffice::flaim::Error>,
    },
    /// Written data could not be made durable; the batch is condemned and is copied again by the next run.
    #[error("The destination could not make {files} files durable")]
    SyncFailed {
        /// How many files the condemned batch had.
        files: usize,
        /// What `syncfs` said.
        source: Errno,
    },
    /// A folder of the worksheet could not be opened.
    #[error("Could not open {role} {path}")]
    Open {
        /// What the folder is for.
        role: &'static str,
        /// Its path as the worksheet gives it.
        path: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// The job store could not be read or written.
    #[error("The job store could not be used while trying to {operation}")]
    Store {
        /// What was being done, as a verb.
        operation: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The job store holds something that the worker does not write there.
    #[error("The job store is damaged, as was seen while trying to {operation}")]
    StoreDamaged {
        /// What was being done, as a verb.
        operation: &'static str,
        /// What SQLite said, or which row of which table cannot be read.
        source: rusqlite::Error,
    },
    /// The job store was written by a version of gwmigrate that this one does not understand.
    #[error("The job store has layout {found}, and not {known} as this gwmigrate")]
    StoreLayout {
        /// The layout number in the store.
        found: i64,
        /// The layout number of this version.
        known: i64,
    },
    /// Another worker is at work on this job.
    #[error("Another worker is at work on this job: {holder}")]
    Busy {
        /// What the holder wrote about itself.
        holder: String,
    },
    /// The controller whose request this is does not hold the lease of the job any more.
    #[error("{text}")]
    LeaseLost {
        /// Who has it, or why it ended.
        text: String,
        /// Whether another controller has it.
        is_taken: bool,
    },
    /// The order was made by another version of the controller.
    #[error("The order speaks protocol {found}, this worker {known}")]
    Protocol {
        /// The version in the order.
        found: u32,
        /// The version of this worker.
        known: u32,
    },
    /// A person has asked the worker to end.
    #[error("It was stopped by {by}; what is durable was recorded")]
    Stopped {
        /// Who.
        by: String,
    },
    /// A person has asked something of a worker, and none is at work, or not in a way that fits.
    #[error("{text}")]
    NothingToAsk {
        /// What was seen.
        text: String,
    },
    /// A worker does not answer what is asked of it.
    #[error(
        "The worker has not answered for {seconds} seconds; it is asked, and hears it once it can"
    )]
    NotHeard {
        /// For how long it was waited.
        seconds: u64,
    },
    /// Going on could have lost mail.
    #[error("{text}")]
    Refused {
        /// Stable code of the reason.
        code: &'static str,
        /// What was seen.
        text: String,
        /// What to do.
        remedy: String,
    },
    /// An input of the order makes no sense.
    #[error("{text}")]
    Order {
        /// What is wrong.
        text: String,
    },
    /// A file in the job folder could not be used.
    #[error("Could not {operation} {name} in the job folder")]
    JobFolder {
        /// What was being done, as a verb.
        operation: &'static str,
        /// Which file.
        name: String,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// Something of the destination's system could not be changed.
    #[error("Could not {operation} {path}")]
    Host {
        /// What was being done, as a verb.
        operation: &'static str,
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The kernel refused to close the sandbox.
    #[error("The sandbox could not be closed: {text}")]
    Sandbox {
        /// What the library said.
        text: String,
    },
}

impl WorkerError {
    /// A failed write at the destination: out of space is told apart from everything else.
    pub(crate) fn writing(operation: &'static str, path: &RelativePath, errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::DestinationFull {
                path: path.clone(),
                source: errno,
            },
            Errno::XDEV => Self::Refused {
                code: "mounts-changed",
                text: format!(
                    "Could not {operation} {path}: a file system that was not there when the worker began is mounted at \
                     or above it"
                ),
                remedy: "Unmount it, then run the same command again; nothing was written there"
                    .into(),
            },
            _ => Self::failed(operation, path, errno),
        }
    }

    /// A failed read at the source: a mount that went away is told apart from everything else.
    pub(crate) fn reading(operation: &'static str, path: &RelativePath, errno: Errno) -> Self {
        if stops_the_step(errno) && !is_out_of_handles(errno) {
            return Self::SourceGone {
                path: path.clone(),
                source: errno,
            };
        }
        Self::failed(operation, path, errno)
    }

    fn failed(operation: &'static str, path: &RelativePath, errno: Errno) -> Self {
        match errno {
            Errno::NAMETOOLONG => Self::too_deep(operation, path),
            errno if is_out_of_handles(errno) => Self::TooManyOpen {
                operation,
                path: path.clone(),
                source: errno,
            },
            _ => Self::FileSystem {
                operation,
                path: path.clone(),
                source: errno,
            },
        }
    }

    fn too_deep(operation: &'static str, path: &RelativePath) -> Self {
        Self::Refused {
            code: "path-too-deep",
            text: format!(
                "Could not {operation} {path}: it lies more than {PATH_DEPTH_MAX} folders deep, or its name is too long"
            ),
            remedy: "GroupWise makes no such folders; look where it comes from, and move it away"
                .into(),
        }
    }

    /// What the database engine said of the database with this control file.
    pub(crate) fn database(path: &RelativePath, source: postoffice::flaim::Error) -> Self {
        Self::Database {
            path: path.clone(),
            source: Box::new(source),
        }
    }

    pub(crate) fn store(operation: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| {
            if is_damage(&source) {
                Self::StoreDamaged { operation, source }
            } else {
                Self::Store { operation, source }
            }
        }
    }
}

/// Whether an error is about everything, and not about the one thing that was asked for: the file system behind a handle is no
/// longer there, or no more files can be open.
pub(crate) fn stops_the_step(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::STALE
            | Errno::NOTCONN
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::TIMEDOUT
            | Errno::CONNABORTED
            | Errno::CONNRESET
            | Errno::NODEV
            | Errno::SHUTDOWN
    ) || is_out_of_handles(errno)
}

/// Whether no more files can be open, in this process or on the whole machine.
fn is_out_of_handles(errno: Errno) -> bool {
    matches!(errno, Errno::MFILE | Errno::NFILE)
}

/// What can be done where too many files are open.
const FEWER_FILES: &str = "Say workers = 2 in [copy], or let root open more files at the destination (`ulimit -Hn`; nofile in \
                           /etc/security/limits.conf), then run the same command again; what was copied is kept";

fn is_too_many(error: &std::io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(is_out_of_handles)
}

/// Whether the operating system refused something, and nothing is wrong with the database.
fn is_of_the_system(error: &FlaimError) -> bool {
    matches!(error, FlaimError::Read { .. } | FlaimError::Write { .. })
}

/// Whether an error says that the store is damaged, so that trying again cannot help.
fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, DatabaseCorrupt | NotADatabase)
        }
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::InvalidColumnIndex(..)
        | rusqlite::Error::QueryReturnedNoRows
        | rusqlite::Error::Utf8Error(..)
        // A table or a column that is not there.
        | rusqlite::Error::SqlInputError { .. } => true,
        _ => false,
    }
}

/// Whether a folder could not be opened because its file system does not answer; otherwise the worksheet names a wrong one.
fn does_not_answer(error: &std::io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| errno == Errno::IO || stops_the_step(errno))
}

impl Explain for WorkerError {
    fn code(&self) -> &'static str {
        match self {
            Self::FileSystem { .. } => "file-system",
            Self::DestinationFull { .. } => "destination-full",
            Self::TooManyOpen { .. } => "too-many-open-files",
            Self::SourceGone { .. } => "source-gone",
            Self::Database { source, .. } => source.code(),
            Self::SyncFailed { .. } => "sync-failed",
            Self::Open { source, .. } if is_too_many(source) => "too-many-open-files",
            Self::Open { .. } => "folder-not-opened",
            Self::Store { .. } => "job-store",
            Self::StoreDamaged { .. } => "job-store-damaged",
            Self::StoreLayout { .. } => "job-store-layout",
            Self::Busy { .. } => "worker-busy",
            Self::LeaseLost { .. } => "lease-lost",
            Self::Protocol { .. } => "protocol",
            Self::Stopped { .. } => "stopped",
            Self::NothingToAsk { .. } => "nothing-at-work",
            Self::NotHeard { .. } => "not-heard",
            Self::Refused { code, .. } => code,
            Self::Order { .. } => "order",
            Self::JobFolder { .. } => "job-folder",
            Self::Host { .. } => "system-not-changed",
            Self::Sandbox { .. } => "sandbox",
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Database { source, .. } if is_of_the_system(source) => Verdict::Temporary,
            Self::Database { source, .. } => match **source {
                FlaimError::Damaged(_) => Verdict::Unproven,
                _ => Verdict::Refused,
            },
            Self::StoreDamaged { .. } => Verdict::Unproven,
            Self::Stopped { .. } => Verdict::Interrupted,
            Self::NothingToAsk { .. } => Verdict::NothingToDo,
            Self::NotHeard { .. }
            | Self::DestinationFull { .. }
            | Self::TooManyOpen { .. }
            | Self::SourceGone { .. }
            | Self::SyncFailed { .. }
            | Self::Busy { .. }
            | Self::LeaseLost {
                is_taken: false, ..
            }
            | Self::FileSystem { .. }
            | Self::Store { .. }
            | Self::JobFolder { .. } => Verdict::Temporary,
            Self::Host { .. } => Verdict::NeedsAttention,
            Self::Open { source, .. } if does_not_answer(source) => Verdict::Temporary,
            Self::Open { .. } | Self::Order { .. } => Verdict::Usage,
            Self::StoreLayout { .. }
            | Self::Protocol { .. }
            | Self::LeaseLost { is_taken: true, .. }
            | Self::Refused { .. }
            | Self::Sandbox { .. } => Verdict::Refused,
        }
    }

    fn guidance(&self) -> String {
        match self {
            Self::FileSystem { .. } => {
                "Look at the kernel log of the destination, then run the same command again; \
                                        what was copied is kept"
                    .into()
            }
            Self::DestinationFull { .. } => {
                "Make room on the destination, then run the same command again; what was \
                                             copied is kept"
                    .into()
            }
            Self::TooManyOpen { .. } => FEWER_FILES.into(),
            Self::Open { source, .. } if is_too_many(source) => FEWER_FILES.into(),
            Self::SourceGone { .. } => {
                "See that the source server is up and mounted, then run the same command \
                                        again; what was copied is kept"
                    .into()
            }
            Self::Database { source, .. } if is_of_the_system(source) => {
                "Nothing was changed; see that its file system answers and has room, then run the same command again"
                    .into()
            }
            Self::Database { .. } => {
                "Nothing was changed; `gwmigrate database check FILE`, with its path, shows everything that is wrong with it"
                    .into()
            }
            Self::SyncFailed { .. } => {
                "Check the disk of the destination before anything else; the next run copies \
                                        these files again under new names"
                    .into()
            }
            Self::Open { source, .. } if does_not_answer(source) => {
                "See that the file system with this folder is mounted and answers, then run the same command again"
                    .into()
            }
            Self::Open { .. } => "Correct the path, in the worksheet or on the command line; a folder that is missing must be made"
                .into(),
            Self::Store { .. } => {
                "See that the job folder has room and is writable, then run the same command again"
                    .into()
            }
            Self::StoreDamaged { .. } => {
                "Do not start the POA. Look at the disk of the job folder, then run the same command once more; where it says \
                 this again, put the newest job.sqlite back, or undo the job (`gwmigrate abandon --yes`) and begin again with `gwmigrate stage-one`. The \
                 source is untouched"
                    .into()
            }
            Self::StoreLayout { .. } | Self::Protocol { .. } => {
                "Use the version of gwmigrate that began this job".into()
            }
            Self::Busy { .. } => "Wait for it; `gwmigrate status` shows how far it is".into(),
            Self::Stopped { .. } => "Run the same command again: it goes on from here".into(),
            Self::NothingToAsk { .. } => {
                "Nothing; `gwmigrate status` says where the job stands and which command comes next".into()
            }
            Self::NotHeard { .. } => {
                "Wait a moment, then look with `gwmigrate status`; where its machine does not answer either, look at that".into()
            }
            Self::LeaseLost { is_taken: true, .. } => {
                "See `gwmigrate status`: another controller is at work now, and this one has stopped".into()
            }
            Self::LeaseLost { .. } => "Run the same command again".into(),
            Self::Refused { remedy, .. } => remedy.clone(),
            Self::Order { .. } => "Use controller and worker of the same version".into(),
            Self::JobFolder { .. } => {
                "See that the job folder of the destination exists, is writable and has room, then run the same command again"
                    .into()
            }
            Self::Host { .. } => "Correct that on the destination, then run the same command again".into(),
            Self::Sandbox { .. } => "Report this with the kernel version of the destination".into(),
        }
    }
}

/// What the functions of this crate return.
pub type Result<T, E = WorkerError> = std::result::Result<T, E>;
