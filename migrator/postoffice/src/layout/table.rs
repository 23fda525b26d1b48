//! The layout of a post office as data: one row per pattern, the first row that matches decides.
//!
//! Sources of the rows: the manuals' picture of a post office, Novell's own list of standard content, and logs of
//! real sites (post-office-layout.md 1).  Names that no source gives exactly (attachments, documents, queue
//! items) are opaque, and only their folder is looked at.

use super::{FileClass, FolderClass};

/// Where a row of the file table applies.
pub(super) enum Form {
    /// The path has this form.
    File,
    /// The path is this database (written without `.db`) or one of the files that FLAIM keeps beside it.
    Database,
}

/// One row of the file table.
pub(super) struct FileRow {
    pub(super) pattern: &'static str,
    pub(super) form: Form,
    pub(super) class: FileClass,
}

/// One row of the folder table.
pub(super) struct FolderRow {
    pub(super) pattern: &'static str,
    pub(super) class: FolderClass,
}

const fn file(pattern: &'static str, class: FileClass) -> FileRow {
    FileRow {
        pattern,
        form: Form::File,
        class,
    }
}

const fn database(pattern: &'static str, class: FileClass) -> FileRow {
    FileRow {
        pattern,
        form: Form::Database,
        class,
    }
}

const fn folder(pattern: &'static str, class: FolderClass) -> FolderRow {
    FolderRow { pattern, class }
}

/// The files of a post office.
pub(super) const FILES: &[FileRow] = &[
    // The queues come first: nothing below them may be taken for anything but mail, except the POA's own logs.
    file("wpcsout/ofs/####poa.@@@", FileClass::Log),
    file("wpcsin", FileClass::Queued),
    file("wpcsin/**", FileClass::Queued),
    file("wpcsout", FileClass::Queued),
    file("wpcsout/**", FileClass::Queued),
    // The root.
    database("wphost", FileClass::PostOfficeDatabase),
    database("ngwguard", FileClass::Guardian),
    // A fall-back copy is a database of its own; its companions have its whole name in front of their number.
    file("ngwguard.fbk", FileClass::Guardian),
    database("ngwguard.fbk", FileClass::Guardian),
    file("ngwguard.rfl", FileClass::Guardian),
    database("ngwcheck", FileClass::CheckDatabase),
    file("ngwcheck.log", FileClass::Log),
    file("####gwbk.@@@", FileClass::Log),
    file("*.dc", FileClass::Dictionary),
    file("*.poa", FileClass::StartupFile),
    file("*.crt", FileClass::Certificate),
    file("*.cer", FileClass::Certificate),
    file("*.der", FileClass::Certificate),
    file("*.pem", FileClass::Certificate),
    file("*.b64", FileClass::Certificate),
    file("*.key", FileClass::Certificate),
    file("*.pfx", FileClass::Certificate),
    file("*.p12", FileClass::Certificate),
    file("*.lck", FileClass::Lock),
    // Databases.  The open forms cover numbers and FIDs longer than any manual says: copying an unknown database
    // without its lock could tear it.
    file("ofmsg/guardbak/ngwguard.fbk", FileClass::Guardian),
    database("ofmsg/guardbak/ngwguard.fbk", FileClass::Guardian),
    database("ofuser/user*", FileClass::UserDatabase),
    database("ofuser/pu*", FileClass::PrimeUserDatabase),
    database("ofmsg/msg*", FileClass::MessageDatabase),
    database("ofmsg/ngwdfr", FileClass::DeferredDatabase),
    database("gwdms/dmsh", FileClass::LibraryDatabase),
    database("gwdms/lib%%%%/dm*", FileClass::LibraryDatabase),
    file("gwdms/lib%%%%/*.db", FileClass::LibraryDatabase),
    // Lock files stand beside databases.  Attachments and documents have opaque names, so `.lck` means nothing there.
    file("ofuser/*.lck", FileClass::Lock),
    file("ofmsg/*.lck", FileClass::Lock),
    file("gwdms/*.lck", FileClass::Lock),
    file("gwdms/lib%%%%/*.lck", FileClass::Lock),
    // Attachments and documents.
    file("offiles/fd%/*", FileClass::Blob),
    file("offiles/fd%%/*", FileClass::Blob),
    file("gwdms/lib%%%%/docs/**", FileClass::Document),
    file("gwdms/lib%%%%/archive/**", FileClass::Document),
    // QuickFinder indexes and views of the client.
    file("ofuser/index/*.idx", FileClass::Index),
    file("ofuser/index/*.inc", FileClass::Index),
    file("gwdms/lib%%%%/index/*.idx", FileClass::Index),
    file("gwdms/lib%%%%/index/*.inc", FileClass::Index),
    file("ofviews/*/*.vew", FileClass::View),
    file("ofviews/*/*.ini", FileClass::View),
    // Temporary files of GroupWise.  `ofwork` is not here: it is also one of the three queue structures.
    file("oftemp/**", FileClass::Temporary),
];

