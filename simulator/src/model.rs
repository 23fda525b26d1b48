//! What a simulated post office is made of: plain types, on which everything else builds.

mod mail;
mod post_office;
mod truth;

pub use mail::{
    Address, AttachedFile, Attachment, BlobReference, Draft, Folder, INBOX, Mailbox, Message, Part,
    Placement, Pointer, SENT_ITEMS,
};
pub(crate) use mail::{BLOB_BYTES_MIN, Messages};
pub(crate) use post_office::PostOffice;
pub use post_office::{GuardianKind, Library, NameCase, Store, User};
pub use truth::{FolderTruth, MailEvent, MessageTruth, Truth};
