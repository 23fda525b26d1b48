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
//! | `truth` | who has which messages and who can log in, by reading everything |
//! | `deliver`, `user_actions`, `additions` | what an agent does, as changes |
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

mod additions;
mod change;
mod deliver;
mod render;
mod store;
#[cfg(test)]
mod tests;
mod truth;
mod user_actions;

pub use crate::error::MailError;
pub use additions::{NewUser, new_database, new_user};
pub(crate) use additions::{default_folders, password};
pub use change::MailChange;
pub(crate) use change::apply;
pub(crate) use deliver::{Composed, compose};
pub use deliver::{Delivered, deliver};
pub use render::{MediaType, Rendered, RenderedPart};
pub(crate) use render::{PartContents, render};
pub(crate) use store::referenced_blobs;
pub use store::{MailReader, MailStore, NameLookup};
pub(crate) use truth::digest_text;
pub use truth::{Account, Accounts, accounts, truth};
pub use user_actions::{mark_read, move_message, purge};