/// The files of a document storage area outside the post office, which has the inside of a library's `docs`, or,
/// where an administrator copied a whole library, of the library.
pub(super) const DOCUMENT_FILES: &[FileRow] = &[
    file("index/*.idx", FileClass::Index),
    file("index/*.inc", FileClass::Index),
    file("fd%/**", FileClass::Document),
    file("fd%%/**", FileClass::Document),
    file("docs/**", FileClass::Document),
    file("archive/**", FileClass::Document),
    database("lib%%%%/dm*", FileClass::LibraryDatabase),
    file("lib%%%%/index/*.idx", FileClass::Index),
    file("lib%%%%/index/*.inc", FileClass::Index),
    file("lib%%%%/**", FileClass::Document),
];

/// The folders of a post office.
pub(super) const FOLDERS: &[FolderRow] = &[
    folder("wpcsin", FolderClass::Queue),
    folder("wpcsin/**", FolderClass::Queue),
    folder("wpcsout", FolderClass::Queue),
    folder("wpcsout/**", FolderClass::Queue),
    folder("ofuser", FolderClass::Users),
    folder("ofuser/index", FolderClass::Indexes),
    folder("ofmsg", FolderClass::Messages),
    folder("ofmsg/guardbak", FolderClass::GuardianBackup),
    folder("offiles", FolderClass::Blobs),
    folder("offiles/fd%", FolderClass::BlobFolder),
    folder("offiles/fd%%", FolderClass::BlobFolder),
    folder("ofviews", FolderClass::Views),
    folder("ofviews/**", FolderClass::Views),
    folder("oftemp", FolderClass::Temporary),
    folder("oftemp/**", FolderClass::Temporary),
    folder("gwdms", FolderClass::Library),
    folder("gwdms/lib%%%%", FolderClass::Library),
    folder("gwdms/lib%%%%/index", FolderClass::Indexes),
    folder("gwdms/lib%%%%/docs", FolderClass::LibraryDocuments),
    folder("gwdms/lib%%%%/docs/**", FolderClass::LibraryDocuments),
    folder("gwdms/lib%%%%/archive", FolderClass::Archive),
    folder("gwdms/lib%%%%/archive/**", FolderClass::Archive),
];

/// Folders of a post office at and below which nothing is a database or stands in a queue.
pub(super) const WITHOUT_DATABASES: &[&str] = &[
    "offiles/fd%",
    "offiles/fd%%",
    "ofviews",
    "oftemp",
    "ofuser/index",
    "gwdms/lib%%%%/docs",
    "gwdms/lib%%%%/archive",
    "gwdms/lib%%%%/index",
];

/// The same of a document storage area outside the post office.
pub(super) const DOCUMENTS_WITHOUT_DATABASES: &[&str] = &[
    "fd%",
    "fd%%",
    "docs",
    "archive",
    "index",
    "lib%%%%/docs",
    "lib%%%%/archive",
    "lib%%%%/index",
];
