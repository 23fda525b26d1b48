//! The IMAP4rev1 server of the simulated agents: mailboxes to be read, by any ordinary client.
//!
//! ```text
//! listener -> connection (plain, TLS, STARTTLS) -> reader: one command -> session: its state -> answers
//! ```
//!
//! | module | what |
//! |---|---|
//! | `connection` | accepting, at most so many at once, and the loop of one connection |
//! | `stream` | bytes, plain or encrypted |
//! | `tls` | the certificate and key of the startup file |
//! | `reader` | one command with its literals, bounded |
//! | `session` | which command is allowed when, and who answers it |
//! | `folders` | LIST, STATUS, SELECT |
//! | `view` | what a selected folder looks like to a client |
//! | `fetch`, `section`, `structure`, `search` | FETCH and SEARCH |
//! | `answer` | what is written back |
//!
//! Mailboxes can only be read: SELECT says READ-ONLY, nothing sets `\Seen`, and what would change something is answered
//! NO.  So a client that compares two servers changes neither.  A user logs in with the file identifier and the password
//! that `gwsim accounts` shows; both are in the message store, so they are the same at source and destination.
//!
//! Whatever a client sends, it takes at most some kilobytes of a command and the memory of one message, and it ends in an
//! answer or a closed connection.

mod answer;
mod connection;
mod fetch;
mod folders;
mod reader;
mod search;
mod section;
mod session;
mod structure;
#[cfg(test)]
mod tests;
mod tls;
mod view;

use std::sync::{Arc, RwLock, RwLockReadGuard};

use crate::mail::MailStore;

pub use connection::{ConnectionCount, serve};
pub use tls::{Encryption, TlsIdentity};

/// What every connection of one server uses.
#[derive(Debug)]
pub struct ImapServer {
    store: MailStore,
    /// Held for writing while somebody in this process changes files of the store, for reading while a command reads them.
    changing: Arc<RwLock<()>>,
    encryption: Encryption,
    /// On all ports together.
    connections: ConnectionCount,
}

impl ImapServer {
    /// A server for a message store.  Whoever changes the store in the same process holds `changing` for writing meanwhile.
    pub fn new(store: MailStore, changing: Arc<RwLock<()>>, encryption: Encryption) -> Self {
        Self {
            store,
            changing,
            encryption,
            connections: ConnectionCount::default(),
        }
    }

    /// How many connections there are, on all ports together; it goes on counting.
    pub fn connections(&self) -> ConnectionCount {
        self.connections.clone()
    }

    fn store(&self) -> &MailStore {
        &self.store
    }

    fn reading(&self) -> RwLockReadGuard<'_, ()> {
        // Nothing is behind the lock that a panic could leave half done.
        let guard = self.changing.read();
        guard.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
