//! Classes of files and folders, and what each class asks of a copy.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a file of a post office is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileClass {
    /// `wphost.db`: users, address book, administration data.
    PostOfficeDatabase,
    /// The catalogue of every other database, its fall-back copies and its roll-forward log.
    Guardian,
    /// A data dictionary (`*.dc`), without which no new database can be created.
    Dictionary,
    /// One user's folders, pointers, personal items and rules.
    UserDatabase,
    /// One of the databases that hold the messages themselves.
    MessageDatabase,
    /// A database for folders shared by somebody in another post office.
    PrimeUserDatabase,
    /// Messages whose delivery is deferred.
    DeferredDatabase,
    /// A database of the document management: shared, of one library, or of its document properties.
    LibraryDatabase,
    /// What GWCheck keeps for itself.
    CheckDatabase,
    /// An attachment or a large message part.
    Blob,
    /// A document of a library.
    Document,
    /// A view of the client.
    View,
    /// A QuickFinder index.
    Index,
    /// Anything in a message queue.
    Queued,
    /// A log of an agent or a utility.
    Log,
    /// A temporary file.
    Temporary,
    /// A lock file.
    Lock,
    /// A certificate or a key.
    Certificate,
    /// A startup file of the Post Office Agent.
    StartupFile,
    /// Anything else; copied like data, because losing a file is worse than copying one too many.
    Other,
}

/// When and how the files of a class are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyRule {
    /// In every pass, as it is.
    EveryPass,
    /// In every pass, while its lock is held.
    UnderLock,
    /// In every pass, as one unit with the other files of its class.
    AtomicSet,
    /// Only in stage two, by the step that copies the message queues.
    QueueStep,
    /// Not at all: it means nothing at the destination.
    Never,
}

/// The order in which one pass copies.
///
/// What never changes and is most of the bytes goes first, so that the databases that point to it are younger than
/// it; the guardian, which points to the databases, goes after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyOrder {
    /// Attachments, documents and whatever has no reason to wait.
    Bulk,
    /// Views and indexes.
    Views,
    /// Databases and their dictionaries.
    Databases,
    /// The guardian set.
    Guardian,
    /// The message queues.
    Queues,
}

impl FileClass {
    /// Every class, in the order of their declaration.
    pub const ALL: [Self; 20] = [
        Self::PostOfficeDatabase,
        Self::Guardian,
        Self::Dictionary,
        Self::UserDatabase,
        Self::MessageDatabase,
        Self::PrimeUserDatabase,
        Self::DeferredDatabase,
        Self::LibraryDatabase,
        Self::CheckDatabase,
        Self::Blob,
        Self::Document,
        Self::View,
        Self::Index,
        Self::Queued,
        Self::Log,
        Self::Temporary,
        Self::Lock,
        Self::Certificate,
        Self::StartupFile,
        Self::Other,
    ];

    /// When and how files of this class are copied.
    pub fn copy_rule(self) -> CopyRule {
        match self {
            Self::PostOfficeDatabase
            | Self::UserDatabase
            | Self::MessageDatabase
            | Self::PrimeUserDatabase
            | Self::DeferredDatabase
            | Self::LibraryDatabase
            | Self::CheckDatabase => CopyRule::UnderLock,
            Self::Guardian => CopyRule::AtomicSet,
            Self::Queued => CopyRule::QueueStep,
            Self::Lock => CopyRule::Never,
            Self::Dictionary
            | Self::Blob
            | Self::Document
            | Self::View
            | Self::Index
            | Self::Log
            // The name of that folder is only remembered, not documented: a copy too many loses nothing.
            | Self::Temporary
            | Self::Certificate
            | Self::StartupFile
            | Self::Other => CopyRule::EveryPass,
        }
    }

    /// Where in a pass files of this class are copied.
    pub fn copy_order(self) -> CopyOrder {
        match self {
            Self::View | Self::Index => CopyOrder::Views,
            Self::Guardian => CopyOrder::Guardian,
            Self::Queued => CopyOrder::Queues,
            Self::Dictionary => CopyOrder::Databases,
            _ if self.copy_rule() == CopyRule::UnderLock => CopyOrder::Databases,
            _ => CopyOrder::Bulk,
        }
    }
}

impl fmt::Display for FileClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::PostOfficeDatabase => "post office database",
            Self::Guardian => "guardian database",
            Self::Dictionary => "data dictionary",
            Self::UserDatabase => "user database",
            Self::MessageDatabase => "message database",
            Self::PrimeUserDatabase => "prime user database",
            Self::DeferredDatabase => "deferred message database",
            Self::LibraryDatabase => "library database",
            Self::CheckDatabase => "GWCheck database",
            Self::Blob => "attachment",
            Self::Document => "document",
            Self::View => "view",
            Self::Index => "QuickFinder index",
            Self::Queued => "queued message",
            Self::Log => "log",
            Self::Temporary => "temporary file",
            Self::Lock => "lock file",
            Self::Certificate => "certificate or key",
            Self::StartupFile => "startup file",
            Self::Other => "other file",
        })
    }
}

/// What a folder of a post office is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FolderClass {
    /// The post office itself.
    Root,
    /// `ofuser`, the user databases.
    Users,
    /// `ofmsg`, the message databases.
    Messages,
    /// `ofmsg/guardbak`, the second fall-back copy of the guardian database.
    GuardianBackup,
    /// `offiles`, above the folders with attachments.
    Blobs,
    /// `offiles/fdNN`, attachments.
    BlobFolder,
    /// `ofviews` and below.
    Views,
    /// A folder with QuickFinder indexes.
    Indexes,
    /// Anything at or below `wpcsin` or `wpcsout`.
    Queue,
    /// `gwdms`, or one library in it.
    Library,
    /// The documents of a library.
    LibraryDocuments,
    /// The archived documents of a library.
    Archive,
    /// Temporary files.
    Temporary,
    /// Anything else.
    Other,
}
