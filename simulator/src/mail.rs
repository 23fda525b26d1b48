//! The message store of a post office: who has which messages, and how that changes.
//!
//! ```text
//! ofuser/userxxx.db   folders ── pointers ──┐   (message database, record)
//! ofmsg/msgnnn.db     messages  <───────────┘   one record, however many recipients it has
//! offiles/fdXX        blobs     <── parts of 2 KB and more: text, attachment, list of recipients
//! ```
//!
//! | module | what |
//! |---|---|
//! | `store` | finding and reading mailboxes, messages and blobs |
//! | `render` | a message as the bytes of RFC 5322, which IMAP serves and the truth digests |
//! | `truth` | who has which messages, by reading everything |
//! | `accounts` | who can log in with which password |
//! | `deliver`, `mark_read`, `move_message`, `purge`, `new_user`, `new_database` | what an agent does, as changes |
//! | `event` | what became of messages, and a truth after that |
//! | `change` | changes of files, in the order in which they can be written |
//!
//! Operations write nothing.  They return [`MailChange`]s with old and new files, so that whoever asked decides how, how
//! slowly and under which locks they are written.  Written in their order and stopped
//! anywhere, they leave no pointer that leads nowhere.  A [`MailReader`] remembers what it has read: after its changes are
//! written, the next operation needs a new one.
//!
//! Records name blobs in lower case, as agents compose them.  At a source, where names have no case, a blob is found in
//! any; on Linux only in lower case ([`NameLookup`]).  So a blob that was renamed in its case alone at the source is
//! found there, and at the destination once its name was made lower case like all others.

mod accounts;
mod change;
mod deliver;
mod error;
mod event;
mod mark_read;
mod move_message;
mod new_database;
mod new_user;
mod purge;
mod render;
mod store;
#[cfg(test)]
mod tests;
mod truth;

pub use crate::database::{
    Address, Attachment, BlobReference, Folder, Mailbox, Message, Part, Pointer,
};
pub use accounts::{Account, Accounts, accounts};
pub use change::MailChange;
pub(crate) use change::apply;
pub use deliver::{AttachedFile, Delivered, Draft, Placement, deliver};
pub(crate) use deliver::{Composed, compose};
pub use error::MailError;
pub use event::MailEvent;
pub use mark_read::mark_read;
pub use move_message::move_message;
pub use new_database::new_database;
pub use new_user::{NewUser, new_user};
pub(crate) use new_user::{default_folders, password};
pub use purge::purge;
pub(crate) use render::PartContents;
pub(crate) use render::render;
pub use render::{MediaType, Rendered, RenderedPart};
pub(crate) use store::referenced_blobs;
pub use store::{MailReader, MailStore, NameLookup};
pub use truth::{FolderTruth, MessageTruth, Truth, truth};
pub(crate) use truth::{digest_text, folders, sorted};

/// The folder that every mailbox has, which GroupWise calls Mailbox.
pub const INBOX: &str = "INBOX";

/// The folder of what a user has sent.
pub const SENT_ITEMS: &str = "Sent Items";
