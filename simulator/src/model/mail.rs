//! Mail: mailboxes with their folders, messages with their parts, and what becomes a message.

/// The folder that every mailbox has, which GroupWise calls Mailbox.
pub const INBOX: &str = "INBOX";

/// The folder of what a user has sent.
pub const SENT_ITEMS: &str = "Sent Items";

/// From how many bytes on a part of a message becomes a blob file.
pub(crate) const BLOB_BYTES_MIN: usize = 2048;

/// The bytes of a BLAKE3 digest.
const DIGEST_BYTES: usize = 32;

/// A whole mailbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mailbox {
    /// The password, in clear text: it is known to rehearsals and protects nothing.
    pub password: String,
    /// The number of the message database through which the user sends.
    pub send_database: u8,
    /// The folders, in order of their records.
    pub folders: Vec<Folder>,
    /// The pointers, in order of their records.
    pub pointers: Vec<Pointer>,
}

/// A folder of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its record, to which pointers refer.
    pub number: u32,
    /// Its name, with those of the folders around it before it, divided by slashes.  `INBOX` is GroupWise's Mailbox.
    pub name: String,
    /// The number that the next message in it gets.  It never falls, so that no number is used twice.
    pub next_uid: u32,
    /// What a client is told, so that it can see when numbers mean something else than before.
    pub uid_validity: u32,
}

/// What leads from a folder to the one copy of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Its record.
    pub number: u32,
    /// The record of the folder.
    pub folder: u32,
    /// The number of the message in the folder.
    pub uid: u32,
    /// The number of the message database.
    pub database: u8,
    /// The record of the message there.
    pub message: u32,
    /// Whether the user has read it.
    pub is_read: bool,
    /// When it came into the mailbox, in seconds since 1970.
    pub received_seconds: i64,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its record.
    pub number: u32,
    /// What names it everywhere, without the angle brackets around it.
    pub id: String,
    /// Who sent it.
    pub from: Address,
    /// When it was sent, in seconds since 1970.
    pub date_seconds: i64,
    /// Its subject.
    pub subject: String,
    /// Who it was sent to: one line each, address, tabulator, name.
    pub recipients: Part,
    /// Its text in UTF-8, lines divided by CR LF.
    pub body: Part,
    /// A file that goes with it.
    pub attachment: Option<Attachment>,
    /// How many pointers lead to it.
    pub uses: u32,
}

impl Message {
    /// Its blob files.
    pub fn blobs(&self) -> impl Iterator<Item = &BlobReference> {
        let attachment = self.attachment.as_ref().map(|file| &file.content);
        let parts = [Some(&self.recipients), Some(&self.body), attachment];
        parts.into_iter().flatten().filter_map(|part| match part {
            Part::Inline(_) => None,
            Part::Blob(blob) => Some(blob),
        })
    }
}

/// Somebody who writes or gets mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// The name that people see.
    pub name: String,
    /// The address itself.
    pub address: String,
}

/// A part of a message that may be long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// In the record.
    Inline(Vec<u8>),
    /// In a file of its own.
    Blob(BlobReference),
}

/// A file that goes with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The name that the sender gave it.
    pub name: String,
    /// What it holds.
    pub content: Part,
}

/// Where a blob file is, and what it must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobReference {
    /// The number of its folder: F6h is `offiles/fdf6`.
    pub folder: u8,
    /// Its name in lower case, which is how an agent composes it; a source server finds it in any case.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// BLAKE3 of what it holds.
    pub digest: [u8; DIGEST_BYTES],
}

impl BlobReference {
    /// The path below the post office, as on Linux.
    pub fn path(&self) -> String {
        format!("offiles/fd{:x}/{}", self.folder, self.name)
    }
}

/// What a message database holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Messages {
    /// The messages, in order of their records.
    pub(crate) messages: Vec<Message>,
    /// The record that the next message gets: never one that a message had already, or a pointer that should lead
    /// nowhere would lead to another message.
    pub(crate) next: u32,
}

/// A message that is not stored yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// What names it everywhere, without angle brackets.
    pub id: String,
    /// Who sends it.
    pub from: Address,
    /// Who it is sent to.
    pub recipients: Vec<Address>,
    /// When, in seconds since 1970.
    pub date_seconds: i64,
    /// Its subject.
    pub subject: String,
    /// Its text, lines divided by CR LF.
    pub body: String,
    /// A file that goes with it.
    pub attachment: Option<AttachedFile>,
}

/// A file that goes with a message that is not stored yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttachedFile {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Where a message appears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The file identifier of the user.
    pub user: String,
    /// The name of the folder.
    pub folder: String,
    /// Whether it counts as read: what users send themselves does.
    pub is_read: bool,
}
